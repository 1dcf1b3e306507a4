package access

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
)

// parser walks the tokens of one document. After a syntax error err is set and
// every reader returns at once.
type parser struct {
	dec    *json.Decoder
	path   []byte // of the value being read
	peeked json.Token
	have   bool // peeked holds a token
	err    error
	faults *faults
}

// next returns the next token, or nil after an error: p.err tells it from null.
func (p *parser) next() json.Token {
	if p.have {
		p.have = false
		return p.peeked
	}
	if p.err != nil {
		return nil
	}
	tok, err := p.dec.Token()
	if err != nil {
		p.err = err
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			err = errors.New("it ends in the middle")
		}
		p.faults.add(wholeDocument, fmt.Sprintf("not JSON, at byte %d: %v", p.dec.InputOffset(), strings.TrimPrefix(err.Error(), "json: ")))
		return nil
	}
	return tok
}

func (p *parser) peekArray() bool {
	p.peeked = p.next()
	p.have = p.err == nil
	return p.peeked == json.Delim('[')
}

// skip passes over one value.
func (p *parser) skip() { p.skipFrom(p.next()) }

func (p *parser) skipFrom(tok json.Token) {
	for depth := 0; p.err == nil; tok = p.next() {
		switch tok {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		if depth == 0 {
			return
		}
	}
}

func (p *parser) fault(format string, args ...any) {
	if p.err == nil {
		p.faults.add(string(p.path), fmt.Sprintf(format, args...))
	}
}

// wrongKind reports the value that starts with tok and passes over it: nothing
// inside it is looked at any more.
func (p *parser) wrongKind(tok json.Token, want string) {
	if p.err != nil {
		return
	}
	path := wholeDocument
	if len(p.path) > 0 {
		path = string(p.path)
	}
	p.faults.add(path, "want "+want+", not "+kindOf(tok))
	p.faults.broken = append(p.faults.broken, string(p.path))
	p.skipFrom(tok)
}

func kindOf(tok json.Token) string {
	switch v := tok.(type) {
	case nil:
		return "null"
	case bool:
		return strconv.FormatBool(v)
	case json.Number:
		return "the number " + v.String()
	case string:
		return "the string " + strconv.Quote(v)
	case json.Delim:
		if v == '[' {
			return "a list"
		}
	}
	return "an object"
}

func (p *parser) textOr(want string) (string, bool) {
	tok := p.next()
	s, ok := tok.(string)
	if !ok {
		p.wrongKind(tok, want)
	}
	return s, ok
}

// object reads an object: read is called once for each known key and reads its
// value. Unknown and repeated keys are faults, and their values are passed over.
func (p *parser) object(keys []string, read func(key string)) {
	if tok := p.next(); tok != json.Delim('{') {
		p.wrongKind(tok, "an object")
		return
	}
	outer := len(p.path)
	for seen := uint(0); p.err == nil; p.path = p.path[:outer] {
		key, ok := p.next().(string)
		if !ok {
			return // the end of the object: the decoder lets nothing else stand here
		}
		p.path = appendKey(p.path, key)
		switch i := slices.Index(keys, key); {
		case i < 0:
			p.fault("unknown key; known here are %s", strings.Join(keys, ", "))
			p.skip()
		case seen&(1<<i) != 0:
			p.fault("this key stands here twice")
			p.skip()
		default:
			seen |= 1 << i
			read(key)
		}
	}
}

// list reads an array. An empty one is nil, as an absent one is.
func list[T any](p *parser, read func() T) (all []T) {
	if tok := p.next(); tok != json.Delim('[') {
		p.wrongKind(tok, "a list")
		return nil
	}
	outer := len(p.path)
	for i := 0; p.err == nil && p.dec.More(); i++ {
		p.path = append(strconv.AppendInt(append(p.path, '['), int64(i), 10), ']')
		all = append(all, read())
		p.path = p.path[:outer]
	}
	p.next()
	return all
}

// appendKey extends a path by a key; an odd one is quoted, so that a path is
// one line whatever the document holds.
func appendKey(path []byte, key string) []byte {
	odd := func(r rune) bool { return r <= ' ' || r == 0x7f || strings.ContainsRune(`.:[]"`, r) }
	if key == "" || strings.ContainsFunc(key, odd) {
		return append(strconv.AppendQuote(append(path, '['), key), ']')
	}
	if len(path) > 0 {
		path = append(path, '.')
	}
	return append(path, key...)
}

func (p *parser) clock() Clock {
	s, ok := p.textOr("a time of day, HH:MM")
	if !ok {
		return missing
	}
	c, err := ParseClock(s)
	if err != nil {
		p.fault("%v", err)
		return missing
	}
	return c
}

func (p *parser) date() (d Date) {
	if s, ok := p.textOr("a date, YYYY-MM-DD"); ok {
		var err error
		if d, err = ParseDate(s); err != nil {
			p.fault("%v", err)
		}
	}
	return d
}

func (p *parser) duration() *time.Duration {
	s, ok := p.textOr("a duration such as \"15m\"")
	if !ok {
		return nil
	}
	d, err := time.ParseDuration(s)
	if err != nil {
		p.fault("%q is not a duration: write it as in 15m or 7s", s)
		return nil
	}
	return &d
}

// optional and required say whether null may stand for an absent instant.
const (
	optional = true
	required = false
)

func (p *parser) instant(null bool) (t time.Time) {
	tok := p.next()
	if tok == nil && null {
		return t
	}
	s, ok := tok.(string)
	if !ok {
		p.wrongKind(tok, "an instant")
		return t
	}
	t, err := ParseInstant(s)
	if err != nil {
		p.fault("%v", err)
	}
	return t
}

// enum reads a value of a set with a default: "" is not in it.
func (p *parser) enum() string {
	s, ok := p.textOr("a string")
	if ok && s == "" {
		p.fault("\"\" is not a value of it; leave it out for the default")
	}
	return s
}

func (p *parser) text() string {
	s, _ := p.textOr("a string")
	return s
}

func (p *parser) flag() *bool {
	tok := p.next()
	if b, ok := tok.(bool); ok {
		return &b
	}
	p.wrongKind(tok, "true or false")
	return nil
}

func isTrue(b *bool) bool { return b != nil && *b }
