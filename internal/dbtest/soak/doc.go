// Package soak lets many sites live for many days in one process, on a clock of
// its own, while network, event streams, IQs, identity server and database fail and
// everything is closed and opened again; then it counts whether every promise was kept.
// The sites are those of saltolocks.Open, with their jobs. It has no code but its test.
package soak
