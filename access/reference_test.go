package access_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	_ "time/tzdata"

	"github.com/google/go-cmp/cmp"
)

// The reference answers a request by straight loops over the document, rule by
// rule as RULES.md has them. It shares nothing with the engine: own types, own
// decoding, own clock arithmetic, and no index.
type reference struct {
	doc  refDoc
	zone *time.Location
}

type refDoc struct {
	Revision string `json:"revision,omitempty"`
	Site     struct {
		ID       string `json:"id"`
		Name     string `json:"name,omitempty"`
		TimeZone string `json:"time_zone"`
	} `json:"site"`
	Settings     *refSettings     `json:"settings,omitempty"`
	Doors        []refDoor        `json:"doors,omitempty"`
	Types        []refType        `json:"membership_types,omitempty"`
	Members      []refMember      `json:"members,omitempty"`
	Grants       []refGrant       `json:"grants,omitempty"`
	Resources    []refResource    `json:"resources,omitempty"`
	Reservations []refReservation `json:"reservations,omitempty"`
	Exceptions   []refException   `json:"exceptions,omitempty"`
}

type refSettings struct {
	Before   string `json:"before,omitempty"`
	After    string `json:"after,omitempty"`
	OpenTime string `json:"open_time,omitempty"`
	Buffers  string `json:"buffers,omitempty"`
	Standing *bool  `json:"reservations_require_standing,omitempty"`
}

type refDoor struct {
	ID         string `json:"id"`
	Name       string `json:"name,omitempty"`
	AccessType string `json:"access_type"`
	Disabled   bool   `json:"disabled,omitempty"`
	OpenTime   string `json:"open_time,omitempty"`
}

type refType struct {
	ID    string         `json:"id"`
	Doors []refDoorHours `json:"doors,omitempty"`
}

type refDoorHours struct {
	Door  string   `json:"door"`
	Hours refHours `json:"hours"`
}

type refMember struct {
	ID          string          `json:"id"`
	Standing    *refStanding    `json:"standing,omitempty"`
	Memberships []refMembership `json:"memberships,omitempty"`
}

type refStanding struct {
	State  string     `json:"state,omitempty"`
	Until  *time.Time `json:"until,omitempty"`
	Reason string     `json:"reason,omitempty"`
}

type refMembership struct {
	ID     string     `json:"id"`
	Type   string     `json:"type"`
	From   *time.Time `json:"from,omitempty"`
	Until  *time.Time `json:"until,omitempty"`
	Paused bool       `json:"paused,omitempty"`
}

type refGrant struct {
	ID                 string     `json:"id"`
	Member             string     `json:"member"`
	Door               string     `json:"door"`
	Hours              refHours   `json:"hours"`
	From               *time.Time `json:"from,omitempty"`
	Until              *time.Time `json:"until,omitempty"`
	RequiresMembership *bool      `json:"requires_membership,omitempty"`
	RequiresStanding   *bool      `json:"requires_standing,omitempty"`
}

type refResource struct {
	ID    string   `json:"id"`
	Doors []string `json:"doors,omitempty"`
}

type refReservation struct {
	ID       string     `json:"id"`
	Resource string     `json:"resource"`
	Member   string     `json:"member"`
	Start    time.Time  `json:"start"`
	End      time.Time  `json:"end"`
	EndedAt  *time.Time `json:"ended_at,omitempty"`
	Status   string     `json:"status,omitempty"`
}

type refException struct {
	From  string   `json:"from"`
	To    string   `json:"to"`
	Hours refHours `json:"hours"`
}

type refRange struct {
	Days []string `json:"days,omitempty"`
	From string   `json:"from"`
	To   string   `json:"to"`
}

// refHours is a word ("always", "closed") or a list of ranges.
type refHours struct {
	Word   string
	Ranges []refRange
}

func (h refHours) MarshalJSON() ([]byte, error) {
	if h.Word != "" {
		return json.Marshal(h.Word)
	}
	return json.Marshal(h.Ranges)
}

func (h *refHours) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] == '"' {
		return json.Unmarshal(data, &h.Word)
	}
	return json.Unmarshal(data, &h.Ranges)
}

type refRequest struct {
	At      time.Time `json:"at"`
	Member  string    `json:"member"`
	Door    string    `json:"door"`
	Action  string    `json:"action"`
	Holding bool      `json:"holding,omitempty"`
}

// refDecision has the fields of section 5 in their order, nil for null, and
// marshals to the text the section and section 7 describe.
type refDecision struct {
	Allowed     bool        `json:"allowed"`
	Reason      string      `json:"reason"`
	Evidence    refEvidence `json:"evidence"`
	ValidUntil  *time.Time  `json:"valid_until"`
	NextChange  *time.Time  `json:"next_change"`
	RelockAfter *string     `json:"relock_after"`
	Revision    string      `json:"revision,omitempty"`
}

type refEvidence struct {
	Memberships  []string `json:"memberships"`
	Grants       []string `json:"grants"`
	Reservations []string `json:"reservations"`
}

func (d refDecision) String() string {
	text, err := json.Marshal(d)
	if err != nil {
		panic(err)
	}
	return string(text)
}

func newReference(document []byte) (*reference, error) {
	var r reference
	if err := json.Unmarshal(document, &r.doc); err != nil {
		return nil, err
	}
	zone, err := time.LoadLocation(r.doc.Site.TimeZone)
	r.zone = zone
	return &r, err
}

// --- section 2: hours ---

// open tells whether the wall clock of t in the site's zone lies in a range
// that starts on that date, or in the part after midnight of one that started
// on the date before.
func (r *reference) open(h refHours, t time.Time) bool {
	if h.Word == "always" {
		return true
	}
	local := t.In(r.zone)
	clock := time.Duration(local.Hour())*time.Hour + time.Duration(local.Minute())*time.Minute +
		time.Duration(local.Second())*time.Second + time.Duration(local.Nanosecond())
	today := time.Date(local.Year(), local.Month(), local.Day(), 0, 0, 0, 0, time.UTC) // a date, not an instant
	for _, g := range r.rangesOn(h, today) {
		from, to := refClock(g.From), refClock(g.To)
		if clock >= from && (clock < to || to < from) {
			return true
		}
	}
	for _, g := range r.rangesOn(h, today.AddDate(0, 0, -1)) {
		if from, to := refClock(g.From), refClock(g.To); to < from && clock < to {
			return true
		}
	}
	return false
}

// rangesOn lists the ranges that start on a date: the exception's if one covers
// the date and the list has any range on that weekday, else the list's own.
func (r *reference) rangesOn(h refHours, date time.Time) []refRange {
	day := strings.ToLower(date.Weekday().String()[:3])
	var own []refRange
	for _, g := range h.Ranges {
		if slices.Contains(g.Days, day) {
			own = append(own, g)
		}
	}
	if len(own) == 0 {
		return nil
	}
	name := date.Format(time.DateOnly)
	for _, e := range slices.Backward(r.doc.Exceptions) { // the last one wins
		if e.From <= name && name <= e.To {
			return e.Hours.Ranges
		}
	}
	return own
}

func refClock(hhmm string) time.Duration {
	var h, m int
	if _, err := fmt.Sscanf(hhmm, "%d:%d", &h, &m); err != nil {
		panic(err)
	}
	return time.Duration(h)*time.Hour + time.Duration(m)*time.Minute
}

// --- section 3: bases ---

type refBasis struct {
	kind    string // membership, grant, reservation
	id      string
	opens   func(t time.Time, ignoreStanding bool) bool
	inForce func(t time.Time) bool // membership and grant, the wanted membership included
	hours   refHours
}

func refWithin(from, until *time.Time, t time.Time) bool {
	return (from == nil || !t.Before(*from)) && (until == nil || t.Before(*until))
}

func refTrue(b *bool) bool { return b == nil || *b }

func (m refMember) standingHolds(t time.Time) bool {
	if m.Standing == nil {
		return true
	}
	switch m.Standing.State {
	case "", "good":
		return true
	case "grace":
		return t.Before(*m.Standing.Until)
	}
	return false
}

func (m refMember) anyMembership(t time.Time) bool {
	for _, ms := range m.Memberships {
		if !ms.Paused && refWithin(ms.From, ms.Until, t) {
			return true
		}
	}
	return false
}

func (r *reference) bases(m refMember, door string) []refBasis {
	var all []refBasis
	for _, ms := range m.Memberships {
		for _, ty := range r.doc.Types {
			for _, dh := range ty.Doors {
				if ty.ID != ms.Type || dh.Door != door {
					continue
				}
				inForce := func(t time.Time) bool { return !ms.Paused && refWithin(ms.From, ms.Until, t) }
				all = append(all, refBasis{"membership", ms.ID, func(t time.Time, ignore bool) bool {
					return inForce(t) && r.open(dh.Hours, t) && (ignore || m.standingHolds(t))
				}, inForce, dh.Hours})
			}
		}
	}
	for _, g := range r.doc.Grants {
		if g.Member != m.ID || g.Door != door {
			continue
		}
		inForce := func(t time.Time) bool {
			return refWithin(g.From, g.Until, t) && (!refTrue(g.RequiresMembership) || m.anyMembership(t))
		}
		all = append(all, refBasis{"grant", g.ID, func(t time.Time, ignore bool) bool {
			return inForce(t) && r.open(g.Hours, t) && (ignore || !refTrue(g.RequiresStanding) || m.standingHolds(t))
		}, inForce, g.Hours})
	}
	for _, b := range r.doc.Reservations {
		if b.Member != m.ID || !refConfirmed(b) || !r.lists(b.Resource, door) {
			continue
		}
		from, until := r.window(b)
		all = append(all, refBasis{"reservation", b.ID, func(t time.Time, ignore bool) bool {
			return refWithin(&from, &until, t) && (ignore || !r.bookingsWantStanding() || m.standingHolds(t))
		}, nil, refHours{}})
	}
	return all
}

func refConfirmed(b refReservation) bool { return b.Status == "" || b.Status == "confirmed" }

func (r *reference) bookingsWantStanding() bool {
	return r.doc.Settings == nil || refTrue(r.doc.Settings.Standing)
}

func (r *reference) lists(resource, door string) bool {
	for _, res := range r.doc.Resources {
		if res.ID == resource && slices.Contains(res.Doors, door) {
			return true
		}
	}
	return false
}

func refEffectiveEnd(b refReservation) time.Time {
	if b.EndedAt != nil && b.EndedAt.Before(b.End) {
		return *b.EndedAt
	}
	return b.End
}

func (r *reference) setting(text, otherwise string) time.Duration {
	if text == "" {
		text = otherwise
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		panic(err)
	}
	return d
}

func (r *reference) window(b refReservation) (from, until time.Time) {
	s := refSettings{}
	if r.doc.Settings != nil {
		s = *r.doc.Settings
	}
	end := refEffectiveEnd(b)
	from, until = b.Start.Add(-r.setting(s.Before, "15m")), end.Add(r.setting(s.After, "15m"))
	if s.Buffers != "clip" {
		return from, until
	}
	for _, o := range r.doc.Reservations {
		if o.Resource != b.Resource || o.Member == b.Member || !refConfirmed(o) {
			continue
		}
		if e := refEffectiveEnd(o); !e.After(b.Start) && e.After(from) {
			from = e
		}
		if !o.Start.Before(end) && o.Start.Before(until) {
			until = o.Start
		}
	}
	return from, until
}

// --- sections 4 and 5: the decision ---

const refHorizon = 370 * 24 * time.Hour

func (r *reference) decide(q refRequest) refDecision {
	none := refEvidence{[]string{}, []string{}, []string{}}
	deny := func(reason string, next *time.Time) refDecision {
		return refDecision{Reason: reason, Evidence: none, NextChange: next, Revision: r.doc.Revision}
	}
	d := slices.IndexFunc(r.doc.Doors, func(d refDoor) bool { return d.ID == q.Door })
	if d < 0 {
		return deny("unknown_door", nil)
	}
	m := slices.IndexFunc(r.doc.Members, func(m refMember) bool { return m.ID == q.Member })
	if m < 0 {
		return deny("unknown_member", nil)
	}
	door, member, bases := r.doc.Doors[d], r.doc.Members[m], r.bases(r.doc.Members[m], q.Door)
	opens := func(t time.Time, ignoreStanding bool) bool {
		return slices.ContainsFunc(bases, func(b refBasis) bool { return b.opens(t, ignoreStanding) })
	}
	allowed := func(t time.Time, ignoreStanding bool) bool {
		unlock := opens(t, ignoreStanding) && !door.Disabled
		switch q.Action {
		case "unlock":
			return unlock
		case "office_mode":
			return unlock && door.AccessType == "access_and_office_mode"
		case "lock":
			return unlock || q.Holding
		}
		return false
	}
	edges := r.edges(q.At, member, bases)
	first := func(want, ignoreStanding bool) *time.Time {
		for _, e := range edges {
			if allowed(e, ignoreStanding) == want {
				return &e
			}
		}
		return nil
	}

	if allowed(q.At, false) {
		out := refDecision{Allowed: true, Evidence: none, ValidUntil: first(false, false), Revision: r.doc.Revision}
		lists := map[string]*[]string{"membership": &out.Evidence.Memberships, "grant": &out.Evidence.Grants, "reservation": &out.Evidence.Reservations}
		for _, b := range bases {
			if b.opens(q.At, false) {
				*lists[b.kind] = append(*lists[b.kind], b.id)
			}
		}
		for _, kind := range []string{"reservation", "membership", "grant"} { // the last that is there wins
			slices.Sort(*lists[kind])
			*lists[kind] = slices.Compact(*lists[kind])
			if len(*lists[kind]) > 0 {
				out.Reason = kind
			}
		}
		if door.Disabled || out.Reason == "" {
			out.Reason = "holder"
		}
		if q.Action == "unlock" {
			s := refSettings{}
			if r.doc.Settings != nil {
				s = *r.doc.Settings
			}
			out.RelockAfter = new(r.setting(door.OpenTime, r.setting(s.OpenTime, "7s").String()).String())
		}
		return out
	}

	if door.Disabled {
		return deny("door_disabled", nil)
	}
	if q.Action == "office_mode" && door.AccessType == "access_only" {
		return deny("office_mode_not_offered", nil)
	}
	next := first(true, false)
	if !member.standingHolds(q.At) && allowed(q.At, true) {
		return deny("standing_blocked", next)
	}
	if next == nil && first(true, true) != nil {
		return deny("standing_blocked", nil)
	}
	if next != nil {
		return deny(refWaiting(bases, q.At, *next), next)
	}
	return deny(r.never(member, bases, q), nil)
}

// refWaiting names what the member waits for: rule 6.
func refWaiting(bases []refBasis, t, next time.Time) string {
	var found []string
	for _, b := range bases {
		switch {
		case !b.opens(next, false):
		case b.kind == "reservation":
			found = append(found, "too_early")
		case b.inForce(t):
			found = append(found, "outside_hours")
		default:
			found = append(found, "not_started")
		}
	}
	for _, reason := range []string{"too_early", "outside_hours", "not_started"} {
		if slices.Contains(found, reason) {
			return reason
		}
	}
	panic("something opens, but nothing opens")
}

// never gives rules 7 and 8.
func (r *reference) never(m refMember, bases []refBasis, q refRequest) string {
	found := map[string]bool{}
	for _, b := range r.doc.Reservations {
		if !r.lists(b.Resource, q.Door) {
			continue
		}
		from, until := r.window(b)
		inside := refWithin(&from, &until, q.At)
		switch mine := b.Member == m.ID; {
		case mine && b.Status == "pending" && inside:
			found["reservation_pending"] = true
		case mine && b.Status == "cancelled" && inside:
			found["reservation_cancelled"] = true
		case mine && refConfirmed(b) && !q.At.Before(until) && !q.At.After(until.Add(24*time.Hour)):
			found["reservation_over"] = true
		case !mine && refConfirmed(b) && inside:
			found["not_booker"] = true
		}
	}
	wanting := false // a grant is in force but for the membership it wants
	for _, g := range r.doc.Grants {
		if g.Member != m.ID || g.Door != q.Door {
			continue
		}
		if refWithin(g.From, g.Until, q.At) && refTrue(g.RequiresMembership) && !m.anyMembership(q.At) {
			wanting = true
		}
		if g.Until != nil && !g.Until.After(q.At) {
			found["grant_ended"] = true
		}
	}
	for _, ms := range m.Memberships {
		lists := slices.ContainsFunc(r.doc.Types, func(ty refType) bool {
			return ty.ID == ms.Type && slices.ContainsFunc(ty.Doors, func(dh refDoorHours) bool { return dh.Door == q.Door })
		})
		if !lists && !wanting {
			continue
		}
		if ms.Paused {
			found["membership_paused"] = true
		} else if ms.Until != nil && !ms.Until.After(q.At) {
			found["membership_ended"] = true
		}
	}
	for _, reason := range []string{"reservation_pending", "reservation_cancelled", "reservation_over", "membership_paused", "membership_ended", "grant_ended", "not_booker"} {
		if found[reason] {
			return reason
		}
	}
	return "no_entitlement"
}

// edges lists, in order, every instant in (t, t + 370 days] at which anything
// could change: the ends of all intervals, the zone's shifts, and inside each
// stretch of one offset every midnight and every from and to on every date.
func (r *reference) edges(t time.Time, m refMember, bases []refBasis) []time.Time {
	last := t.Add(refHorizon)
	var all []time.Time
	add := func(e *time.Time) {
		if e != nil && e.After(t) && !e.After(last) {
			all = append(all, e.UTC())
		}
	}
	if m.Standing != nil {
		add(m.Standing.Until)
	}
	for _, ms := range m.Memberships {
		add(ms.From)
		add(ms.Until)
	}
	for _, g := range r.doc.Grants {
		if g.Member == m.ID {
			add(g.From)
			add(g.Until)
		}
	}
	for _, b := range r.doc.Reservations {
		if b.Member == m.ID {
			from, until := r.window(b)
			add(&from)
			add(&until)
		}
	}
	clocks := map[int64]bool{}
	for _, b := range bases {
		for _, g := range b.hours.Ranges {
			clocks[0], clocks[int64(refClock(g.From).Seconds())], clocks[int64(refClock(g.To).Seconds())] = true, true, true
		}
	}
	if len(clocks) > 0 {
		for _, e := range r.doc.Exceptions {
			for _, g := range e.Hours.Ranges {
				clocks[int64(refClock(g.From).Seconds())], clocks[int64(refClock(g.To).Seconds())] = true, true
			}
		}
		for s := t; !s.After(last); {
			_, stop := s.In(r.zone).ZoneBounds()
			_, offset := s.In(r.zone).Zone()
			if stop.IsZero() || stop.After(last) {
				stop = last.Add(time.Second)
			}
			for day := (s.Unix()+int64(offset))/86400 - 2; day*86400-int64(offset) <= stop.Unix(); day++ {
				for c := range clocks {
					if e := time.Unix(day*86400+c-int64(offset), 0); e.After(s) && e.Before(stop) {
						add(&e)
					}
				}
			}
			add(&stop)
			s = stop
		}
	}
	slices.SortFunc(all, time.Time.Compare)
	return slices.CompactFunc(all, time.Time.Equal)
}

// --- the cases ---

type refCase struct {
	Name     string          `json:"name"`
	Why      string          `json:"why"`
	Facts    json.RawMessage `json:"facts"`
	Requests []struct {
		refRequest
		Want map[string]json.RawMessage `json:"want"`
	} `json:"requests"`
	WantErrorPaths []string `json:"want_error_paths"`
}

func readCases(t *testing.T, pattern string) []refCase {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", pattern))
	if err != nil || len(files) == 0 {
		t.Fatalf("no case files at testdata/%s: %v", pattern, err)
	}
	var all []refCase
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var c refCase
		d := json.NewDecoder(bytes.NewReader(data))
		d.DisallowUnknownFields()
		if err := d.Decode(&c); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		if c.Name != strings.TrimSuffix(filepath.Base(file), ".json") {
			t.Errorf("%s: its name is %q", file, c.Name)
		}
		all = append(all, c)
	}
	return all
}

// The reference itself must agree with every case, else it proves nothing.
func TestReferenceCases(t *testing.T) {
	for _, c := range readCases(t, "cases/*.json") {
		t.Run(c.Name, func(t *testing.T) {
			r, err := newReference(c.Facts)
			if err != nil {
				t.Fatal(err)
			}
			if c.Why == "" || len(c.Requests) == 0 {
				t.Error("a case says why and asks something")
			}
			for i, q := range c.Requests {
				var got map[string]json.RawMessage
				if err := json.Unmarshal([]byte(r.decide(q.refRequest).String()), &got); err != nil {
					t.Fatal(err)
				}
				for field, want := range q.Want {
					var a, b any
					if json.Unmarshal(got[field], &a) != nil || json.Unmarshal(want, &b) != nil {
						t.Fatalf("request %d: %s is missing", i, field)
					}
					if diff := cmp.Diff(b, a); diff != "" {
						t.Errorf("request %d at %s: %s (-want +got):\n%s", i, q.At.Format(time.RFC3339Nano), field, diff)
					}
				}
			}
		})
	}
}
