package saltoks_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/doorkit/doorkit/saltoks"
)

func ExampleMeService_Get() {
	_, client, _, end := harbour()
	defer end()
	me, err := client.Me.Get(context.Background())
	fmt.Println(me.FirstName, me.LastName, me.Email, err)
	// Output: Harbour Doors doors@harbour.example <nil>
}

func ExampleMeService_OnSite() {
	_, client, at, end := harbour()
	defer end()
	me, err := client.Me.OnSite(context.Background(), at.site)
	fmt.Println(me.RemoteAccess, me.Roles[0].Code, err)
	// Output: true site_admin <nil>
}

func ExampleMeService_ActivatedIQs() {
	_, client, at, end := harbour()
	defer end()
	n := 0
	for a, err := range client.Me.ActivatedIQs(context.Background(), at.site) {
		if err != nil {
			fmt.Println(err)
			return
		}
		if a.Activated {
			n++
		}
	}
	fmt.Println(n, "IQs")
	// Output: 2 IQs
}

func ExampleSitesService_All() {
	_, client, _, end := harbour()
	defer end()
	for site, err := range client.Sites.All(context.Background()) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(site.UID, site.Name)
	}
	// Output: NL0417263859 Harbour House
}

func ExampleSitesService_Get() {
	_, client, at, end := harbour()
	defer end()
	site, err := client.Sites.Get(context.Background(), at.site)
	fmt.Println(site.Name, site.TimeZone, site.EntriesKept, err)
	// Output: Harbour House Europe/Amsterdam 2160h0m0s <nil>
}

// People know the printed site UID; the API requires the UUID.
func ExampleSitesService_Resolve() {
	_, client, at, end := harbour()
	defer end()
	site, err := client.Sites.Resolve(context.Background(), "nl0417263859")
	fmt.Println(site.ID == at.site, err)
	// Output: true <nil>
}

func ExampleSitesService_Subscription() {
	_, client, at, end := harbour()
	defer end()
	sub, err := client.Sites.Subscription(context.Background(), at.site)
	fmt.Println(sub.Users, slices.Contains(sub.Features, "events_storage"), err)
	// Output: 10 true <nil>
}

func ExampleSitesService_Roles() {
	_, client, at, end := harbour()
	defer end()
	for role, err := range client.Sites.Roles(context.Background(), at.site) {
		if err != nil {
			fmt.Println(err)
			return
		}
		if role.Code == saltoks.RoleSiteUser {
			fmt.Println(role.Name)
		}
	}
	// Output: Site User
}

func ExampleIQsService_All() {
	_, client, at, end := harbour()
	defer end()
	for iq, err := range client.IQs.All(context.Background(), at.site) {
		fmt.Println(iq.Name, iq.OTPEnabled, err)
	}
	// Output:
	// IQ Ground Floor true <nil>
	// IQ First Floor true <nil>
}

func ExampleIQsService_Get() {
	_, client, at, end := harbour()
	defer end()
	iq, err := client.IQs.Get(context.Background(), at.site, at.iq)
	fmt.Println(iq.Name, iq.Online, iq.RestoreRequired, err)
	// Output: IQ Ground Floor true false <nil>
}

// The secret prints as [redacted]; only Reveal shows it.
func ExampleRawService_FirstSecret() {
	sim, client, at, end := harbour()
	defer end()
	iq := sim.AddIQ(string(at.site), newIQ)
	secret, err := client.Raw().FirstSecret(context.Background(), at.site, saltoks.IQID(iq.ID))
	fmt.Println(secret, len(secret.Reveal()), err)
	_, err = client.Raw().FirstSecret(context.Background(), at.site, at.iq)
	fmt.Println(errors.Is(err, saltoks.ErrIQAlreadyActivated))
	// Output:
	// [redacted] 16 <nil>
	// true
}

func ExampleRawService_SecretByOTP() {
	_, client, at, end := harbour()
	defer end()
	secret, err := client.Raw().SecretByOTP(context.Background(), at.site, at.iq, at.code())
	fmt.Println(secret, err)
	// Output: [redacted] <nil>
}

func ExampleRawService_RequestPIN() {
	sim, client, at, end := harbour()
	defer end()
	iq := saltoks.IQID(sim.AddIQ(string(at.site), newIQ).ID)
	if _, err := client.Raw().FirstSecret(context.Background(), at.site, iq); err != nil {
		fmt.Println(err)
	}
	err := client.Raw().RequestPIN(context.Background(), at.site, iq, saltoks.PINByMail)
	fmt.Println(len(sim.Inbox()), "mail", err)
	// Output: 1 mail <nil>
}

// For an activated user, it checks a code without moving anything.
func ExampleRawService_ConfirmPIN() {
	_, client, at, end := harbour()
	defer end()
	fmt.Println(client.Raw().ConfirmPIN(context.Background(), at.site, at.iq, at.code()))
	// Output: <nil>
}

func ExampleIQsService_Restore() {
	sim, client, at, end := harbour()
	defer end()
	sim.Fault("restore_required")
	before, _ := client.IQs.Get(context.Background(), at.site, at.iq)
	err := client.IQs.Restore(context.Background(), at.site, at.iq)
	after, _ := client.IQs.Get(context.Background(), at.site, at.iq)
	fmt.Println(before.RestoreRequired, after.RestoreRequired, err)
	// Output: true false <nil>
}

func ExampleRawService_Deactivate() {
	_, client, at, end := harbour()
	defer end()
	err := client.Raw().Deactivate(context.Background(), at.site, at.iq, "9e8d7c6b-5a49-4838-b726-150403f2e1d0", at.code())
	fmt.Println(errors.Is(err, saltoks.ErrUnverified)) // needs UnverifiedEndpoints
	// Output: true
}

func ExampleIQsService_SetTree() {
	_, client, at, end := harbour()
	defer end()
	err := client.IQs.SetTree(
		context.Background(),
		at.site,
		at.iq,
		[]saltoks.IQTreeItem{{ID: string(at.lock), ParentID: string(at.iq), Hardware: "lock"}},
		at.code(),
	)
	fmt.Println(errors.Is(err, saltoks.ErrUnverified)) // needs UnverifiedEndpoints
	// Output: true
}

func ExampleLocksService_All() {
	_, client, at, end := harbour()
	defer end()
	for lock, err := range client.Locks.All(context.Background(), at.site, saltoks.PageSize(50)) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("%s by %s\n", lock.Name, lock.IQ.Name)
	}
	// Output:
	// Main Entrance by IQ Ground Floor
	// Office Four by IQ First Floor
	// Meeting Room by IQ First Floor
	// Bicycle Store by IQ Ground Floor
}

func ExampleLocksService_Get() {
	_, client, at, end := harbour()
	defer end()
	lock, err := client.Locks.Get(context.Background(), at.site, at.lock)
	fmt.Println(lock.Name, lock.State, lock.Battery, lock.Schedule == nil, err)
	// Output: Main Entrance locked fresh true <nil>
}

func ExampleRawService_SetLockState() {
	sim, client, at, end := harbour()
	defer end()
	err := client.Raw().SetLockState(context.Background(), at.site, at.lock, saltoks.Unlocked, at.code(), nil)
	fmt.Println(sim.LockState(string(at.lock)), sim.Movements(string(at.lock)), err)
	sim.Clock().Advance(8 * time.Second)
	fmt.Println(sim.LockState(string(at.lock)))
	// Output:
	// unlocked 1 <nil>
	// locked
}

func ExampleLocksService_SetSchedule() {
	_, client, at, end := harbour(func(cfg *saltoks.Config) { cfg.UnverifiedEndpoints = true })
	defer end()
	err := client.Locks.SetSchedule(
		context.Background(),
		at.site,
		at.lock,
		saltoks.LockSchedule{AutoStart: true, Weekdays: saltoks.EveryDay()},
	)
	fmt.Println(errors.Unwrap(err))
	// Output: the schedule unlocks the door by itself: pass AllowAutomaticStart if this is intended
}

func ExampleAllowAutomaticStart() {
	_, client, at, end := harbour() // and needs UnverifiedEndpoints as well
	defer end()
	err := client.Locks.SetSchedule(
		context.Background(),
		at.site,
		at.lock,
		saltoks.LockSchedule{
			AutoStart: true,
			Weekdays:  saltoks.EveryDay(),
			End:       saltoks.TimeOfDay{Hour: 18},
		},
		saltoks.AllowAutomaticStart(),
	)
	fmt.Println(errors.Is(err, saltoks.ErrUnverified))
	// Output: true
}

func ExampleEntriesService_All() {
	_, client, at, end := harbour()
	defer end()
	_ = client.Raw().SetLockState(context.Background(), at.site, at.lock, saltoks.Unlocked, at.code(), nil)
	for e, err := range client.Entries.All(context.Background(), at.site) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(e.Category, e.LockName, e.AccessBy, e.FirstName)
		break // newest first: enough
	}
	// Output: lock_opened Main Entrance remote Harbour
}

func ExampleEntriesService_Poll() {
	sim, client, at, end := harbour()
	defer end()
	cursor := saltoks.EntryCursor{From: sim.Now().Add(-time.Second)} // afterwards: what the last Poll returned
	sim.OpenFromInside(string(at.lock))
	for range 2 {
		entries, next, err := client.Entries.Poll(context.Background(), at.site, cursor)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(len(entries), "new")
		cursor = next
	}
	// Output:
	// 1 new
	// 0 new
}

func ExamplePageSize() {
	sim, client, at, end := harbour()
	defer end()
	_, _ = client.Me.Get(context.Background()) // fetches the token
	sim.ForgetRequests()
	for _, err := range client.Locks.All(context.Background(), at.site, saltoks.PageSize(2)) {
		if err != nil {
			fmt.Println(err)
		}
	}
	fmt.Println(len(sim.Requests()), "requests for 4 locks")
	// Output: 2 requests for 4 locks
}

func ExampleEqual() {
	_, client, at, end := harbour()
	defer end()
	for lock, err := range client.Locks.All(context.Background(), at.site, saltoks.Equal("customer_reference", "Office Four")) {
		fmt.Println(lock.Name, err)
	}
	// Output: Office Four <nil>
}

func ExampleContains() {
	_, client, at, end := harbour()
	defer end()
	for lock, err := range client.Locks.All(context.Background(), at.site, saltoks.Contains("customer_reference", "Office")) {
		fmt.Println(lock.Name, err)
	}
	// Output: Office Four <nil>
}

func ExampleEveryDay() {
	fmt.Println(saltoks.EveryDay().On(time.Sunday), saltoks.Weekdays{Monday: true}.On(time.Sunday))
	// Output: true false
}

func ExampleLocalTimeOf() {
	t := time.Date(2026, 7, 1, 18, 0, 0, 0, time.FixedZone("CEST", 7200))
	wall := saltoks.LocalTimeOf(t)
	fmt.Println(wall, wall.In(time.UTC).Equal(t), wall.In(t.Location()).Equal(t))
	// Output: 2026-07-01T18:00:00 false true
}

func ExampleNewOTP() {
	otp := saltoks.NewOTP("a1b2c")
	fmt.Println(otp, otp.Reveal())
	// Output: [redacted] a1b2c
}

func ExampleNewKeypadPIN() {
	pin := saltoks.NewKeypadPIN("004711")
	fmt.Println(pin, pin.Reveal())
	// Output: [redacted] 004711
}

// Stream yields the entries of a site as they happen.
func ExampleEntriesService_Stream() {
	sim, client, at, end := harbour()
	defer end()
	useFob := saltoks.OnStreamState(func(s saltoks.StreamState) {
		if s.Live && s.Cursor.At.IsZero() {
			sim.Tap(string(at.lock), sim.World().Users[0].Email)
		}
	})
	for entry, err := range client.Entries.Stream(context.Background(), at.site, useFob) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(entry.LockName, entry.Category, entry.AccessBy)
		return
	}
	// Output: Main Entrance lock_opened tag
}
