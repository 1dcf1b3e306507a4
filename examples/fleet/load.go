//go:build unix

package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/access/gate/storage"
	"github.com/doorkit/doorkit/saltoks/saltokstest"
)

// stats counts what the members' apps received.
type stats struct {
	mu            sync.Mutex
	taps, retries int
	outcomes      map[gate.Outcome]int
	lost          int // taps without a receipt
}

// load sends taps of members for the span, and calls halfway after half of it.
func load(ctx context.Context, fleet []*process, c config, span time.Duration, halfway func()) *stats {
	s := &stats{outcomes: map[gate.Outcome]int{}}
	ctx, cancel := context.WithTimeout(ctx, span)
	defer cancel()
	const apps = 12
	var all sync.WaitGroup
	for i := range apps {
		all.Go(func() {
			for n := i; ctx.Err() == nil; n += apps {
				// Each tap is of another member: two taps of one member at one door
				// within two seconds would share a command.
				s.tap(fleet, n, request{c.Sites[n%len(c.Sites)].ID, gate.Tap{
					RequestID: rand.Text(), Member: fmt.Sprintf("member-%02d", n/len(c.Sites)%members), Door: "entrance", TappedAt: time.Now(),
				}})
			}
		})
	}
	select {
	case <-time.After(span / 2):
		halfway()
	case <-ctx.Done():
	}
	all.Wait()
	return s
}

// tap sends one tap as a member's app does. If a process does not respond, it sends the
// same tap, with the same RequestID, to the next one.
func (s *stats) tap(fleet []*process, n int, q request) {
	body, _ := json.Marshal(q) // strings and a time always marshal
	client := http.Client{Timeout: 30 * time.Second}
	var receipt gate.Receipt
	for try := range fleet {
		if try > 0 {
			s.count(func() { s.retries++ })
		}
		resp, err := client.Post(fleet[(n+try)%len(fleet)].url, "application/json", bytes.NewReader(body))
		if err != nil {
			continue
		}
		err = json.NewDecoder(resp.Body).Decode(&receipt)
		resp.Body.Close()
		if err == nil {
			break
		}
	}
	s.count(func() {
		s.taps++
		s.outcomes[receipt.Outcome]++
		if receipt.Outcome == "" {
			s.lost++
		}
	})
}

// count calls fn under the lock.
func (s *stats) count(fn func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fn()
}

// audit compares the journals and the door logs with the movements of the doors. Its
// clock is one minute ahead: by then Recover treats the commands of the killed process
// as lost.
func (n *node) audit(ctx context.Context, sim *saltokstest.Server, s *stats) error {
	later := func() time.Time { return time.Now().Add(time.Minute) }
	var recovered, accepted, unconfirmed, moved, rows int
	for _, one := range n.config.Sites {
		opened, err := n.open(ctx, one, later)
		if err != nil {
			return err
		}
		g := opened.Gate
		left, err := g.Recover(ctx)
		if err != nil {
			return err
		}
		recovered += left
		v, err := g.Verify(ctx, gate.Head{}, gate.Head{})
		if err != nil {
			return err
		}
		rows += v.Rows
		commands := map[gate.Outcome]int{}
		for _, o := range []gate.Outcome{gate.Sending, gate.Accepted, gate.Unconfirmed} {
			list, err := n.store.Entries(ctx, storage.JournalQuery{Site: one.ID, Outcome: o, Limit: 1 << 30})
			if err != nil {
				return err
			}
			commands[o] = len(list)
		}
		door, err := n.store.Door(ctx, one.ID, "entrance")
		if err != nil {
			return err
		}
		m := sim.Movements(door.Link.Lock)
		if commands[gate.Sending] > 0 || m < commands[gate.Accepted] || m > commands[gate.Accepted]+commands[gate.Unconfirmed] {
			return fmt.Errorf("%s: the door moved %d times, but the journal has %v", one.ID, m, commands)
		}
		accepted, unconfirmed, moved = accepted+commands[gate.Accepted], unconfirmed+commands[gate.Unconfirmed], moved+m
	}
	refreshes := 0
	for _, r := range sim.Requests() {
		if r.Path == "/connect/token" {
			refreshes++
		}
	}
	fmt.Printf("the killed process left %d commands unfinished, now unconfirmed\n", recovered)
	fmt.Printf("%d movements of %d accepted and %d unconfirmed unlocks: no tap moved a door twice\n", moved, accepted, unconfirmed)
	if s.lost > 0 {
		return fmt.Errorf("%d taps got no receipt", s.lost)
	}
	session, err := n.first.Session(ctx)
	if err != nil {
		return err
	}
	if _, err := session.Client.Me.Get(ctx); err != nil { // SALTO revokes a consent whose refresh token is used twice
		return err
	}
	fmt.Printf("%d rows in %d door logs, all hash chains intact\n", rows, len(n.config.Sites))
	fmt.Printf("the tokens were refreshed %d times, and no refresh token was used twice\n", refreshes)
	return nil
}
