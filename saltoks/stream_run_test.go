package saltoks

import "testing"

// The wait before a stream connects again doubles up to longestReconnect. After a
// connection that lasted it is the first one again.
func TestReconnectPause(t *testing.T) {
	var r reconnect
	want, lasted := firstReconnect, lasting-1
	for i := range 30 {
		if i%10 == 9 {
			want, lasted = firstReconnect, lasting
		}
		if got := r.pause(lasted); got < want/2 || got >= want {
			t.Errorf("a pause of %v, want %v to %v", got, want/2, want)
		}
		want, lasted = min(2*want, longestReconnect), lasting-1
	}
}
