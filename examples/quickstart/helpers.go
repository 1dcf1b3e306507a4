package main

import (
	"fmt"
	"iter"
	"os"
)

// check ends the program if err is not nil.
func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "quickstart:", err)
		os.Exit(1)
	}
}

// must returns v, or ends the program if err is not nil.
func must[T any](v T, err error) T {
	check(err)
	return v
}

// mustAll yields the values of list and ends the program at the first error.
func mustAll[T any](list iter.Seq2[T, error]) iter.Seq[T] {
	return func(yield func(T) bool) {
		for v, err := range list {
			if !yield(must(v, err)) {
				return
			}
		}
	}
}
