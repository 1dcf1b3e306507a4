package saltoks_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/internal/faulttest"
	"github.com/doorkit/doorkit/saltoks/saltoauth"
	"github.com/doorkit/doorkit/saltoks/saltokstest"
)

// simClient is a client of a simulator in memory, as the world's first user by
// the password grant.
func simClient(sim *saltokstest.Sim, set ...func(*saltoks.Config)) (*saltoks.Client, error) {
	env := saltoks.Environment{Name: "simulator", Issuer: sim.Issuer(), API: sim.API(), Events: sim.Events()}
	user := sim.World().Users[0]
	tokens, err := saltoauth.PasswordSource(saltoauth.PasswordConfig{
		Environment: env,
		Credentials: saltoauth.Credentials{ClientID: sim.ClientID(), ClientSecret: saltoks.NewSecret(sim.ClientSecret())},
		User:        user.Email,
		Password:    saltoauth.FixedPassword(saltoks.NewSecret(user.Password)),
		HTTPClient:  sim.HTTPClient(),
		Now:         sim.Now,
	})
	if err != nil {
		return nil, err
	}
	cfg := saltoks.Config{Environment: env, Tokens: tokens, HTTPClient: sim.HTTPClient()}
	for _, change := range set {
		change(&cfg)
	}
	return saltoks.NewClient(cfg)
}

func newSim(t *testing.T) (*saltokstest.Sim, *saltoks.Client) {
	t.Helper()
	sim := saltokstest.New(t, saltokstest.Config{})
	c, err := simClient(sim, func(cfg *saltoks.Config) { cfg.Limiter = saltoks.NoRateLimit() })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close(context.Background()) })
	return sim, c
}

func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func collect[T any](t *testing.T, seq func(func(T, error) bool)) []T {
	t.Helper()
	var items []T
	for v, err := range seq {
		if err != nil {
			t.Fatal(err)
		}
		items = append(items, v)
	}
	return items
}

// door is a site's lock and the activated user's right code for it.
type door struct {
	sim  *saltokstest.Sim
	site saltoks.SiteID
	iq   saltoks.IQID
	lock saltoks.LockID
	user string
}

func activatedDoor(sim *saltokstest.Sim) door {
	w := sim.World()
	d := door{
		sim,
		saltoks.SiteID(w.Sites[0].ID),
		saltoks.IQID(w.Sites[0].IQs[0].ID),
		saltoks.LockID(w.Sites[0].Locks[0].ID),
		w.Users[0].Email,
	}
	sim.Activate(d.user, string(d.iq))
	return d
}

func (d door) code() saltoks.OTP { return saltoks.NewOTP(d.sim.OTP(d.user, string(d.iq))) }

// TestCommandUnderFaults: what the client reports of a command agrees with what
// the door did, and the wire saw it once at most.
func TestCommandUnderFaults(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		arm     func(*saltokstest.Sim, door)
		want    string
		cause   error
		moved   int
		request int
	}{
		{"nothing wrong", nil, "accepted", nil, 1, 1},
		{"answer lost before", func(s *saltokstest.Sim, _ door) {
			s.Fault(saltokstest.AnswerLostBeforeMove, saltokstest.On("/locking"))
		}, "unconfirmed", nil, 0, 1},
		{"answer lost after", func(s *saltokstest.Sim, _ door) { s.Fault(saltokstest.AnswerLostAfterMove, saltokstest.On("/locking")) },
			"unconfirmed", nil, 1, 1},
		{"hangs", func(s *saltokstest.Sim, _ door) { s.Fault(saltokstest.Hang, saltokstest.On("/locking")) }, "unconfirmed",
			context.DeadlineExceeded, 0, 1},
		{"429", func(s *saltokstest.Sim, _ door) { s.Fault(saltokstest.HTTP429, saltokstest.On("/locking")) }, "refused",
			saltoks.ErrRateLimited, 0, 1},
		{"500", func(s *saltokstest.Sim, _ door) { s.Fault(saltokstest.HTTP500, saltokstest.On("/locking")) }, "unconfirmed", nil, 0, 1},
		{"502 after the move", func(s *saltokstest.Sim, _ door) {
			s.Fault(saltokstest.HTML502, saltokstest.On("/locking"), saltokstest.After())
		}, "unconfirmed", nil, 1, 1},
		{"half an answer", func(s *saltokstest.Sim, _ door) { s.Fault(saltokstest.TruncatedBody, saltokstest.On("/locking")) }, "unconfirmed",
			nil, 1, 1},
		{"307", func(s *saltokstest.Sim, _ door) { s.Fault(saltokstest.Redirect307, saltokstest.On("/locking")) }, "refused", nil, 0, 1},
		{"IQ offline", func(s *saltokstest.Sim, _ door) { s.Fault(saltokstest.IQOffline) }, "unconfirmed", saltoks.ErrIQOffline, 0, 1},
		{"lock offline", func(s *saltokstest.Sim, _ door) { s.Fault(saltokstest.LockOffline) }, "unconfirmed", saltoks.ErrLockOffline, 0, 1},
		{"blocked", func(s *saltokstest.Sim, _ door) { s.Fault(saltokstest.OTPBlocked) }, "refused", saltoks.ErrOTPBlocked, 0, 1},
		{"app took the secret", func(s *saltokstest.Sim, _ door) { s.Fault(saltokstest.AppRotatedSecret) }, "accepted", nil, 1,
			1}, // the right code of now
		{"no right", func(s *saltokstest.Sim, d door) { s.SetRemoteAccess(string(d.site), d.user, false) }, "refused", saltoks.ErrForbidden,
			0, 1},
		{"no subscription", func(s *saltokstest.Sim, d door) { s.SetPaid(string(d.site), false) }, "refused", saltoks.ErrNoSubscription, 0, 1},
		{"not released", func(s *saltokstest.Sim, d door) { s.SetReleased(string(d.site), false) }, "refused", saltoks.ErrSiteNotReleased, 0,
			1},
		{"identity server out", func(s *saltokstest.Sim, _ door) { s.Fault(saltokstest.IdentityOutage) }, "not sent", nil, 0, 0},
		{"unknown words", func(s *saltokstest.Sim, _ door) { s.Fault(saltokstest.UnknownEnumValues) }, "accepted", nil, 1, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				sim, c := newSim(t)
				d := activatedDoor(sim)
				if tt.name != "identity server out" {
					must[saltoks.Me](t)(c.Me.Get(t.Context())) // the token is there
				}
				if tt.arm != nil {
					tt.arm(sim, d)
				}
				err := c.Raw().SetLockState(
					t.Context(), d.site, d.lock, saltoks.Unlocked, d.code(), nil)

				// an attempt's own limit ends what hangs
				if got := faulttest.Verdict(err); got != tt.want || tt.cause != nil && !errors.Is(err, tt.cause) {
					t.Errorf("%s, want %s: %v", got, tt.want, err)
				}
				if n := sim.Movements(string(d.lock)); n != tt.moved {
					t.Errorf("the door moved %d times, want %d", n, tt.moved)
				}
				if n := len(sim.Commands()); n != tt.request {
					t.Errorf("%d commands on the wire, want %d", n, tt.request)
				}
			})
		})
	}
}

// TestWrongCodes: missing, wrong and too many.
func TestWrongCodes(t *testing.T) {
	t.Parallel()
	sim, c := newSim(t)
	d := activatedDoor(sim)
	wrong := saltoks.NewOTP(sim.WrongOTP(d.user, string(d.iq)))
	for _, code := range []saltoks.OTP{{}, wrong} {
		if err := c.Raw().SetLockState(t.Context(), d.site, d.lock, saltoks.Unlocked, code, nil); !errors.Is(err, saltoks.ErrOTPInvalid) ||
			faulttest.Verdict(err) != "refused" {
			t.Errorf("%s: %v", faulttest.Verdict(err), err)
		}
	}
	var err error
	for range 4 {
		err = c.Raw().SetLockState(t.Context(), d.site, d.lock, saltoks.Unlocked, wrong, nil)
	}
	if !errors.Is(err, saltoks.ErrOTPBlocked) {
		t.Error(err)
	}
	sim.Clock().Advance(21 * time.Minute)
	if err := c.Raw().SetLockState(t.Context(), d.site, d.lock, saltoks.Unlocked, d.code(), nil); err != nil {
		t.Error(err)
	}
}

// TestActivationByHand: the calls of an activation, one by one.
func TestActivationByHand(t *testing.T) {
	t.Parallel()
	sim, c := newSim(t)
	w := sim.World()
	site, iq, user := saltoks.SiteID(w.Sites[0].ID), saltoks.IQID(w.Sites[0].IQs[1].ID), w.Users[0]
	if got := collect(t, c.Me.ActivatedIQs(t.Context(), site)); len(got) != 0 {
		t.Errorf("%v before anything", got)
	}
	secret := must[saltoks.Secret](t)(c.Raw().FirstSecret(t.Context(), site, iq))
	if secret.IsZero() {
		t.Fatal("no secret")
	}
	for _, by := range []saltoks.PINChannel{saltoks.PINByMail, saltoks.PINBySMS} {
		if err := c.Raw().RequestPIN(t.Context(), site, iq, by); err != nil {
			t.Fatal(err)
		}
	}
	var channels []string
	for _, m := range sim.Inbox() {
		channels = append(channels, m.Channel)
	}
	if diff := cmp.Diff([]string{"email", "sms"}, channels); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	got := collect(t, c.Me.ActivatedIQs(t.Context(), site))
	if len(got) != 1 || got[0].IQ != iq || got[0].Activated || !got[0].ActivatedAt.IsZero() {
		t.Errorf("half way: %+v", got)
	}
	if err := c.Raw().ConfirmPIN(t.Context(), site, iq, saltoks.NewOTP(sim.OTP(user.Email, string(iq)))); err != nil {
		t.Fatal(err)
	}
	got = collect(t, c.Me.ActivatedIQs(t.Context(), site))
	if len(got) != 1 || !got[0].Activated || got[0].ActivatedAt.IsZero() {
		t.Errorf("afterwards: %+v", got)
	}
	if _, err := c.Raw().FirstSecret(t.Context(), site, iq); !errors.Is(err, saltoks.ErrIQAlreadyActivated) {
		t.Error(err)
	}
	if err := c.Raw().RequestPIN(t.Context(), site, iq, saltoks.PINByMail); !errors.Is(err, saltoks.ErrIQAlreadyActivated) {
		t.Error(err)
	}
	again := must[saltoks.Secret](t)(c.Raw().SecretByOTP(t.Context(), site, iq, saltoks.NewOTP(sim.OTP(user.Email, string(iq)))))
	if !again.Equal(secret) {
		t.Error("the secret changed")
	}
}

// TestMembersOfASite: users, guests, groups, PINs, as a host would keep them.
func TestMembersOfASite(t *testing.T) {
	t.Parallel()
	sim, c := newSim(t)
	ctx := t.Context()
	d := activatedDoor(sim)
	roles := collect(t, c.Sites.Roles(ctx, d.site))
	i := slices.IndexFunc(roles, func(r saltoks.Role) bool { return r.Code == saltoks.RoleSiteUser })
	if i < 0 {
		t.Fatalf("no role site_user in %v", roles)
	}
	ada := must[saltoks.SiteUser](
		t,
	)(
		c.Users.Create(
			ctx,
			d.site,
			saltoks.NewUser{FirstName: "Ada", LastName: "Byron", Email: "ada@harbour.example", Roles: []saltoks.RoleID{roles[i].ID}},
		),
	)
	sim.Clock().Advance(2 * time.Minute) // creation is eventually consistent
	if ada.ID == "" || ada.Person.ID == "" || string(ada.ID) == string(ada.Person.ID) {
		t.Fatalf("%+v", ada)
	}
	got := must[saltoks.SiteUser](t)(c.Users.Update(ctx, d.site, ada.ID, saltoks.UserChange{UsePIN: new(true)}))
	if !got.UsePIN {
		t.Errorf("%+v", got)
	}
	pin := must[saltoks.KeypadPIN](t)(c.Users.IssuePIN(ctx, d.site, ada.ID, time.Time{}))
	if keys := collect(t, c.Users.Keys(ctx, d.site, ada.ID)); len(keys) != 1 || keys[0].Type != "pin" {
		t.Errorf("%+v", keys)
	}
	group := must[saltoks.AccessGroup](t)(c.AccessGroups.Create(ctx, d.site, "Members"))
	if err := c.AccessGroups.AddLock(ctx, d.site, group.ID, d.lock); err != nil {
		t.Fatal(err)
	}
	if err := c.AccessGroups.AddUser(ctx, d.site, group.ID, saltoks.UserID(ada.ID)); !errors.Is(err, saltoks.ErrNotFound) {
		t.Errorf("the site user's id in a group: %v", err)
	}
	if err := c.AccessGroups.AddUser(ctx, d.site, group.ID, ada.Person.ID); err != nil {
		t.Fatal(err)
	}
	schedule := must[saltoks.TimeSchedule](
		t,
	)(
		c.AccessGroups.AddTimeSchedule(
			ctx,
			d.site,
			group.ID,
			saltoks.TimeSchedule{Weekdays: saltoks.EveryDay(), End: saltoks.TimeOfDay{Hour: 23, Minute: 59, Second: 59}},
		),
	)
	if schedule.ID == "" || schedule.End.String() != "23:59:59" {
		t.Errorf("%+v", schedule)
	}
	schedule.Start = saltoks.TimeOfDay{Hour: 6}
	if err := c.AccessGroups.UpdateTimeSchedule(ctx, d.site, group.ID, schedule); err != nil {
		t.Fatal(err)
	}
	if l := collect(t, c.AccessGroups.Locks(ctx, d.site, group.ID)); len(l) != 1 || l[0].ID != d.lock {
		t.Errorf("%+v", l)
	}
	if u := collect(t, c.AccessGroups.Users(ctx, d.site, group.ID)); len(u) != 1 || u[0].ID != ada.Person.ID {
		t.Errorf("%+v", u)
	}
	if s := collect(t, c.AccessGroups.TimeSchedules(ctx, d.site, group.ID)); len(s) != 1 || s[0] != schedule {
		t.Errorf("%+v", s)
	}
	if sim.EnterPIN(string(d.lock), "000000") {
		t.Error("any PIN opens")
	}
	_ = pin
	if err := c.Users.SetSubscription(ctx, d.site, ada.ID, saltoks.Suspended); err != nil {
		t.Fatal(err)
	}
	if got = must[saltoks.SiteUser](t)(c.Users.Get(ctx, d.site, ada.ID)); got.Subscription != saltoks.Suspended {
		t.Errorf("%+v", got)
	}
	found := collect(t, c.Users.All(ctx, d.site, saltoks.Equal("user/email", "ada@harbour.example")))
	if len(found) != 1 || found[0].ID != ada.ID {
		t.Errorf("%+v", found)
	}
	for _, err := range []error{
		c.AccessGroups.RemoveUser(ctx, d.site, group.ID, ada.Person.ID), c.AccessGroups.RemoveLock(ctx, d.site, group.ID, d.lock),
		c.AccessGroups.DeleteTimeSchedule(ctx, d.site, group.ID, schedule.ID), c.AccessGroups.Delete(ctx, d.site, group.ID),
		c.Users.Delete(ctx, d.site, ada.ID),
	} {
		if err != nil {
			t.Error(err)
		}
	}
	sim.Clock().Advance(time.Minute)
	if _, err := c.Users.Get(ctx, d.site, ada.ID); !errors.Is(err, saltoks.ErrNotFound) {
		t.Error(err)
	}

	sim.Fault(saltokstest.SeatsFull)
	guest := must[saltoks.SiteUser](t)(c.Users.CreateGuest(ctx, d.site, "Guest 1", sim.Now().Add(time.Hour)))
	if guest.Subscription != saltoks.Suspended {
		t.Errorf("a guest of a full site: %+v", guest)
	}
}

// TestReadsAgainstTheSimulator: pages, filters, entries, resolving.
func TestReadsAgainstTheSimulator(t *testing.T) {
	t.Parallel()
	sim, c := newSim(t)
	ctx := t.Context()
	d := activatedDoor(sim)
	for i := range 45 {
		sim.AddLock(string(d.site), saltokstest.Lock{Name: "Extra " + string(rune('A'+i%26)) + string(rune('a'+i/26))})
	}
	for _, opts := range [][]saltoks.ListOption{nil, {saltoks.PageSize(7)}, {saltoks.PageSize(500)}} {
		seen := map[saltoks.LockID]bool{}
		for _, l := range collect(t, c.Locks.All(ctx, d.site, opts...)) {
			seen[l.ID] = true
		}
		if len(seen) != 49 {
			t.Errorf("%d of 49 locks", len(seen))
		}
	}
	if got := collect(t, c.Locks.All(ctx, d.site, saltoks.Equal("customer_reference", "Main Entrance"))); len(got) != 1 ||
		got[0].ID != d.lock ||
		got[0].IQ.ID != d.iq {
		t.Errorf("%+v", got)
	}
	if _, err := c.Sites.Get(ctx, saltoks.SiteID(sim.World().Sites[0].UID)); !errors.Is(err, saltoks.ErrInvalidRequest) {
		t.Errorf("a UID in a path: %v", err)
	}
	if s := must[saltoks.Site](t)(c.Sites.Resolve(ctx, sim.World().Sites[0].UID)); s.ID != d.site || s.EntriesKept != 90*24*time.Hour ||
		s.TimeZone != "Europe/Amsterdam" {
		t.Errorf("%+v", s)
	}
	if sub := must[saltoks.Subscription](t)(c.Sites.Subscription(ctx, d.site)); !slices.Contains(sub.Features, "events_storage") {
		t.Errorf("%+v", sub)
	}

	cursor := saltoks.EntryCursor{From: sim.Now().Add(-time.Minute)}
	for range 3 {
		if err := c.Raw().SetLockState(ctx, d.site, d.lock, saltoks.Unlocked, d.code(), nil); err != nil {
			t.Fatal(err)
		}
		sim.Clock().Advance(20 * time.Second)
	}
	entries, cursor, err := c.Entries.Poll(ctx, d.site, cursor)
	if err != nil || len(entries) != 3 || entries[0].Category != saltoks.LockOpened || entries[0].AccessBy != saltoks.ByRemote ||
		entries[0].User != must[saltoks.Me](t)(c.Me.Get(ctx)).ID {
		t.Errorf("%v: %+v", err, entries)
	}
	if entries, _, err = c.Entries.Poll(ctx, d.site, cursor); err != nil || len(entries) != 0 {
		t.Errorf("returned twice: %v %+v", err, entries)
	}
	if got := collect(t, c.Entries.All(ctx, d.site, saltoks.PageSize(1))); len(got) != 3 {
		t.Errorf("%d entries, one a page", len(got))
	}

	r := must[*saltoks.Request](t)(c.NewRequest("GET", "/v2/sites/{site}/roles", string(d.site)))
	if _, err := c.Do(ctx, r, nil); !errors.Is(err, saltoks.ErrForbidden) {
		t.Errorf("v2: %v", err)
	}
	r = must[*saltoks.Request](t)(c.NewRequest("GET", "/v1.2/sites/{site}/entries", string(d.site)))
	if _, err := c.Do(ctx, r, nil); faulttest.Verdict(err) != "refused" {
		t.Errorf("entries by another version: %v", err)
	}
}
