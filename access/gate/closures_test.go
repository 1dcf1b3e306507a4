package gate_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/access/gate/storage"
)

// A door that is still in office mode when a closure begins is locked and reported,
// whatever the closing run was asked for; one that is put into office mode during the
// closure, by a member who may, stays open.
func TestCloseOfficeModeForAClosure(t *testing.T) {
	for name, c := range map[string]struct {
		doors []string
		from  time.Duration // after the start
		want  string
	}{
		"of every door":      {nil, time.Hour, "ended ada closure"},
		"of this door":       {[]string{"front", "office"}, time.Hour, "ended ada closure"},
		"of another door":    {[]string{"front"}, time.Hour, ""},
		"that has not begun": {nil, 3 * time.Hour, ""},
		"that is over":       {nil, -3 * time.Hour, ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := setup(t)
				b.startOffice("ada")
				rules, err := b.store.Rules(t.Context(), site)
				if err != nil {
					t.Fatal(err)
				}
				from := time.Now().Add(c.from)
				rules.Closures = []access.Closure{{From: from, Until: from.Add(2 * time.Hour), Doors: c.doors}}
				if err := b.store.PutRules(t.Context(), rules); err != nil {
					t.Fatal(err)
				}
				if got := b.closeOfficeMode(gate.CloseRequest{}); got != "" {
					t.Errorf("before it begins: %q", got)
				}
				time.Sleep(2 * time.Hour)
				if got := b.closeOfficeMode(gate.CloseRequest{}); got != c.want {
					t.Errorf("got %q, want %q", got, c.want)
				}
				if c.want == "" {
					return
				}
				b.wantHolders("after the closing run")
				staff := access.Grant{ID: "bob-office", Member: "bob", Door: "office", Hours: access.Always(), RequiresMembership: new(false),
					DuringClosures: true}
				if err := b.store.PutGrant(t.Context(), site, storage.Grant{Grant: staff}); err != nil {
					t.Fatal(err)
				}
				b.startOffice("bob")
				time.Sleep(time.Minute)
				if got := b.closeOfficeMode(gate.CloseRequest{RightEnded: true}); got != "" {
					t.Errorf("during the closure: %q", got)
				}
			})
		})
	}
}
