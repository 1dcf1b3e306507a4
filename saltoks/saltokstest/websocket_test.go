package saltokstest_test

import (
	"bufio"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
)

// upgrade connects without negotiation, with the token in the query as browsers do.
func (f *client) upgrade() io.ReadWriteCloser {
	f.t.Helper()
	q := url.Values{"site_id": {f.site}, "access_token": {f.token}}
	req, _ := http.NewRequest("GET", f.sim.Events()+"/v1/hub/entries?"+q.Encode(), nil)
	req.Header.Set("Connection", "Upgrade")
	req.Header.Set("Upgrade", "websocket")
	req.Header.Set("Sec-WebSocket-Version", "13")
	req.Header.Set("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
	resp, err := f.http.Do(req)
	if err != nil || resp.StatusCode != 101 || resp.Header.Get("Sec-WebSocket-Accept") != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" {
		f.t.Fatalf("upgrade: %v %v", resp, err)
	}
	conn := resp.Body.(io.ReadWriteCloser)
	f.t.Cleanup(func() { _ = conn.Close() })
	return conn
}

const handshake = `{"protocol":"json","version":1}` + "\x1e"

// frame is a masked frame of a client.
func frame(op byte, text string) []byte {
	f := []byte{0x80 | op, 0x80 | byte(len(text)), 1, 2, 3, 4}
	for i := range len(text) {
		f = append(f, text[i]^byte(i%4+1))
	}
	return f
}

func (f *client) webSocket() (send func(string), receive func() string) {
	f.t.Helper()
	conn := f.upgrade()
	r := bufio.NewReader(conn)
	send = func(text string) {
		if _, err := conn.Write(frame(1, text)); err != nil {
			f.t.Fatal(err)
		}
	}
	receive = func() string {
		head := make([]byte, 2)
		if _, err := io.ReadFull(r, head); err != nil {
			f.t.Fatal(err)
		}
		n := int(head[1])
		if n == 126 {
			if _, err := io.ReadFull(r, head); err != nil {
				f.t.Fatal(err)
			}
			n = int(head[0])<<8 | int(head[1])
		}
		data := make([]byte, n)
		if _, err := io.ReadFull(r, data); err != nil {
			f.t.Fatal(err)
		}
		return string(data)
	}
	return send, receive
}

func TestStreamByWebSocket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newActivated(t)
		send, receive := d.webSocket()
		send(handshake)
		if got := receive(); got != "{}\x1e" {
			t.Fatalf("the handshake is answered %q", got)
		}
		d.want(200, "", "PATCH", d.locking(), d.body("unlocked"))
		e := entryIn(t, receive())
		want := d.want(200, "", "GET", "/v1.1/sites/"+d.site+"/entries", "").(map[string]any)["items"].([]any)[0]
		diff(t, want, any(e))
		if got := receive(); got != `{"type":6}`+"\x1e" { // after 15 s on the bubble's clock
			t.Errorf("the keep-alive is %q", got)
		}
		send(`{"type":1,"target":"Nothing","invocationId":"7","arguments":[]}` + "\x1e")
		if got := receive(); !strings.Contains(got, `"invocationId":"7"`) {
			t.Errorf("an unknown method is answered %q", got)
		}
		send(`{"type":7}` + "\x1e")
		if got := receive(); got != "" { // the close frame
			t.Errorf("the end is %q", got)
		}
	})
}

// TestPongIsNoMessage checks that a pong is not read as a message.
func TestPongIsNoMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newActivated(t)
		conn := d.upgrade()
		for _, f := range [][]byte{frame(10, "hello"), frame(1, handshake)} {
			if _, err := conn.Write(f); err != nil {
				t.Fatal(err)
			}
		}
		answer := make([]byte, 5)
		if _, err := io.ReadFull(conn, answer); err != nil || string(answer[2:]) != "{}\x1e" {
			t.Errorf("the handshake is answered %q, %v", answer, err)
		}
	})
}

// TestCloseEndsUnreadStream checks that Close ends a connection whose client does not read.
func TestCloseEndsUnreadStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newActivated(t)
		conn := d.upgrade()
		if _, err := conn.Write(frame(1, handshake)); err != nil {
			t.Fatal(err)
		}
		synctest.Wait() // the answer waits for a reader
		d.sim.Close()
		synctest.Wait()
		if n, err := conn.Read(make([]byte, 1)); err == nil {
			t.Errorf("%d bytes after the end", n)
		}
	})
}

// TestFrames checks frames with a long length, and that invalid ones end the connection.
func TestFrames(t *testing.T) {
	mask := func(head []byte, text string) []byte {
		f := slices.Concat(head, []byte{1, 2, 3, 4})
		for i := range len(text) {
			f = append(f, text[i]^byte(i%4+1))
		}
		return f
	}
	padded := strings.Repeat(" ", 200) + handshake // JSON with spaces before it
	n := len(padded)
	for name, c := range map[string]struct {
		frame []byte
		ok    bool
	}{
		"16 bits of length": {mask([]byte{0x81, 0x80 | 126, byte(n >> 8), byte(n)}, padded), true},
		"64 bits of length": {mask([]byte{0x81, 0x80 | 127, 0, 0, 0, 0, 0, 0, byte(n >> 8), byte(n)}, padded), true},
		"without a mask":    {append([]byte{0x81, byte(len(handshake))}, handshake...), false},
		"too long":          {[]byte{0x81, 0x80 | 127, 0, 0, 0, 0, 1, 0, 0, 0, 1, 2, 3, 4}, false},
		"a close frame":     {mask([]byte{0x88, 0x80}, ""), false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newActivated(t)
				conn := d.upgrade()
				go func() { _, _ = conn.Write(c.frame) }()
				answer := make([]byte, 5)
				_, err := io.ReadFull(conn, answer)
				if c.ok != (err == nil) || c.ok && string(answer[2:]) != "{}\x1e" {
					t.Errorf("answered %q, %v", answer, err)
				}
			})
		})
	}
}
