package main

import (
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

func (p *platform) listDoors(c *call) (l doorList) {
	var err error
	if l.States, l.Free, err = p.site.Doors.List(c.Context()); err == nil {
		return l
	}
	p.log.Warn("listing the locks failed", "error", err)
	l = doorList{Fault: saltoMessage(err)}
	for _, d := range c.House.Doors {
		one := gate.DoorStatus{Door: d}
		if d.Link.IsZero() {
			one.Problem = gate.CauseNotLinked
		}
		l.States = append(l.States, one)
	}
	return l
}

func (p *platform) doorsPage(c *call) error {
	return p.page(c, nil, "doors", "Doors", p.listDoors(c))
}

// newDoor adds a door for a lock that is not linked.
func (p *platform) newDoor(c *call) error {
	_, err := p.site.Doors.Link(c.Context(), gate.LinkRequest{
		Door: "door-" + strings.ToLower(rand.Text()[:10]), Lock: c.PostFormValue("lock"), Name: strings.TrimSpace(c.PostFormValue("name")),
		AccessType: access.AccessType(c.PostFormValue("access")), By: c.Account.Member,
	})
	return c.done(err, "/manage/doors", "linked")
}

func (p *platform) doorPage(c *call) error {
	l := p.listDoors(c)
	i := slices.IndexFunc(l.States, func(d gate.DoorStatus) bool { return d.Door.ID == c.PathValue("door") })
	if i < 0 {
		return errNotFound
	}
	var err error
	at := p.now()
	if c.FormValue("at") != "" && c.Wrong == nil {
		if at, err = p.formTime(c.Request, "at"); err != nil {
			return err
		}
	}
	who, can, err := p.whoCanOpen(c, l.States[i].Door.ID, at)
	return p.page(c, err, "door", l.States[i].Door.Name, struct {
		doorList
		gate.DoorStatus
		At  time.Time
		Who []access.Explanation
		Can int
	}{l, l.States[i], at, who, can})
}

// whoCanOpen returns the decision for each member, first those who can open the door, and
// how many can.
func (p *platform) whoCanOpen(c *call, door string, at time.Time) (list []access.Explanation, can int, err error) {
	facts, policy, err := p.compile(c.Context())
	if err != nil {
		return nil, 0, err
	}
	for _, m := range facts.Members {
		one := policy.Decide(access.Request{Member: m.ID, Door: door, Action: access.Unlock, At: at}).Explain()
		if !one.Decision.Allowed {
			list = append(list, one)
			continue
		}
		list = slices.Insert(list, can, one)
		can++
	}
	return list, can, nil
}

func (p *platform) changeDoor(c *call) (err error) {
	ctx, door, note := c.Context(), c.PathValue("door"), "saved"
	switch c.PathValue("verb") {
	case "link":
		_, err = p.site.Doors.Link(ctx, gate.LinkRequest{Door: door, Lock: c.PostFormValue("lock"), By: c.Account.Member})
		note = "linked"
	case "unlink":
		err = p.site.Doors.Unlink(ctx, door)
		note = "unlinked"
	default:
		err = storage.UpdateDoor(ctx, p.store, siteID, door, func(d *gate.Door) error { return editDoor(c, d) })
	}
	return c.done(err, "/manage/doors/"+door, note)
}

// editDoor changes a property of a door.
func editDoor(c *call, d *gate.Door) error {
	switch c.PathValue("verb") {
	case "rename":
		d.Name = strings.TrimSpace(c.PostFormValue("name"))
		if d.Name == "" {
			return invalidField("name", "Enter the name that members see.")
		}
	case "access":
		d.AccessType = access.AccessType(c.PostFormValue("access"))
	case "disable":
		to := c.PostFormValue("disabled")
		if to != "yes" && to != "no" {
			return errIncomplete
		}
		d.Disabled = to == "yes"
	default:
		return errNotFound
	}
	return nil
}
