package storage

import "math/rand/v2"

// Fact is a fact with a version: what a store of facts keeps as one row.
type Fact interface {
	Door | Rules | Grant | Member | Reservation
}

// Kind is a kind of fact.
type Kind string

// The kinds of facts. Membership types and resources are part of the rules.
const (
	KindSite        Kind = "site"
	KindType        Kind = "membership type"
	KindResource    Kind = "resource"
	KindDoor        Kind = "door"
	KindMember      Kind = "member"
	KindGrant       Kind = "grant"
	KindReservation Kind = "reservation"
)

// RowOf returns the kind and the id of a fact, and its version.
func RowOf[F Fact](fact *F) (kind Kind, id string, version *uint64) {
	switch f := any(fact).(type) {
	case *Door:
		return KindDoor, f.ID, &f.Version
	case *Rules:
		return KindSite, f.Site.ID, &f.Version
	case *Grant:
		return KindGrant, f.ID, &f.Version
	case *Member:
		return KindMember, f.ID, &f.Version
	case *Reservation:
		return KindReservation, f.ID, &f.Version
	}
	panic("unreachable: Fact has no other types")
}

// NextVersion sets the version of a fact to the one that a write stores, and returns
// the version that the write is based on: it must be the stored one, or 0 if there is no
// row. Otherwise the write is refused with Stale.
func NextVersion[F Fact](fact *F) (based uint64) {
	kind, _, version := RowOf(fact)
	based = *version
	if *version++; based == 0 && kind != KindSite {
		// Small enough for a number in JSON.
		*version = 1 + rand.Uint64N(1<<52)
	}
	return based
}
