package saltoauth

import (
	"context"
	"errors"
	"iter"
	"slices"

	"github.com/doorkit/doorkit/saltoks/saltostate"
)

// A Store cannot list its keys, so the IDs of all connections are kept in
// lists, one list for each last letter of an ID. A document can hold about
// 1,900 IDs. An ID is listed before its connection is stored and removed after
// it is deleted.
var connectionLists = saltostate.Kind[connectionList]{Name: "connections", Version: 1}

type connectionList struct {
	IDs []string `json:"ids"`
}

// listLetters are the letters that an ID may end with.
const listLetters = "abcdefghijklmnopqrstuvwxyz234567"

// listOf returns the list that an ID is in.
func (a *Authorizer) listOf(id string) string { return a.id.env.Name + "/" + id[len(id)-1:] }

func (a *Authorizer) list(ctx context.Context, id string) error {
	return saltostate.Update(ctx, a.state, connectionLists, a.listOf(id), func(l *connectionList) (*connectionList, error) {
		if l == nil {
			l = new(connectionList)
		}
		if !slices.Contains(l.IDs, id) {
			l.IDs = append(l.IDs, id)
		}
		return l, nil
	})
}

func (a *Authorizer) unlist(ctx context.Context, id string) error {
	return saltostate.Update(ctx, a.state, connectionLists, a.listOf(id), func(l *connectionList) (*connectionList, error) {
		if l == nil {
			return nil, nil
		}
		if l.IDs = slices.DeleteFunc(l.IDs, func(listed string) bool { return listed == id }); len(l.IDs) == 0 {
			return nil, nil
		}
		return l, nil
	})
}

// Connections reads all connections of the Authorizer's environment, in no
// particular order and one at a time. Use it to find connections that no tenant
// refers to. It yields an error for a connection that cannot be read and
// continues.
func (a *Authorizer) Connections(ctx context.Context) iter.Seq2[Connection, error] {
	return func(yield func(Connection, error) bool) {
		for _, letter := range listLetters {
			l, err := saltostate.Load(ctx, a.state, connectionLists, a.id.env.Name+"/"+string(letter))
			if err != nil && !yield(Connection{}, err) {
				return
			}
			if l == nil {
				continue
			}
			for _, id := range l.IDs {
				c, err := a.Connection(ctx, id)
				if errors.Is(err, ErrNotConnected) {
					continue // listed but not stored yet, or deleted in the meantime
				}
				if !yield(c, err) {
					return
				}
			}
		}
	}
}
