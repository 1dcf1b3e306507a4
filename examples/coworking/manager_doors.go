package main

import (
	"context"
	"crypto/rand"
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

func (p *platform) doorsPage(c *call) error {
	l, err := p.listDoors(c.Context())
	return p.page(c, err, "doors", "Doors", l)
}

// newDoor adds a door for a lock that is not linked.
func (p *platform) newDoor(c *call) error {
	_, err := p.site.Doors.Link(c.Context(), gate.LinkRequest{
		Door: "door-" + strings.ToLower(rand.Text()[:10]), Lock: c.PostFormValue("lock"), Name: strings.TrimSpace(c.PostFormValue("name")),
		AccessType: access.AccessType(c.PostFormValue("access")), By: c.who.Member,
	})
	return c.done(err, "/manage/doors", "linked")
}

// doorAccess is a person in the list "Who can open this door?".
type doorAccess struct {
	access.Decision
	Member, Name string
	Until        time.Time // the next change of the decision
	Why          string    // the full explanation
}

func (p *platform) doorPage(c *call) error {
	ctx := c.Context()
	l, err := p.listDoors(ctx)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(l.States, func(d gate.DoorStatus) bool { return d.Door.ID == c.PathValue("door") })
	if i < 0 {
		return errNotFound
	}
	at := p.now()
	if c.FormValue("at") != "" && c.again == nil {
		if at, err = p.formTime(c.Request, "at"); err != nil {
			return err
		}
	}
	who, can, err := p.whoCanOpen(c, l.States[i].Door.ID, at)
	return p.page(c, err, "door", l.States[i].Door.Name, struct {
		doorList
		gate.DoorStatus
		At  time.Time
		Who []doorAccess
		Can int
	}{l, l.States[i], at, who, can})
}

// whoCanOpen returns the decision for each member, first those who can open the door, and
// how many can.
func (p *platform) whoCanOpen(c *call, door string, at time.Time) (list []doorAccess, can int, err error) {
	facts, policy, err := p.compile(c.Context())
	if err != nil {
		return nil, 0, err
	}
	for _, m := range facts.Members {
		d := policy.Decide(access.Request{Member: m.ID, Door: door, Action: access.Unlock, At: at})
		one := doorAccess{d, m.ID, c.house.Names[m.ID], d.NextChange, d.Explain().String()}
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

func (p *platform) changeDoor(c *call) error {
	ctx, door, note := c.Context(), c.PathValue("door"), "saved"
	update := func(change func(*gate.Door)) error {
		return storage.UpdateDoor(ctx, p.store, siteID, door, func(d *gate.Door) error {
			change(d)
			return nil
		})
	}
	var err error
	switch c.PathValue("verb") {
	case "rename":
		name := strings.TrimSpace(c.PostFormValue("name"))
		if name == "" {
			return invalidField("name", "Enter the name that members see.")
		}
		err = update(func(d *gate.Door) { d.Name = name })
	case "access":
		err = update(func(d *gate.Door) { d.AccessType = access.AccessType(c.PostFormValue("access")) })
	case "disable":
		to := c.PostFormValue("disabled")
		if to != "yes" && to != "no" {
			return errIncomplete
		}
		err = update(func(d *gate.Door) { d.Disabled = to == "yes" })
	case "link":
		_, err = p.site.Doors.Link(ctx, gate.LinkRequest{Door: door, Lock: c.PostFormValue("lock"), By: c.who.Member})
		note = "linked"
	case "unlink":
		err = p.site.Doors.Unlink(ctx, door)
		note = "unlinked"
	default:
		return errNotFound
	}
	return c.done(err, "/manage/doors/"+door, note)
}
