package main

import (
	"strings"
	"testing"

	"github.com/doorkit/doorkit/access"
)

// All engines answer alike, and the table has a row for each.
func TestPeersAgree(t *testing.T) {
	var table strings.Builder
	if err := run(&table, sizes[:1], 1); err != nil {
		t.Fatal(err)
	}
	for _, e := range engines(nil, nil) {
		if !strings.Contains(table.String(), "| "+e.name+" |") {
			t.Errorf("no row for %s:\n%s", e.name, &table)
		}
	}
}

// An engine that answers otherwise is found.
func TestDisagreement(t *testing.T) {
	f := sizes[0].facts()
	policy, err := access.Compile(f)
	if err != nil {
		t.Fatal(err)
	}
	all := engines(policy, newIndex(&f))
	all[2].decide = func(*access.Request) bool { return true }
	if err := agree(all, sizes[0].requests(&f, policy, 100)); err == nil || !strings.Contains(err.Error(), all[2].name) {
		t.Errorf("got %v", err)
	}
}
