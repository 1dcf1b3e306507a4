package access_test

import (
	"encoding/json"
	"errors"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/reservation"
)

// rounds returns how many random documents a test checks: DOORKIT_ROUNDS, or all that
// .ci/run full checks, a third of them, a quarter with -short.
func rounds(t *testing.T, full int) uint64 {
	t.Helper()
	if text := os.Getenv("DOORKIT_ROUNDS"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatal(err)
		}
		return uint64(n)
	}
	switch {
	case testing.Short():
		return uint64(full / 4)
	case os.Getenv("DOORKIT_FULL") != "1":
		return uint64(full / 3)
	}
	return uint64(full)
}

func firstSeed() uint64 {
	n, _ := strconv.ParseUint(os.Getenv("DOORKIT_SEED"), 10, 64)
	return n
}

// The engine must give what the reference gives, field by field and in its
// JSON, from a Policy and from a Question.
func TestDecideLikeReference(t *testing.T) {
	reasons := map[access.Reason]int{}
	for seed := range rounds(t, 300) {
		t.Run(strconv.FormatUint(firstSeed()+seed, 10), func(t *testing.T) {
			differ(t, newDice(firstSeed()+seed, nil), 4, reasons)
		})
	}
	for _, reason := range everyReason {
		if reasons[reason] == 0 && !testing.Short() && os.Getenv("DOORKIT_ROUNDS") == "" {
			t.Errorf("no request was answered with %s: the documents are not varied enough", reason)
		}
	}
}

// Every case, whichever fields it expects, is answered in full as the reference
// answers it; and refused at the same paths.
func TestCasesLikeReference(t *testing.T) {
	for _, c := range readCases(t, "cases/*.json") {
		r, err := newReference(c.Facts)
		if err != nil {
			t.Fatal(err)
		}
		facts, err := access.ParseFacts(c.Facts)
		if err != nil {
			t.Fatalf("%s: %v", c.Name, err)
		}
		policy := compile(t, facts)
		roundTrip(t, facts)
		for _, q := range c.Requests {
			request := access.Request{Member: q.Member, Door: q.Door, Action: access.Action(q.Action), At: q.At, Holding: q.Holding}
			got := policy.Decide(request)
			if diff := sameDecision(got, r.decide(q.refRequest)); diff != "" {
				t.Errorf("%s, %+v (-want +got):\n%s", c.Name, q.refRequest, diff)
			}
			stepOver(t, policy, request, got, newDice(1, nil), c.Facts)
		}
	}
	for _, c := range readCases(t, "cases/invalid/*.json") {
		_, err := access.ParseFacts(c.Facts)
		if diff := cmp.Diff(slices.Sorted(slices.Values(c.WantErrorPaths)), faultPaths(err)); diff != "" {
			t.Errorf("%s: paths (-want +got):\n%s%v", c.Name, diff, err)
		}
	}
}

var everyReason = []access.Reason{
	access.ReasonGrant, access.ReasonMembership, access.ReasonReservation, access.ReasonHolder,
	access.ReasonUnknownDoor, access.ReasonUnknownMember,
	access.ReasonDoorDisabled, access.ReasonOfficeModeNotOffered, access.ReasonDoorClosed,
	access.ReasonStandingBlocked, access.ReasonTooEarly, access.ReasonOutsideHours, access.ReasonNotStarted,
	access.ReasonReservationPending, access.ReasonReservationCancelled, access.ReasonReservationOver, access.ReasonMembershipPaused,
	access.ReasonMembershipEnded, access.ReasonMembershipRequired, access.ReasonGrantEnded, access.ReasonNotBooker, access.ReasonNoEntitlement,
}

func differ(t *testing.T, d *dice, requests int, reasons map[access.Reason]int) {
	t.Helper()
	s := newScene(d)
	document, err := json.MarshalIndent(s.doc, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	r, err := newReference(document)
	if err != nil {
		t.Fatal(err)
	}
	facts, err := access.ParseFacts(document)
	if err != nil {
		t.Fatalf("%v\n%s", err, document)
	}
	policy, err := access.Compile(facts)
	if err != nil {
		t.Fatalf("%v\n%s", err, document)
	}
	for range requests {
		q := s.request(r)
		want := r.decide(q)
		request := access.Request{Member: q.Member, Door: q.Door, Action: access.Action(q.Action), At: q.At, Holding: q.Holding}
		got := policy.Decide(request)
		reasons[got.Reason]++
		if diff := sameDecision(got, want); diff != "" {
			t.Fatalf("Decide %+v (-want +got):\n%s\n%s", q, diff, document)
		}
		for name, question := range map[string]access.Question{
			"everything":     deriveQuestion(facts, q, nil),
			"what counts":    deriveQuestion(facts, q, &q.At),
			"with Location":  withLocation(deriveQuestion(facts, q, &q.At), s.zone),
			"in other order": reversed(deriveQuestion(facts, q, nil)),
		} {
			got, err := access.Evaluate(question, request)
			if err != nil {
				t.Fatalf("Evaluate, %s, %+v: %v\n%s", name, q, err, document)
			}
			if diff := sameDecision(got, want); diff != "" {
				t.Fatalf("Evaluate, %s, %+v (-want +got):\n%s\n%s", name, q, diff, document)
			}
		}
		stepOver(t, policy, request, got, d, document)
	}
}

// sameDecision compares the fields, the evidence and the JSON text.
func sameDecision(got access.Decision, want refDecision) string {
	pointer := func(t time.Time) *time.Time {
		if t.IsZero() {
			return nil
		}
		return new(t.UTC())
	}
	fields := refDecision{
		got.Allowed, string(got.Reason), refEvidence(got.Evidence()),
		pointer(got.ValidUntil), pointer(got.NextChange), nil, got.Revision,
	}
	if got.RelockAfter != 0 {
		fields.RelockAfter = new(got.RelockAfter.String())
	}
	if diff := cmp.Diff(want, fields); diff != "" {
		return diff
	}
	text, err := json.Marshal(got)
	if err != nil {
		return err.Error()
	}
	return cmp.Diff(want.String(), string(text))
}

// stepOver checks the promised instant by stepping over it by a microsecond,
// and some instants on the way to it.
func stepOver(t *testing.T, policy *access.Policy, request access.Request, got access.Decision, d *dice, document []byte) {
	t.Helper()
	allowed := func(at time.Time) bool {
		next := request
		next.At = at
		return policy.Decide(next).Allowed
	}
	change := got.ValidUntil
	if !got.Allowed {
		change = got.NextChange
	}
	last := change.Add(-time.Microsecond)
	if change.IsZero() {
		last = request.At.Add(refHorizon)
	} else if !change.After(request.At) || allowed(change) == got.Allowed {
		t.Fatalf("%+v: nothing changes at %s\n%s", request, change, document)
	}
	for _, at := range []time.Time{request.At, last, request.At.Add(time.Duration(d.rng.Int64N(int64(last.Sub(request.At) + 1))))} {
		if allowed(at) != got.Allowed {
			t.Fatalf("%+v: changes at or before %s, promised for %s\n%s", request, at, change, document)
		}
	}
}

// deriveQuestion takes from the facts, by straight loops, what a host would
// load for one request. Without an instant it takes everything that the
// comment of Evaluate names, else no more than what can count at that instant.
func deriveQuestion(f access.Facts, q refRequest, at *time.Time) access.Question {
	out := access.Question{
		Revision: f.Revision, TimeZone: f.Site.TimeZone, Settings: f.Settings,
		Exceptions: f.Exceptions, Closures: f.Closures,
	}
	for _, d := range f.Doors {
		if d.ID == q.Door {
			out.Door = &d
		}
	}
	for _, m := range f.Members {
		if m.ID == q.Member {
			out.Member = &m
		}
	}
	for _, ty := range f.MembershipTypes {
		if out.Member != nil && slices.ContainsFunc(out.Member.Memberships, func(m access.Membership) bool { return m.Type == ty.ID }) {
			if at != nil {
				ty.Doors = slices.DeleteFunc(slices.Clone(ty.Doors), func(d access.DoorHours) bool { return d.Door != q.Door })
			}
			out.MembershipTypes = append(out.MembershipTypes, ty)
		}
	}
	for _, g := range f.Grants {
		if g.Member == q.Member && g.Door == q.Door {
			out.Grants = append(out.Grants, g)
		}
	}
	for _, r := range f.Resources {
		if slices.Contains(r.Doors, q.Door) {
			out.Resources = append(out.Resources, r)
		}
	}
	const day = 24 * time.Hour
	// near reports whether the time of a reservation reaches into [from, until].
	near := func(r reservation.Reservation, from, until time.Time) bool {
		first, last := r.Start, r.EffectiveEnd()
		if last.Before(first) { // it was ended before it began
			first, last = last, first
		}
		return !first.After(until) && !last.Before(from)
	}
	var others []reservation.Reservation
	for _, r := range f.Reservations {
		lists := slices.ContainsFunc(out.Resources, func(res access.Resource) bool { return res.ID == r.Resource })
		mine := r.Member == q.Member || slices.Contains(r.Guests, q.Member)
		switch {
		case !lists:
		case mine && (at == nil || near(r, at.Add(-2*day), at.Add(371*day))):
			out.Reservations = append(out.Reservations, r)
		case r.Member != q.Member && r.Status.OrDefault() == reservation.Confirmed:
			others = append(others, r)
		}
	}
	for _, r := range others {
		counts := at == nil || near(r, at.Add(-day), at.Add(day)) ||
			slices.ContainsFunc(out.Reservations, func(own reservation.Reservation) bool {
				return own.Resource == r.Resource && near(r, own.Start.Add(-day), own.EffectiveEnd().Add(day))
			})
		if counts {
			out.Neighbors = append(out.Neighbors, access.Neighbor{
				Resource: r.Resource, Booker: r.Member,
				Start: r.Start, End: r.End, EndedAt: r.EndedAt,
			})
		}
	}
	return out
}

func withLocation(q access.Question, zone *time.Location) access.Question {
	q.TimeZone, q.Location = "", zone
	return q
}

func reversed(q access.Question) access.Question {
	slices.Reverse(q.MembershipTypes)
	slices.Reverse(q.Grants)
	slices.Reverse(q.Reservations)
	slices.Reverse(q.Neighbors)
	return q
}

// faultPaths gives the paths an error of ParseFacts or Compile names, in order.
func faultPaths(err error) []string {
	if err == nil {
		return nil
	}
	bad, ok := errors.AsType[*access.FactsError](err)
	if !ok {
		return []string{"not a *FactsError: " + err.Error()}
	}
	paths := []string{}
	for _, f := range bad.Faults {
		paths = append(paths, f.Path)
	}
	slices.Sort(paths)
	return slices.Compact(paths)
}
