package saltokstest_test

import (
	"testing"
	"time"

	"github.com/doorkit/doorkit/saltoks/saltokstest"
)

// everyDay is a schedule for all days of the week.
func everyDay(start, end string) *saltokstest.Schedule {
	return &saltokstest.Schedule{
		Monday: true, Tuesday: true, Wednesday: true, Thursday: true, Friday: true, Saturday: true, Sunday: true,
		StartTime: start, EndTime: end,
	}
}

// TestScheduleOnlyLocks checks that the end of a schedule locks the door at its own time,
// and that the start does not unlock it.
func TestScheduleOnlyLocks(t *testing.T) {
	at := time.Date(2026, 11, 24, 22, 0, 0, 0, time.UTC) // 23:00 in Amsterdam
	d := newActivatedWith(t, saltokstest.Config{Now: func() time.Time { return at }})
	d.sim.SetSchedule(d.lock, everyDay("08:00:00", "18:00:00"))
	d.sim.Clock().Advance(10 * time.Hour) // 09:00
	d.login()
	if got := d.sim.LockState(d.lock); got != "locked" {
		t.Errorf("inside the schedule: %s", got)
	}
	d.want(200, "", "PATCH", d.locking(), d.body("office_mode"))
	d.sim.Clock().Advance(9*time.Hour - time.Second) // 17:59:59
	if got := d.sim.LockState(d.lock); got != "office_mode" {
		t.Errorf("a second before its end: %s", got)
	}
	d.sim.Clock().Advance(time.Second)
	if got := d.sim.LockState(d.lock); got != "locked" {
		t.Errorf("at its end: %s", got)
	}
	d.login()
	d.want(200, "", "PATCH", d.locking(), d.body("office_mode")) // at the time of the end: it stays in office mode
	d.sim.Clock().Advance(time.Second)
	if got := d.sim.LockState(d.lock); got != "office_mode" {
		t.Errorf("office mode from the end on: %s", got)
	}
	d.sim.Clock().Advance(3 * time.Hour)
	d.login()
	e := d.sim.Entries(d.site)[1]
	if want := at.Add(19 * time.Hour); e.Category != "easy_office_mode" || e.Detail != "end" || !e.At.Equal(want) || e.UserID != "" {
		t.Errorf("the entry is %+v, want the end at %v", e, want)
	}
	// Outside the schedule, office mode lasts until the next end.
	d.want(200, "", "PATCH", d.locking(), d.body("office_mode"))
	d.sim.Clock().Advance(20 * time.Hour) // 17:00 of the next day
	if got := d.sim.LockState(d.lock); got != "office_mode" {
		t.Errorf("before the next end: %s", got)
	}
	d.sim.Clock().Advance(2 * time.Hour)
	if got := d.sim.LockState(d.lock); got != "locked" {
		t.Errorf("after the next end: %s", got)
	}
}

func TestScheduleWithAutoStart(t *testing.T) {
	at := time.Date(2026, 11, 24, 5, 0, 0, 0, time.UTC) // a Tuesday, 06:00 in Amsterdam
	d := newActivatedWith(t, saltokstest.Config{Now: func() time.Time { return at }})
	sch := &saltokstest.Schedule{AutoStart: true, Tuesday: true, StartTime: "08:00:00", EndTime: "18:00:00", EndDate: new("2026-12-01")}
	d.sim.SetSchedule(d.lock, sch)
	var states []string
	for range 15 { // every 12 hours: 18:00 has ended, 06:00 has not begun
		d.sim.Clock().Advance(3 * time.Hour)
		states = append(states, d.sim.LockState(d.lock))
		d.sim.Clock().Advance(21 * time.Hour)
	}
	want := make([]string, 15)
	for i := range want {
		want[i] = "locked"
	}
	want[0], want[7] = "office_mode", "office_mode" // two Tuesdays; the third is past the end date
	diff(t, want, states)
}

func TestLockScheduleCalls(t *testing.T) {
	d := newActivated(t)
	path := "/v1.2/sites/" + d.site + "/locks/" + d.lock + "/easy_office_mode_schedule"
	if v := d.want(200, "", "GET", path, ""); v != nil {
		t.Errorf("without one: %v", v)
	}
	d.want(400, "1101", "PUT", path, `{"start_time":"08:00","end_time":"18:00"}`)
	d.want(200, "", "PUT", path, `{"monday":true,"start_time":"08:00","end_time":"18:00"}`)
	v := d.want(200, "", "GET", path, "").(map[string]any)
	if v["end_time"] != "18:00:59" || v["eom_auto_start"] != false || v["monday"] != true {
		t.Errorf("it is %v", v)
	}
	d.want(204, "", "DELETE", path, "")
	if v := d.want(200, "", "GET", "/v1.2/sites/"+d.site+"/locks/"+d.lock, "").(map[string]any); v["easy_office_mode_schedule"] != nil {
		t.Error("it is still there")
	}
}

// TestClockSetBack checks that a clock set back unlocks no door, and that schedules end all
// the same.
func TestClockSetBack(t *testing.T) {
	d := newActivatedWith(t, saltokstest.Config{Now: noon})
	d.want(200, "", "PATCH", d.locking(), d.body("unlocked"))
	d.sim.Clock().Advance(10 * time.Second)
	if got := d.sim.LockState(d.lock); got != "locked" {
		t.Fatalf("after ten seconds: %s", got)
	}
	d.sim.Clock().Advance(-6 * time.Second)
	if got := d.sim.LockState(d.lock); got != "locked" {
		t.Errorf("six seconds back: %s", got)
	}
	d.sim.SetSchedule(d.lock, everyDay("08:00:00", "18:00:00")) // it is 13:00 there
	d.sim.Clock().Advance(10 * time.Hour)
	_ = d.sim.LockState(d.lock)
	d.sim.Clock().Advance(-10 * time.Hour)
	d.want(200, "", "PATCH", d.locking(), d.body("office_mode"))
	d.sim.Clock().Advance(6 * time.Hour)
	if got := d.sim.LockState(d.lock); got != "locked" {
		t.Errorf("after the end of its schedule: %s", got)
	}
}
