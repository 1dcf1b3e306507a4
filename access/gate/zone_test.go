package gate_test

import (
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/access/gate/memstore"
)

// A running gate decides by the time zone database as it was a minute ago at most, and
// gates with the same Zones by the same one. Package time reads the place of the
// database once, so the test runs in a process of its own.
func TestChangedTimeZoneDatabase(t *testing.T) {
	if os.Getenv("ZONEINFO") == "" {
		child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestChangedTimeZoneDatabase$", "-test.v")
		child.Env = append(os.Environ(), "ZONEINFO="+t.TempDir())
		if out, err := child.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return
	}
	setZone := func(offset time.Duration) {
		t.Helper()
		path := filepath.Join(os.Getenv("ZONEINFO"), "Test", "Zone")
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, zoneFile(offset), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	setZone(0)
	ctx, store := t.Context(), memstore.New()
	days := []access.Day{access.Mon, access.Tue, access.Wed, access.Thu, access.Fri, access.Sat, access.Sun}
	for _, err := range []error{
		store.PutRules(ctx, gate.Rules{Site: access.Site{ID: site, TimeZone: "Test/Zone"}}),
		store.PutDoor(ctx, site, gate.Door{Door: access.Door{ID: "front", AccessType: access.AccessOnly}, Link: link("l1")}),
		store.PutMember(ctx, site, gate.Member{Member: access.Member{ID: "ada"}}),
		store.PutGrant(ctx, site, gate.Grant{Grant: access.Grant{
			ID: "g", Member: "ada", Door: "front", RequiresMembership: new(false),
			Hours: access.Weekly(access.Range{Days: days, From: access.At(12, 0), To: access.At(14, 0)}),
		}}),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	now, taps := noon, 0
	newGate := func(zones *gate.Zones) *gate.Gate {
		g, err := gate.New(gate.Config{
			Site: site, Facts: store, Records: store, Locks: obedient{}, Zones: zones, Now: func() time.Time { return now },
		})
		if err != nil {
			t.Fatal(err)
		}
		return g
	}
	check := func(name string, g *gate.Gate, outcome gate.Outcome) {
		t.Helper()
		taps++
		tap := tap(fmt.Sprintf("one-tap-number-%d", taps), "ada", "front")
		tap.TappedAt = now
		r, err := g.Unlock(ctx, tap)
		if err != nil || r.Outcome != outcome {
			t.Errorf("%s: got %s %s, want %s; %v", name, r.Outcome, r.Decision.Reason, outcome, err)
		}
		keys, err := g.Keys(ctx, "ada", 24*time.Hour)
		if err != nil || len(keys) != 1 || keys[0].Open != (outcome == gate.Accepted) {
			t.Errorf("%s: got keys %+v, %v", name, keys, err)
		}
	}
	own, shared := newGate(nil), &gate.Zones{}
	first, second := newGate(shared), newGate(shared)
	last := gate.Accepted
	for _, c := range []struct {
		offset  time.Duration
		outcome gate.Outcome
	}{{0, gate.Accepted}, {-time.Hour, gate.Denied}, {time.Hour, gate.Accepted}, {2 * time.Hour, gate.Denied}} {
		name := fmt.Sprint("noon UTC, ", c.offset, " ahead")
		setZone(c.offset)
		check(name+", before a minute", own, last)
		check(name+", shared, before a minute", first, last)
		now = now.Add(time.Minute)
		check(name, own, c.outcome)
		check(name+", shared", second, c.outcome)
		last = c.outcome
	}
	if err := os.RemoveAll(filepath.Join(os.Getenv("ZONEINFO"), "Test")); err != nil {
		t.Fatal(err)
	}
	check("removed, before a minute", first, last)
	now = now.Add(time.Minute)
	for i := range 2 {
		tap := tap(fmt.Sprintf("a-tap-without-zone-%d", i), "ada", "front")
		tap.TappedAt = now
		if r, err := first.Unlock(ctx, tap); r.Outcome != gate.Denied || r.Cause != gate.CauseBadFacts {
			t.Errorf("removed: %+v, %v", r, err)
		}
	}
	setZone(0)
	check("back again", first, gate.Accepted)
}

// zoneFile is a time zone file (RFC 9636, version 1) of a zone with one offset.
func zoneFile(offset time.Duration) []byte {
	b := append([]byte("TZif"), make([]byte, 16)...)
	for _, count := range []uint32{0, 0, 0, 0, 1, 4} { // one type, four bytes of names
		b = binary.BigEndian.AppendUint32(b, count)
	}
	b = binary.BigEndian.AppendUint32(b, uint32(int32(offset/time.Second)))
	return append(b, 0, 0, 'T', 'S', 'T', 0)
}
