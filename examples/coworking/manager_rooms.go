package main

import (
	"crypto/rand"
	"net/http"
	"slices"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate"
)

// roomsView is the form of the rooms and their doors.
type roomsView struct {
	Version  uint64
	Doors    []gate.Door
	Rooms    []roomForm
	New      string // the name of a room that is not saved yet
	Reviewed bool
	Effects  []effect
}

type roomForm struct {
	ID string
	On map[string]bool // by door
}

func (p *platform) roomsPage(rw http.ResponseWriter, r *http.Request) error {
	rules, err := p.store.Rules(r.Context(), siteID)
	if err != nil {
		return err
	}
	return p.showRooms(rw, r, rules.Resources, rules.Version, roomsView{})
}

func (p *platform) showRooms(rw http.ResponseWriter, r *http.Request, rooms []access.Resource, version uint64, v roomsView) error {
	doors, err := p.store.Doors(r.Context(), siteID)
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
	p.show(rw, r, http.StatusOK, "rooms", view{Title: "Rooms", Data: v})
	return nil
}

func (p *platform) changeRooms(rw http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	rules, doors, err := p.rulesAndDoors(ctx)
	if err != nil {
		return err
	}
	version, err := formVersion(r)
	if err != nil {
		return err
	}
	updated := slices.Clone(rules.Resources)
	if id := roomID(r.PostForm.Get("new")); id != "" {
		if slices.ContainsFunc(updated, func(x access.Resource) bool { return x.ID == id }) {
			return invalid("A room with this name exists already.")
		}
		updated = append(updated, access.Resource{ID: id})
	}
	for i := range updated {
		ticked := r.PostForm["room."+updated[i].ID]
		if i >= len(rules.Resources) {
			ticked = append(ticked, r.PostForm["newdoor"]...)
		}
		updated[i].Doors = nil
		for _, d := range doors {
			if slices.Contains(ticked, d.ID) {
				updated[i].Doors = append(updated[i].Doors, d.ID)
			}
		}
	}
	effects, err := p.whatIf(ctx, func(f *access.Facts) { f.Resources = updated })
	if err != nil {
		return err
	}
	if r.PostForm.Get("do") != "save" {
		return p.showRooms(rw, r, updated, version, roomsView{New: r.PostForm.Get("new"), Reviewed: true, Effects: effects})
	}
	rules.Resources, rules.Version, rules.Revision = updated, version, rand.Text()
	if err := p.putRules(ctx, rules); err != nil {
		return err
	}
	return redirectWithNote(rw, r, "/manage/rooms", "saved")
}

// roomID returns an id for a name: letters, digits and dashes.
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
