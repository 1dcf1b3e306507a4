package saltoks

import (
	"cmp"
	"context"
	"errors"
	"slices"
)

// A Store cannot list its keys, so each SALTO user (by environment and subject)
// has one document that says which connections and which documents at which
// IQs are theirs. It is written before what it names: it may name a document
// that is not there, never the reverse.

// ConnectionKind is the kind of a connection's document.
const ConnectionKind = "connection"

var ownerDocs = docKind[ownerDoc]{name: "owner", version: 1}

type ownerDoc struct {
	Connections []string  `json:"connections,omitempty"`
	IQs         []ownedIQ `json:"iqs,omitempty"`
}

type ownedIQ struct {
	iqRef
	Docs []docRef `json:"docs"`
}

// iqRef is one IQ as a person would be told about it.
type iqRef struct {
	Site SiteID `json:"site"`
	IQ   IQID   `json:"iq"`
	Name string `json:"name,omitempty"`
}

// docRef finds one document.
type docRef struct {
	Kind string `json:"kind"`
	ID   string `json:"id"`
}

// ownerID is the id of what belongs to one SALTO user. Subjects of different
// issuers may be equal, so the environment is part of it.
func ownerID(environment, subject string) string { return environment + "/" + subject }

// trackIQ notes that the document (kind, id) belongs to owner at an IQ. Noting
// it again only fills in the IQ's name.
func trackIQ(ctx context.Context, s *State, owner string, iq iqRef, kind, id string) error {
	return updateDoc(ctx, s, ownerDocs, owner, func(_ context.Context, doc *ownerDoc) (*ownerDoc, error) {
		if doc == nil {
			doc = new(ownerDoc)
		}
		i := slices.IndexFunc(doc.IQs, func(o ownedIQ) bool { return o.Site == iq.Site && o.IQ == iq.IQ })
		if i < 0 {
			doc.IQs = append(doc.IQs, ownedIQ{iqRef: iq})
			i = len(doc.IQs) - 1
		}
		doc.IQs[i].Name = cmp.Or(iq.Name, doc.IQs[i].Name)
		if ref := (docRef{kind, id}); !slices.Contains(doc.IQs[i].Docs, ref) {
			doc.IQs[i].Docs = append(doc.IQs[i].Docs, ref)
		}
		return doc, nil
	})
}

// trackConnection notes that a connection belongs to owner.
func trackConnection(ctx context.Context, s *State, owner, id string) error {
	return updateDoc(ctx, s, ownerDocs, owner, func(_ context.Context, doc *ownerDoc) (*ownerDoc, error) {
		if doc == nil {
			doc = new(ownerDoc)
		}
		if !slices.Contains(doc.Connections, id) {
			doc.Connections = append(doc.Connections, id)
		}
		return doc, nil
	})
}

// untrackConnection is the reverse, after the connection is gone.
func untrackConnection(ctx context.Context, s *State, owner, id string) error {
	return updateDoc(ctx, s, ownerDocs, owner, func(_ context.Context, doc *ownerDoc) (*ownerDoc, error) {
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

// resealOwner seals everything of one owner with the sealer's current key.
func resealOwner(ctx context.Context, s *State, owner string) error {
	doc, err := loadDoc(ctx, s, ownerDocs, owner)
	if err != nil || doc == nil {
		return err
	}
	var faults []error
	for _, id := range doc.Connections {
		faults = append(faults, s.reseal(ctx, ConnectionKind, id))
	}
	for _, iq := range doc.IQs {
		for _, ref := range iq.Docs {
			faults = append(faults, s.reseal(ctx, ref.Kind, ref.ID))
		}
	}
	return errors.Join(append(faults, s.reseal(ctx, ownerDocs.name, owner))...)
}
