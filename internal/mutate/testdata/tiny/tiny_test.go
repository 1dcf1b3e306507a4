package tiny_test

import (
	"testing"

	"tiny.test/tiny"
)

func TestAdd(t *testing.T) {
	if sum, err := tiny.Add(3, 4); sum != 7 || err != nil {
		t.Error(sum, err)
	}
	if sum, err := tiny.Add(9, 2); sum != 9 || err == nil {
		t.Error(sum, err)
	}
}

func TestLargest(t *testing.T) {
	if n := tiny.Largest([]int{2, 2, 3, 1}); n != 3 {
		t.Error(n)
	}
}
