package main

import (
	"fmt"
	"iter"
	"os"
)

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "quickstart:", err)
		os.Exit(1)
	}
}

func must[T any](v T, err error) T {
	check(err)
	return v
}

// must2 is must for lists, which yield an error in the place of a value.
func must2[T any](list iter.Seq2[T, error]) iter.Seq[T] {
	return func(yield func(T) bool) {
		for v, err := range list {
			if !yield(must(v, err)) {
				return
			}
		}
	}
}
