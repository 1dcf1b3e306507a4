package storage

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
)

// Head identifies one row of the chain of a site by its number and hash. The zero Head
// is the point before the first row.
type Head struct {
	Seq  uint64 `json:"seq"`
	Hash Digest `json:"hash"`
}

// Append returns e as the row that follows h in the chain of a site, with the next
// number and the hash over
//
//	"doorkit door log 1\n", h's hash, site,
//	seq, seconds since 1970, microseconds, ref,
//	door, action, outcome, reason, commitment.
//
// Each string from site on is preceded by its length in 4 bytes. Numbers are
// big-endian: 8 bytes each, the microseconds 4.
//
// A storage calls it inside the transaction that locks the head of the site. It does
// not round: e.At has whole microseconds, as the gate passes it.
func (h Head) Append(site string, e LogEntry) LogRow {
	row := LogRow{Seq: h.Seq + 1, LogEntry: e}
	row.Hash = h.link(site, &row)
	return row
}

func (h Head) link(site string, r *LogRow) Digest {
	b := append([]byte(chainLabel), h.Hash[:]...)
	b = field(b, site)
	b = binary.BigEndian.AppendUint64(b, r.Seq)
	b = r.appendPublic(b)
	return sha256.Sum256(b)
}

const chainLabel = "doorkit door log 1\n"

// HashParts returns what Head.Append hashes, for a storage whose database computes the
// hash of a row in the statement that appends it: SHA-256 over first, the hash of the
// previous row, second, the number of the row as 8 big-endian bytes, and third.
func (e *LogEntry) HashParts(site string) (first, second, third []byte) {
	return []byte(chainLabel), field(nil, site), e.appendPublic(nil)
}

// appendPublic appends the public part and the commitment, as they are hashed.
func (e *LogEntry) appendPublic(b []byte) []byte {
	b = binary.BigEndian.AppendUint64(b, uint64(e.At.Unix()))
	b = binary.BigEndian.AppendUint32(b, uint32(e.At.Nanosecond()/1000))
	b = binary.BigEndian.AppendUint64(b, e.Ref)
	b = field(b, e.Door)
	b = field(b, e.Action)
	b = field(b, string(e.Outcome))
	b = field(b, e.Reason)
	return append(b, e.Commitment[:]...)
}

func field(b []byte, s string) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(len(s)))
	return append(b, s...)
}

// SaltSize is the length of the salt of a log row.
const SaltSize = 16

// Commitment returns the commitment to a detail: SHA-256 over "doorkit detail 1\n",
// salt and detail, the latter two each preceded by its length as 4 big-endian bytes.
func Commitment(salt, detail []byte) Digest {
	b := []byte("doorkit detail 1\n")
	b = append(binary.BigEndian.AppendUint32(b, uint32(len(salt))), salt...)
	b = append(binary.BigEndian.AppendUint32(b, uint32(len(detail))), detail...)
	return sha256.Sum256(b)
}

// detailFault returns what is wrong with the part of a row that can be erased; empty if
// it is correct or erased.
func (e *LogEntry) detailFault() string {
	var named struct {
		Member string `json:"member"`
		Actor  string `json:"actor"`
	}
	switch {
	case len(e.Salt) == 0 && len(e.Detail) == 0:
		if e.Member != "" || e.Actor != "" {
			return "it names a person and has no detail"
		}
	case len(e.Salt) != SaltSize:
		return fmt.Sprintf("its salt has %d bytes, not %d", len(e.Salt), SaltSize)
	case Commitment(e.Salt, e.Detail) != e.Commitment:
		return "its detail does not match its commitment"
	case len(e.Detail) == 0 || e.Detail[0] != '{' || json.Unmarshal(e.Detail, &named) != nil:
		return "its detail is not a JSON object"
	case named.Member != e.Member || named.Actor != e.Actor:
		return "its member or actor differs from the one in its detail"
	}
	return ""
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
