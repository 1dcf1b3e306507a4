package saltolocks

import (
	"cmp"
	"context"
	"strings"
	"sync"
	"time"

	"github.com/doorkit/doorkit/saltoks"
)

// names caches the names of the site's users.
type names struct {
	mu     sync.Mutex
	of     Session // the Session that byID was read with
	byID   map[saltoks.UserID]string
	readAt time.Time
}

// namesEvery limits how often the list of the site's users is read.
const namesEvery = 10 * time.Minute

// Name implements gate.VendorReader with the list of the site's users, which it reads
// at most every ten minutes, and only if it does not contain the user. SALTO's id of an
// unknown key code belongs to no user.
func (e *Entries) Name(ctx context.Context, user string) (string, error) {
	s, err := e.l.session(ctx)
	if err != nil {
		return "", catalogError(err)
	}
	n := &e.names
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.of.Client != s.Client || n.of.Site != s.Site {
		n.of, n.byID, n.readAt = s, nil, time.Time{}
	}
	name, known := n.byID[saltoks.UserID(user)]
	if known || !n.readAt.IsZero() && time.Since(n.readAt) < namesEvery {
		return name, nil
	}
	byID := map[saltoks.UserID]string{}
	for u, err := range s.Client.Users.All(ctx, s.Site) {
		if err != nil && ctx.Err() == nil { // a failed read counts, a canceled one does not
			n.readAt = time.Now()
		}
		if err != nil {
			return "", catalogError(err)
		}
		byID[u.Person.ID] = fullName(u.Person.FirstName, u.Person.LastName, u.Alias)
	}
	n.byID, n.readAt = byID, time.Now()
	return byID[saltoks.UserID(user)], nil
}

// fullName returns the name of a user; a guest may have an alias only.
func fullName(first, last, alias string) string {
	return cmp.Or(strings.TrimSpace(strings.TrimSpace(first)+" "+strings.TrimSpace(last)), strings.TrimSpace(alias))
}
