// Package userindex is the index of the stored documents.
//
// A Store cannot list its keys, so each SALTO user (by environment and subject)
// has one document that lists their connections and IQs, and the connections of
// an environment are kept in lists. The index is written first: it may name a
// document that does not exist, but it names every document that exists.
package userindex

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"slices"

	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/saltostate"
)

// The kinds of the documents that the index names, and the version of all kinds.
const (
	ConnectionKind = "connection"
	IQKind         = "iq"
	Version        = 1
)

// Docs is the kind of the users' documents, Lists that of the lists.
var (
	Docs  = saltostate.Kind[Doc]{Name: "owner", Version: Version}
	Lists = saltostate.Kind[List]{Name: "connections", Version: Version}
)

// Doc is the index of one SALTO user.
type Doc struct {
	Connections []string `json:"connections,omitempty"`
	IQs         []IQ     `json:"iqs,omitempty"`
}

// IQ is one IQ with its name for people.
type IQ struct {
	Site saltoks.SiteID `json:"site"`
	IQ   saltoks.IQID   `json:"iq"`
	Name string         `json:"name,omitempty"`
}

// List lists connections of an environment: those whose ID ends with the same
// letter, because a document can hold about 1,900 IDs.
type List struct {
	IDs []string `json:"ids"`
}

// Letters are the letters that a connection's ID may end with.
const Letters = "abcdefghijklmnopqrstuvwxyz234567"

// ID returns the id of one SALTO user's documents. Subjects of different
// issuers may be equal, so the environment is part of it.
func ID(environment, subject string) string { return environment + "/" + subject }

// IQID returns the id of owner's document at an IQ.
func IQID(owner string, site saltoks.SiteID, iq saltoks.IQID) string {
	return owner + "/" + string(site) + "/" + string(iq)
}

// ListID returns the id of the list of the connections whose ID ends with
// letter.
func ListID(environment, letter string) string { return environment + "/" + letter }

// TrackIQ records that owner has a document at an IQ. A second call only fills
// in the IQ's name.
func TrackIQ(ctx context.Context, s *saltostate.State, owner string, iq IQ) error {
	return updateDoc(ctx, s, owner, func(doc *Doc) {
		i := slices.IndexFunc(doc.IQs, func(o IQ) bool { return o.Site == iq.Site && o.IQ == iq.IQ })
		if i < 0 {
			doc.IQs = append(doc.IQs, iq)
			return
		}
		doc.IQs[i].Name = cmp.Or(iq.Name, doc.IQs[i].Name)
	})
}

// TrackConnection records that a connection belongs to a user, before the
// connection is stored.
func TrackConnection(ctx context.Context, s *saltostate.State, environment, subject, id string) error {
	if err := updateList(ctx, s, environment, id, with); err != nil {
		return err
	}
	return updateDoc(ctx, s, ID(environment, subject), func(doc *Doc) { doc.Connections = with(doc.Connections, id) })
}

// UntrackConnection removes the record of a connection, after the connection
// was deleted.
func UntrackConnection(ctx context.Context, s *saltostate.State, environment, subject, id string) error {
	return errors.Join(
		updateDoc(ctx, s, ID(environment, subject), func(doc *Doc) { doc.Connections = without(doc.Connections, id) }),
		updateList(ctx, s, environment, id, without),
	)
}

func updateDoc(ctx context.Context, s *saltostate.State, owner string, change func(*Doc)) error {
	return saltostate.Update(ctx, s, Docs, owner, func(doc *Doc) (*Doc, error) {
		if doc == nil {
			doc = new(Doc)
		}
		if change(doc); len(doc.Connections)+len(doc.IQs) == 0 {
			return nil, nil
		}
		return doc, nil
	})
}

func updateList(ctx context.Context, s *saltostate.State, environment, id string, change func(ids []string, id string) []string) error {
	return saltostate.Update(ctx, s, Lists, ListID(environment, id[len(id)-1:]), func(l *List) (*List, error) {
		if l == nil {
			l = new(List)
		}
		if l.IDs = change(l.IDs, id); len(l.IDs) == 0 {
			return nil, nil
		}
		return l, nil
	})
}

func with(ids []string, id string) []string {
	if slices.Contains(ids, id) {
		return ids
	}
	return append(ids, id)
}

func without(ids []string, id string) []string {
	return slices.DeleteFunc(ids, func(other string) bool { return other == id })
}

// Reseal encrypts all documents of one user again with the sealer's current
// key.
func Reseal(ctx context.Context, s *saltostate.State, environment, subject string) error {
	owner := ID(environment, subject)
	doc, err := saltostate.Load(ctx, s, Docs, owner)
	if err != nil || doc == nil {
		return err
	}
	connections := saltostate.Kind[json.RawMessage]{Name: ConnectionKind, Version: Version}
	iqs := saltostate.Kind[json.RawMessage]{Name: IQKind, Version: Version}
	faults := []error{saltostate.Reseal(ctx, s, Docs, owner)}
	for _, id := range doc.Connections {
		list := ListID(environment, id[len(id)-1:])
		faults = append(faults, saltostate.Reseal(ctx, s, connections, id), saltostate.Reseal(ctx, s, Lists, list))
	}
	for _, iq := range doc.IQs {
		faults = append(faults, saltostate.Reseal(ctx, s, iqs, IQID(owner, iq.Site, iq.IQ)))
	}
	return errors.Join(faults...)
}
