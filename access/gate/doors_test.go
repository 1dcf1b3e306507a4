package gate_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"strings"
	"testing"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/access/gate/memstore"
	"github.com/doorkit/doorkit/access/gate/storage"
)

// catalog is a lock system's list of locks.
type catalog []gate.CatalogLock

func (c catalog) Locks(context.Context) iter.Seq2[gate.CatalogLock, error] {
	return func(yield func(gate.CatalogLock, error) bool) {
		for _, l := range c {
			if !yield(l, nil) {
				return
			}
		}
	}
}

func (c catalog) Lock(_ context.Context, id string) (gate.CatalogLock, error) {
	for _, l := range c {
		if l.Link.Lock == id {
			return l, nil
		}
	}
	return gate.CatalogLock{}, fmt.Errorf("no lock %q: %w", id, gate.ErrNotFound)
}

func TestDoors(t *testing.T) {
	ctx := t.Context()
	shown := catalog{
		{Link: link("l1"), State: "locked", Online: true, GatewayOnline: true},
		{Link: link("l2"), State: "locked", Problem: gate.CauseIQOffline},
		{Link: gate.Link{Site: "salto-site", Lock: "loose", Name: "Loose"}, Problem: gate.CauseNotLinked},
	}
	store := memstore.New()
	doors, err := gate.NewDoors(gate.DoorsConfig{Site: site, Store: store, Catalog: shown})
	if err != nil {
		t.Fatal(err)
	}
	ask := func(door, lock string) gate.LinkRequest {
		return gate.LinkRequest{Door: door, Lock: lock, AccessType: access.AccessOnly, By: "eve"}
	}
	is := func(err, want error) {
		t.Helper()
		if !errors.Is(err, want) {
			t.Fatalf("got error %v, want %v", err, want)
		}
	}
	front, err := doors.Link(ctx, ask("front", "l1"))
	if err != nil {
		t.Fatal(err)
	}
	if front.Name != "Lock l1" || front.Link.Gateway != "iq" || front.Link.LinkedBy != "eve" || front.Link.LinkedAt.IsZero() ||
		front.Version == 0 {
		t.Fatalf("got %+v", front)
	}
	for name, c := range map[string]struct {
		gate.LinkRequest
		want error
	}{
		"a lock that is taken": {ask("back", "l1"), gate.ErrConflict},
		"a door that has one":  {ask("front", "l2"), gate.ErrConflict},
		"an unknown lock":      {ask("back", "l9"), gate.ErrNotFound},
		"a lock without an IQ": {ask("back", "loose"), gate.ErrNoGateway},
	} {
		_, err := doors.Link(ctx, c.LinkRequest)
		if !errors.Is(err, c.want) || c.want == gate.ErrConflict && !namesConflict(err, "front", "l1") { //nolint:errorlint // a sentinel
			t.Errorf("%s: got error %v", name, err)
		}
	}
	_, err = doors.Link(ctx, gate.LinkRequest{Name: " ", AccessType: "x"})
	if bad, ok := errors.AsType[*gate.RequestError](err); !ok || len(bad.Faults) != 4 {
		t.Fatalf("got %v", err)
	}
	if _, err := doors.Link(ctx, gate.LinkRequest{Door: "back", Lock: "l2"}); err == nil || !strings.Contains(err.Error(), "access_type") {
		t.Fatalf("got %v", err)
	}
	if known, _ := store.Doors(ctx, site); len(known) != 1 {
		t.Fatalf("something was stored half: %+v", known)
	}

	update := func(door string, change func(*gate.Door)) error {
		return storage.UpdateDoor(ctx, store, site, door, func(d *gate.Door) error { change(d); return nil })
	}
	is(update("front", func(d *gate.Door) { d.Name, d.AccessType = "Front Door", access.AccessAndOfficeMode }), nil)
	is(update("cellar", func(*gate.Door) {}), gate.ErrNotFound)
	if update("front", func(d *gate.Door) { d.AccessType = "open" }) == nil {
		t.Fatal("an unknown access type was taken")
	}

	// The lock is renamed in the lock system: the door keeps its name.
	shown[0].Link.Name = "Renamed over there"
	list, free, err := doors.List(ctx)
	if err != nil || len(list) != 1 || list[0].Door.Name != "Front Door" || list[0].Lock.Link.Name != "Renamed over there" ||
		list[0].Problem != "" {
		t.Fatalf("got %+v, %v", list, err)
	}
	if len(free) != 2 || free[0].Link.Lock != "l2" || free[0].Problem != gate.CauseIQOffline {
		t.Fatalf("got %+v", free)
	}

	// Unlinked, the door stays with its name, and may get another lock.
	is(doors.Unlink(ctx, "front"), nil)
	is(doors.Unlink(ctx, "front"), nil)
	if list, _, _ = doors.List(ctx); list[0].Problem != gate.CauseNotLinked {
		t.Fatalf("got %+v", list)
	}
	front, err = doors.Link(ctx, gate.LinkRequest{Door: "front", Lock: "l2", By: "eve"})
	if err != nil || front.Name != "Front Door" || front.AccessType != access.AccessAndOfficeMode || front.Link.Lock != "l2" {
		t.Fatalf("got %+v, %v", front, err)
	}
	doors, err = gate.NewDoors(gate.DoorsConfig{Site: site, Store: store, Catalog: shown[:1]})
	if err != nil {
		t.Fatal(err)
	}
	if list, _, _ = doors.List(ctx); list[0].Problem != gate.CauseLockGone {
		t.Fatalf("got %+v", list)
	}
}

// failing is a catalog that cannot be read.
type failing struct{ err error }

func (f failing) Locks(context.Context) iter.Seq2[gate.CatalogLock, error] {
	return func(yield func(gate.CatalogLock, error) bool) { yield(gate.CatalogLock{}, f.err) }
}

func (f failing) Lock(context.Context, string) (gate.CatalogLock, error) {
	return gate.CatalogLock{}, f.err
}

// stubborn is a store in which another writer is always first.
type stubborn struct {
	storage.DoorStore
	tries *int
}

func (s stubborn) PutDoor(context.Context, string, gate.Door) error {
	*s.tries++
	return gate.ErrConflict
}

func TestChangesGiveUp(t *testing.T) {
	b := setup(t)
	tries := 0
	doors, err := gate.NewDoors(gate.DoorsConfig{Site: site, Store: stubborn{b.store, &tries}, Catalog: catalog{{Link: link("l4")}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := doors.Unlink(t.Context(), "front"); !errors.Is(err, gate.ErrConflict) || tries < 2 || tries > 1000 {
		t.Errorf("after %d tries: %v", tries, err)
	}
	_, err = doors.Link(t.Context(), gate.LinkRequest{Door: "lab", Lock: "l4"})
	if !errors.Is(err, gate.ErrConflict) || tries > 1000 {
		t.Errorf("after %d tries: %v", tries, err)
	}
}

// namesConflict reports whether an error names the door and the lock that are linked.
func namesConflict(err error, door, lock string) bool {
	return strings.Contains(err.Error(), strconv.Quote(door)) && strings.Contains(err.Error(), strconv.Quote(lock)) &&
		strings.Contains(err.Error(), "unlink it")
}

// raced is a store in which another request links first.
type raced struct {
	storage.DoorStore
	first gate.Door
}

func (r raced) PutDoor(ctx context.Context, site string, d gate.Door) error {
	if err := r.DoorStore.PutDoor(ctx, site, r.first); err != nil {
		return err
	}
	return r.DoorStore.PutDoor(ctx, site, d)
}

// Of two links at the same time, the second fails with an error that names the linked
// door.
func TestLinkConflictAtTheSameTime(t *testing.T) {
	for name, first := range map[string]gate.Door{
		"the lock": {Door: access.Door{ID: "side", Name: "Side", AccessType: access.AccessOnly}, Link: link("l1")},
		"the door": {Door: access.Door{ID: "front", Name: "Front", AccessType: access.AccessOnly}, Link: link("l2")},
	} {
		t.Run(name, func(t *testing.T) {
			store := raced{memstore.New(), first}
			doors, err := gate.NewDoors(gate.DoorsConfig{Site: site, Store: store, Catalog: catalog{{Link: link("l1")}}})
			if err != nil {
				t.Fatal(err)
			}
			_, err = doors.Link(t.Context(), gate.LinkRequest{Door: "front", Lock: "l1", AccessType: access.AccessOnly})
			taken, ok := errors.AsType[*storage.LockTakenError](err)
			if !errors.Is(err, gate.ErrConflict) || !namesConflict(err, first.ID, first.Link.Lock) || ok != (name == "the lock") {
				t.Errorf("got %v (%v)", err, taken)
			}
		})
	}
}

// The link of a lock that was attached to another IQ, or whose IQ now requires codes, is
// updated; nothing else of the door changes.
func TestRefreshLinks(t *testing.T) {
	b := setup(t)
	moved, coded, loose := link("l1"), link("l2"), link("l3")
	moved.Gateway, coded.NeedsCode, loose.Gateway = "iq-2", true, ""
	moved.Name = "Renamed over there"
	shown := catalog{{Link: moved}, {Link: coded}, {Link: loose}}
	doors, err := gate.NewDoors(gate.DoorsConfig{Site: site, Store: b.store, Catalog: shown})
	if err != nil {
		t.Fatal(err)
	}
	list, _, err := doors.List(t.Context())
	if err != nil || list[0].Problem != gate.CauseLinkOutdated || list[1].Problem != gate.CauseLinkOutdated ||
		list[2].Problem != gate.CauseNotLinked {
		t.Fatalf("got %+v, %v", list, err)
	}
	changed, err := doors.RefreshLinks(t.Context())
	if err != nil || len(changed) != 2 {
		t.Fatalf("got %+v, %v", changed, err)
	}
	for i, want := range []gate.Link{moved, coded} {
		want.Name = "Lock " + want.Lock
		if changed[i].Link != want || changed[i].Name != list[i].Door.Name {
			t.Errorf("got %+v, want the link %+v", changed[i], want)
		}
	}
	if again, err := doors.RefreshLinks(t.Context()); err != nil || again == nil || len(again) != 0 {
		t.Errorf("a second time: got %#v, %v, want an empty list", again, err)
	}
	doors, err = gate.NewDoors(gate.DoorsConfig{Site: site, Store: b.store, Catalog: failing{gate.ErrCloudUnavailable}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := doors.RefreshLinks(t.Context()); !errors.Is(err, gate.ErrCloudUnavailable) {
		t.Errorf("got error %v", err)
	}
}
