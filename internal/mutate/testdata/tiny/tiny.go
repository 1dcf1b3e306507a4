// Package tiny has a fault that its tests find, some that they miss, and code that they
// never run.
package tiny

import "errors"

const limit = 10

var errTooMuch = errors.New("too much")

// Add adds to a sum that has a limit.
func Add(sum, n int) (int, error) {
	if n < 0 || sum+n > limit {
		return sum, errTooMuch
	}
	return sum + n, nil
}

// Largest returns the largest of a list that is not empty.
func Largest(list []int) int {
	largest := list[0]
	for _, n := range list[1:] {
		if n > largest {
			largest = n
		}
	}
	return largest
}

// Unused is not tested.
func Unused(name string) bool { return name == "door" }
