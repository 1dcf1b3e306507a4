package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/doorkit/doorkit/saltoks"
)

// report is the file of -report.
type report struct {
	Environment string   `json:"environment"`
	Date        string   `json:"date"`
	Facts       []result `json:"facts"`
}

// reportWriter returns the function that writes a report, or an error before the first
// request is made.
func reportWriter(name string) (func(report) error, error) {
	encode := report.markdown
	switch filepath.Ext(name) {
	case ".md":
	case ".json":
		encode = report.json
	default:
		if name == "" {
			return func(report) error { return nil }, nil
		}
		return nil, usagef("-report %q: the name must end in .json or .md", name)
	}
	return func(r report) error {
		text, err := encode(r)
		if err != nil {
			return err
		}
		if err := os.WriteFile(name, text, 0o600); err != nil {
			return failedf("the report cannot be written: %s", hint(err))
		}
		return nil
	}, nil
}

func (r report) json() ([]byte, error) {
	text, err := json.MarshalIndent(r, "", "  ")
	return append(text, '\n'), err
}

func (r report) markdown() ([]byte, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "# SALTO KS compared with WIRE.md\n\nEnvironment %s, %s: %d facts agree, %d differ, %d were not seen.\n\n",
		r.Environment, r.Date, count(r.Facts, agrees), count(r.Facts, differs), count(r.Facts, notSeen))
	b.WriteString("| result | WIRE.md | mark | fact | seen |\n|---|---|---|---|---|\n")
	cell := strings.NewReplacer("|", "\\|", "\n", " ", "<", "&lt;")
	for _, f := range r.Facts {
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", f.Result, f.Section, f.Mark, cell.Replace(f.Fact), cell.Replace(f.Seen))
	}
	return []byte(b.String()), nil
}

// scrubber removes what identifies people, places and hardware from texts.
type scrubber struct {
	ids    map[string]string // an id in lower case and its word
	counts map[string]int
	hidden []string
}

func newScrubber() *scrubber { return &scrubber{ids: map[string]string{}, counts: map[string]int{}} }

var (
	anyUUID    = regexp.MustCompile(`(?i)[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)
	anySiteUID = regexp.MustCompile(`\b[A-Z]{2}[0-9]{10}\b`)
	anyMail    = regexp.MustCompile(`[^\s"'<>@]+@[^\s"'<>@]+\.[a-zA-Z]+`)
	anyLong    = regexp.MustCompile(`[A-Za-z0-9_\-+/=.]{40,}`) // tokens, keys, signatures
)

// id gives an id a word such as "lock-1", unless it has one.
func (s *scrubber) id(kind, id string) string {
	id = strings.ToLower(id)
	if id == "" {
		return ""
	}
	if s.ids[id] == "" {
		s.counts[kind]++
		s.ids[id] = fmt.Sprintf("%s-%d", kind, s.counts[kind])
	}
	return s.ids[id]
}

// hide adds texts that are replaced by "[hidden]". Short ones are ignored, because they
// would destroy other words.
func (s *scrubber) hide(texts ...string) {
	for _, t := range texts {
		if len(t) > 3 && !slices.Contains(s.hidden, t) {
			s.hidden = append(s.hidden, t)
		}
	}
	slices.SortFunc(s.hidden, func(a, b string) int { return len(b) - len(a) })
}

// text returns a text without ids, addresses, tokens and hidden texts.
func (s *scrubber) text(text string) string {
	text = anyUUID.ReplaceAllStringFunc(text, func(id string) string { return s.id("id", id) })
	for _, h := range s.hidden {
		text = strings.ReplaceAll(text, h, "[hidden]")
	}
	text = anySiteUID.ReplaceAllString(text, "[site uid]")
	text = anyMail.ReplaceAllString(text, "[mail]")
	return anyLong.ReplaceAllString(text, "[long text]")
}

// environment names SALTO's own environments, and hides the hosts of others.
func (s *scrubber) environment(e saltoks.Environment) string {
	for _, known := range []saltoks.Environment{saltoks.Production(), saltoks.Acceptance()} {
		if e == known {
			return e.Name
		}
		if e.Issuer == known.Issuer {
			return e.Name + " with another API host"
		}
	}
	return "another one"
}
