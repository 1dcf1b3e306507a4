// Package odata reads the OData parameters of a list request: $filter, $orderby,
// $top and $skip.
package odata

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Object is an item of a list as it is in the answer.
type Object = map[string]any

// Query is the OData part of a list request.
type Query struct {
	// Filter reports whether an item is in the list. It is nil without $filter.
	Filter func(Object) (bool, error)
	// Order sorts the items. It is nil without $orderby.
	Order func([]Object) error
	Skip  int
	Top   int
}

// DisableV3 is the header with which a client switches from OData v3 to v4.
const DisableV3 = "CLP-disable-odata-v3-conversion"

// Parse reads the query of r. Without $top it asks for pageSize items.
func Parse(r *http.Request, pageSize int) (Query, error) {
	q := Query{Top: pageSize}
	v := r.URL.Query()
	for name, values := range v {
		if text := strings.Join(values, " "); !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
			return q, fmt.Errorf("%s is not valid text", name)
		}
	}
	for key, to := range map[string]*int{"$top": &q.Top, "$skip": &q.Skip, "skip": &q.Skip} {
		s := v.Get(key)
		if s == "" {
			continue
		}
		n, err := strconv.Atoi(s)
		if err != nil || n < 0 {
			return q, fmt.Errorf("%s is not a number", key)
		}
		*to = n
	}
	if f := v.Get("$filter"); f != "" {
		p := &filterParser{text: f, v4: strings.EqualFold(r.Header.Get(DisableV3), "true")}
		expr, err := p.or()
		if err == nil && p.peek() != "" {
			err = fmt.Errorf("unexpected %q", p.peek())
		}
		if err != nil {
			return q, err
		}
		q.Filter = expr
	}
	if o := v.Get("$orderby"); o != "" {
		q.Order = func(all []Object) error { return orderBy(all, o) }
	}
	return q, nil
}

func orderBy(all []Object, by string) error {
	name, dir, _ := strings.Cut(strings.TrimSpace(by), " ")
	if dir != "" && dir != "asc" && dir != "desc" {
		return fmt.Errorf("unknown direction %q", dir)
	}
	for _, o := range all {
		if _, ok := lookup(o, name); !ok {
			return fmt.Errorf("could not find a property named '%s'", name)
		}
	}
	slices.SortStableFunc(all, func(a, b Object) int {
		x, _ := lookup(a, name)
		y, _ := lookup(b, name)
		n := cmp.Compare(fmt.Sprint(x), fmt.Sprint(y))
		if dir == "desc" {
			return -n
		}
		return n
	})
	return nil
}

// lookup reads a property path: "user/email".
func lookup(o Object, path string) (any, bool) {
	for {
		name, rest, more := strings.Cut(path, "/")
		v, ok := o[name]
		if !ok || !more {
			return v, ok
		}
		inner, isObject := v.(Object)
		if !isObject {
			return nil, v == nil // a path through null is null
		}
		o, path = inner, rest
	}
}

// filterParser parses comparisons (property eq 'text'), contains(property,'text'),
// startswith, and, or, not and parentheses.
//
// In OData v3, which is the default, a time is datetime'2026-12-01T16:00:00',
// and substringof('text',property) is supported too. In v4 a time is
// 2026-12-01T16:00:00Z.
type filterParser struct {
	text string
	v4   bool
}

type filterExpr = func(Object) (bool, error)

func (p *filterParser) or() (filterExpr, error)  { return p.chain("or", p.and) }
func (p *filterParser) and() (filterExpr, error) { return p.chain("and", p.term) }

func (p *filterParser) chain(word string, next func() (filterExpr, error)) (filterExpr, error) {
	left, err := next()
	for err == nil && p.peek() == word {
		p.next()
		var right filterExpr
		if right, err = next(); err != nil {
			break
		}
		l := left
		left = func(o Object) (bool, error) {
			x, err := l(o)
			if err != nil {
				return false, err
			}
			y, err := right(o)
			if word == "or" {
				return x || y, err
			}
			return x && y, err
		}
	}
	return left, err
}

func (p *filterParser) term() (filterExpr, error) {
	switch t := p.next(); t {
	case "(":
		inner, err := p.or()
		if err != nil {
			return nil, err
		}
		return inner, p.expect(")")
	case "not":
		inner, err := p.term()
		if err != nil {
			return nil, err
		}
		return func(o Object) (bool, error) { ok, err := inner(o); return !ok, err }, nil
	case "contains", "startswith":
		return p.function(t)
	case "substringof":
		if p.v4 {
			return nil, fmt.Errorf("unknown function %q", t)
		}
		return p.function(t)
	case "":
		return nil, fmt.Errorf("the expression ends too early")
	default:
		return p.comparison(t)
	}
}

func (p *filterParser) function(name string) (filterExpr, error) {
	if err := p.expect("("); err != nil {
		return nil, err
	}
	prop := p.next()
	if err := p.expect(","); err != nil {
		return nil, err
	}
	text := p.next()
	if name == "substringof" { // its arguments are in the reverse order
		prop, text = text, prop
	}
	lit, err := p.literal(text)
	if err != nil {
		return nil, err
	}
	want, isText := lit.(string)
	if !isText || strings.HasPrefix(prop, "'") {
		return nil, fmt.Errorf("%s requires a property and a text", name)
	}
	if err := p.expect(")"); err != nil {
		return nil, err
	}
	want = strings.ToLower(want)
	return func(o Object) (bool, error) {
		v, ok := lookup(o, prop)
		if !ok {
			return false, fmt.Errorf("could not find a property named '%s'", prop)
		}
		got, _ := v.(string)
		got = strings.ToLower(got)
		if name == "startswith" {
			return strings.HasPrefix(got, want), nil
		}
		return strings.Contains(got, want), nil
	}, nil
}

func (p *filterParser) comparison(prop string) (filterExpr, error) {
	if strings.HasPrefix(prop, "'") {
		return nil, fmt.Errorf("a comparison starts with a property")
	}
	op := p.next()
	if !slices.Contains([]string{"eq", "ne", "gt", "ge", "lt", "le"}, op) {
		return nil, fmt.Errorf("unknown operator %q", op)
	}
	want, err := p.literal(p.next())
	if err != nil {
		return nil, err
	}
	return func(o Object) (bool, error) {
		got, ok := lookup(o, prop)
		if !ok {
			return false, fmt.Errorf("could not find a property named '%s'", prop)
		}
		n := compare(got, want)
		switch op {
		case "eq":
			return n == 0, nil
		case "ne":
			return n != 0, nil
		}
		return op == "gt" && n > 0 || op == "ge" && n >= 0 || op == "lt" && n < 0 || op == "le" && n <= 0, nil
	}, nil
}

// compare compares numbers as numbers, and a text with a property that is a time as
// times. Everything else is compared as text.
func compare(got, want any) int {
	if x, ok := got.(int); ok {
		if y, ok := want.(int); ok {
			return cmp.Compare(x, y)
		}
	}
	a, b := fmt.Sprint(got), fmt.Sprint(want)
	if x, err := time.Parse(time.RFC3339Nano, a); err == nil {
		if y, err := ParseTime(b, time.UTC); err == nil {
			return x.Compare(y)
		}
	}
	return strings.Compare(a, b)
}

// literal reads a value: 'text', a time, a number, true, false or null.
func (p *filterParser) literal(t string) (any, error) {
	if rest, ok := CutFold(t, "datetime'"); ok && !p.v4 {
		return timeLiteral(strings.TrimSuffix(rest, "'"))
	}
	switch {
	case strings.HasPrefix(t, "'"):
		return strings.ReplaceAll(t[1:len(t)-1], "''", "'"), nil
	case t == "true" || t == "false":
		return t == "true", nil
	case t == "null":
		return nil, nil
	}
	if n, err := strconv.Atoi(t); err == nil {
		return n, nil
	}
	if strings.Contains(t, "-") && p.v4 {
		return timeLiteral(t)
	}
	return nil, fmt.Errorf("%q is not a value", t)
}

// ParseTime reads a date, a wall-clock time in loc or an instant.
func ParseTime(s string, loc *time.Location) (time.Time, error) {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02"} {
		if t, err := time.ParseInLocation(layout, s, loc); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is not a time", s)
}

func timeLiteral(text string) (any, error) {
	at, err := ParseTime(text, time.UTC)
	if err != nil {
		return nil, err
	}
	return at.UTC().Format(time.RFC3339Nano), nil
}

// CutFold is strings.CutPrefix without regard to case.
func CutFold(s, prefix string) (string, bool) {
	if len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix) {
		return s[len(prefix):], true
	}
	return s, false
}

func (p *filterParser) expect(want string) error {
	if got := p.next(); got != want {
		return fmt.Errorf("expected %q, not %q", want, got)
	}
	return nil
}

func (p *filterParser) peek() string {
	t, _ := p.token()
	return t
}

func (p *filterParser) next() string {
	t, rest := p.token()
	p.text = rest
	return t
}

// token returns the next word, sign or quoted text and the rest. A quoted text keeps its
// quotes; a quote inside it is doubled.
func (p *filterParser) token() (token, rest string) {
	s := strings.TrimLeft(p.text, " ")
	if s == "" {
		return "", ""
	}
	if strings.ContainsRune("(),", rune(s[0])) {
		return s[:1], s[1:]
	}
	i := 0
	for i < len(s) && !strings.ContainsRune(" (),'", rune(s[i])) {
		i++
	}
	if i == len(s) || s[i] != '\'' {
		return s[:i], s[i:]
	}
	for j := i + 1; j < len(s); j++ { // quoted, perhaps after datetime
		if s[j] != '\'' {
			continue
		}
		if j+1 < len(s) && s[j+1] == '\'' {
			j++
			continue
		}
		return s[:j+1], s[j+1:]
	}
	return "\x00unclosed quote", ""
}
