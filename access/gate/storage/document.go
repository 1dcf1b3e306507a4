package storage

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/reservation"
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

type documentJSON[F access.Facts | json.RawMessage] struct {
	Version int             `json:"doorkit"`
	Facts   F               `json:"facts"`
	Links   map[string]Link `json:"links"`
}

// MarshalJSON writes {"doorkit": 1, "facts": ..., "links": ...}.
func (d Document) MarshalJSON() ([]byte, error) {
	return json.Marshal(documentJSON[access.Facts]{documentVersion, d.Facts, d.Links})
}

// ReadDocument reads what MarshalJSON wrote, strictly. An error about the facts
// is a *access.FactsError that names every fault.
func ReadDocument(data []byte) (Document, error) {
	var raw documentJSON[json.RawMessage]
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
	doors, err := from.Doors.Doors(ctx, site)
	if err != nil {
		return Document{}, err
	}
	grants, err := from.Rules.Grants(ctx, site, "") // before the members: a new grant may be for a new member
	if err != nil {
		return Document{}, err
	}
	e := export{known: map[target]bool{}}
	e.site(rules, doors)
	facts := &e.doc.Facts
	for m, err := range from.Members.Members(ctx, site) {
		if err != nil {
			return Document{}, err
		}
		e.known[target{KindMember, m.ID}] = true
		keepReferences(&m, e.keep)
		facts.Members = append(facts.Members, m.Member)
	}
	for _, g := range grants {
		if keepReferences(&g, e.keep) {
			facts.Grants = append(facts.Grants, g.Grant)
		}
	}
	for r, err := range from.Reservations.Reservations(ctx, ReservationQuery{Site: site}) {
		if err != nil {
			return Document{}, err
		}
		if keepReferences(&r, e.keep) {
			facts.Reservations = append(facts.Reservations, r.Reservation)
		}
	}
	return e.doc, nil
}

// export is a Document in progress.
type export struct {
	doc   Document
	known map[target]bool // what references may name
}

// keep reports whether what a reference names exists, and otherwise notes the fault.
func (e *export) keep(r reference) bool {
	if !e.known[r.target] {
		e.doc.LeftOut = append(e.doc.LeftOut, Fault{Field: r.Row, What: r.missing()})
	}
	return e.known[r.target]
}

// site adds the doors and the rules.
func (e *export) site(rules Rules, doors []Door) {
	e.doc.Links = map[string]Link{}
	for _, d := range doors {
		e.known[target{KindDoor, d.ID}] = true
		e.doc.Facts.Doors = append(e.doc.Facts.Doors, d.Door)
		if !d.Link.IsZero() {
			e.doc.Links[d.ID] = d.Link
		}
	}
	keepReferences(&rules, e.keep)
	e.doc.Facts = rules.facts(e.doc.Facts)
	for _, t := range rules.MembershipTypes {
		e.known[target{KindType, t.ID}] = true
	}
	for _, r := range rules.Resources {
		e.known[target{KindResource, r.ID}] = true
	}
}

// Import writes the facts of a whole site, after checking all of them: if
// access.Compile refuses them, or a link is for an unknown door, nothing is written.
// ErrConflict: the site already has rules. The rules are written last, so an import
// that failed halfway opens nothing and may be repeated.
func Import(ctx context.Context, to FactStore, doc Document) error {
	if _, err := access.Compile(doc.Facts); err != nil {
		return err
	}
	f, site := doc.Facts, doc.Facts.Site.ID
	rules := Rules{
		Revision: f.Revision, Site: f.Site, Settings: f.Settings,
		MembershipTypes: f.MembershipTypes, Resources: f.Resources, Exceptions: f.Exceptions, Closures: f.Closures,
	}
	parts := []part{
		partOf("doors", f.Doors, func(d access.Door) Door { return Door{Door: d, Link: doc.Links[d.ID]} }, to.Door, to.PutDoor),
		partOf("members", f.Members, func(m access.Member) Member { return Member{Member: m} }, to.Member, to.PutMember),
		partOf("grants", f.Grants, func(g access.Grant) Grant { return Grant{Grant: g} }, to.Grant, to.PutGrant),
		partOf("reservations", f.Reservations, func(r reservation.Reservation) Reservation { return Reservation{Reservation: r} },
			to.Reservation, to.PutReservation),
	}
	var c checker
	doc.checkLinks(&c)
	_, err := Normalize(site, rules)
	c.addAll("", err)
	for _, p := range parts {
		p.check(&c, site)
	}
	if err := c.err(); err != nil {
		return err
	}
	switch _, err := to.Rules(ctx, site); {
	case err == nil:
		return fmt.Errorf("storage: site %q already has rules; import into a site that has none: %w", site, ErrConflict)
	case !errors.Is(err, ErrNotFound):
		return err
	}
	for _, p := range parts {
		if err := p.write(ctx, site); err != nil {
			return err
		}
	}
	return to.PutRules(ctx, rules)
}

// part is the facts of one kind of a document.
type part struct {
	check func(c *checker, site string) // adds values that the rules allow and no storage accepts: a NUL, a long id
	write func(ctx context.Context, site string) error
}

func partOf[T any, F Fact](name string, list []T, convert func(T) F, get func(ctx context.Context, site, id string) (F, error),
	put func(ctx context.Context, site string, fact F) error) part {
	return part{
		check: func(c *checker, site string) {
			for i, x := range list {
				_, err := Normalize(site, convert(x))
				c.addAll(fmt.Sprintf("%s[%d].", name, i), err)
			}
		},
		write: func(ctx context.Context, site string) error {
			for _, x := range list {
				if err := importFact(ctx, site, convert(x), get, put); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

// importFact adds a fact, or overwrites that of an earlier import that failed.
func importFact[F Fact](ctx context.Context, site string, fact F, get func(ctx context.Context, site, id string) (F, error),
	put func(ctx context.Context, site string, fact F) error) error {
	err := put(ctx, site, fact)
	if !errors.Is(err, ErrConflict) {
		return err
	}
	_, id, version := RowOf(&fact)
	stored, absent := get(ctx, site, id)
	switch {
	case errors.Is(absent, ErrNotFound): // another door has the lock
		return err
	case absent != nil:
		return absent
	}
	_, _, at := RowOf(&stored)
	*version = *at
	return put(ctx, site, fact)
}

// checkLinks adds links that cannot be.
func (d Document) checkLinks(c *checker) {
	known := map[string]bool{}
	used := map[[2]string]string{} // the door by the site and the id of its lock
	for _, x := range d.Facts.Doors {
		known[x.ID] = true
		link := d.Links[x.ID]
		if link.IsZero() {
			continue
		}
		lock := [2]string{link.Site, link.Lock}
		if other, taken := used[lock]; taken {
			c.add("links."+x.ID, fmt.Sprintf("its lock is linked to door %q as well", other))
		}
		used[lock] = x.ID
	}
	for id := range d.Links {
		c.require(known[id], "links."+id, "there is no such door")
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
