package access

// buckets narrows a search in a sorted list of numbers, times or dates, down to a
// few of them, mostly without looking at the list.
type buckets struct {
	base  int64
	shift uint
	first []int32 // per bucket of 2^shift: how many numbers lie before it; one more for the end
}

// newBuckets makes buckets for n sorted numbers, about as many as wanted or half.
func newBuckets(n, wanted int, at func(int) int64) buckets {
	if n == 0 {
		return buckets{}
	}
	b := buckets{base: at(0)}
	last := at(n - 1)
	for uint64(last-b.base)>>b.shift > uint64(wanted) {
		b.shift++
	}
	i, count := 0, (last-b.base)>>b.shift+1
	b.first = make([]int32, 0, count+1)
	for k := range count {
		for at(i) < b.base+k<<b.shift {
			i++
		}
		b.first = append(b.first, int32(i))
	}
	b.first = append(b.first, int32(n))
	return b
}

// around returns lo and hi: what is before lo is at most x, what is from hi on is
// more.
func (b *buckets) around(x int64) (lo, hi int) {
	if len(b.first) == 0 || x < b.base {
		return 0, 0
	}
	k := uint64(x-b.base) >> b.shift
	if k+1 >= uint64(len(b.first)) {
		n := int(b.first[len(b.first)-1])
		return n, n
	}
	return int(b.first[k]), int(b.first[k+1])
}
