package reservation

import (
	"errors"
	"fmt"
	"time"
)

func ExampleBuffers_Window() {
	ada := Reservation{ID: "r1", Resource: "room", Member: "ada", Start: noon, End: noon.Add(time.Hour)}
	bob := Reservation{ID: "r2", Resource: "room", Member: "bob", Start: noon.Add(time.Hour), End: noon.Add(2 * time.Hour)}
	buffers := Buffers{Before: 15 * time.Minute, After: 15 * time.Minute, Clip: true}
	w := buffers.Window(ada, ada, bob)
	fmt.Println(w.From.Format("15:04"), w.Until.Format("15:04"))
	// Output: 11:45 13:00
}

func ExampleReservation_EndEarly() {
	r := Reservation{ID: "r1", Resource: "room", Member: "ada", Start: noon, End: noon.Add(time.Hour)}
	r, err := r.EndEarly(noon.Add(20 * time.Minute))
	fmt.Println(r.EffectiveEnd().Format("15:04"), err)
	_, err = r.EndEarly(noon.Add(30 * time.Minute))
	fmt.Println(err)
	// Output:
	// 12:20 <nil>
	// reservation: cannot end early "r1": it was ended early already
}

func ExampleReservation_Extend() {
	r := Reservation{ID: "r1", Resource: "room", Member: "ada", Start: noon, End: noon.Add(time.Hour)}
	r, err := r.Extend(noon.Add(90 * time.Minute))
	fmt.Println(r.End.Format("15:04"), err)
	// Output: 13:30 <nil>
}

func ExampleReservation_Move() {
	r := Reservation{ID: "r1", Resource: "room", Member: "ada", Start: noon, End: noon.Add(time.Hour)}
	_, err := r.Move(noon, noon)
	fmt.Println(errors.Is(err, ErrBackwards))
	// Output: true
}

func ExampleReservation_Cancel() {
	r := Reservation{ID: "r1", Resource: "room", Member: "ada", Start: noon, End: noon.Add(time.Hour)}
	r, err := r.Cancel()
	fmt.Println(r.Status, err)
	// Output: cancelled <nil>
}

func ExampleOverlaps() {
	for o := range Overlaps([]Reservation{
		{ID: "r1", Resource: "room", Start: noon, End: noon.Add(time.Hour)},
		{ID: "r2", Resource: "room", Start: noon.Add(time.Hour), End: noon.Add(2 * time.Hour)},
		{ID: "r3", Resource: "room", Start: noon.Add(30 * time.Minute), End: noon.Add(time.Hour)},
	}) {
		fmt.Println(o.First.ID, "and", o.Second.ID)
	}
	// Output: r1 and r3
}

func ExampleReservation_Conflicts() {
	r := Reservation{ID: "r1", Resource: "room", Start: noon, End: noon.Add(time.Hour)}
	other := Reservation{ID: "r2", Resource: "room", Start: noon.Add(time.Hour), End: noon.Add(2 * time.Hour)}
	longer, _ := r.Extend(noon.Add(90 * time.Minute))
	fmt.Println(len(r.Conflicts([]Reservation{r, other})), len(longer.Conflicts([]Reservation{r, other})))
	// Output: 0 1
}

func ExampleWindow_Contains() {
	w := Window{From: noon, Until: noon.Add(time.Hour)}
	fmt.Println(w.Contains(noon), w.Contains(w.Until), w.Empty(), Window{}.Empty())
	// Output: true false false true
}

func ExampleStatus_OrDefault() {
	var r Reservation
	fmt.Println(r.Status.OrDefault(), Pending.OrDefault())
	// Output: confirmed pending
}
