package access_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/reservation"
)

// noon is 12:00 on a Monday in Berlin.
var noon = time.Date(2026, 5, 4, 10, 0, 0, 0, time.UTC)

// space is a site with one meeting room, one resident and one who only books.
func space() access.Facts {
	return access.Facts{
		Site:  access.Site{ID: "loft", Name: "The Loft", TimeZone: "Europe/Berlin"},
		Doors: []access.Door{{ID: "front", Name: "Front Door", AccessType: access.AccessOnly}},
		MembershipTypes: []access.MembershipType{{ID: "day", Doors: []access.DoorHours{{
			Door:  "front",
			Hours: access.Weekly(access.Range{Days: []access.Day{access.Mon, access.Tue}, From: access.At(8, 0), To: access.At(18, 0)}),
		}}}},
		Members: []access.Member{
			{ID: "ada", Memberships: []access.Membership{{ID: "m1", Type: "day"}}},
			{ID: "bob"},
		},
		Resources: []access.Resource{{ID: "room", Doors: []string{"front"}}},
		Reservations: []reservation.Reservation{
			{ID: "r1", Resource: "room", Member: "bob", Start: noon.Add(time.Hour), End: noon.Add(2 * time.Hour)},
		},
	}
}

func must(p *access.Policy, err error) *access.Policy {
	if err != nil {
		panic(err)
	}
	return p
}

func ExampleCompile() {
	policy, err := access.Compile(space())
	if err != nil {
		fmt.Println(err)
		return
	}
	d := policy.Decide(access.Request{Member: "ada", Door: "front", Action: access.Unlock, At: noon})
	fmt.Println(d.Allowed, d.Reason, "until", d.ValidUntil.Format(time.RFC3339))
	// Output: true membership until 2026-05-04T16:00:00Z
}

func ExampleCompile_faults() {
	facts := space()
	facts.Site.TimeZone = "Local"
	facts.Members[0].Memberships[0].Type = "gold"
	_, err := access.Compile(facts)
	fmt.Println(err)
	// Output:
	// access: bad facts:
	// 	site.time_zone: the zone of this machine is not the zone of a site: name one, such as Europe/Berlin
	// 	members[0].memberships[0].type: no membership type "gold"
}

func ExampleParseFacts() {
	_, err := access.ParseFacts([]byte(`{"site": {"id": "loft", "time_zone": "Europe/Berlin"}, "doors": [{"id": "front", "color": "red"}]}`))
	bad, _ := errors.AsType[*access.FactsError](err)
	for _, fault := range bad.Faults {
		fmt.Println(fault.Path)
	}
	// Output:
	// doors[0].access_type
	// doors[0].color
}

func ExampleFacts_MarshalJSON() {
	data, _ := json.Marshal(access.Facts{
		Site:  access.Site{ID: "loft", TimeZone: "Europe/Berlin"},
		Doors: []access.Door{{ID: "front", AccessType: access.AccessOnly}},
	})
	fmt.Println(string(data))
	// Output: {"site":{"id":"loft","time_zone":"Europe/Berlin"},"doors":[{"id":"front","access_type":"access_only"}]}
}

func ExampleParseRequest() {
	r, err := access.ParseRequest([]byte(`{"at":"2026-05-04T12:00:00+02:00","member":"ada","door":"front","action":"unlock"}`))
	fmt.Println(r.Member, r.Door, r.Action, r.At.Equal(noon), err)
	// Output: ada front unlock true <nil>
}

func ExampleParseInstant() {
	_, err := access.ParseInstant("2026-05-04T12:00:00")
	fmt.Println(err)
	// Output: "2026-05-04T12:00:00" is not an instant: must be RFC 3339 with an offset, such as 2026-05-04T14:00:00+02:00
}

func ExampleParseClock() {
	c, _ := access.ParseClock("08:30")
	fmt.Println(c == access.At(8, 30), c)
	// Output: true 08:30
}

func ExampleParseDate() {
	_, err := access.ParseDate("2026-02-29")
	fmt.Println(err)
	// Output: "2026-02-29" is not a date: write YYYY-MM-DD
}

func ExamplePolicy_Decide() {
	policy := must(access.Compile(space()))
	d := policy.Decide(access.Request{Member: "bob", Door: "front", Action: access.Unlock, At: noon})
	fmt.Println(d.Allowed, d.Reason, "until", d.NextChange.Format(time.RFC3339))
	fmt.Println(d.Message())
	// Output:
	// false too_early until 2026-05-04T10:45:00Z
	// It is too early for your reservation.
}

func ExampleDecision_MarshalJSON() {
	policy := must(access.Compile(space()))
	d := policy.Decide(access.Request{Member: "bob", Door: "front", Action: access.Unlock, At: noon.Add(time.Hour)})
	data, _ := json.MarshalIndent(d, "", "  ")
	fmt.Println(string(data))
	// Output:
	// {
	//   "allowed": true,
	//   "reason": "reservation",
	//   "evidence": {
	//     "memberships": [],
	//     "grants": [],
	//     "reservations": [
	//       "r1"
	//     ]
	//   },
	//   "valid_until": "2026-05-04T12:15:00Z",
	//   "next_change": null,
	//   "relock_after": "7s"
	// }
}

func ExampleDecision_Explain() {
	policy := must(access.Compile(space()))
	fmt.Println(policy.Decide(access.Request{Member: "ada", Door: "front", Action: access.Unlock, At: noon.Add(7 * time.Hour)}).Explain())
	// Output:
	// ada at front, 2026-05-04T17:00:00Z: denied (outside_hours); standing good
	//   membership m1: outside its hours; opens 2026-05-05T06:00:00Z
}

func ExampleEvaluate() {
	facts := space()
	d, err := access.Evaluate(access.Question{
		TimeZone:        facts.Site.TimeZone,
		Door:            &facts.Doors[0],
		Member:          &facts.Members[0],
		MembershipTypes: facts.MembershipTypes,
	}, access.Request{Member: "ada", Door: "front", Action: access.Unlock, At: noon})
	fmt.Println(d.Allowed, d.Reason, err)
	// Output: true membership <nil>
}

// A bad row opens nothing, and the decision is made from the others.
func ExampleDecision_Faults() {
	facts := space()
	d, err := access.Evaluate(access.Question{
		TimeZone:        facts.Site.TimeZone,
		Door:            &facts.Doors[0],
		Member:          &facts.Members[0],
		MembershipTypes: facts.MembershipTypes,
		Grants:          []access.Grant{{ID: "g1", Member: "ada", Door: "front", Hours: access.Always(), From: noon, Until: noon}},
	}, access.Request{Member: "ada", Door: "front", Action: access.Unlock, At: noon})
	fmt.Println(d.Allowed, d.Reason, d.Faults(), err)
	// Output: true membership [grants[0].until: must be later than from] <nil>
}

func ExamplePolicy_With() {
	policy := must(access.Compile(space()))
	booking := space().Reservations[0]
	ended, _ := booking.EndEarly(booking.Start.Add(10 * time.Minute))
	after := must(policy.With(access.SetReservation(ended), access.SetRevision("2")))
	r := access.Request{Member: "bob", Door: "front", Action: access.Unlock, At: booking.Start.Add(30 * time.Minute)}
	fmt.Println(policy.Decide(r).Reason, after.Decide(r).Reason, after.Revision())
	// Output: reservation reservation_over 2
}

func ExamplePolicy_Keys() {
	policy := must(access.Compile(space()))
	for _, key := range policy.Keys("ada", noon) {
		fmt.Println(key.Name, key.Reason, key.ValidUntil.Format("15:04"))
	}
	// Output: Front Door membership 16:00
}

func ExamplePolicy_Upcoming() {
	policy := must(access.Compile(space()))
	for _, key := range policy.Upcoming("bob", noon, time.Hour) {
		fmt.Println(key.Name, key.From.Format("15:04"))
	}
	// Output: Front Door 10:45
}

func ExamplePolicy_Holders() {
	policy := must(access.Compile(space()))
	for _, h := range policy.Holders("front", noon.Add(time.Hour)) {
		fmt.Println(h.Member, h.Reason)
	}
	// Output:
	// ada membership
	// bob reservation
}

func ExampleDiff() {
	before := must(access.Compile(space()))
	after := must(before.With(access.SetStanding{Member: "ada", Standing: access.Standing{State: access.StandingBlocked}}))
	for d := range access.Diff(before, after, nil, nil, access.Span{From: noon, Until: noon.Add(24 * time.Hour)}) {
		fmt.Println(d.Member, d.Door, "gains:", d.Gained, d.From.Format("02 15:04"), d.Until.Format("02 15:04"))
	}
	// Output:
	// ada front gains: false 04 10:00 04 16:00
	// ada front gains: false 05 06:00 05 10:00
}

func ExampleDays() {
	fmt.Println(access.Days(access.Mon, access.Fri))
	fmt.Println(access.Days(access.Sat, access.Mon))
	// Output:
	// [Monday Tuesday Wednesday Thursday Friday]
	// [Saturday Sunday Monday]
}

func ExampleWeekly() {
	night := access.Weekly(access.Range{Days: []access.Day{access.Fri, access.Sat}, From: access.At(22, 0), To: access.At(4, 0)})
	fmt.Println(night.Ranges[0].From, night.Ranges[0].To, access.Always().Always)
	// Output: 22:00 04:00 true
}

// The evidence names every basis of an allowing decision, for the log.
func ExampleDecision_Evidence() {
	policy := must(access.Compile(space()))
	d := policy.Decide(access.Request{Member: "ada", Door: "front", Action: access.Unlock, At: noon})
	fmt.Println(d.Allowed, d.Evidence().Memberships, d.Evidence().Grants, d.Evidence().Reservations)
	d = policy.Decide(access.Request{Member: "bob", Door: "front", Action: access.Unlock, At: noon})
	fmt.Println(d.Allowed, d.Evidence().Memberships)
	// Output:
	// true [m1] [] []
	// false []
}
