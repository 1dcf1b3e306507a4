package saltoauth_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/doorkit/doorkit/saltoks/saltoauth"
)

// TestConnections: connections that were never stored, or were deleted, are not listed.
func TestConnections(t *testing.T) {
	d := newHost(t)
	list := func() (ids []string) {
		t.Helper()
		for c, err := range d.auth.Connections(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			ids = append(ids, c.ID)
		}
		slices.Sort(ids)
		return ids
	}
	if got := list(); len(got) != 0 {
		t.Errorf("%v", got)
	}
	var all []saltoauth.Connection
	var want []string
	for range 40 { // more than there are lists
		c := d.connect()
		all, want = append(all, c), append(want, c.ID)
	}
	slices.Sort(want)
	if diff := cmp.Diff(want, list()); diff != "" {
		t.Error(diff)
	}
	d.store.fail = "/connection/"
	if err := d.complete(t.Context(), d.as("other@quay.example")); err == nil {
		t.Error("stored by a store that fails")
	}
	d.store.fail = ""
	if diff := cmp.Diff(want, list()); diff != "" {
		t.Error(diff)
	}
	for c, err := range d.auth.Connections(t.Context()) { // the list may change while it is read
		if err != nil {
			t.Fatal(err)
		}
		d.disconnect(c)
		break
	}
	if got := list(); len(got) != 39 {
		t.Errorf("%d connections", len(got))
	}
	for _, c := range all {
		_, _ = d.auth.Disconnect(t.Context(), c.ID, saltoauth.AcknowledgeDisconnect)
	}
	if got := list(); len(got) != 0 || d.store.documents() != 0 {
		t.Errorf("%v, %d documents", got, d.store.documents())
	}
}

// TestConnectionsOfAListThatCannotBeRead: the error is yielded, and the rest is listed if
// the caller continues.
func TestConnectionsOfAListThatCannotBeRead(t *testing.T) {
	d := newHost(t)
	for range 10 {
		d.connect()
	}
	errRead := errors.New("unreadable")
	lists := 0 // those that were read
	d.store.OnGet = func(ctx context.Context, key string) ([]byte, error) {
		doc, err := d.store.Store.Get(ctx, key)
		if strings.Contains(key, "/connections/") && doc != nil {
			if lists++; lists == 1 {
				return nil, errRead
			}
		}
		return doc, err
	}
	for _, leave := range []bool{false, true} {
		lists = 0
		read, failed := 0, 0
		for c, err := range d.auth.Connections(t.Context()) {
			switch {
			case err == nil:
				read++
			case errors.Is(err, errRead) && c == (saltoauth.Connection{}):
				failed++
			default:
				t.Errorf("%+v, %v", c, err)
			}
			if leave {
				break
			}
		}
		if failed != 1 || (read > 0) == leave || (lists > 1) == leave {
			t.Errorf("left at the error: %t: %d connections, %d errors, %d lists read", leave, read, failed, lists)
		}
	}
}
