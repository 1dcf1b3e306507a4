package sqlstore

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/doorkit/doorkit/access"
)

// Hours are stored as "always" or as ranges like "mon,tue 08:00-18:00; sat
// 10:00-14:00", so that a person can read them with any SQL client; the zero
// Hours as "". Those that are both, which the rules refuse, are stored as both.

var dayNames = [...]string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

func hoursText(h access.Hours) (string, error) {
	text, err := rangesText(h.Ranges)
	switch {
	case h.Always && text == "":
		return "always", err
	case h.Always:
		return "always; " + text, err
	}
	return text, err
}

func rangesText(ranges []access.Range) (string, error) {
	var b strings.Builder
	for i, r := range ranges {
		if i > 0 {
			b.WriteString("; ")
		}
		for j, d := range r.Days {
			if d < 0 || int(d) >= len(dayNames) {
				return "", fmt.Errorf("sqlstore: hours: there is no weekday %d", d)
			}
			if j > 0 {
				b.WriteByte(',')
			}
			b.WriteString(dayNames[d])
		}
		if len(r.Days) > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(r.From.String() + "-" + r.To.String())
	}
	text := b.String()
	if _, err := readRanges(text); err != nil {
		return "", err
	}
	return text, nil
}

func readHours(text string) (access.Hours, error) {
	if text == "always" {
		return access.Always(), nil
	}
	text, always := strings.CutPrefix(text, "always; ")
	ranges, err := readRanges(text)
	return access.Hours{Always: always, Ranges: ranges}, err
}

func readRanges(text string) ([]access.Range, error) {
	if text == "" {
		return nil, nil
	}
	list := make([]access.Range, 0, strings.Count(text, ";")+1)
	for part := range strings.SplitSeq(text, "; ") {
		var r access.Range
		days, clocks, ok := strings.Cut(part, " ")
		if !ok {
			days, clocks = "", part
		}
		for days != "" {
			var name string
			name, days, _ = strings.Cut(days, ",")
			d := slices.Index(dayNames[:], name)
			if d < 0 {
				return nil, fmt.Errorf("sqlstore: hours %q do not read", text)
			}
			r.Days = append(r.Days, access.Day(d))
		}
		from, to, _ := strings.Cut(clocks, "-")
		var err error
		if r.From, err = access.ParseClock(from); err == nil {
			r.To, err = access.ParseClock(to)
		}
		if err != nil {
			return nil, fmt.Errorf("sqlstore: hours %q do not read: %w", text, err)
		}
		list = append(list, r)
	}
	return list, nil
}

type doorHours struct {
	Door  string `json:"door"`
	Hours string `json:"hours"`
}

func typeDoorsText(doors []access.DoorHours) (string, error) {
	list := make([]doorHours, len(doors))
	for i, d := range doors {
		hours, err := hoursText(d.Hours)
		if err != nil {
			return "", err
		}
		list[i] = doorHours{d.Door, hours}
	}
	text, err := json.Marshal(list)
	return string(text), err
}

func readTypeDoors(text string) ([]access.DoorHours, error) {
	var list []doorHours
	if err := json.Unmarshal([]byte(text), &list); err != nil || len(list) == 0 {
		return nil, err
	}
	doors := make([]access.DoorHours, len(list))
	for i, d := range list {
		hours, err := readHours(d.Hours)
		if err != nil {
			return nil, err
		}
		doors[i] = access.DoorHours{Door: d.Door, Hours: hours}
	}
	return doors, nil
}

type exception struct {
	From   string `json:"from"`
	To     string `json:"to"`
	Closed bool   `json:"closed,omitempty"`
	Hours  string `json:"hours,omitempty"`
}

func exceptionsText(exceptions []access.Exception) (string, error) {
	list := make([]exception, len(exceptions))
	for i, e := range exceptions {
		hours, err := rangesText(e.Hours)
		if err != nil {
			return "", err
		}
		list[i] = exception{e.From.String(), e.To.String(), e.Closed, hours}
	}
	text, err := json.Marshal(list)
	if err == nil {
		_, err = readExceptions(string(text))
	}
	return string(text), err
}

func readExceptions(text string) ([]access.Exception, error) {
	if text == "[]" {
		return nil, nil
	}
	var list []exception
	if err := json.Unmarshal([]byte(text), &list); err != nil {
		return nil, err
	}
	exceptions := make([]access.Exception, len(list))
	for i, e := range list {
		from, err := access.ParseDate(e.From)
		if err != nil {
			return nil, err
		}
		to, err := access.ParseDate(e.To)
		if err != nil {
			return nil, err
		}
		hours, err := readRanges(e.Hours)
		if err != nil {
			return nil, err
		}
		exceptions[i] = access.Exception{From: from, To: to, Closed: e.Closed, Hours: hours}
	}
	return exceptions, nil
}

// settingsDoc holds durations in nanoseconds.
type settingsDoc struct {
	Before                        *time.Duration     `json:"before,omitempty"`
	After                         *time.Duration     `json:"after,omitempty"`
	OpenTime                      *time.Duration     `json:"open_time,omitempty"`
	Buffers                       access.Buffers     `json:"buffers,omitempty"`
	Guests                        access.GuestPolicy `json:"guests,omitempty"`
	ReservationsRequireStanding   *bool              `json:"reservations_require_standing,omitempty"`
	ReservationsRequireMembership *bool              `json:"reservations_require_membership,omitempty"`
}

func settingsText(s access.Settings) (string, error) {
	text, err := json.Marshal(settingsDoc(s))
	return string(text), err
}

func readSettings(text string) (access.Settings, error) {
	var d settingsDoc
	if text == "{}" {
		return access.Settings{}, nil
	}
	err := json.Unmarshal([]byte(text), &d)
	return access.Settings(d), err
}
