// Package faultlist joins the faults of one input into one error.
package faultlist

import (
	"slices"
	"strings"
)

// Join returns all faults as one error on one line, because people read them,
// or nil if there are none. The prefix "saltoks: " is kept only in the first
// fault.
func Join(all []error) error {
	all = slices.DeleteFunc(all, func(err error) bool { return err == nil })
	if len(all) == 0 {
		return nil
	}
	return list(all)
}

type list []error

func (l list) Error() string {
	texts := make([]string, len(l))
	for i, err := range l {
		texts[i] = err.Error()
		if i > 0 {
			texts[i] = strings.TrimPrefix(texts[i], "saltoks: ")
		}
	}
	return strings.Join(texts, "; ")
}

func (l list) Unwrap() []error { return l }
