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
	doc := Document{Links: map[string]Link{}, Facts: rules.facts(access.Facts{})}
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
func Import(ctx context.Context, to FactStore, doc Document) error {
	if _, err := access.Compile(doc.Facts); err != nil {
		return err
	}
	rows := doc.rows()
	if err := doc.check(rows); err != nil {
		return err
	}
	site := doc.Facts.Site.ID
	switch _, err := to.Rules(ctx, site); {
	case err == nil:
		return fmt.Errorf("storage: site %q already has rules; import into a site that has none: %w", site, ErrConflict)
	case !errors.Is(err, ErrNotFound):
		return err
	}
	if err := importAll(ctx, site, rows.doors, to.Door, to.PutDoor); err != nil {
		return err
	}
	if err := importAll(ctx, site, rows.members, to.Member, to.PutMember); err != nil {
		return err
	}
	if err := importAll(ctx, site, rows.grants, to.Grant, to.PutGrant); err != nil {
		return err
	}
	if err := importAll(ctx, site, rows.reservations, to.Reservation, to.PutReservation); err != nil {
		return err
	}
	return to.PutRules(ctx, rows.rules)
}

// importAll adds facts, and overwrites those of an earlier import that failed.
func importAll[F Fact](ctx context.Context, site string, facts []F, get func(ctx context.Context, site, id string) (F, error),
	put func(ctx context.Context, site string, fact F) error) error {
	for _, fact := range facts {
		err := put(ctx, site, fact)
		if errors.Is(err, ErrConflict) {
			_, id, version := RowOf(&fact)
			switch stored, absent := get(ctx, site, id); {
			case absent == nil:
				_, _, at := RowOf(&stored)
				*version = *at
				err = put(ctx, site, fact)
			case !errors.Is(absent, ErrNotFound): // otherwise another door has the lock
				err = absent
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// rows are the facts of a document as stores keep them.
type rows struct {
	rules        Rules
	doors        []Door
	members      []Member
	grants       []Grant
	reservations []Reservation
}

func (d Document) rows() (r rows) {
	f := d.Facts
	r.rules = Rules{
		Revision: f.Revision, Site: f.Site, Settings: f.Settings,
		MembershipTypes: f.MembershipTypes, Resources: f.Resources, Exceptions: f.Exceptions, Closures: f.Closures,
	}
	for _, x := range f.Doors {
		r.doors = append(r.doors, Door{Door: x, Link: d.Links[x.ID]})
	}
	for _, x := range f.Members {
		r.members = append(r.members, Member{Member: x})
	}
	for _, x := range f.Grants {
		r.grants = append(r.grants, Grant{Grant: x})
	}
	for _, x := range f.Reservations {
		r.reservations = append(r.reservations, Reservation{Reservation: x})
	}
	return r
}

// check returns an error for links that cannot be, and for values that the rules allow
// and no storage accepts: a NUL, a long id.
func (d Document) check(r rows) error {
	var c checker
	known := map[string]bool{}
	used := map[[2]string]string{} // the door by the site and the id of its lock
	for _, x := range r.doors {
		known[x.ID] = true
		if x.Link.IsZero() {
			continue
		}
		lock := [2]string{x.Link.Site, x.Link.Lock}
		if other, taken := used[lock]; taken {
			c.add("links."+x.ID, fmt.Sprintf("its lock is linked to door %q as well", other))
		}
		used[lock] = x.ID
	}
	for id := range d.Links {
		c.require(known[id], "links."+id, "there is no such door")
	}
	site := d.Facts.Site.ID
	_, err := Normalize(site, r.rules)
	c.addAll("", err)
	normalizeAll(&c, site, "doors", r.doors)
	normalizeAll(&c, site, "members", r.members)
	normalizeAll(&c, site, "grants", r.grants)
	normalizeAll(&c, site, "reservations", r.reservations)
	return c.err()
}

func normalizeAll[F Fact](c *checker, site, in string, facts []F) {
	for i, fact := range facts {
		_, err := Normalize(site, fact)
		c.addAll(fmt.Sprintf("%s[%d].", in, i), err)
	}
}

// addAll adds the faults of an error of Normalize.
func (c *checker) addAll(prefix string, err error) {
	if bad, ok := errors.AsType[*RequestError](err); ok {
		for _, f := range bad.Faults {
			c.add(prefix+f.Field, f.What)
		}
	}
}
