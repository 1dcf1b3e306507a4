// Package faultlist collects the faults of one input into one error.
package faultlist

import (
	"errors"
	"slices"
	"strings"
)

// List collects faults. The zero value has none.
type List []error

// Require adds a fault unless ok.
func (l *List) Require(ok bool, fault string) {
	if !ok {
		*l = append(*l, errors.New(fault))
	}
}

// Join returns all faults as one error on one line, because people read them,
// or nil if there are none. The prefix "saltoks: " is kept only in the first
// fault.
func Join(all []error) error {
	all = slices.DeleteFunc(all, func(err error) bool { return err == nil })
	if len(all) == 0 {
		return nil
	}
	return joined(all)
}

type joined []error

func (l joined) Error() string {
	texts := make([]string, len(l))
	for i, err := range l {
		texts[i] = err.Error()
		if i > 0 {
			texts[i] = strings.TrimPrefix(texts[i], "saltoks: ")
		}
	}
	return strings.Join(texts, "; ")
}

func (l joined) Unwrap() []error { return l }
