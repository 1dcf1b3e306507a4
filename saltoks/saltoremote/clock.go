package saltoremote

import "errors"

// ErrClock: the clock panics or says a time long past, as a machine's does that
// has just started without a battery. Codes made from it would be wrong, and
// wrong codes block. Nothing was sent.
var ErrClock = errors.New("this machine's clock is wrong: set it, best by NTP, and try again")
