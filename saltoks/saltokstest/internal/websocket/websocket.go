// Package websocket implements the part of RFC 6455 that a SignalR server needs:
// text, ping and close frames.
package websocket

import (
	"bufio"
	"crypto/sha1" //nolint:gosec // required by RFC 6455
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
)

// Opcodes of RFC 6455, section 5.2.
const (
	Text  = 1
	Close = 8
	Ping  = 9
	Pong  = 10
)

// Conn is the server's side of a connection. It is safe for concurrent use, with one
// reader at a time.
type Conn struct {
	mu   sync.Mutex // serializes writes
	conn net.Conn
	in   *bufio.Reader
}

// Upgrade takes over the connection of r and answers with 101.
func Upgrade(w http.ResponseWriter, r *http.Request) (*Conn, error) {
	conn, buf, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return nil, err
	}
	sum := sha1.Sum([]byte(r.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")) //nolint:gosec // required by RFC 6455
	head := "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " +
		base64.StdEncoding.EncodeToString(sum[:]) + "\r\n\r\n"
	if _, err := io.WriteString(conn, head); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return &Conn{conn: conn, in: buf.Reader}, nil
}

// Close ends the connection, and a Read or Write in progress.
func (w *Conn) Close() { _ = w.conn.Close() }

// Write sends one frame.
func (w *Conn) Write(op byte, data []byte) error {
	frame := []byte{0x80 | op}
	switch n := len(data); {
	case n < 126:
		frame = append(frame, byte(n))
	case n < 1<<16:
		frame = binary.BigEndian.AppendUint16(append(frame, 126), uint16(n))
	default:
		frame = binary.BigEndian.AppendUint64(append(frame, 127), uint64(n))
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	_, err := w.conn.Write(append(frame, data...))
	return err
}

// Read reads one masked frame of a client. SignalR messages end with a record
// separator, so fragments need not be joined.
func (w *Conn) Read(limit uint64) (op byte, data []byte, err error) {
	var head [2]byte
	if _, err := io.ReadFull(w.in, head[:]); err != nil {
		return 0, nil, err
	}
	n := uint64(head[1] & 0x7f)
	switch n {
	case 126:
		var b [2]byte
		_, err = io.ReadFull(w.in, b[:])
		n = uint64(binary.BigEndian.Uint16(b[:]))
	case 127:
		var b [8]byte
		_, err = io.ReadFull(w.in, b[:])
		n = binary.BigEndian.Uint64(b[:])
	}
	if err != nil {
		return 0, nil, err
	}
	if head[1]&0x80 == 0 {
		return 0, nil, errors.New("websocket: a client's frame must be masked")
	}
	if n > limit {
		return 0, nil, fmt.Errorf("websocket: a frame of %d bytes is too long", n)
	}
	var mask [4]byte
	if _, err := io.ReadFull(w.in, mask[:]); err != nil {
		return 0, nil, err
	}
	data = make([]byte, n)
	if _, err := io.ReadFull(w.in, data); err != nil {
		return 0, nil, err
	}
	for i := range data {
		data[i] ^= mask[i%4]
	}
	return head[0] & 0x0f, data, nil
}
