package storage

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/doorkit/doorkit/access"
)

// Document is all facts of one site with the links of its doors. Use it to move a site,
// to back it up, or for a bug report. It contains no secret, no receipt and no log.
type Document struct {
	Facts access.Facts    `json:"facts"` // RULES.md 1
	Links map[string]Link `json:"links"` // by door
	// LeftOut names what Export left out because it refers to something that no longer
	// exists, such as the bookings of a member who was deleted. It is not part of the
	// JSON.
	LeftOut []Fault `json:"-"`
}

const documentVersion = 1

type documentJSON struct {
	Version int             `json:"doorkit"`
	Facts   json.RawMessage `json:"facts"`
	Links   map[string]Link `json:"links"`
}

// MarshalJSON writes {"doorkit": 1, "facts": ..., "links": ...}.
func (d Document) MarshalJSON() ([]byte, error) {
	facts, err := json.Marshal(d.Facts)
	if err != nil {
		return nil, err
	}
	return json.Marshal(documentJSON{documentVersion, facts, d.Links})
}

// ReadDocument reads what MarshalJSON wrote, strictly. An error about the facts
// is a *access.FactsError that names every fault.
func ReadDocument(data []byte) (Document, error) {
	var raw documentJSON
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&raw); err != nil {
		return Document{}, fmt.Errorf("storage: not a doorkit document: %w", err)
	}
	if _, err := decoder.Token(); err != io.EOF {
		return Document{}, errors.New("storage: unexpected data after the document")
	}
	if raw.Version != documentVersion {
		return Document{}, fmt.Errorf("storage: the document has version %d, this program reads version %d", raw.Version, documentVersion)
	}
	facts, err := access.ParseFacts(raw.Facts)
	if err != nil {
		return Document{}, err
	}
	return Document{Facts: facts, Links: raw.Links}, nil
}

// Export reads the facts of a whole site. It reads the stores one after the other: for
// an exact copy, nothing may change meanwhile. Rows that refer to something that no
// longer exists are left out, and named in LeftOut, so that Import accepts the
// document.
func Export(ctx context.Context, from Readers, site string) (Document, error) {
	if err := from.check(); err != nil {
		return Document{}, err
	}
	rules, err := from.Rules.Rules(ctx, site)
	if err != nil {
		return Document{}, err
	}
	doc := Document{Links: map[string]Link{}, Facts: access.Facts{
		Revision: rules.Revision, Site: rules.Site, Settings: rules.Settings,
		MembershipTypes: rules.MembershipTypes, Resources: rules.Resources, Exceptions: rules.Exceptions, Closures: rules.Closures,
	}}
	doors, err := from.Doors.Doors(ctx, site)
	if err != nil {
		return Document{}, err
	}
	for _, d := range doors {
		doc.Facts.Doors = append(doc.Facts.Doors, d.Door)
		if !d.Link.IsZero() {
			doc.Links[d.ID] = d.Link
		}
	}
	grants, err := from.Rules.Grants(ctx, site, "")
	if err != nil {
		return Document{}, err
	}
	for _, g := range grants {
		doc.Facts.Grants = append(doc.Facts.Grants, g.Grant)
	}
	for m, err := range from.Members.Members(ctx, site) {
		if err != nil {
			return Document{}, err
		}
		doc.Facts.Members = append(doc.Facts.Members, m.Member)
	}
	for r, err := range from.Reservations.Reservations(ctx, ReservationQuery{Site: site}) {
		if err != nil {
			return Document{}, err
		}
		doc.Facts.Reservations = append(doc.Facts.Reservations, r.Reservation)
	}
	doc.leaveOutDangling()
	return doc, nil
}

// Import writes the facts of a whole site, after checking all of them: if
// access.Compile refuses them, or a link is for an unknown door, nothing is written.
// ErrConflict: the site already has rules. The rules are written last, so an import
// that failed halfway opens nothing and may be repeated.
func Import(ctx context.Context, to Stores, doc Document) error {
	if err := to.Readers().check(); err != nil {
		return err
	}
	site := doc.Facts.Site.ID
	if _, err := access.Compile(doc.Facts); err != nil {
		return err
	}
	if err := doc.checkLinks(); err != nil {
		return err
	}
	if err := doc.checkRecords(); err != nil {
		return err
	}
	switch _, err := to.Rules.Rules(ctx, site); {
	case err == nil:
		return fmt.Errorf("storage: site %q already has rules; import into a site that has none: %w", site, ErrConflict)
	case !errors.Is(err, ErrNotFound):
		return err
	}
	// Rows of an earlier import that failed are overwritten.
	for _, d := range doc.Facts.Doors {
		door := doc.door(d)
		put := func(version uint64) error { door.Version = version; return to.Doors.PutDoor(ctx, site, door) }
		if err := overwrite(put, func() (uint64, error) { d, err := to.Doors.Door(ctx, site, d.ID); return d.Version, err }); err != nil {
			return err
		}
	}
	for _, m := range doc.Facts.Members {
		put := func(version uint64) error { return to.Members.PutMember(ctx, site, Member{m, version}) }
		if err := overwrite(put, func() (uint64, error) { m, err := to.Members.Member(ctx, site, m.ID); return m.Version, err }); err != nil {
			return err
		}
	}
	for _, g := range doc.Facts.Grants {
		put := func(version uint64) error { return to.Rules.PutGrant(ctx, site, Grant{g, version}) }
		if err := overwrite(put, func() (uint64, error) { g, err := to.Rules.Grant(ctx, site, g.ID); return g.Version, err }); err != nil {
			return err
		}
	}
	for _, r := range doc.Facts.Reservations {
		put := func(version uint64) error { return to.Reservations.PutReservation(ctx, site, Reservation{r, version}) }
		stored := func() (uint64, error) { r, err := to.Reservations.Reservation(ctx, site, r.ID); return r.Version, err }
		if err := overwrite(put, stored); err != nil {
			return err
		}
	}
	return to.Rules.PutRules(ctx, doc.rules())
}

// overwrite adds a row, or replaces the stored one.
func overwrite(put func(version uint64) error, stored func() (uint64, error)) error {
	err := put(0)
	if !errors.Is(err, ErrConflict) {
		return err
	}
	version, absent := stored()
	switch {
	case absent == nil:
		return put(version)
	case errors.Is(absent, ErrNotFound):
		return err // another door has the lock
	}
	return absent
}

func (d Document) door(x access.Door) Door { return Door{Door: x, Link: d.Links[x.ID]} }

func (d Document) rules() Rules {
	f := d.Facts
	return Rules{
		Revision: f.Revision, Site: f.Site, Settings: f.Settings,
		MembershipTypes: f.MembershipTypes, Resources: f.Resources, Exceptions: f.Exceptions, Closures: f.Closures,
	}
}

// checkRecords returns an error for values that the rules allow and no storage accepts:
// a NUL, a long id.
func (d Document) checkRecords() error {
	var list []Fault
	add := func(path string, err error) {
		if e, ok := errors.AsType[*RequestError](err); ok {
			for _, f := range e.Faults {
				list = append(list, Fault{Field: path + f.Field, What: f.What})
			}
		}
	}
	site := d.Facts.Site.ID
	add("", check(site, d.rules()))
	for i, x := range d.Facts.Doors {
		add(fmt.Sprintf("doors[%d].", i), check(site, d.door(x)))
	}
	for i, x := range d.Facts.Members {
		add(fmt.Sprintf("members[%d].", i), check(site, Member{Member: x}))
	}
	for i, x := range d.Facts.Grants {
		add(fmt.Sprintf("grants[%d].", i), check(site, Grant{Grant: x}))
	}
	for i, x := range d.Facts.Reservations {
		add(fmt.Sprintf("reservations[%d].", i), check(site, Reservation{Reservation: x}))
	}
	if list != nil {
		return &RequestError{Faults: list}
	}
	return nil
}

func check[F Fact](site string, fact F) error {
	_, err := Normalize(site, fact)
	return err
}

func (d Document) checkLinks() error {
	doors := map[string]bool{}
	for _, x := range d.Facts.Doors {
		doors[x.ID] = true
	}
	var list []Fault
	type lock struct{ site, id string }
	used := map[lock]string{}
	for _, x := range d.Facts.Doors { // in the document's order
		l, ok := d.Links[x.ID]
		if !ok || l.IsZero() {
			continue
		}
		at := lock{l.Site, l.Lock}
		if other, taken := used[at]; taken {
			list = append(list, Fault{Field: "links." + x.ID, What: fmt.Sprintf("its lock is linked to door %q as well", other)})
		}
		used[at] = x.ID
	}
	for id := range d.Links {
		if !doors[id] {
			list = append(list, Fault{Field: "links." + id, What: "there is no such door"})
		}
	}
	if list != nil {
		return &RequestError{Faults: list}
	}
	return nil
}
