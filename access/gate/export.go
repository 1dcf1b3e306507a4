package gate

import (
	"bufio"
	"context"
	"encoding/csv"
	"encoding/json"
	"io"
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// ExportCSV writes the rows of the door log that q selects as CSV for a spreadsheet:
// UTF-8 with a byte order mark, a heading, comma as separator, times in UTC and in the
// site's time zone with six digits after the second. A text that a spreadsheet would
// turn into a formula, a number or a date has a leading apostrophe. It returns the
// number of rows, and reads page by page.
func (g *Gate) ExportCSV(ctx context.Context, w io.Writer, q LogQuery) (n int, err error) {
	defer containIn("ExportCSV", &err)
	facts, err := g.load(ctx, anyone, anyone, g.clock())
	if err != nil {
		return 0, err
	}
	zone := facts.Question.Location
	if zone == nil {
		return 0, g.unknownZone(&facts.Question)
	}
	heading := []string{
		"seq", "at", "at_local", "door", "action", "outcome", "reason", "member", "actor", "source", "request_id",
		"tapped_at", "tapped_at_local", "follows", "note",
	}
	return exportCSV(w, heading, g.Log(ctx, q), func(row LogRow) []string { return csvRecord(row, zone) })
}

// exportCSV writes rows as a file for a spreadsheet.
func exportCSV[T any](w io.Writer, heading []string, rows iter.Seq2[T, error], record func(T) []string) (n int, err error) {
	if _, err := io.WriteString(w, "\ufeff"); err != nil {
		return 0, err
	}
	out := csv.NewWriter(w)
	if err := out.Write(heading); err != nil {
		return 0, err
	}
	if n, err = export(rows, func(row T) error { return out.Write(record(row)) }); err != nil {
		return n, err
	}
	out.Flush()
	return n, out.Error()
}

// export writes rows until one fails, and returns how many were passed to write.
func export[T any](rows iter.Seq2[T, error], write func(T) error) (n int, err error) {
	for row, err := range rows {
		if err == nil {
			err = write(row)
		}
		if err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

func csvRecord(row LogRow, zone *time.Location) []string {
	d, _, err := ReadDetail(row)
	if err != nil { // Verify reports it; the export continues
		d = LogDetail{Note: err.Error()}
	}
	at, atLocal := csvInstant(row.At, zone)
	tapped, tappedLocal := csvInstant(d.TappedAt, zone)
	follows := ""
	if row.Ref > 0 {
		follows = strconv.FormatUint(row.Ref, 10)
	}
	return []string{
		strconv.FormatUint(row.Seq, 10), at, atLocal, csvText(row.Door), csvText(row.Action), csvText(string(row.Outcome)), csvText(row.Reason),
		csvText(d.Member), csvText(d.Actor), csvText(string(d.Source)), csvText(d.RequestID), tapped, tappedLocal, follows, csvText(d.Note),
	}
}

// csvInstant returns an instant in UTC and in the site's time zone; empty texts for the
// zero time.
func csvInstant(t time.Time, zone *time.Location) (utc, local string) {
	if t.IsZero() {
		return "", ""
	}
	const layout = "2006-01-02T15:04:05.000000Z07:00"
	return t.UTC().Format(layout), t.In(zone).Format(layout)
}

// csvText returns s, with a leading apostrophe if a spreadsheet would not read it as
// text.
func csvText(s string) string {
	if isFormula(s) || isValue(s) {
		return "'" + s
	}
	return s
}

// isFormula reports whether s begins, after what a spreadsheet ignores, like a formula.
// Full-width characters count as their ASCII forms.
func isFormula(s string) bool {
	if s != "" && strings.ContainsRune("\t\r\n", rune(s[0])) {
		return true
	}
	s = strings.TrimLeftFunc(narrow(s), func(r rune) bool { return unicode.IsSpace(r) || unicode.In(r, unicode.Cc, unicode.Cf) })
	return s != "" && strings.ContainsRune("=+-@", rune(s[0]))
}

// isValue reports whether s may be read as a number, an amount, a date, a time or a
// truth value: it has a digit and no words but those of dates and numbers.
func isValue(s string) bool {
	words := strings.FieldsFunc(strings.ToLower(narrow(s)), func(r rune) bool { return !unicode.IsLetter(r) })
	if len(words) == 1 && (words[0] == "true" || words[0] == "false") {
		return true
	}
	months := strings.Fields("jan feb mar apr may jun jul aug sep sept oct nov dec " +
		"january february march april june july august september october november december")
	for _, w := range words {
		if !slices.Contains(months, w) && !slices.Contains([]string{"e", "t", "z", "am", "pm", "a", "p"}, w) {
			return false
		}
	}
	return strings.ContainsFunc(s, unicode.IsNumber)
}

// narrow replaces the full-width forms of ASCII by ASCII.
func narrow(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= '！' && r <= '～' {
			return r - '！' + '!'
		}
		return r
	}, s)
}

// ExportJSON writes the rows of the door log that q selects as JSON Lines, as LogRow
// encodes them, with all that a third party needs to verify them: salt, detail,
// commitment and hash of each row; see storage.Head.Append. A row without detail was
// erased. A detail that is not JSON, which the gate did not write, becomes a string of
// its bytes in base64. It returns the number of rows, and reads page by page.
func (g *Gate) ExportJSON(ctx context.Context, w io.Writer, q LogQuery) (n int, err error) {
	defer containIn("ExportJSON", &err)
	out := bufio.NewWriter(w)
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	n, err = export(g.Log(ctx, q), func(row LogRow) error {
		if len(row.Detail) > 0 && !json.Valid(row.Detail) {
			row.Detail = encode([]byte(row.Detail))
		}
		row.At = row.At.UTC()
		return encoder.Encode(row)
	})
	if err != nil {
		return n, err
	}
	return n, out.Flush()
}
