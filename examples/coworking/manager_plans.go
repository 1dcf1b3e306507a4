package main

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"slices"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate"
)

// plansPage is membership types against doors.
func (w *web) plansPage(rw http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	rules, doors, err := w.rulesAndDoors(ctx)
	if err != nil {
		return err
	}
	count := map[string]int{}
	for m, err := range w.store.Members(ctx, space) {
		if err != nil {
			return err
		}
		for _, s := range m.Memberships {
			count[s.Type]++
		}
	}
	type row struct {
		ID     string
		People int
		Hours  []string // in the order of the doors
	}
	var rows []row
	for _, t := range rules.MembershipTypes {
		one := row{ID: t.ID, People: count[t.ID]}
		for _, d := range doors {
			text := ""
			for _, h := range t.Doors {
				if h.Door == d.ID {
					text = hoursText(h.Hours)
				}
			}
			one.Hours = append(one.Hours, text)
		}
		rows = append(rows, one)
	}
	w.show(rw, r, http.StatusOK, "plans", view{Title: "Plans", Data: struct {
		Doors []gate.Door
		Rows  []row
	}{doors, rows}})
	return nil
}

// planView is one plan's form, before and after a look at what it would do.
type planView struct {
	ID       string
	Version  uint64
	Doors    []hoursForm
	Reviewed bool
	Effects  []effect
}

func (w *web) rulesAndDoors(ctx context.Context) (gate.Rules, []gate.Door, error) {
	rules, err := w.store.Rules(ctx, space)
	if err != nil {
		return rules, nil, err
	}
	doors, err := w.store.Doors(ctx, space)
	return rules, doors, err
}

func (w *web) plan(ctx context.Context, id string) (gate.Rules, int, []gate.Door, error) {
	rules, doors, err := w.rulesAndDoors(ctx)
	if err != nil {
		return rules, 0, nil, err
	}
	i := slices.IndexFunc(rules.MembershipTypes, func(t access.MembershipType) bool { return t.ID == id })
	if i < 0 {
		return rules, 0, nil, notHere
	}
	return rules, i, doors, nil
}

func (w *web) planPage(rw http.ResponseWriter, r *http.Request) error {
	rules, i, doors, err := w.plan(r.Context(), r.PathValue("plan"))
	if err != nil {
		return err
	}
	w.showPlan(rw, r, http.StatusOK, rules.MembershipTypes[i], rules.Version, doors, "", planView{})
	return nil
}

func (w *web) showPlan(rw http.ResponseWriter, r *http.Request, status int, t access.MembershipType, version uint64, doors []gate.Door, problem string, v planView) {
	v.ID, v.Version = t.ID, version
	if v.Doors == nil { // not as somebody typed them
		for _, d := range doors {
			i := slices.IndexFunc(t.Doors, func(h access.DoorHours) bool { return h.Door == d.ID })
			var h access.Hours
			if i >= 0 {
				h = t.Doors[i].Hours
			}
			v.Doors = append(v.Doors, newHoursForm(d.ID, d.Name, h, i >= 0))
		}
	}
	w.show(rw, r, status, "plan", view{Title: "Plan " + resourceName(t.ID), Problem: problem, Data: v})
}

// changePlan shows what the form would do, or does it.
func (w *web) changePlan(rw http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	rules, i, doors, err := w.plan(ctx, r.PathValue("plan"))
	if err != nil {
		return err
	}
	version, err := formVersion(r)
	if err != nil {
		return err
	}
	wanted := access.MembershipType{ID: rules.MembershipTypes[i].ID}
	for _, d := range doors {
		h, given, err := hoursIn(r.PostForm, d.ID, d.Name)
		if p, ok := errors.AsType[*problem](err); ok {
			var typed []hoursForm
			for _, d := range doors {
				typed = append(typed, hoursTyped(r.PostForm, d.ID, d.Name))
			}
			w.showPlan(rw, r, p.status, wanted, version, doors, p.text, planView{Doors: typed})
			return nil
		}
		if given {
			wanted.Doors = append(wanted.Doors, access.DoorHours{Door: d.ID, Hours: h})
		}
	}
	effects, err := w.whatIf(ctx, func(f *access.Facts) {
		f.MembershipTypes = slices.Clone(f.MembershipTypes)
		for j := range f.MembershipTypes {
			if f.MembershipTypes[j].ID == wanted.ID {
				f.MembershipTypes[j] = wanted
			}
		}
	})
	if err != nil {
		return err
	}
	if r.PostForm.Get("do") != "save" {
		w.showPlan(rw, r, http.StatusOK, wanted, version, doors, "", planView{Reviewed: true, Effects: effects})
		return nil
	}
	rules.MembershipTypes[i] = wanted
	rules.Version, rules.Revision = version, rand.Text()
	if err := w.putRules(ctx, rules); err != nil {
		return err
	}
	return back(rw, r, "/manage/plans", "saved")
}

func (w *web) putRules(ctx context.Context, rules gate.Rules) error {
	err := w.store.PutRules(ctx, rules)
	if errors.Is(err, gate.ErrConflict) {
		return &problem{http.StatusConflict, "Somebody else changed the rules meanwhile. Please look at them again."}
	}
	return err
}

// roomsView is resources against doors.
type roomsView struct {
	Version  uint64
	Doors    []gate.Door
	Rooms    []roomForm
	New      string // a room that is not stored yet
	Reviewed bool
	Effects  []effect
}

type roomForm struct {
	ID string
	On map[string]bool // by door
}

func (w *web) roomsPage(rw http.ResponseWriter, r *http.Request) error {
	rules, err := w.store.Rules(r.Context(), space)
	if err != nil {
		return err
	}
	return w.showRooms(rw, r, rules.Resources, rules.Version, roomsView{})
}

func (w *web) showRooms(rw http.ResponseWriter, r *http.Request, rooms []access.Resource, version uint64, v roomsView) error {
	doors, err := w.store.Doors(r.Context(), space)
	if err != nil {
		return err
	}
	v.Version, v.Doors = version, doors
	for _, room := range rooms {
		f := roomForm{ID: room.ID, On: map[string]bool{}}
		for _, d := range room.Doors {
			f.On[d] = true
		}
		v.Rooms = append(v.Rooms, f)
	}
	w.show(rw, r, http.StatusOK, "rooms", view{Title: "Rooms", Data: v})
	return nil
}

func (w *web) changeRooms(rw http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	rules, doors, err := w.rulesAndDoors(ctx)
	if err != nil {
		return err
	}
	version, err := formVersion(r)
	if err != nil {
		return err
	}
	wanted := slices.Clone(rules.Resources)
	if id := roomID(r.PostForm.Get("new")); id != "" {
		if slices.ContainsFunc(wanted, func(x access.Resource) bool { return x.ID == id }) {
			return bad("There is a room of that name.")
		}
		wanted = append(wanted, access.Resource{ID: id})
	}
	for i := range wanted {
		ticked := r.PostForm["room."+wanted[i].ID]
		if i >= len(rules.Resources) {
			ticked = append(ticked, r.PostForm["newdoor"]...)
		}
		wanted[i].Doors = nil
		for _, d := range doors {
			if slices.Contains(ticked, d.ID) {
				wanted[i].Doors = append(wanted[i].Doors, d.ID)
			}
		}
	}
	effects, err := w.whatIf(ctx, func(f *access.Facts) { f.Resources = wanted })
	if err != nil {
		return err
	}
	if r.PostForm.Get("do") != "save" {
		return w.showRooms(rw, r, wanted, version, roomsView{New: r.PostForm.Get("new"), Reviewed: true, Effects: effects})
	}
	rules.Resources, rules.Version, rules.Revision = wanted, version, rand.Text()
	if err := w.putRules(ctx, rules); err != nil {
		return err
	}
	return back(rw, r, "/manage/rooms", "saved")
}

// roomID makes an id of a name: letters, digits and dashes.
func roomID(name string) string {
	var id []rune
	for _, c := range name {
		switch {
		case c >= 'A' && c <= 'Z':
			id = append(id, c+'a'-'A')
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9':
			id = append(id, c)
		case len(id) > 0 && id[len(id)-1] != '-':
			id = append(id, '-')
		}
	}
	if len(id) > 40 {
		id = id[:40]
	}
	return string(id)
}
