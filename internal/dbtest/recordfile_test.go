//go:build unix

package dbtest

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
)

// recordSize divides the size of a page. A kill interrupts a write between two pages,
// however short it is: of a record that crosses the end of a page a part may remain, which
// was seen once. All records of a file have this size, so that none crosses: a record is
// there whole or not at all.
const recordSize = 64

// appendRecord appends one record, padded with spaces, in one write.
func appendRecord(path, text string) error {
	if len(text) >= recordSize || strings.Contains(text, "\n") {
		return fmt.Errorf("%q is no record of %d bytes", text, recordSize)
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = fmt.Fprintf(f, "%-*s\n", recordSize-1, text)
	return err
}

// readRecords returns the records of a file without their padding; it has none if there is
// no file. A part of a record is an error: it could hide a second movement of one tap.
func readRecords(path string) (list []string, err error) {
	data, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	for text := string(data); text != ""; text = text[recordSize:] {
		if len(text) < recordSize || strings.IndexByte(text, '\n') != recordSize-1 {
			return nil, fmt.Errorf("%s: record %d is incomplete: %.*q", path, len(list), recordSize, text)
		}
		list = append(list, strings.TrimRight(text[:recordSize], " \n"))
	}
	return list, nil
}

func TestRecordFile(t *testing.T) {
	path := t.TempDir() + "/records"
	if list, err := readRecords(path); err != nil || list != nil {
		t.Errorf("no file: %q, %v", list, err)
	}
	must(t, appendRecord(path, "one"))
	must(t, appendRecord(path, "two 2"))
	if list, err := readRecords(path); err != nil || strings.Join(list, "|") != "one|two 2" {
		t.Errorf("two records: %q, %v", list, err)
	}
	whole, err := os.ReadFile(path)
	must(t, err)
	for _, torn := range []string{string(whole[:recordSize+8]), string(whole[:8]) + string(whole), string(whole[:len(whole)-1])} {
		must(t, os.WriteFile(path, []byte(torn), 0o600))
		if list, err := readRecords(path); err == nil {
			t.Errorf("a part of a record was read: %q", list)
		}
	}
	for _, text := range []string{strings.Repeat("x", recordSize), "two\nlines"} {
		if err := appendRecord(path, text); err == nil {
			t.Errorf("%q was written", text)
		}
	}
}
