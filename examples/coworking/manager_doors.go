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
)

// doorsSeen are the doors beside what SALTO says of their locks, and the locks
// that no door uses; without a connection only the doors.
func (w *web) doorsSeen(ctx context.Context) (doors []gate.DoorStatus, free []gate.CatalogLock, fault string, err error) {
	l, err := w.connected(ctx)
	if err != nil {
		return nil, nil, "", err
	}
	if l != nil && l.doors != nil {
		if doors, free, err = l.doors.List(ctx); err == nil {
			return doors, free, "", nil
		}
		w.log.Warn("the locks could not be listed", "error", err)
		fault = saltoSays(err)
	} else {
		fault = "SALTO KS is not connected: locks cannot be shown."
	}
	known, err := w.store.Doors(ctx, space)
	for _, d := range known {
		one := gate.DoorStatus{Door: d}
		if d.Link.IsZero() {
			one.Problem = gate.CauseNotLinked
		}
		doors = append(doors, one)
	}
	return doors, nil, fault, err
}

func (w *web) doorsPage(rw http.ResponseWriter, r *http.Request) error {
	doors, free, fault, err := w.doorsSeen(r.Context())
	if err != nil {
		return err
	}
	w.show(rw, r, http.StatusOK, "doors", view{Title: "Doors", Data: struct {
		Doors []gate.DoorStatus
		Free  []gate.CatalogLock
		Fault string
	}{doors, free, fault}})
	return nil
}

// newDoor makes a door of a lock that no door uses.
func (w *web) newDoor(rw http.ResponseWriter, r *http.Request) error {
	l, err := w.needConnection(r.Context())
	if err != nil {
		return err
	}
	if l.doors == nil {
		return bad("Link a SALTO KS site first.")
	}
	who, _ := w.sessions.who(r)
	_, err = l.doors.Link(r.Context(), gate.LinkRequest{
		Door: "door-" + strings.ToLower(rand.Text()[:10]), Lock: r.PostFormValue("lock"), Name: strings.TrimSpace(r.PostFormValue("name")),
		AccessType: access.AccessType(r.PostFormValue("access")), By: who.member,
	})
	if err != nil {
		return doorSays(err)
	}
	return back(rw, r, "/manage/doors", "linked")
}

func doorSays(err error) error {
	switch {
	case errors.Is(err, gate.ErrNotFound):
		return notHere
	case errors.Is(err, gate.ErrConflict):
		return bad("Somebody else changed this door, or the lock has a door already. Please look again.")
	case errors.Is(err, gate.ErrNoGateway):
		return bad("This lock is not attached to an IQ, so it cannot be opened from here. Attach it in SALTO KS first.")
	}
	if faulty, ok := errors.AsType[*gate.RequestError](err); ok {
		return bad("%s", faulty)
	}
	return err
}

// asked is one person in the answer to "who can open this door?".
type asked struct {
	Member, Name string
	Allowed      bool
	Reason       access.Reason
	Until        time.Time
	Why          string // the whole explanation
}

func (w *web) doorPage(rw http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	doors, free, fault, err := w.doorsSeen(ctx)
	if err != nil {
		return err
	}
	var data struct {
		gate.DoorStatus
		Free  []gate.CatalogLock
		Fault string
		At    time.Time
		Who   []asked
		Can   int
	}
	for _, d := range doors {
		if d.Door.ID == r.PathValue("door") {
			data.DoorStatus = d
		}
	}
	if data.Door.ID == "" {
		return notHere
	}
	data.Free, data.Fault, data.At = free, fault, w.now()
	if text := r.URL.Query().Get("at"); text != "" {
		if data.At, err = w.localTime(text); err != nil {
			return err
		}
	}
	if data.Who, err = w.whoOpens(ctx, data.Door.ID, data.At); err != nil {
		return err
	}
	for _, a := range data.Who {
		if a.Allowed {
			data.Can++
		}
	}
	w.show(rw, r, http.StatusOK, "door", view{Title: data.Door.Name, Data: data})
	return nil
}

// whoOpens asks for everybody: first those who can, then the others with why not.
func (w *web) whoOpens(ctx context.Context, door string, at time.Time) ([]asked, error) {
	doc, err := gate.Export(ctx, w.stores().Readers(), space)
	if err != nil {
		return nil, err
	}
	policy, err := access.Compile(doc.Facts)
	if err != nil {
		return nil, err
	}
	names, err := w.table.names(ctx)
	if err != nil {
		return nil, err
	}
	explain := func(member string) string {
		return policy.Decide(access.Request{Member: member, Door: door, Action: access.Unlock, At: at}).Explain().String()
	}
	var can, cannot []asked
	holds := map[string]bool{}
	for _, h := range policy.Holders(door, at) {
		holds[h.Member] = true
		can = append(can, asked{h.Member, names[h.Member], true, h.Reason, h.ValidUntil, explain(h.Member)})
	}
	for _, m := range doc.Facts.Members {
		if !holds[m.ID] {
			d := policy.Decide(access.Request{Member: m.ID, Door: door, Action: access.Unlock, At: at})
			cannot = append(cannot, asked{m.ID, names[m.ID], false, d.Reason, d.NextChange, explain(m.ID)})
		}
	}
	return append(can, cannot...), nil
}

func (w *web) changeDoor(rw http.ResponseWriter, r *http.Request) error {
	ctx, door := r.Context(), r.PathValue("door")
	l, err := w.needConnection(ctx)
	if err != nil {
		return err
	}
	if l.doors == nil {
		return bad("Link a SALTO KS site first.")
	}
	who, _ := w.sessions.who(r)
	note := "saved"
	switch r.PathValue("verb") {
	case "rename":
		_, err = l.doors.Rename(ctx, door, strings.TrimSpace(r.PostFormValue("name")))
	case "access":
		_, err = l.doors.SetAccessType(ctx, door, access.AccessType(r.PostFormValue("access")))
	case "disable":
		to := r.PostFormValue("disabled")
		if to != "yes" && to != "no" {
			return errIncomplete
		}
		_, err = l.doors.SetDisabled(ctx, door, to == "yes")
	case "link":
		_, err = l.doors.Link(ctx, gate.LinkRequest{Door: door, Lock: r.PostFormValue("lock"), By: who.member})
		note = "linked"
	case "unlink":
		_, err = l.doors.Unlink(ctx, door)
		note = "unlinked"
	default:
		return notHere
	}
	if err != nil {
		return doorSays(err)
	}
	return back(rw, r, "/manage/doors/"+door, note)
}
