//go:build unix

package main

// suite is a mutated package and the packages whose tests are run.
type suite struct {
	dir    string
	first  []string
	second []string // for the mutants that survive the first
}

const databaseTests = "internal/dbtest"

var suites = []suite{
	{"access/gate", []string{"access/gate"}, []string{"access/gate/saltolocks", "access/gate/gatehttp", databaseTests}},
	{"access/gate/storage", []string{"access/gate/storage", "access/gate/memstore"}, []string{"access/gate", databaseTests}},
	{"access/gate/memstore", []string{"access/gate/memstore"}, []string{"access/gate"}},
	{"access/gate/sqlstore", []string{"access/gate/sqlstore", databaseTests}, nil},
	{"saltoks", []string{"saltoks"}, []string{"saltoks/saltoremote", "saltoks/saltoauth", "access/gate/saltolocks"}},
	{"saltoks/saltoauth", []string{"saltoks/saltoauth"}, []string{"access/gate/saltolocks"}},
	{"saltoks/saltoremote", []string{"saltoks/saltoremote"}, []string{"access/gate/saltolocks"}},
	{"access/gate/saltolocks", []string{"access/gate/saltolocks"}, nil},
}
