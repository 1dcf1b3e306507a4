package storage

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
)

// Head is one point of the chain of a site: a row's number and hash. The zero Head
// is the point before the first row.
type Head struct {
	Seq  uint64 `json:"seq"`
	Hash Digest `json:"hash"`
}

// Append returns e as the row that follows h in the chain of a site, with the next
// number and the hash over
//
//	"doorkit door log 1\n", h's hash, and then, each behind its length:
//	site, seq, time (seconds and microseconds since 1970), ref,
//	door, action, outcome, reason, commitment.
//
// A storage calls it inside the transaction that locks the head of the site. It
// rounds nothing: e.At has whole microseconds, as the gate passes it.
func (h Head) Append(site string, e LogEntry) LogRow {
	row := LogRow{Seq: h.Seq + 1, LogEntry: e}
	row.Hash = h.link(site, &row)
	return row
}

func (h Head) link(site string, r *LogRow) Digest {
	var space [512]byte
	b := append(space[:0], "doorkit door log 1\n"...)
	b = append(b, h.Hash[:]...)
	b = field(b, site)
	b = binary.BigEndian.AppendUint64(b, r.Seq)
	b = binary.BigEndian.AppendUint64(b, uint64(r.At.Unix()))
	b = binary.BigEndian.AppendUint32(b, uint32(r.At.Nanosecond()/1000))
	b = binary.BigEndian.AppendUint64(b, r.Ref)
	b = field(b, r.Door)
	b = field(b, r.Action)
	b = field(b, string(r.Outcome))
	b = field(b, r.Reason)
	b = append(b, r.Commitment[:]...)
	return sha256.Sum256(b)
}

func field(b []byte, s string) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(len(s)))
	return append(b, s...)
}

// Commitment returns the commitment to a detail: SHA-256(salt || detail).
func Commitment(salt, detail []byte) Digest {
	var space [1024]byte
	return sha256.Sum256(append(append(space[:0], salt...), detail...))
}

// Digest is a SHA-256. It reads and writes as 64 hex digits.
type Digest [32]byte

// String returns the hex digits.
func (d Digest) String() string { return hex.EncodeToString(d[:]) }

// MarshalText returns the hex digits.
func (d Digest) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, d[:]), nil }

// UnmarshalText reads 64 hex digits.
func (d *Digest) UnmarshalText(text []byte) error {
	if len(text) != 2*len(d) {
		return hex.ErrLength
	}
	_, err := hex.Decode(d[:], text)
	return err
}
