package saltoks_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/doorkit/doorkit/saltoks"
)

// The yardstick is what a careful team writes by hand: net/http, encoding/json,
// a bearer header, status checked, body limited and decoded, the same types.

const benchLock = `{"id":"c3d9f0aa-1f52-4a77-9b0e-6e5d4c%06d","customer_reference":"Lock %d","mac":"01630000A1B2C3","floor":null,` +
	`"locked_state":"locked","lock_type":"escutcheon_pin","online":true,"iq_link_state":"attached",` +
	`"tag_registration_state":"not_started","battery_level":"fresh","left_open_alarm":false,"intrusion_alarm":false,` +
	`"easy_office_mode_schedule":null,"iq":{"mac_address":"3B.9E.05","is_online":true,"revision":"2.0","otp_enabled":true,` +
	`"id":"8a1be2d4-90f3-11ee-b9d1-0242ac120002","customer_reference":"Hall"},"repeater":null,"privacy_mode":false,` +
	`"communication_type":"blue_net","vendor":{"id":"v1","reference":"sallis","display_name":"Salto"},"offline_access_keys_limit":10,` +
	`"offline_access_keys_count":2}`

type fixedToken struct{}

func (fixedToken) Token(context.Context) (saltoks.Token, error) {
	return saltoks.Token{Access: saltoks.NewSecret("token"), Expiry: time.Now().Add(time.Hour)}, nil
}

// benchServer answers locks, one or in pages, and locking.
func benchServer(tb testing.TB, locks, perPage int) string {
	tb.Helper()
	page := func(from int) []byte {
		var b bytes.Buffer
		b.WriteString(`{"items":[`)
		for i := from; i < min(from+perPage, locks); i++ {
			if i > from {
				b.WriteByte(',')
			}
			fmt.Fprintf(&b, benchLock, i, i)
		}
		b.WriteString(`],"next_page_link":`)
		if next := from + perPage; next < locks {
			fmt.Fprintf(&b, `"/v1.2/sites/s/locks?skip=%d"`, next)
		} else {
			b.WriteString("null")
		}
		b.WriteString(`,"count":null}`)
		return b.Bytes()
	}
	made := make(map[int][]byte)
	for from := 0; from < locks; from += perPage {
		made[from] = page(from)
	}
	one := fmt.Appendf(nil, benchLock, 1, 1)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/json")
		switch r.URL.Path {
		case "/v1.2/sites/s/locks":
			from, _ := strconv.Atoi(r.URL.Query().Get("skip"))
			_, _ = w.Write(made[from])
		default:
			_, _ = w.Write(one)
		}
	}))
	tb.Cleanup(srv.Close)
	return srv.URL
}

func benchClient(tb testing.TB, url string) *saltoks.Client {
	tb.Helper()
	c, err := saltoks.NewClient(
		saltoks.Config{
			Environment: saltoks.Environment{Name: "bench", Issuer: "https://id.example.test", API: url},
			Tokens:      fixedToken{},
			Limiter:     saltoks.NoRateLimit(),
		},
	)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = c.Close(context.Background()) })
	return c
}

// byHand is the hand-written client.
type byHand struct {
	client *http.Client
	base   string
}

func (h byHand) do(ctx context.Context, method, target string, in, out any) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(b)
	}
	r, err := http.NewRequestWithContext(ctx, method, h.base+target, body)
	if err != nil {
		return err
	}
	token, err := fixedToken{}.Token(ctx)
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+token.Access.Reveal())
	r.Header.Set("Accept", "application/json")
	r.Header.Set("User-Agent", "by-hand/1")
	if in != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	resp, err := h.client.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, 16<<20))
	if err != nil {
		return err
	}
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("status %d: %s", resp.StatusCode, b)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(b, out)
}

func (h byHand) locks(ctx context.Context, use func([]saltoks.Lock)) error {
	for target := "/v1.2/sites/s/locks"; target != ""; {
		var page struct {
			Items []saltoks.Lock `json:"items"`
			Next  string         `json:"next_page_link"`
		}
		if err := h.do(ctx, "GET", target, nil, &page); err != nil {
			return err
		}
		use(page.Items)
		target = page.Next
	}
	return nil
}

func handClient(tb testing.TB, url string, fresh bool) byHand {
	tr := http.DefaultTransport.(*http.Transport).Clone()
	tr.DisableKeepAlives = fresh
	tb.Cleanup(tr.CloseIdleConnections)
	return byHand{&http.Client{Transport: tr}, url}
}

func BenchmarkGetLock(b *testing.B) {
	url := benchServer(b, 1, 1)
	b.Run("doorkit", func(b *testing.B) {
		c := benchClient(b, url)
		b.ReportAllocs()
		for b.Loop() {
			if _, err := c.Locks.Get(b.Context(), "s", "l"); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("by-hand", func(b *testing.B) {
		h := handClient(b, url, false)
		b.ReportAllocs()
		for b.Loop() {
			var l saltoks.Lock
			if err := h.do(b.Context(), "GET", "/v1.2/sites/s/locks/l", nil, &l); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkUnlock compares with a hand-written client that also gives a command
// a connection of its own.
func BenchmarkUnlock(b *testing.B) {
	url := benchServer(b, 1, 1)
	b.Run("doorkit", func(b *testing.B) {
		c := benchClient(b, url)
		otp := saltoks.NewOTP("a1b2c")
		b.ReportAllocs()
		for b.Loop() {
			if err := c.Raw().SetLockState(b.Context(), "s", "l", saltoks.Unlocked, otp, nil); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("by-hand", func(b *testing.B) {
		h := handClient(b, url, true)
		b.ReportAllocs()
		for b.Loop() {
			in := map[string]string{"locked_state": "unlocked", "otp": "a1b2c"}
			if err := h.do(b.Context(), "PATCH", "/v1.2/sites/s/locks/l/locking", in, nil); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkListLocks(b *testing.B) {
	const locks, perPage = 1000, 100
	url := benchServer(b, locks, perPage)
	b.Run("doorkit", func(b *testing.B) {
		c := benchClient(b, url)
		b.ReportAllocs()
		for b.Loop() {
			n := 0
			for _, err := range c.Locks.All(b.Context(), "s") {
				if err != nil {
					b.Fatal(err)
				}
				n++
			}
			if n != locks {
				b.Fatal(n)
			}
		}
	})
	b.Run("by-hand", func(b *testing.B) {
		h := handClient(b, url, false)
		b.ReportAllocs()
		for b.Loop() {
			n := 0
			if err := h.locks(b.Context(), func(l []saltoks.Lock) { n += len(l) }); err != nil || n != locks {
				b.Fatal(n, err)
			}
		}
	})
}

// TestLongListIsFlat: ten thousand locks stream through the memory of a page.
func TestLongListIsFlat(t *testing.T) {
	const locks, perPage = 10_000, 100
	c := benchClient(t, benchServer(t, locks, perPage))
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	var early, late uint64
	n := 0
	for _, err := range c.Locks.All(t.Context(), "s") {
		if err != nil {
			t.Fatal(err)
		}
		switch n++; n {
		case 10 * perPage:
			early = heap()
		case locks:
			late = heap()
		}
	}
	if n != locks {
		t.Fatalf("%d locks", n)
	}
	if late > early+256<<10 {
		t.Errorf("the heap grew from %d KiB at lock 1 000 to %d KiB at lock 10 000", early>>10, late>>10)
	}
	t.Logf("%d KiB at lock 1 000, %d KiB at lock 10 000", early>>10, late>>10)
}
