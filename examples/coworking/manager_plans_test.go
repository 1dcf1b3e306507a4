package main

import (
	"net/http"
	"strings"
	"testing"
)

func TestNewPlan(t *testing.T) {
	t.Parallel()
	p := newTestPlatform(t, "ready")
	mia := p.as(t, "mia")
	p.as(t, "bob").post("/manage/plans", "name", "Evening").want(http.StatusForbidden)
	p.as(t, "bob").post("/manage/plans/day/delete", "version", "1").want(http.StatusForbidden)
	mia.post("/manage/plans", "name", " - ").want(422, "a name")
	mia.post("/manage/plans", "name", "Day").want(422, "with this name exists")
	mia.post("/manage/plans", "name", "Evening").want(200, "The plan is added", "Plan Evening", "Front Door")
	evening := []string{"version", "2", "hours.front", "weekly", "from.front.0", "18:00", "to.front.0", "00:00", "day.front.0", "3"}
	mia.post("/manage/plans/evening", evening...).want(200, "No access changes in the coming week")
	mia.post("/manage/plans/evening", append(evening, "do", "save")...).want(200, "Saved", "Wed 18:00–00:00", "0 people")

	mia.post("/manage/plans/day/delete", "version", "3").want(422, "2 people have this plan")
	mia.post("/manage/plans/team/delete", "version", "3").want(422, "One person has this plan")
	mia.post("/manage/plans/evening/delete").want(422, "incomplete")
	mia.post("/manage/plans/evening/delete", "version", "2").want(409, "Another manager has changed the rules")
	mia.post("/manage/plans/none/delete", "version", "3").want(404)
	mia.post("/manage/plans/evening/delete", "version", "3").want(200, "The plan is deleted").wantNot("Edit Evening")
	mia.get("/manage/doctor").want(200).wantNot("In its facts")
}

func TestPlanWhatIf(t *testing.T) {
	t.Parallel()
	p := newTestPlatform(t, "ready")
	mia := p.as(t, "mia")
	weekdays := []string{"version", "1", "hours.front", "weekly", "from.front.0", "08:00", "to.front.0", "18:00",
		"day.front.0", "1", "day.front.0", "2", "day.front.0", "3", "day.front.0", "4", "day.front.0", "5", "hours.bikes", "always"}
	mia.post("/manage/plans/resident", weekdays...).want(200, "What this change does", "3 people lose Front Door", "Save")
	rules, err := p.store.Rules(t.Context(), siteID)
	if err != nil {
		t.Fatal(err)
	}
	if rules.Version != 1 {
		t.Fatalf("the review changed the rules to version %d", rules.Version)
	}
	mia.post("/manage/plans/day", "version", "1", "hours.front", "always").want(200, "Bob Lind gains Front Door")
	mia.post("/manage/plans/resident", "version", "1", "hours.front", "weekly", "from.front.0", "00:00", "to.front.0", "00:00",
		"day.front.0", "1", "day.front.0", "2", "day.front.0", "3", "day.front.0", "4", "day.front.0", "5", "hours.bikes", "always").
		want(200, "3 people lose Front Door on weekends", "Ada Brandt, Dee Costa, Eli Sato")
	mia.post("/manage/plans/resident", "version", "1", "hours.front", "weekly").want(422, "at least one day")
	weekly := []string{"version", "1", "hours.front", "weekly"}
	mia.post("/manage/plans/resident", append(weekly, "from.front.0", "08:00", "to.front.0", "09:00")...).want(422, "check the days")
	mia.post("/manage/plans/resident", append(weekly, "from.front.0", "8", "day.front.0", "1")...).want(422, "enter both times")
	invalid := mia.post("/manage/plans/resident",
		append(weekly, "from.front.0", "07:15", "to.front.0", "", "day.front.0", "6", "hours.bikes", "none")...).want(422, "enter both times")
	for _, field := range []string{
		`name="from.front.0" value="07:15"`, `name="day.front.0" value="6" checked`,
		`name="hours.front" value="weekly" checked`, `name="hours.bikes" value="none" checked`,
	} {
		if !strings.Contains(invalid.body, field) {
			t.Errorf("the form with the error does not contain %s", field)
		}
	}

	mia.post("/manage/plans/resident", append(weekdays, "do", "save")...).want(200, "Saved", "Mon–Fri 08:00–18:00")
	mia.post("/manage/plans/resident", append(weekdays, "do", "save")...).want(409, "Another manager has changed the rules")
	p.setTime(t, "2026-05-09T12:00:00+02:00")
	p.as(t, "ada").post("/keys/front/unlock", "request", newRequestID()).want(200, "Not opened")
}
