package saltoks

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/doorkit/doorkit/saltoks/internal/faultlist"
)

// fillRoute puts values into the braces of route.
func fillRoute(route string, values []string) (string, error) {
	if !strings.HasPrefix(route, "/") || strings.ContainsAny(route, "?#%\\ ") {
		return "", errors.New("a route starts with a slash and holds no query, fragment or escapes")
	}
	var b strings.Builder
	b.Grow(len(route) + 40*len(values))
	var faults []error
	rest := route
	for {
		before, after, found := strings.Cut(rest, "{")
		b.WriteString(before)
		if !found {
			break
		}
		name, tail, closed := strings.Cut(after, "}")
		switch {
		case !closed:
			return "", errors.New("a route's brace is not closed")
		case len(values) == 0:
			faults = append(faults, fmt.Errorf("no value for {%s}", name))
		default:
			switch {
			case !pathValue(values[0]):
				faults = append(faults, fmt.Errorf("{%s} is empty or holds characters no id has", name))
			case name == "site" && isSiteUID(values[0]):
				faults = append(faults, fmt.Errorf("%w: {site} is %q, a printed site UID: Sites.Resolve finds its id",
					ErrInvalidRequest, values[0]))
			}
			b.WriteString(url.PathEscape(values[0]))
			values = values[1:]
		}
		rest = tail
	}
	if len(values) > 0 {
		faults = append(faults, errors.New("more values than braces"))
	}
	path := b.String()
	for segment := range strings.SplitSeq(path, "/") {
		if segment == "." || segment == ".." {
			faults = append(faults, errors.New("a path must not hold dot segments"))
			break
		}
	}
	if len(faults) > 0 {
		return "", faultlist.Join(faults)
	}
	return path, nil
}

// pathValue keeps out whatever a server could read as more than one segment,
// also after decoding it once more.
func pathValue(s string) bool {
	if s == "" || strings.Trim(s, ".") == "" || !utf8.ValidString(s) {
		return false
	}
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c == '/' || c == '\\' || c == '%' || c == 0x7f {
			return false
		}
	}
	return true
}

// isSiteUID reports whether s has the form of the UID that is printed on papers
// of a site: two letters and digits. SALTO takes it in no path.
func isSiteUID(s string) bool {
	if len(s) < 6 || !digits(s[2:]) {
		return false
	}
	country := strings.ToUpper(s[:2])
	return strings.Trim(country, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
}

// encodeQuery is url.Values.Encode with the dollar of OData names and %20 for
// spaces, as SALTO's own callers write them.
func encodeQuery(q url.Values) string {
	if len(q) == 0 {
		return ""
	}
	return queryText.Replace(q.Encode())
}

var queryText = strings.NewReplacer("+", "%20", "%24", "$")
