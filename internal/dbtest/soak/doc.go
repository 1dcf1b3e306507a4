// Package soak lets many sites live for many days in one process, on a clock of
// its own, while network, IQs, identity server and database fail and everything
// is closed and opened again; then it counts whether every promise was kept. It
// has no code but its test.
package soak
