package saltolocks_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/access/gate/saltolocks"
	"github.com/doorkit/doorkit/access/gate/storage"
	"github.com/doorkit/doorkit/saltoks/saltokstest"
)

// userLists returns how often the list of the site's users was read.
func (r *fixture) userLists() (n int) {
	for _, q := range r.sim.Requests() {
		if q.Method == "GET" && strings.HasSuffix(q.Path, "/users") {
			n++
		}
	}
	return n
}

// TestVendorLog: SALTO's log as staff read it.
func TestVendorLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t, true)
		start := r.sim.Now()
		reader := r.locks.Entries(start)
		us, front, other := r.sim.World().Users[0], r.site.Locks[0].ID, r.site.Locks[1]
		name := us.FirstName + " " + us.LastName
		step := func(fn func()) { fn(); time.Sleep(time.Minute) }
		step(func() { r.sim.Tap(front, us.Email) })
		step(func() { r.sim.Tap(front, "0400") })
		step(func() { r.sim.EnterPIN(other.ID, "123456") })
		step(func() { r.sim.OpenFromInside(front) })
		step(func() { r.sim.SetPrivacyMode(front, true) })
		step(func() { r.sim.SetPrivacyMode(front, false) })
		step(func() { r.want(r.do(access.Unlock, r.tap("front")), gate.Accepted, "") })
		step(func() { r.want(r.do(access.OfficeMode, r.tap("front")), gate.Accepted, "") })
		step(func() { r.want(r.do(access.Lock, r.tap("front")), gate.Accepted, "") })
		_, err := r.gate.Ingest(t.Context(), reader)
		r.ok(err)
		log := func() (list []string) {
			for row, err := range r.gate.VendorLog(t.Context(), reader, gate.VendorRowQuery{}) {
				r.ok(err)
				words := []string{row.DoorName, row.LockName, string(row.Event), row.Reason, string(row.Means), row.Member, row.UserName}
				list = append(list, strings.Join(words, "|"))
			}
			return list
		}
		want := []string{
			"Main Entrance|Main Entrance|opened||fob||" + name,
			"Main Entrance|Main Entrance|rejected|no_access|fob||",
			other.Name + "|" + other.Name + "|rejected|no_access|key_code||",
			"Main Entrance|Main Entrance|opened||inside_handle||",
			"Main Entrance|Main Entrance|privacy_mode_began||||",
			"Main Entrance|Main Entrance|privacy_mode_ended||||",
			"Main Entrance|Main Entrance|opened||remote|ada|" + name,
			"Main Entrance|Main Entrance|office_mode_began||remote|ada|" + name,
			"Main Entrance|Main Entrance|office_mode_ended||remote|ada|" + name,
		}
		if diff := cmp.Diff(want, log()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}

		// The log is readable while SALTO is not; then it is not known which entries are ours.
		r.sim.Fault(saltokstest.HTTP500, saltokstest.Count(1000))
		offline := r.locks.Entries(time.Time{})
		n := 0
		began := time.Now()
		for row, err := range r.gate.VendorLog(t.Context(), offline, gate.VendorRowQuery{}) {
			r.ok(err)
			if n++; row.Member != "" || row.LockName == "" {
				t.Errorf("got %+v", row)
			}
		}
		if n != len(want) || time.Since(began) > time.Minute {
			t.Errorf("%d rows in %s, want %d", n, time.Since(began), len(want))
		}
		r.sim.ClearFaults()

		_, err = r.gate.EraseVendorUser(t.Context(), us.ID)
		r.ok(err)
		if text := strings.Join(log(), "\n"); strings.Contains(text, name) {
			t.Errorf("after the erasure:\n%s", text)
		}
		var file bytes.Buffer
		_, err = r.gate.ExportVendorCSV(t.Context(), &file, reader, gate.VendorRowQuery{})
		r.ok(err)
		if strings.Contains(file.String(), us.LastName) {
			t.Errorf("after the erasure:\n%s", file.String())
		}
	})
}

// TestNames: users whose name an entry lacks are looked up in the site's list, which is
// read at most every ten minutes.
func TestNames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t, true)
		reader := r.locks.Entries(time.Time{})
		us := r.sim.World().Users[0]
		want := func(user, name string, lists int) {
			t.Helper()
			got, err := reader.Name(t.Context(), user)
			r.ok(err)
			if n := r.userLists(); got != name || n != lists {
				t.Errorf("got %q after %d lists, want %q after %d", got, n, name, lists)
			}
		}
		want(us.ID, us.FirstName+" "+us.LastName, 1)
		want(us.ID, us.FirstName+" "+us.LastName, 1)
		want("nobody", "", 1)
		later := r.sim.AddUser(saltokstest.User{FirstName: "Kim", LastName: "Roe", Email: "kim@roe.example", Password: "Kim-Roe-1971"})
		r.sim.AddMember(r.site.ID, saltokstest.Member{User: later.Email})
		want(later.ID, "", 1) // the list is too recent
		time.Sleep(10 * time.Minute)
		want(us.ID, us.FirstName+" "+us.LastName, 1)
		want(later.ID, "Kim Roe", 2)
		time.Sleep(10 * time.Minute)
		r.sim.Fault(saltokstest.HTTP500, saltokstest.On("/users"), saltokstest.Count(10))
		if _, err := reader.Name(t.Context(), "nobody"); err == nil {
			t.Error("no error although SALTO failed")
		}
		r.sim.ClearFaults()
		n := r.userLists()
		want(later.ID, "Kim Roe", n) // what was known stays
		want("nobody", "", n)        // not again at once

		// An entry of a user without a name.
		_, err := r.store.Ingest(t.Context(), "loft", "", "1", []gate.VendorEntry{{ID: "x", Lock: r.site.Locks[0].ID, At: time.Now(),
			What: "lock_opened", By: "tag", User: later.ID}})
		r.ok(err)
		for row, err := range r.gate.VendorLog(t.Context(), reader, gate.VendorRowQuery{}) {
			if r.ok(err); row.UserName != "Kim Roe" || row.Door != "front" {
				t.Errorf("got %+v", row)
			}
		}
	})
}

// A reader without a connection knows no names and no user of its own.
func TestReaderWithoutAConnection(t *testing.T) {
	reader := new(saltolocks.Entries)
	if name, err := reader.Name(t.Context(), "u"); !errors.Is(err, gate.ErrUnavailable) || name != "" {
		t.Errorf("got %q, %v", name, err)
	}
	m, err := reader.Meaning(t.Context(), gate.VendorEntry{What: "lock_opened", By: "remote", User: "u"})
	if !errors.Is(err, gate.ErrUnavailable) || m != (gate.Meaning{Event: gate.LockOpened, Means: gate.MeansRemote}) {
		t.Errorf("got %+v, %v", m, err)
	}
}

func TestMeaningOfWords(t *testing.T) {
	reader := new(saltolocks.Entries)
	for _, c := range []struct {
		entry storage.VendorEntry
		want  gate.Meaning
	}{
		{gate.VendorEntry{What: "easy_office_mode", Detail: "start", By: "tag"}, gate.Meaning{Event: gate.OfficeModeBegan, Means: gate.MeansFob}},
		{gate.VendorEntry{What: "office_mode", Detail: "end"}, gate.Meaning{Event: gate.OfficeModeEnded}},
		{gate.VendorEntry{What: "office_mode", Detail: "pondered"}, gate.Meaning{}},
		{gate.VendorEntry{What: "privacy_mode", Detail: "start"}, gate.Meaning{Event: gate.PrivacyModeBegan}},
		{gate.VendorEntry{What: "privacy_mode", Detail: "end"}, gate.Meaning{Event: gate.PrivacyModeEnded}},
		{gate.VendorEntry{What: "privacy_mode"}, gate.Meaning{}},
		{gate.VendorEntry{What: "lock_opened", Detail: "x", By: "mobile_key"}, gate.Meaning{Event: gate.LockOpened, Means: gate.MeansMobileKey}},
		{gate.VendorEntry{What: "lock_opened", By: "telepathy"}, gate.Meaning{Event: gate.LockOpened, Means: gate.MeansOther}},
		{gate.VendorEntry{What: "lock_rejected", By: "pin_code", Detail: "suspended"},
			gate.Meaning{Event: gate.LockRejected, Means: gate.MeansKeyCode, Reason: "suspended"}},
		{gate.VendorEntry{What: "lock_pondered", By: "remote", User: "u",
			Raw: []byte(`{"user_alias":" Guest ","lock_customer_reference":"Gate"}`)},
			gate.Meaning{Means: gate.MeansRemote, UserName: "Guest", LockName: "Gate"}},
		{gate.VendorEntry{What: "lock_rejected", By: "remote", User: "u", Raw: []byte("{")},
			gate.Meaning{Event: gate.LockRejected, Means: gate.MeansRemote}},
	} {
		got, err := reader.Meaning(t.Context(), c.entry)
		if err != nil || got != c.want {
			t.Errorf("%+v: got %+v, %v, want %+v", c.entry, got, err, c.want)
		}
	}
}
