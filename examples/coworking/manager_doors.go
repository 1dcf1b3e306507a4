package main

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/access/gate/saltolocks"
	"github.com/doorkit/doorkit/access/gate/storage"
	"github.com/doorkit/doorkit/saltoks/saltoauth"
)

// listDoors returns the doors with the state of their locks, and the locks that are not
// linked. If SALTO KS cannot be read, it returns only the doors, and why in fault.
func (p *platform) listDoors(ctx context.Context) (doors []gate.DoorStatus, free []gate.CatalogLock, fault string, err error) {
	if doors, free, err = p.site.Doors.List(ctx); err == nil {
		return doors, free, "", nil
	}
	p.log.Warn("listing the locks failed", "error", err)
	fault = saltoMessage(err)
	known, err := p.store.Doors(ctx, siteID)
	for _, d := range known {
		one := gate.DoorStatus{Door: d}
		if d.Link.IsZero() {
			one.Problem = gate.CauseNotLinked
		}
		doors = append(doors, one)
	}
	return doors, nil, fault, err
}

func (p *platform) doorsPage(rw http.ResponseWriter, r *http.Request) error {
	doors, free, fault, err := p.listDoors(r.Context())
	if err != nil {
		return err
	}
	p.show(rw, r, http.StatusOK, "doors", view{Title: "Doors", Data: struct {
		Doors []gate.DoorStatus
		Free  []gate.CatalogLock
		Fault string
	}{doors, free, fault}})
	return nil
}

// newDoor adds a door for a lock that is not linked.
func (p *platform) newDoor(rw http.ResponseWriter, r *http.Request) error {
	who, _ := p.sessions.account(r)
	_, err := p.site.Doors.Link(r.Context(), gate.LinkRequest{
		Door: "door-" + strings.ToLower(rand.Text()[:10]), Lock: r.PostFormValue("lock"), Name: strings.TrimSpace(r.PostFormValue("name")),
		AccessType: access.AccessType(r.PostFormValue("access")), By: who.member,
	})
	if err != nil {
		return doorError(err)
	}
	return redirectWithNote(rw, r, "/manage/doors", "linked")
}

func doorError(err error) error {
	switch {
	case errors.Is(err, gate.ErrNotFound):
		return errNotFound
	case errors.Is(err, gate.ErrConflict):
		return invalid("Another manager has changed this door, or the lock is already linked. Please reload the page.")
	case errors.Is(err, gate.ErrNoGateway):
		return invalid("This lock has no IQ, so it cannot be opened remotely. Assign it to an IQ in SALTO KS first.")
	}
	if errors.Is(err, saltoauth.ErrNotConnected) || errors.Is(err, saltolocks.ErrNoSite) || errors.Is(err, gate.ErrCloudUnavailable) {
		return invalid("%s", saltoMessage(err))
	}
	if faulty, ok := errors.AsType[*gate.RequestError](err); ok {
		return invalid("%s", faulty)
	}
	return err
}

// doorAccess is a person in the list "Who can open this door?".
type doorAccess struct {
	Member, Name string
	Allowed      bool
	Reason       access.Reason
	Until        time.Time // the next change of the decision
	Why          string    // the full explanation
}

func (p *platform) doorPage(rw http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	doors, free, fault, err := p.listDoors(ctx)
	if err != nil {
		return err
	}
	var data struct {
		gate.DoorStatus
		Free  []gate.CatalogLock
		Fault string
		At    time.Time
		Who   []doorAccess
		Can   int
	}
	for _, d := range doors {
		if d.Door.ID == r.PathValue("door") {
			data.DoorStatus = d
		}
	}
	if data.Door.ID == "" {
		return errNotFound
	}
	data.Free, data.Fault, data.At = free, fault, p.now()
	if text := r.URL.Query().Get("at"); text != "" {
		if data.At, err = p.localTime(text); err != nil {
			return err
		}
	}
	if data.Who, err = p.whoCanOpen(ctx, data.Door.ID, data.At); err != nil {
		return err
	}
	for _, a := range data.Who {
		if a.Allowed {
			data.Can++
		}
	}
	p.show(rw, r, http.StatusOK, "door", view{Title: data.Door.Name, Data: data})
	return nil
}

// whoCanOpen returns the decision for each member: first those who can open the door.
func (p *platform) whoCanOpen(ctx context.Context, door string, at time.Time) ([]doorAccess, error) {
	doc, err := storage.Export(ctx, storage.ReadersOf(p.store), siteID)
	if err != nil {
		return nil, err
	}
	policy, err := access.Compile(doc.Facts)
	if err != nil {
		return nil, err
	}
	names, err := p.accounts.names(ctx)
	if err != nil {
		return nil, err
	}
	explain := func(member string) string {
		return policy.Decide(access.Request{Member: member, Door: door, Action: access.Unlock, At: at}).Explain().String()
	}
	var can, cannot []doorAccess
	holds := map[string]bool{}
	for _, h := range policy.Holders(door, at) {
		holds[h.Member] = true
		can = append(can, doorAccess{h.Member, names[h.Member], true, h.Reason, h.ValidUntil, explain(h.Member)})
	}
	for _, m := range doc.Facts.Members {
		if !holds[m.ID] {
			d := policy.Decide(access.Request{Member: m.ID, Door: door, Action: access.Unlock, At: at})
			cannot = append(cannot, doorAccess{m.ID, names[m.ID], false, d.Reason, d.NextChange, explain(m.ID)})
		}
	}
	return append(can, cannot...), nil
}

func (p *platform) changeDoor(rw http.ResponseWriter, r *http.Request) error {
	ctx, door := r.Context(), r.PathValue("door")
	var err error
	who, _ := p.sessions.account(r)
	note := "saved"
	switch r.PathValue("verb") {
	case "rename":
		name := strings.TrimSpace(r.PostFormValue("name"))
		if name == "" {
			return errIncomplete
		}
		err = p.updateDoor(ctx, door, func(d *gate.Door) { d.Name = name })
	case "access":
		err = p.updateDoor(ctx, door, func(d *gate.Door) { d.AccessType = access.AccessType(r.PostFormValue("access")) })
	case "disable":
		to := r.PostFormValue("disabled")
		if to != "yes" && to != "no" {
			return errIncomplete
		}
		err = p.updateDoor(ctx, door, func(d *gate.Door) { d.Disabled = to == "yes" })
	case "link":
		_, err = p.site.Doors.Link(ctx, gate.LinkRequest{Door: door, Lock: r.PostFormValue("lock"), By: who.member})
		note = "linked"
	case "unlink":
		err = p.site.Doors.Unlink(ctx, door)
		note = "unlinked"
	default:
		return errNotFound
	}
	if err != nil {
		return doorError(err)
	}
	return redirectWithNote(rw, r, "/manage/doors/"+door, note)
}

func (p *platform) updateDoor(ctx context.Context, door string, change func(*gate.Door)) error {
	return storage.UpdateDoor(ctx, p.store, siteID, door, func(d *gate.Door) error {
		change(d)
		return nil
	})
}
