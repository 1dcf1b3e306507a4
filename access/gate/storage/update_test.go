package storage_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate/memstore"
	"github.com/doorkit/doorkit/access/gate/storage"
	"github.com/doorkit/doorkit/reservation"
)

// TestUpdateOfEachKind: the change is stored, an error of the function is returned, and
// an update changes neither the id nor the version.
func TestUpdateOfEachKind(t *testing.T) {
	s := filled(t)
	ctx := t.Context()
	err := storage.UpdateRules(ctx, s, site, func(r *storage.Rules) error {
		r.Resources = []access.Resource{{ID: "room", Doors: []string{"lab"}}}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	booking := reservation.Reservation{ID: "r1", Resource: "room", Member: "ada", Start: noon, End: noon.Add(time.Hour),
		Status: reservation.Confirmed}
	if err := s.PutReservation(ctx, site, storage.Reservation{Reservation: booking}); err != nil {
		t.Fatal(err)
	}
	for kind, c := range map[string]struct {
		update  func(id func(*string), version func(*uint64), fail error) error
		changed func() bool
	}{
		"rules": {func(id func(*string), version func(*uint64), fail error) error {
			return storage.UpdateRules(ctx, s, site, func(r *storage.Rules) error {
				r.Site.Name = "changed"
				id(&r.Site.ID)
				version(&r.Version)
				return fail
			})
		}, func() bool { r, err := s.Rules(ctx, site); return err == nil && r.Site.Name == "changed" }},
		"door": {func(id func(*string), version func(*uint64), fail error) error {
			return storage.UpdateDoor(ctx, s, site, "front", func(d *storage.Door) error {
				d.Name = "changed"
				id(&d.ID)
				version(&d.Version)
				return fail
			})
		}, func() bool { d, err := s.Door(ctx, site, "front"); return err == nil && d.Name == "changed" }},
		"member": {func(id func(*string), version func(*uint64), fail error) error {
			return storage.UpdateMember(ctx, s, site, "bob", func(m *storage.Member) error {
				m.Standing.State = access.StandingBlocked
				id(&m.ID)
				version(&m.Version)
				return fail
			})
		}, func() bool {
			m, err := s.Member(ctx, site, "bob")
			return err == nil && m.Standing.State == access.StandingBlocked
		}},
		"grant": {func(id func(*string), version func(*uint64), fail error) error {
			return storage.UpdateGrant(ctx, s, site, "ada-lab", func(g *storage.Grant) error {
				g.Until = noon
				id(&g.ID)
				version(&g.Version)
				return fail
			})
		}, func() bool { g, err := s.Grant(ctx, site, "ada-lab"); return err == nil && g.Until.Equal(noon) }},
		"reservation": {func(id func(*string), version func(*uint64), fail error) error {
			return storage.UpdateReservation(ctx, s, site, "r1", func(r *storage.Reservation) error {
				r.Status = reservation.Cancelled
				id(&r.ID)
				version(&r.Version)
				return fail
			})
		}, func() bool {
			r, err := s.Reservation(ctx, site, "r1")
			return err == nil && r.Status == reservation.Cancelled
		}},
	} {
		sameID, sameVersion := func(*string) {}, func(*uint64) {}
		planted := errors.New("planted")
		if err := c.update(sameID, sameVersion, planted); !errors.Is(err, planted) || c.changed() {
			t.Errorf("%s: an update that fails returns %v, changed: %t", kind, err, c.changed())
		}
		wantFields(t, c.update(func(id *string) { *id = "another" }, sameVersion, nil), "id")
		wantFields(t, c.update(sameID, func(v *uint64) { *v++ }, nil), "id")
		if c.changed() {
			t.Errorf("%s: a refused update was stored", kind)
		}
		if err := c.update(sameID, sameVersion, nil); err != nil || !c.changed() {
			t.Errorf("%s: %v, changed: %t", kind, err, c.changed())
		}
	}
}

// contended is a store in which another write comes before each of the first writes.
type contended struct {
	*memstore.Store
	writes int
}

func (c *contended) PutMember(ctx context.Context, site string, m storage.Member) error {
	if c.writes--; c.writes >= 0 {
		return storage.ErrConflict
	}
	return c.Store.PutMember(ctx, site, m)
}

// An update is tried 100 times.
func TestUpdateTries(t *testing.T) {
	for conflicts, ok := range map[int]bool{99: true, 100: false} {
		calls := 0
		s := &contended{filled(t), conflicts}
		err := storage.UpdateMember(t.Context(), s, site, "bob", func(*storage.Member) error { calls++; return nil })
		if (err == nil) != ok || !ok && !errors.Is(err, storage.ErrConflict) || calls != 100 {
			t.Errorf("%d conflicts: %v after %d calls", conflicts, err, calls)
		}
	}
}
