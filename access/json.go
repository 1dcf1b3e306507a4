package access

import (
	"encoding/json"
	"time"

	"github.com/doorkit/doorkit/reservation"
)

// MarshalJSON writes the document of RULES.md, section 1, with instants in UTC.
// What has its default is left out where the value leaves it open. It does not
// check: what [Compile] would refuse is written as it is. Location is not part
// of the document.
func (f Facts) MarshalJSON() ([]byte, error) {
	return json.Marshal(factsJSON{
		Revision:        f.Revision,
		Site:            siteJSON{f.Site.ID, f.Site.Name, f.Site.TimeZone},
		Settings:        settingsJSON{text(f.Settings.Before), text(f.Settings.After), text(f.Settings.OpenTime), f.Settings.Buffers, f.Settings.ReservationsRequireStanding},
		Doors:           each(f.Doors, doorToJSON),
		MembershipTypes: each(f.MembershipTypes, typeToJSON),
		Members:         each(f.Members, memberToJSON),
		Grants:          each(f.Grants, grantToJSON),
		Resources:       each(f.Resources, func(r Resource) resourceJSON { return resourceJSON(r) }),
		Reservations:    each(f.Reservations, reservationToJSON),
		Exceptions:      each(f.Exceptions, exceptionToJSON),
	})
}

type factsJSON struct {
	Revision        string            `json:"revision,omitempty"`
	Site            siteJSON          `json:"site"`
	Settings        settingsJSON      `json:"settings,omitzero"`
	Doors           []doorJSON        `json:"doors,omitempty"`
	MembershipTypes []typeJSON        `json:"membership_types,omitempty"`
	Members         []memberJSON      `json:"members,omitempty"`
	Grants          []grantJSON       `json:"grants,omitempty"`
	Resources       []resourceJSON    `json:"resources,omitempty"`
	Reservations    []reservationJSON `json:"reservations,omitempty"`
	Exceptions      []exceptionJSON   `json:"exceptions,omitempty"`
}

type siteJSON struct {
	ID       string `json:"id"`
	Name     string `json:"name,omitempty"`
	TimeZone string `json:"time_zone,omitempty"`
}

type settingsJSON struct {
	Before                      *string `json:"before,omitempty"`
	After                       *string `json:"after,omitempty"`
	OpenTime                    *string `json:"open_time,omitempty"`
	Buffers                     Buffers `json:"buffers,omitempty"`
	ReservationsRequireStanding *bool   `json:"reservations_require_standing,omitempty"`
}

type doorJSON struct {
	ID         string     `json:"id"`
	Name       string     `json:"name,omitempty"`
	AccessType AccessType `json:"access_type"`
	Disabled   bool       `json:"disabled,omitempty"`
	OpenTime   *string    `json:"open_time,omitempty"`
}

type typeJSON struct {
	ID    string          `json:"id"`
	Doors []doorHoursJSON `json:"doors,omitempty"`
}

type doorHoursJSON struct {
	Door  string `json:"door"`
	Hours any    `json:"hours"`
}

type rangeJSON struct {
	Days []string `json:"days,omitempty"`
	From string   `json:"from"`
	To   string   `json:"to"`
}

type memberJSON struct {
	ID          string           `json:"id"`
	Standing    standingJSON     `json:"standing,omitzero"`
	Memberships []membershipJSON `json:"memberships,omitempty"`
}

type standingJSON struct {
	State  StandingState `json:"state,omitempty"`
	Until  *string       `json:"until,omitempty"`
	Reason string        `json:"reason,omitempty"`
}

type membershipJSON struct {
	ID     string  `json:"id"`
	Type   string  `json:"type"`
	From   *string `json:"from,omitempty"`
	Until  *string `json:"until,omitempty"`
	Paused bool    `json:"paused,omitempty"`
}

type grantJSON struct {
	ID                 string  `json:"id"`
	Member             string  `json:"member"`
	Door               string  `json:"door"`
	Hours              any     `json:"hours"`
	From               *string `json:"from,omitempty"`
	Until              *string `json:"until,omitempty"`
	RequiresMembership *bool   `json:"requires_membership,omitempty"`
	RequiresStanding   *bool   `json:"requires_standing,omitempty"`
}

type resourceJSON struct {
	ID    string   `json:"id"`
	Doors []string `json:"doors,omitempty"`
}

type reservationJSON struct {
	ID       string             `json:"id"`
	Resource string             `json:"resource"`
	Member   string             `json:"member"`
	Start    *string            `json:"start"`
	End      *string            `json:"end"`
	EndedAt  *string            `json:"ended_at,omitempty"`
	Status   reservation.Status `json:"status,omitempty"`
}

type exceptionJSON struct {
	From  string `json:"from"`
	To    string `json:"to"`
	Hours any    `json:"hours"`
}

func each[T, U any](list []T, to func(T) U) []U {
	var all []U
	for _, v := range list {
		all = append(all, to(v))
	}
	return all
}

func doorToJSON(d Door) doorJSON {
	return doorJSON{d.ID, d.Name, d.AccessType, d.Disabled, text(d.OpenTime)}
}

func typeToJSON(t MembershipType) typeJSON {
	return typeJSON{t.ID, each(t.Doors, func(d DoorHours) doorHoursJSON { return doorHoursJSON{d.Door, hoursToJSON(d.Hours)} })}
}

func memberToJSON(m Member) memberJSON {
	return memberJSON{m.ID, standingJSON{m.Standing.State, textOf(m.Standing.Until), m.Standing.Reason},
		each(m.Memberships, func(m Membership) membershipJSON {
			return membershipJSON{m.ID, m.Type, textOf(m.From), textOf(m.Until), m.Paused}
		})}
}

func grantToJSON(g Grant) grantJSON {
	return grantJSON{g.ID, g.Member, g.Door, hoursToJSON(g.Hours), textOf(g.From), textOf(g.Until), g.RequiresMembership, g.RequiresStanding}
}

func reservationToJSON(r reservation.Reservation) reservationJSON {
	return reservationJSON{r.ID, r.Resource, r.Member, textOf(r.Start), textOf(r.End), textOf(r.EndedAt), r.Status}
}

func exceptionToJSON(e Exception) exceptionJSON {
	return exceptionJSON{e.From.String(), e.To.String(), wordOrRanges("closed", e.Closed, e.Hours)}
}

func hoursToJSON(h Hours) any { return wordOrRanges("always", h.Always, h.Ranges) }

// wordOrRanges returns both if both are there: that is a fault, and stays one.
func wordOrRanges(word string, is bool, ranges []Range) any {
	list := each(ranges, rangeToJSON)
	switch {
	case !is:
		return list
	case list == nil:
		return word
	}
	return []any{word, list}
}

func rangeToJSON(r Range) rangeJSON {
	return rangeJSON{each(r.Days, dayName), r.From.String(), r.To.String()}
}

// dayName returns the name of a day; what is none keeps its number.
func dayName(d Day) string {
	if d < Sun || d > Sat {
		return d.String()
	}
	return dayNames[d]
}

// text returns a duration as documents hold it, nil if absent.
func text(d *time.Duration) *string {
	if d == nil {
		return nil
	}
	return new(d.String())
}
