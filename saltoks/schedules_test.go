package saltoks

import (
	"strings"
	"testing"
	"time"
)

func TestTimeOfDay(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]TimeOfDay{"08:30:00": {8, 30, 0}, "18:00": {18, 0, 0}, "23:59:59": {23, 59, 59}, "25:00:00": {},
		"": {}, "noon": {}} {
		got := TimeOfDay{1, 2, 3}
		if err := got.UnmarshalText([]byte(text)); err != nil || got != want {
			t.Errorf("%q: %v %v", text, got, err)
		}
	}
	w := &wire{answer: always(200, "")}
	_, err := newTestClient(
		t,
		w,
	).AccessGroups.AddTimeSchedule(
		t.Context(),
		"s",
		"g",
		TimeSchedule{Weekdays: EveryDay(), End: TimeOfDay{24, 0, 0}},
	)
	if verdict(err) != "not sent" || !strings.Contains(err.Error(), "23:59:59") {
		t.Error(err)
	}
	for d := range time.Saturday + 1 {
		if on := (Weekdays{Wednesday: true}).On(d); on != (d == time.Wednesday) {
			t.Error(d, on)
		}
		if !EveryDay().On(d) {
			t.Errorf("%s is not one of all days", d)
		}
	}
	for _, d := range []time.Weekday{-1, 7} {
		if EveryDay().On(d) {
			t.Errorf("%d is a day", d)
		}
	}
	for _, bad := range []TimeOfDay{{-1, 0, 0}, {24, 0, 0}, {0, -1, 0}, {0, 60, 0}, {0, 0, -1}, {0, 0, 60}} {
		if text, err := bad.MarshalText(); err == nil {
			t.Errorf("%+v is %s", bad, text)
		}
	}
	for want, good := range map[string]TimeOfDay{"00:00:00": {}, "23:59:59": {23, 59, 59}} {
		if text, err := good.MarshalText(); err != nil || string(text) != want {
			t.Errorf("%+v is %s, %v", good, text, err)
		}
	}
}
