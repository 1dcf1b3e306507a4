// Package userindex is the index of the documents that are stored for each
// SALTO user.
//
// A Store cannot list its keys, so each SALTO user (by environment and subject)
// has one document that lists their connections and their documents at IQs. The
// index is written first: it may name a document that does not exist, but it
// names every document that exists.
package userindex

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/saltostate"
)

// ConnectionKind is the kind of a connection's document.
const ConnectionKind = "connection"

// Docs is the kind of the index documents.
var Docs = saltostate.Kind[Doc]{Name: "owner", Version: 1}

// Doc is the index of one SALTO user.
type Doc struct {
	Connections []string  `json:"connections,omitempty"`
	IQs         []OwnedIQ `json:"iqs,omitempty"`
}

// OwnedIQ lists a user's documents at one IQ.
type OwnedIQ struct {
	IQRef
	Docs []DocRef `json:"docs"`
}

// IQRef is one IQ with its name for people.
type IQRef struct {
	Site saltoks.SiteID `json:"site"`
	IQ   saltoks.IQID   `json:"iq"`
	Name string         `json:"name,omitempty"`
}

// DocRef is the kind and id of one document.
type DocRef struct {
	Kind string `json:"kind"`
	ID   string `json:"id"`
}

// ID returns the id of one SALTO user's documents. Subjects of different
// issuers may be equal, so the environment is part of it.
func ID(environment, subject string) string { return environment + "/" + subject }

// TrackIQ records that the document (kind, id) belongs to owner at an IQ. A
// second call only fills in the IQ's name.
func TrackIQ(ctx context.Context, s *saltostate.State, owner string, iq IQRef, kind, id string) error {
	return saltostate.Update(ctx, s, Docs, owner, func(doc *Doc) (*Doc, error) {
		if doc == nil {
			doc = new(Doc)
		}
		i := slices.IndexFunc(doc.IQs, func(o OwnedIQ) bool { return o.Site == iq.Site && o.IQ == iq.IQ })
		if i < 0 {
			doc.IQs = append(doc.IQs, OwnedIQ{IQRef: iq})
			i = len(doc.IQs) - 1
		}
		doc.IQs[i].Name = cmp.Or(iq.Name, doc.IQs[i].Name)
		if ref := (DocRef{kind, id}); !slices.Contains(doc.IQs[i].Docs, ref) {
			doc.IQs[i].Docs = append(doc.IQs[i].Docs, ref)
		}
		return doc, nil
	})
}

// TrackConnection records that a connection belongs to owner.
func TrackConnection(ctx context.Context, s *saltostate.State, owner, id string) error {
	return saltostate.Update(ctx, s, Docs, owner, func(doc *Doc) (*Doc, error) {
		if doc == nil {
			doc = new(Doc)
		}
		if !slices.Contains(doc.Connections, id) {
			doc.Connections = append(doc.Connections, id)
		}
		return doc, nil
	})
}

// UntrackConnection removes the record of a connection, after the connection
// was deleted.
func UntrackConnection(ctx context.Context, s *saltostate.State, owner, id string) error {
	return saltostate.Update(ctx, s, Docs, owner, func(doc *Doc) (*Doc, error) {
		if doc == nil {
			return nil, nil
		}
		doc.Connections = slices.DeleteFunc(doc.Connections, func(c string) bool { return c == id })
		if len(doc.Connections) == 0 && len(doc.IQs) == 0 {
			return nil, nil
		}
		return doc, nil
	})
}

// Reseal encrypts all documents of one owner again with the sealer's current
// key.
func Reseal(ctx context.Context, s *saltostate.State, owner string) error {
	doc, err := saltostate.Load(ctx, s, Docs, owner)
	if err != nil || doc == nil {
		return err
	}
	var faults []error
	for _, id := range doc.Connections {
		faults = append(faults, s.Reseal(ctx, ConnectionKind, id))
	}
	for _, iq := range doc.IQs {
		for _, ref := range iq.Docs {
			faults = append(faults, s.Reseal(ctx, ref.Kind, ref.ID))
		}
	}
	return errors.Join(append(faults, s.Reseal(ctx, Docs.Name, owner))...)
}
