package gate

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// A limit and context.WithTimeout say the same, whatever happens to them and
// whenever somebody asks.
func TestLimitIsATimeout(t *testing.T) {
	type key struct{}
	steps := map[string]func(parent, child context.CancelFunc){
		"nothing":            func(_, _ context.CancelFunc) {},
		"cancelled":          func(_, child context.CancelFunc) { child() },
		"parent cancelled":   func(parent, _ context.CancelFunc) { parent() },
		"both":               func(parent, child context.CancelFunc) { child(); parent() },
		"time":               func(_, _ context.CancelFunc) { time.Sleep(time.Minute) },
		"time and cancelled": func(_, child context.CancelFunc) { time.Sleep(time.Minute); child() },
	}
	for name, step := range steps {
		for _, waited := range []bool{false, true} { // somebody waits for the end before it comes
			for _, short := range []bool{false, true} { // the parent's own time is shorter
				synctest.Test(t, func(t *testing.T) {
					parent, end := context.WithCancel(context.WithValue(t.Context(), key{}, "v"))
					defer end()
					if short {
						var stop context.CancelFunc
						parent, stop = context.WithTimeout(parent, 10*time.Second)
						defer stop()
					}
					l := withLimit(parent, 30*time.Second)
					w, endWanted := context.WithTimeout(parent, 30*time.Second)
					defer l.end()
					defer endWanted()
					if waited {
						select {
						case <-l.Done():
							t.Fatal("over at once")
						default:
						}
					}
					step(end, func() { l.end(); endWanted() })
					synctest.Wait()
					if early := l.Err(); !errors.Is(early, w.Err()) || (early == nil) != (w.Err() == nil) {
						t.Errorf("%s, waited %v, short %v: at first %v, want %v", name, waited, short, early, w.Err())
					}
					// A child ends with it, for the same reason.
					child, endChild := context.WithCancel(l)
					defer endChild()
					synctest.Wait()
					closed := func(ctx context.Context) bool {
						select {
						case <-ctx.Done():
							return true
						default:
							return false
						}
					}
					at, ok := l.Deadline()
					wantAt, _ := w.Deadline()
					if !errors.Is(l.Err(), w.Err()) || closed(l) != closed(w) || closed(child) != closed(w) || !errors.Is(child.Err(), w.Err()) ||
						!errors.Is(context.Cause(l), context.Cause(w)) || !ok || !at.Equal(wantAt) || l.Value(key{}) != "v" || (l.Err() == nil) != (w.Err() == nil) {
						t.Errorf("%s, waited %v, short %v: got %v, want %v", name, waited, short, l.Err(), w.Err())
					}
				})
			}
		}
	}
}
