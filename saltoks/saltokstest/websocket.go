package saltokstest

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

// webSocket implements the part of RFC 6455 that the event stream needs: text, ping
// and close frames. It returns when either side has closed.
func (s *Sim) webSocket(w http.ResponseWriter, r *http.Request, h *hubConn) {
	conn, buf, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	sum := sha1.Sum([]byte(r.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")) //nolint:gosec // required by RFC 6455
	ws := &socket{conn: conn}
	defer ws.close()
	head := "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " +
		base64.StdEncoding.EncodeToString(sum[:]) + "\r\n\r\n"
	if _, err := io.WriteString(conn, head); err != nil {
		return
	}
	gone := make(chan struct{})
	var reading sync.WaitGroup
	reading.Go(func() {
		defer close(gone)
		for {
			op, data, err := readFrame(buf.Reader)
			if err != nil || op == opClose {
				return
			}
			switch op {
			case opPing:
				_ = ws.write(opPong, data)
			case opPong: // nothing to do
			default:
				s.mu.Lock()
				h.receive(string(data))
				s.mu.Unlock()
			}
		}
	})
	reading.Go(func() { // also ends a write that the client does not read
		select {
		case <-s.closed:
			ws.close()
		case <-gone:
		}
	})
	s.push(ws, h, gone)
	ws.close()
	reading.Wait()
}

// push writes the queued messages, and a ping after a quiet period.
func (s *Sim) push(ws *socket, h *hubConn, gone <-chan struct{}) {
	for {
		text, closed := s.take(h)
		if text != "" && ws.write(opText, []byte(text)) != nil {
			return
		}
		if closed {
			_ = ws.write(opClose, nil)
			return
		}
		if !s.waitForMessage(h, gone) {
			return
		}
	}
}

const (
	opText  = 1
	opClose = 8
	opPing  = 9
	opPong  = 10
)

// socket serializes writes.
type socket struct {
	mu   sync.Mutex
	conn net.Conn
}

func (w *socket) close() { _ = w.conn.Close() }

func (w *socket) write(op byte, data []byte) error {
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

// readFrame reads one masked frame of a client. SignalR messages end with a record
// separator, so fragments need not be joined.
func readFrame(r *bufio.Reader) (op byte, data []byte, err error) {
	var head [2]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return 0, nil, err
	}
	n := uint64(head[1] & 0x7f)
	switch n {
	case 126:
		var b [2]byte
		_, err = io.ReadFull(r, b[:])
		n = uint64(binary.BigEndian.Uint16(b[:]))
	case 127:
		var b [8]byte
		_, err = io.ReadFull(r, b[:])
		n = binary.BigEndian.Uint64(b[:])
	}
	if err != nil {
		return 0, nil, err
	}
	if head[1]&0x80 == 0 {
		return 0, nil, errors.New("saltokstest: a client's frame must be masked")
	}
	if n > maxBody {
		return 0, nil, fmt.Errorf("saltokstest: a frame of %d bytes is too long", n)
	}
	var mask [4]byte
	if _, err := io.ReadFull(r, mask[:]); err != nil {
		return 0, nil, err
	}
	data = make([]byte, n)
	if _, err := io.ReadFull(r, data); err != nil {
		return 0, nil, err
	}
	for i := range data {
		data[i] ^= mask[i%4]
	}
	return head[0] & 0x0f, data, nil
}
