package saltokstest

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// listQuery is the OData-like part of a list request (WIRE.md 5).
type listQuery struct {
	filter func(obj) (bool, error)
	order  func([]obj) error
	skip   int
	top    int
}

func parseQuery(v url.Values, pageSize int) (listQuery, error) {
	q := listQuery{top: pageSize}
	for key, to := range map[string]*int{"$top": &q.top, "$skip": &q.skip, "skip": &q.skip} {
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
		p := &filterParser{text: f}
		expr, err := p.or()
		if err == nil && p.peek() != "" {
			err = fmt.Errorf("unexpected %q", p.peek())
		}
		if err != nil {
			return q, err
		}
		q.filter = expr
	}
	if o := v.Get("$orderby"); o != "" {
		q.order = func(all []obj) error { return orderBy(all, o) }
	}
	return q, nil
}

func orderBy(all []obj, by string) error {
	name, dir, _ := strings.Cut(strings.TrimSpace(by), " ")
	if dir != "" && dir != "asc" && dir != "desc" {
		return fmt.Errorf("unknown direction %q", dir)
	}
	for _, o := range all {
		if _, ok := lookup(o, name); !ok {
			return fmt.Errorf("could not find a property named '%s'", name)
		}
	}
	slices.SortStableFunc(all, func(a, b obj) int {
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
func lookup(o obj, path string) (any, bool) {
	for {
		name, rest, more := strings.Cut(path, "/")
		v, ok := o[name]
		if !ok || !more {
			return v, ok
		}
		inner, isObj := v.(obj)
		if !isObj {
			return nil, v == nil // a path through null is null
		}
		o, path = inner, rest
	}
}

// filterParser reads: property eq 'text', contains(property,'text'), and, or,
// not, parentheses, the other comparisons, DateTime'…', true, false, null.
type filterParser struct{ text string }

type filterExpr = func(obj) (bool, error)

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
		left = func(o obj) (bool, error) {
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
		return func(o obj) (bool, error) { ok, err := inner(o); return !ok, err }, nil
	case "contains", "startswith":
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
	lit, err := literal(p.next())
	if err != nil {
		return nil, err
	}
	want, isText := lit.(string)
	if !isText {
		return nil, fmt.Errorf("%s wants a text", name)
	}
	if err := p.expect(")"); err != nil {
		return nil, err
	}
	return func(o obj) (bool, error) {
		v, ok := lookup(o, prop)
		if !ok {
			return false, fmt.Errorf("could not find a property named '%s'", prop)
		}
		got, _ := v.(string)
		if name == "contains" {
			return strings.Contains(strings.ToLower(got), strings.ToLower(want)), nil
		}
		return strings.HasPrefix(strings.ToLower(got), strings.ToLower(want)), nil
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
	want, err := literal(p.next())
	if err != nil {
		return nil, err
	}
	return func(o obj) (bool, error) {
		got, ok := lookup(o, prop)
		if !ok {
			return false, fmt.Errorf("could not find a property named '%s'", prop)
		}
		a, b := fmt.Sprint(got), fmt.Sprint(want)
		switch op {
		case "eq":
			return a == b, nil
		case "ne":
			return a != b, nil
		}
		n := strings.Compare(a, b)
		if x, err := strconv.ParseFloat(a, 64); err == nil {
			if y, err := strconv.ParseFloat(b, 64); err == nil {
				n = cmp.Compare(x, y)
			}
		}
		return op == "gt" && n > 0 || op == "ge" && n >= 0 || op == "lt" && n < 0 || op == "le" && n <= 0, nil
	}, nil
}

func literal(t string) (any, error) {
	if rest, ok := cutFold(t, "datetime'"); ok {
		t = "'" + rest
		s := strings.Trim(t, "'")
		at, err := parseTime(s, time.UTC)
		if err != nil {
			return nil, err
		}
		return at.UTC().Format("2006-01-02T15:04:05Z"), nil
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
	return nil, fmt.Errorf("%q is not a value", t)
}

func cutFold(s, prefix string) (string, bool) {
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

// token cuts the next word, sign or quoted text (with its quotes; a quote
// inside is doubled).
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
	for j := i + 1; j < len(s); j++ { // quoted, perhaps after DateTime
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
