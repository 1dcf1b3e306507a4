package gate_test

import (
	"context"
	"fmt"
	"log"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/access/gate/memstore"
	"github.com/doorkit/doorkit/access/gate/storage"
)

func ExampleNewDoors() {
	ctx := context.Background()
	shown := catalog{{Link: gate.Link{Site: "salto-site", Gateway: "iq", Lock: "l1", Name: "LOCK 01"}, State: "locked", Online: true,
		GatewayOnline: true}}
	doors, err := gate.NewDoors(gate.DoorsConfig{Site: "loft", Store: memstore.New(), Catalog: shown})
	if err != nil {
		log.Fatal(err)
	}
	door, err := doors.Link(ctx, gate.LinkRequest{Door: "front", Lock: "l1", Name: "Front Door", AccessType: access.AccessOnly, By: "eve"})
	fmt.Println(door.ID, door.Name, err)
	list, free, _ := doors.List(ctx)
	fmt.Println(list[0].Door.Name, "is", list[0].Lock.Link.Name, "over there;", len(free), "free")
	// Output:
	// front Front Door <nil>
	// Front Door is LOCK 01 over there; 0 free
}

// A door's name, access type and open time are facts that a host writes to its
// storage.
func ExampleDoors() {
	ctx := context.Background()
	_, store := newSite()
	err := storage.UpdateDoor(ctx, store, "loft", "front", func(d *gate.Door) error {
		d.Name, d.AccessType = "Street Door", access.AccessAndOfficeMode
		return nil
	})
	door, _ := store.Door(ctx, "loft", "front")
	fmt.Println(door.Name, door.AccessType, err)
	// Output: Street Door access_and_office_mode <nil>
}

func ExampleDoors_Unlink() {
	ctx := context.Background()
	g, store := newSite()
	doors, _ := gate.NewDoors(gate.DoorsConfig{Site: "loft", Store: store, Catalog: catalog{}})
	_ = doors.Unlink(ctx, "front")
	r, _ := g.Unlock(ctx, tap("3f1c9a52-one-tap", "ada", "front"))
	fmt.Println(r.Outcome, r.Cause)
	// Output: denied not_linked
}
