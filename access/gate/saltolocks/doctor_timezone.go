package saltolocks

import (
	"fmt"
	"time"

	"github.com/doorkit/doorkit/access/gate"
)

// timeZone compares the time zone of the SALTO site with that of the site's rules:
// SALTO's schedules and entries use the former, the rules the latter.
func timeZone(salto, rules string, now time.Time) (gate.Issue, bool) {
	if rules == "" || salto == rules || sameOffsets(salto, rules, now) {
		return gate.Issue{}, false
	}
	return gate.Issue{
		Code: "time_zone_differs", Severity: gate.Warning,
		What:   fmt.Sprintf("The SALTO site is in the time zone %q, the rules are in %q.", salto, rules),
		Breaks: "Hours of the rules and SALTO's schedules do not match.", Do: "Set the right zone in SALTO KS, or in the site's rules.",
	}, true
}

// sameOffsets reports whether two zones have the same time during the next year, like
// "Europe/Berlin" and "Europe/Amsterdam".
func sameOffsets(a, b string, now time.Time) bool {
	first, err := time.LoadLocation(a)
	if err != nil || a == "" {
		return false
	}
	second, err := time.LoadLocation(b)
	if err != nil {
		return false
	}
	for at := now; at.Before(now.AddDate(1, 0, 0)); at = at.Add(time.Hour) {
		_, x := at.In(first).Zone()
		_, y := at.In(second).Zone()
		if x != y {
			return false
		}
	}
	return true
}
