package signalr

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// read returns the records in a stream of Server-Sent Events.
func read(t testing.TB, text string) []string {
	t.Helper()
	ctx, cancel := context.WithCancelCause(t.Context())
	c := &Conn{cancel: cancel, records: make(chan []byte)}
	c.running.Go(func() {
		defer close(c.records)
		c.failed = c.readEvents(ctx, io.NopCloser(strings.NewReader(text)))
	})
	var records []string
	for record := range c.records {
		records = append(records, string(record))
	}
	c.Close()
	return records
}

func TestReadEvents(t *testing.T) {
	for name, tt := range map[string]struct{ text, want string }{
		"one":                  {"data: {}\x1e\r\n\r\n", "{}"},
		"line feeds":           {"data: {}\x1e\n\n", "{}"},
		"no space":             {"data:{}\x1e\n\n", "{}"},
		"a comment":            {":\r\n\r\ndata: {}\x1e\r\n\r\n", "{}"},
		"other fields":         {"event: x\nid: 7\nretry: 1\ndata: {}\x1e\n\n", "{}"},
		"two records":          {"data: {}\x1e[]\x1e\n\n", "{}|[]"},
		"two events":           {"data: {}\x1e\n\ndata: []\x1e\n\n", "{}|[]"},
		"a record in two":      {"data: {\n\ndata: }\x1e\n\n", "{}"},
		"two lines":            {"data: {\ndata: }\x1e\n\n", "{\n}"},
		"an event without end": {"data: {}\x1e\n\ndata: []\x1e\n", "{}"},
		"a record without end": {"data: {}\x1e\n\ndata: []\n\n", "{}"},
		"empty":                {"", ""},
	} {
		t.Run(name, func(t *testing.T) {
			if got := strings.Join(read(t, tt.text), "|"); got != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
}

// TestLimits: the client keeps at most maxRecord bytes of one message.
func TestLimits(t *testing.T) {
	for name, text := range map[string]string{
		"a line":   "data: " + strings.Repeat("x", maxRecord) + "\x1e\n\n",
		"an event": strings.Repeat("data: "+strings.Repeat("x", 1000)+"\n", 1100) + "\n",
		"a record": strings.Repeat("data: "+strings.Repeat("x", 1000)+"\n\n", 1100),
	} {
		if got := read(t, text+"data: {}\x1e\n\n"); len(got) != 0 {
			t.Errorf("%s: %d records", name, len(got))
		}
	}
}

// TestDialRefusals: an answer that is not SignalR's is an error, not a connection.
func TestDialRefusals(t *testing.T) {
	for name, tt := range map[string]struct{ negotiation, stream, want string }{
		"HTML":         {"<html>", "", "not answered with JSON"},
		"an error":     {`{"error":"too many"}`, "", "refused the negotiation: too many"},
		"no transport": {`{"connectionId":"1","availableTransports":[{"transport":"WebSockets"}]}`, "", ErrNoTransport.Error()},
		"binary":       {`{"availableTransports":[{"transport":"ServerSentEvents","transferFormats":["Binary"]}]}`, "", "neither"},
		"loop":         {`{"url":"http://127.0.0.1:1/loop"}`, "", "redirected more than 5 times"},
		"handshake": {`{"connectionId":"1","availableTransports":[{"transport":"ServerSentEvents"}]}`,
			"data: {\"error\":\"no such protocol\"}\x1e\n\n", "refused the handshake: no such protocol"},
		"an end": {`{"connectionId":"1","availableTransports":[{"transport":"ServerSentEvents"}]}`, "", ErrClosed.Error()},
	} {
		t.Run(name, func(t *testing.T) {
			answer := func(r *http.Request) (*http.Response, error) {
				w := httptest.NewRecorder()
				if strings.HasSuffix(r.URL.Path, "/negotiate") {
					_, _ = io.WriteString(w, tt.negotiation)
				} else if r.Method == http.MethodGet {
					_, _ = io.WriteString(w, tt.stream)
				}
				return w.Result(), nil
			}
			_, err := Dial(t.Context(), Config{
				URL: &url.URL{Scheme: "http", Host: "127.0.0.1:1"}, Transport: transportFunc(answer),
				Token: func(context.Context) (string, error) { return "t", nil },
			})
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v, want %q", err, tt.want)
			}
		})
	}
}

// TestConnectionID: the connection is named by its token, or by its id where a server of
// negotiation version 0 gives no token.
func TestConnectionID(t *testing.T) {
	for ids, want := range map[string]string{`"connectionId":"1","connectionToken":"t1"`: "t1", `"connectionId":"1"`: "1"} {
		var got []string
		answer := func(r *http.Request) (*http.Response, error) {
			w := httptest.NewRecorder()
			if strings.HasSuffix(r.URL.Path, "/negotiate") {
				_, _ = io.WriteString(w, `{`+ids+`,"availableTransports":[{"transport":"ServerSentEvents"}]}`)
			} else {
				got = append(got, r.URL.Query().Get("id"))
			}
			return w.Result(), nil
		}
		_, err := Dial(t.Context(), Config{
			URL: &url.URL{Scheme: "http", Host: "127.0.0.1:1"}, Transport: transportFunc(answer),
			Token: func(context.Context) (string, error) { return "t", nil },
		})
		if !errors.Is(err, ErrClosed) || len(got) == 0 || slices.ContainsFunc(got, func(id string) bool { return id != want }) {
			t.Errorf("%s: %q, want %q: %v", ids, got, want, err)
		}
	}
}

type transportFunc func(*http.Request) (*http.Response, error)

func (f transportFunc) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// FuzzReadEvents checks that no stream makes the reader fail or hang, and that no
// record holds its own end.
func FuzzReadEvents(f *testing.F) {
	f.Add("data: {}\x1e\r\n\r\n:\n\ndata:x\ndata: y\x1e\n\n")
	f.Fuzz(func(t *testing.T, text string) {
		for _, record := range read(t, text) {
			if strings.ContainsRune(record, recordEnd) {
				t.Errorf("the record %q", record)
			}
		}
	})
}
