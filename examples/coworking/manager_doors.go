package main

import (
	"context"
	"crypto/rand"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/access/gate/storage"
)

// doorList is the doors with the state of their locks, and the locks that are not linked.
type doorList struct {
	States []gate.DoorStatus
	Free   []gate.CatalogLock
	Fault  string // why SALTO KS could not be read: then the states and Free are missing
}

func (p *platform) listDoors(ctx context.Context) (l doorList, err error) {
	if l.States, l.Free, err = p.site.Doors.List(ctx); err == nil {
		return l, nil
	}
	p.log.Warn("listing the locks failed", "error", err)
	l.Fault = saltoMessage(err)
	known, err := p.store.Doors(ctx, siteID)
	for _, d := range known {
		one := gate.DoorStatus{Door: d}
		if d.Link.IsZero() {
			one.Problem = gate.CauseNotLinked
		}
		l.States = append(l.States, one)
	}
	return l, err
}

func (p *platform) doorsPage(rw http.ResponseWriter, r *http.Request, _ account) error {
	l, err := p.listDoors(r.Context())
	if err != nil {
		return err
	}
	return p.page(rw, r, "doors", "Doors", l)
}

// newDoor adds a door for a lock that is not linked.
func (p *platform) newDoor(rw http.ResponseWriter, r *http.Request, who account) error {
	_, err := p.site.Doors.Link(r.Context(), gate.LinkRequest{
		Door: "door-" + strings.ToLower(rand.Text()[:10]), Lock: r.PostFormValue("lock"), Name: strings.TrimSpace(r.PostFormValue("name")),
		AccessType: access.AccessType(r.PostFormValue("access")), By: who.member,
	})
	return done(rw, r, err, "/manage/doors", "linked")
}

// doorAccess is a person in the list "Who can open this door?".
type doorAccess struct {
	access.Decision
	Member, Name string
	Until        time.Time // the next change of the decision
	Why          string    // the full explanation
}

func (p *platform) doorPage(rw http.ResponseWriter, r *http.Request, _ account) error {
	ctx := r.Context()
	l, err := p.listDoors(ctx)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(l.States, func(d gate.DoorStatus) bool { return d.Door.ID == r.PathValue("door") })
	if i < 0 {
		return errNotFound
	}
	at := p.now()
	if r.FormValue("at") != "" && r.Context().Value(againKey{}) == nil {
		if at, err = p.formTime(r, "at"); err != nil {
			return err
		}
	}
	who, can, err := p.whoCanOpen(ctx, l.States[i].Door.ID, at)
	if err != nil {
		return err
	}
	return p.page(rw, r, "door", l.States[i].Door.Name, struct {
		doorList
		gate.DoorStatus
		At  time.Time
		Who []doorAccess
		Can int
	}{l, l.States[i], at, who, can})
}

// whoCanOpen returns the decision for each member, first those who can open the door, and
// how many can.
func (p *platform) whoCanOpen(ctx context.Context, door string, at time.Time) (list []doorAccess, can int, err error) {
	doc, err := storage.Export(ctx, storage.ReadersOf(p.store), siteID)
	if err != nil {
		return nil, 0, err
	}
	policy, err := access.Compile(doc.Facts)
	if err != nil {
		return nil, 0, err
	}
	names, err := p.accounts.names(ctx)
	if err != nil {
		return nil, 0, err
	}
	for _, m := range doc.Facts.Members {
		d := policy.Decide(access.Request{Member: m.ID, Door: door, Action: access.Unlock, At: at})
		one := doorAccess{d, m.ID, names[m.ID], d.NextChange, d.Explain().String()}
		if !d.Allowed {
			list = append(list, one)
			continue
		}
		one.Until = d.ValidUntil
		list = slices.Insert(list, can, one)
		can++
	}
	return list, can, nil
}

func (p *platform) changeDoor(rw http.ResponseWriter, r *http.Request, who account) error {
	ctx, door, note := r.Context(), r.PathValue("door"), "saved"
	update := func(change func(*gate.Door)) error {
		return storage.UpdateDoor(ctx, p.store, siteID, door, func(d *gate.Door) error {
			change(d)
			return nil
		})
	}
	var err error
	switch r.PathValue("verb") {
	case "rename":
		name := strings.TrimSpace(r.PostFormValue("name"))
		if name == "" {
			return invalidField("name", "Enter the name that members see.")
		}
		err = update(func(d *gate.Door) { d.Name = name })
	case "access":
		err = update(func(d *gate.Door) { d.AccessType = access.AccessType(r.PostFormValue("access")) })
	case "disable":
		to := r.PostFormValue("disabled")
		if to != "yes" && to != "no" {
			return errIncomplete
		}
		err = update(func(d *gate.Door) { d.Disabled = to == "yes" })
	case "link":
		_, err = p.site.Doors.Link(ctx, gate.LinkRequest{Door: door, Lock: r.PostFormValue("lock"), By: who.member})
		note = "linked"
	case "unlink":
		err = p.site.Doors.Unlink(ctx, door)
		note = "unlinked"
	default:
		return errNotFound
	}
	return done(rw, r, err, "/manage/doors/"+door, note)
}
