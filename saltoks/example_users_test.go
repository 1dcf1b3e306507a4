package saltoks_test

import (
	"context"
	"fmt"
	"time"

	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/saltokstest"
)

var newIQ = saltokstest.IQ{Name: "IQ Annex"}

// ada is a new member of the site whose creation has settled.
func ada(sim *saltokstest.Sim, client *saltoks.Client, site saltoks.SiteID) saltoks.SiteUser {
	var roles []saltoks.RoleID
	for r, err := range client.Sites.Roles(context.Background(), site) {
		if err == nil && r.Code == saltoks.RoleSiteUser {
			roles = append(roles, r.ID)
		}
	}
	u, err := client.Users.Create(context.Background(), site, saltoks.NewUser{FirstName: "Ada", LastName: "Byron", Roles: roles})
	if err != nil {
		panic(err)
	}
	sim.Clock().Advance(2 * time.Minute)
	return u
}

func ExampleUsersService_Create() {
	_, client, at, end := harbour()
	defer end()
	u, err := client.Users.Create(
		context.Background(),
		at.site,
		saltoks.NewUser{FirstName: "Ada", LastName: "Byron", Email: "ada@harbour.example"},
	)
	fmt.Println(u.Person.FirstName, u.Subscription, string(u.ID) != string(u.Person.ID), err)
	// Output: Ada subscribed true <nil>
}

// A full site does not refuse a guest: look at the subscription.
func ExampleUsersService_CreateGuest() {
	sim, client, at, end := harbour()
	defer end()
	sim.Fault(saltokstest.SeatsFull)
	guest, err := client.Users.CreateGuest(context.Background(), at.site, "Guest 7", sim.Now().Add(2*time.Hour))
	fmt.Println(guest.Alias, guest.Subscription, err)
	// Output: Guest 7 suspended <nil>
}

func ExampleUsersService_All() {
	sim, client, at, end := harbour()
	defer end()
	ada(sim, client, at.site)
	for u, err := range client.Users.All(context.Background(), at.site) {
		fmt.Println(u.Person.FirstName, err)
	}
	// Output:
	// Harbour <nil>
	// Ada <nil>
}

func ExampleUsersService_Get() {
	sim, client, at, end := harbour()
	defer end()
	u, err := client.Users.Get(context.Background(), at.site, ada(sim, client, at.site).ID)
	fmt.Println(u.Person.FirstName, u.Roles[0].Code, err)
	// Output: Ada site_user <nil>
}

func ExampleUsersService_Update() {
	sim, client, at, end := harbour()
	defer end()
	u, err := client.Users.Update(context.Background(), at.site, ada(sim, client, at.site).ID, saltoks.UserChange{UsePIN: new(true)})
	fmt.Println(u.UsePIN, err)
	// Output: true <nil>
}

func ExampleUsersService_SetSubscription() {
	sim, client, at, end := harbour()
	defer end()
	u := ada(sim, client, at.site)
	err := client.Users.SetSubscription(context.Background(), at.site, u.ID, saltoks.Suspended)
	u, _ = client.Users.Get(context.Background(), at.site, u.ID)
	fmt.Println(u.Subscription, err)
	// Output: suspended <nil>
}

func ExampleUsersService_Delete() {
	sim, client, at, end := harbour()
	defer end()
	u := ada(sim, client, at.site)
	fmt.Println(client.Users.Delete(context.Background(), at.site, u.ID))
	// Output: <nil>
}

// SALTO shows a keypad PIN this once.
func ExampleUsersService_IssuePIN() {
	sim, client, at, end := harbour()
	defer end()
	pin, err := client.Users.IssuePIN(context.Background(), at.site, ada(sim, client, at.site).ID, time.Time{})
	fmt.Println(pin, len(pin.Reveal()), err)
	// Output: [redacted] 6 <nil>
}

func ExampleUsersService_Keys() {
	sim, client, at, end := harbour()
	defer end()
	u := ada(sim, client, at.site)
	_, _ = client.Users.IssuePIN(context.Background(), at.site, u.ID, time.Time{})
	for key, err := range client.Users.Keys(context.Background(), at.site, u.ID) {
		fmt.Println(key.Type, key.OfflineAccess, err)
	}
	// Output: pin false <nil>
}

func ExampleUsersService_ActivatedIQs() {
	_, client, at, end := harbour()
	defer end()
	me, err := client.Me.OnSite(context.Background(), at.site)
	if err != nil {
		fmt.Println(err)
		return
	}
	for iq, err := range client.Users.ActivatedIQs(context.Background(), at.site, me.ID) {
		fmt.Println(iq.Name, err)
	}
	// Output:
	// IQ Ground Floor <nil>
	// IQ First Floor <nil>
}

// members is a new access group.
func members(client *saltoks.Client, site saltoks.SiteID) saltoks.AccessGroupID {
	g, err := client.AccessGroups.Create(context.Background(), site, "Members")
	if err != nil {
		panic(err)
	}
	return g.ID
}

func ExampleAccessGroupsService_Create() {
	_, client, at, end := harbour()
	defer end()
	g, err := client.AccessGroups.Create(context.Background(), at.site, "Members")
	fmt.Println(g.Name, err)
	// Output: Members <nil>
}

func ExampleAccessGroupsService_All() {
	_, client, at, end := harbour()
	defer end()
	members(client, at.site)
	for g, err := range client.AccessGroups.All(context.Background(), at.site) {
		fmt.Println(g.Name, err)
	}
	// Output: Members <nil>
}

func ExampleAccessGroupsService_Delete() {
	_, client, at, end := harbour()
	defer end()
	fmt.Println(client.AccessGroups.Delete(context.Background(), at.site, members(client, at.site)))
	// Output: <nil>
}

func ExampleAccessGroupsService_AddLock() {
	_, client, at, end := harbour()
	defer end()
	fmt.Println(client.AccessGroups.AddLock(context.Background(), at.site, members(client, at.site), at.lock))
	// Output: <nil>
}

func ExampleAccessGroupsService_Locks() {
	_, client, at, end := harbour()
	defer end()
	group := members(client, at.site)
	_ = client.AccessGroups.AddLock(context.Background(), at.site, group, at.lock)
	for l, err := range client.AccessGroups.Locks(context.Background(), at.site, group) {
		fmt.Println(l.Name, err)
	}
	// Output: Main Entrance <nil>
}

func ExampleAccessGroupsService_RemoveLock() {
	_, client, at, end := harbour()
	defer end()
	group := members(client, at.site)
	_ = client.AccessGroups.AddLock(context.Background(), at.site, group, at.lock)
	fmt.Println(client.AccessGroups.RemoveLock(context.Background(), at.site, group, at.lock))
	// Output: <nil>
}

// A group knows people by the platform user's id, not by the site user's.
func ExampleAccessGroupsService_AddUser() {
	sim, client, at, end := harbour()
	defer end()
	u := ada(sim, client, at.site)
	fmt.Println(client.AccessGroups.AddUser(context.Background(), at.site, members(client, at.site), u.Person.ID))
	// Output: <nil>
}

func ExampleAccessGroupsService_Users() {
	sim, client, at, end := harbour()
	defer end()
	group := members(client, at.site)
	_ = client.AccessGroups.AddUser(context.Background(), at.site, group, ada(sim, client, at.site).Person.ID)
	for u, err := range client.AccessGroups.Users(context.Background(), at.site, group) {
		fmt.Println(u.FirstName, err)
	}
	// Output: Ada <nil>
}

func ExampleAccessGroupsService_RemoveUser() {
	sim, client, at, end := harbour()
	defer end()
	group, user := members(client, at.site), ada(sim, client, at.site).Person.ID
	_ = client.AccessGroups.AddUser(context.Background(), at.site, group, user)
	fmt.Println(client.AccessGroups.RemoveUser(context.Background(), at.site, group, user))
	// Output: <nil>
}

// A group without a time schedule opens nothing.
func ExampleAccessGroupsService_AddTimeSchedule() {
	_, client, at, end := harbour()
	defer end()
	s, err := client.AccessGroups.AddTimeSchedule(context.Background(), at.site, members(client, at.site), saltoks.TimeSchedule{
		Weekdays: saltoks.Weekdays{Monday: true, Friday: true},
		Start:    saltoks.TimeOfDay{Hour: 8}, End: saltoks.TimeOfDay{Hour: 18},
	})
	fmt.Println(s.Start, s.End, s.ID != "", err)
	// Output: 08:00:00 18:00:00 true <nil>
}

func ExampleAccessGroupsService_TimeSchedules() {
	_, client, at, end := harbour()
	defer end()
	group := members(client, at.site)
	_, _ = client.AccessGroups.AddTimeSchedule(
		context.Background(),
		at.site,
		group,
		saltoks.TimeSchedule{Weekdays: saltoks.EveryDay(), End: saltoks.TimeOfDay{Hour: 22}},
	)
	for s, err := range client.AccessGroups.TimeSchedules(context.Background(), at.site, group) {
		fmt.Println(s.End, s.On(time.Sunday), err)
	}
	// Output: 22:00:00 true <nil>
}

func ExampleAccessGroupsService_UpdateTimeSchedule() {
	_, client, at, end := harbour()
	defer end()
	group := members(client, at.site)
	s, _ := client.AccessGroups.AddTimeSchedule(
		context.Background(),
		at.site,
		group,
		saltoks.TimeSchedule{Weekdays: saltoks.EveryDay(), End: saltoks.TimeOfDay{Hour: 22}},
	)
	s.End.Hour = 20
	fmt.Println(client.AccessGroups.UpdateTimeSchedule(context.Background(), at.site, group, s))
	// Output: <nil>
}

func ExampleAccessGroupsService_DeleteTimeSchedule() {
	_, client, at, end := harbour()
	defer end()
	group := members(client, at.site)
	s, _ := client.AccessGroups.AddTimeSchedule(
		context.Background(),
		at.site,
		group,
		saltoks.TimeSchedule{Weekdays: saltoks.EveryDay(), End: saltoks.TimeOfDay{Hour: 22}},
	)
	fmt.Println(client.AccessGroups.DeleteTimeSchedule(context.Background(), at.site, group, s.ID))
	// Output: <nil>
}
