// Package faultlist collects the faults of one input into one error.
package faultlist

import (
	"errors"
	"fmt"
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

// Add adds err as the fault of a field, which may be empty; nil is no fault.
func (l *List) Add(field string, err error) {
	if err != nil && field != "" {
		err = fmt.Errorf("%s %w", field, err)
	}
	if err != nil {
		*l = append(*l, err)
	}
}

// Err returns all faults as one error on one line, because people read them,
// after the name of the package that reports them, which may be empty. It
// returns nil if there are no faults.
func (l List) Err(pkg string) error {
	if len(l) == 0 {
		return nil
	}
	if pkg != "" {
		pkg += ": "
	}
	return joined{pkg, l}
}

type joined struct {
	prefix string
	all    []error
}

func (j joined) Error() string {
	texts := make([]string, len(j.all))
	for i, err := range j.all {
		texts[i] = strings.TrimPrefix(err.Error(), j.prefix)
	}
	return j.prefix + strings.Join(texts, "; ")
}

func (j joined) Unwrap() []error { return j.all }
