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

// Stores are the four stores of facts: one storage for all, or one for each.
type Stores struct {
	Doors        DoorStore
	Rules        RuleStore
	Members      MemberStore
	Reservations ReservationStore
}

// Document is all facts of one site with the links of its doors: to move it,
// back it up, or attach it to a bug report. It contains no secret, no receipt and
// no log.
type Document struct {
	Facts access.Facts    `json:"facts"` // RULES.md 1
	Links map[string]Link `json:"links"` // by door
	// LeftOut names what Export left out because it points to something that does
	// not exist any more, such as the bookings of a member who was deleted. It is
	// not part of the JSON.
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
		return Document{}, errors.New("storage: something follows the document")
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

// Export reads the facts of a whole site. Each store is read as it is at that
// moment: if the parts must fit exactly, nothing may change meanwhile. Rows that
// point to something that does not exist any more are left out, and named in
// LeftOut, so that Import takes the document.
func Export(ctx context.Context, s Stores, site string) (Document, error) {
	rules, err := s.Rules.Rules(ctx, site)
	if err != nil {
		return Document{}, err
	}
	doc := Document{Links: map[string]Link{}, Facts: access.Facts{
		Revision: rules.Revision, Site: rules.Site, Settings: rules.Settings,
		MembershipTypes: rules.MembershipTypes, Resources: rules.Resources, Exceptions: rules.Exceptions, Closures: rules.Closures,
	}}
	doors, err := s.Doors.Doors(ctx, site)
	if err != nil {
		return Document{}, err
	}
	for _, d := range doors {
		doc.Facts.Doors = append(doc.Facts.Doors, d.Door)
		if !d.Link.IsZero() {
			doc.Links[d.ID] = d.Link
		}
	}
	if doc.Facts.Grants, err = s.Rules.Grants(ctx, site, ""); err != nil {
		return Document{}, err
	}
	for m, err := range s.Members.Members(ctx, site) {
		if err != nil {
			return Document{}, err
		}
		doc.Facts.Members = append(doc.Facts.Members, m)
	}
	for r, err := range s.Reservations.Reservations(ctx, ReservationQuery{Site: site}) {
		if err != nil {
			return Document{}, err
		}
		doc.Facts.Reservations = append(doc.Facts.Reservations, r)
	}
	doc.leaveOutDangling()
	return doc, nil
}

// Import writes the facts of a whole site, after checking all of them: facts that
// access.Compile refuses and links of unknown doors leave the stores as they were.
// ErrConflict: the site has rules already. The rules are written last, so an import
// that failed half-way opens nothing and may be tried again.
func Import(ctx context.Context, s Stores, doc Document) error {
	site := doc.Facts.Site.ID
	if _, err := access.Compile(doc.Facts); err != nil {
		return err
	}
	if err := doc.checkLinks(); err != nil {
		return err
	}
	if err := doc.checkTexts(); err != nil {
		return err
	}
	switch _, err := s.Rules.Rules(ctx, site); {
	case err == nil:
		return fmt.Errorf("storage: site %q has rules already; import into a site that has none: %w", site, ErrConflict)
	case !errors.Is(err, ErrNotFound):
		return err
	}
	for _, d := range doc.Facts.Doors {
		door := doc.door(d)
		err := s.Doors.AddDoor(ctx, site, door)
		if errors.Is(err, ErrConflict) { // from a try before
			old, none := s.Doors.Door(ctx, site, d.ID)
			switch {
			case none == nil:
				door.Version = old.Version
				err = s.Doors.UpdateDoor(ctx, site, door)
			case !errors.Is(none, ErrNotFound): // else another door has its lock
				err = none
			}
		}
		if err != nil {
			return err
		}
	}
	for _, m := range doc.Facts.Members {
		if err := s.Members.PutMember(ctx, site, m); err != nil {
			return err
		}
	}
	for _, g := range doc.Facts.Grants {
		if err := s.Rules.PutGrant(ctx, site, g); err != nil {
			return err
		}
	}
	for _, r := range doc.Facts.Reservations {
		if err := s.Reservations.PutReservation(ctx, site, r); err != nil {
			return err
		}
	}
	return s.Rules.PutRules(ctx, doc.rules())
}

func (d Document) door(x access.Door) Door { return Door{Door: x, Link: d.Links[x.ID]} }

func (d Document) rules() Rules {
	f := d.Facts
	return Rules{
		Revision: f.Revision, Site: f.Site, Settings: f.Settings,
		MembershipTypes: f.MembershipTypes, Resources: f.Resources, Exceptions: f.Exceptions, Closures: f.Closures,
	}
}

// checkTexts finds what the rules allow and no storage keeps: a NUL, a long id.
func (d Document) checkTexts() error {
	var list []Fault
	add := func(path string, err error) {
		if e, ok := errors.AsType[*RequestError](err); ok {
			for _, f := range e.Faults {
				list = append(list, Fault{Field: path + f.Field, What: f.What})
			}
		}
	}
	site := d.Facts.Site.ID
	add("", CheckFact(site, d.rules()))
	for i, x := range d.Facts.Doors {
		add(fmt.Sprintf("Doors[%d].", i), CheckFact(site, d.door(x)))
	}
	for i, x := range d.Facts.Members {
		add(fmt.Sprintf("Members[%d].", i), CheckFact(site, x))
	}
	for i, x := range d.Facts.Grants {
		add(fmt.Sprintf("Grants[%d].", i), CheckFact(site, x))
	}
	for i, x := range d.Facts.Reservations {
		add(fmt.Sprintf("Reservations[%d].", i), CheckFact(site, x))
	}
	if list != nil {
		return &RequestError{Faults: list}
	}
	return nil
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
			list = append(list, Fault{Field: "links." + x.ID, What: fmt.Sprintf("its lock is linked to door %q already", other)})
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
