package storage_test

import (
	"context"
	"errors"
	"iter"
	"slices"
	"strings"
	"testing"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate/memstore"
	"github.com/doorkit/doorkit/access/gate/storage"
)

// failingReaders are readers of which one fails.
type failingReaders struct {
	*memstore.Store
	call string
}

var errPlanted = errors.New("planted")

func (f failingReaders) fail(call string) error {
	if f.call == call {
		return errPlanted
	}
	return nil
}

func (f failingReaders) Door(ctx context.Context, site, id string) (storage.Door, error) {
	d, err := f.Store.Door(ctx, site, id)
	return d, errors.Join(err, f.fail("Door"))
}

func (f failingReaders) Doors(ctx context.Context, site string) ([]storage.Door, error) {
	d, err := f.Store.Doors(ctx, site)
	return d, errors.Join(err, f.fail("Doors"))
}

func (f failingReaders) Rules(ctx context.Context, site string) (storage.Rules, error) {
	if err := f.fail("Rules"); err != nil {
		return storage.Rules{}, err
	}
	return f.Store.Rules(ctx, site)
}

func (f failingReaders) Member(ctx context.Context, site, id string) (storage.Member, error) {
	m, err := f.Store.Member(ctx, site, id)
	return m, errors.Join(err, f.fail("Member"))
}

func (f failingReaders) Members(ctx context.Context, site string) iter.Seq2[storage.Member, error] {
	if err := f.fail("Members"); err != nil {
		return func(yield func(storage.Member, error) bool) { yield(storage.Member{}, err) }
	}
	return f.Store.Members(ctx, site)
}

func (f failingReaders) Grants(ctx context.Context, site, member string) ([]storage.Grant, error) {
	g, err := f.Store.Grants(ctx, site, member)
	return g, errors.Join(err, f.fail("Grants"))
}

func (f failingReaders) Reservations(ctx context.Context, q storage.ReservationQuery) iter.Seq2[storage.Reservation, error] {
	if err := f.fail("Reservations"); err != nil {
		return func(yield func(storage.Reservation, error) bool) { yield(storage.Reservation{}, err) }
	}
	return f.Store.Reservations(ctx, q)
}

// If one of the readers fails, there are no facts: an error must deny.
func TestReadersFail(t *testing.T) {
	q := storage.FactsQuery{Site: site, Member: "ada", Door: "front", At: noon}
	for _, call := range []string{"", "Door", "Doors", "Rules", "Member", "Members", "Grants", "Reservations"} {
		s := failingReaders{filled(t), call}
		facts := storage.JoinFacts(storage.ReadersOf(s))
		ctx := t.Context()
		one, err := facts.Load(ctx, q)
		fails := !slices.Contains([]string{"", "Doors", "Members"}, call)
		if errors.Is(err, errPlanted) != fails || (one.Question.Door == nil) != fails {
			t.Errorf("%s fails: Load returns %+v, %v", call, one.Question.Door, err)
		}
		all, err := facts.LoadAll(ctx, q)
		fails = !slices.Contains([]string{"", "Door", "Members"}, call)
		if errors.Is(err, errPlanted) != fails || (len(all) == 3) == fails {
			t.Errorf("%s fails: LoadAll returns %d doors, %v", call, len(all), err)
		}
		doc, err := storage.Export(ctx, storage.ReadersOf(s), site)
		fails = !slices.Contains([]string{"", "Door", "Member"}, call)
		if errors.Is(err, errPlanted) != fails || (len(doc.Facts.Doors) == 3) == fails {
			t.Errorf("%s fails: Export returns %d doors, %v", call, len(doc.Facts.Doors), err)
		}
	}
}

// A site with one door has one digital key, a site without doors none.
func TestJoinedFactsOfFewDoors(t *testing.T) {
	s := memstore.New()
	ctx := t.Context()
	if err := s.PutRules(ctx, storage.Rules{Site: access.Site{ID: site, TimeZone: "UTC"}}); err != nil {
		t.Fatal(err)
	}
	q := storage.FactsQuery{Site: site, Member: "ada", At: noon}
	for n := range 3 {
		all, err := storage.JoinFacts(storage.ReadersOf(s)).LoadAll(ctx, q)
		if err != nil || len(all) != n {
			t.Errorf("%d doors: got %d, %v", n, len(all), err)
		}
		door := storage.Door{Door: access.Door{ID: string(rune('a' + n)), AccessType: access.AccessOnly}}
		if err := s.PutDoor(ctx, site, door); err != nil {
			t.Fatal(err)
		}
	}
}

func TestReadersThatAreMissing(t *testing.T) {
	s := filled(t)
	for name, r := range map[string]storage.Readers{
		"Doors Rules Members Reservations": {},
		"Doors":                            {Rules: s, Members: s, Reservations: s},
		"Rules":                            {Doors: s, Members: s, Reservations: s},
		"Members":                          {Doors: s, Rules: s, Reservations: s},
		"Reservations":                     {Doors: s, Rules: s, Members: s},
	} {
		_, export := storage.Export(t.Context(), r, site)
		_, load := storage.JoinFacts(r).Load(t.Context(), storage.FactsQuery{Site: site, Member: "ada", Door: "front", At: noon})
		wantFields(t, export, strings.Fields(name)...)
		for field := range strings.FieldsSeq(name) {
			if load == nil || !strings.Contains(load.Error(), field+": required") {
				t.Errorf("JoinFacts without %s: %v", name, load)
			}
		}
		if _, ok := errors.AsType[*storage.RequestError](load); ok { // the request is not at fault
			t.Errorf("JoinFacts without %s returned a RequestError", name)
		}
	}
}
