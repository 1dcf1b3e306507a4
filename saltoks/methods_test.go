package saltoks

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// publicCalls are all methods of all services, and Do, found by reflection: a
// new one is tested the day it is written.
func publicCalls(t *testing.T, c *Client) map[string]func(context.Context) error {
	t.Helper()
	calls := map[string]func(context.Context) error{}
	services := map[string]reflect.Value{"Raw": reflect.ValueOf(c.Raw())}
	client := reflect.ValueOf(c).Elem()
	for i := range client.NumField() {
		if field := client.Type().Field(i); field.IsExported() {
			services[field.Name] = client.Field(i)
		}
	}
	for name, service := range services {
		for m := range service.NumMethod() {
			method := service.Type().Method(m)
			call := callOnce(t, service.Method(m), method.Name)
			if method.Name == "Stream" {
				call = briefly(call)
			}
			calls[name+"."+method.Name] = call
		}
	}
	calls["Do"] = func(ctx context.Context) error {
		r, err := c.NewRequest("GET", "/v1.2/x")
		if err != nil {
			return err
		}
		_, err = c.Do(ctx, r, nil)
		return err
	}
	return calls
}

// briefly ends a call that ends with its context only.
func briefly(call func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, 5*time.Millisecond)
		defer cancel()
		return call(ctx)
	}
}

// callOnce fills a method's parameters with something that goes through, ranges
// over what it lists, and returns its error.
func callOnce(t *testing.T, method reflect.Value, name string) func(context.Context) error {
	typ := method.Type()
	if typ.NumIn() == 0 || typ.In(0) != reflect.TypeFor[context.Context]() {
		t.Fatalf("%s does not take a context first", name)
	}
	return func(ctx context.Context) error {
		in := []reflect.Value{reflect.ValueOf(ctx)}
		for i := 1; i < typ.NumIn(); i++ {
			if typ.IsVariadic() && i == typ.NumIn()-1 {
				break
			}
			in = append(in, sample(typ.In(i)))
		}
		out := method.Call(in)
		last := out[len(out)-1]
		if seq := out[0]; seq.Kind() == reflect.Func {
			var err error
			seq.Call([]reflect.Value{reflect.MakeFunc(seq.Type().In(0), func(args []reflect.Value) []reflect.Value {
				err, _ = reflect.TypeAssert[error](args[1])
				return []reflect.Value{reflect.ValueOf(err == nil)}
			})})
			return err
		}
		err, _ := reflect.TypeAssert[error](last)
		return err
	}
}

func sample(t reflect.Type) reflect.Value {
	for _, v := range []any{
		NewOTP("x1y2z"), PINByMail, Unlocked, Subscribed, time.Unix(2e9, 0), NewUser{FirstName: "a", LastName: "b"},
		UserChange{UsePIN: new(true)}, LockSchedule{Weekdays: EveryDay()}, TimeSchedule{ID: "t", Weekdays: EveryDay()}, []IQTreeItem{{}},
		EntryCursor{}, (*SendDeadline)(nil),
	} {
		if reflect.TypeOf(v) == t {
			return reflect.ValueOf(v)
		}
	}
	if t.Kind() == reflect.String {
		return reflect.ValueOf("id-1").Convert(t)
	}
	panic(fmt.Sprintf("no sample of %v", t))
}

// TestEveryMethodHonorsItsContext: cancelled before, nothing is sent; with two
// seconds, each returns by then, whatever it is that takes long.
func TestEveryMethodHonorsItsContext(t *testing.T) {
	t.Parallel()
	hang := func(c net.Conn, _ int) { _, _ = c.Read(make([]byte, 1)) }
	trickle := func(c net.Conn, _ int) {
		fmt.Fprint(c, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n")
		_, _ = c.Read(make([]byte, 1))
	}
	busy := func(c net.Conn, _ int) { fmt.Fprint(c, "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n") }
	stuckDial := &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { <-ctx.Done(); return nil, ctx.Err() }}}
	for name, setup := range map[string]struct {
		serve   func(net.Conn, int) // nil: nothing may be sent
		ts      TokenSource
		limiter func() (*Limiter, error)
		dial    *http.Client
		done    bool // the context is over from the start
	}{
		"cancelled":           {done: true},
		"server hangs":        {serve: hang},
		"body hangs":          {serve: trickle},
		"sleep between tries": {serve: busy},
		"limiter": {limiter: func() (*Limiter, error) {
			l, err := NewLimiter(LimiterConfig{Commands: 1e-6, CommandBurst: 1, Reads: 1e-6, ReadBurst: 1})
			for i := range l.lanes {
				l.lanes[i].rate.Allow()
			}
			return l, err
		}},
		"pause after a 429": {limiter: func() (*Limiter, error) {
			l := NoRateLimit()
			l.pause(readLane, time.Hour)
			l.pause(commandLane, time.Hour)
			return l, nil
		}},
		"token": {ts: tokenFunc(func(ctx context.Context) (Token, error) { <-ctx.Done(); return Token{}, ctx.Err() })},
		"dial":  {dial: stuckDial},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				hc := setup.dial
				switch {
				case setup.serve != nil:
					hc, _ = pipeServer(setup.serve)
				case hc == nil:
					hc = &http.Client{Transport: transportFunc(func(r *http.Request) (*http.Response, error) {
						t.Errorf("%s %s was sent", r.Method, r.URL.Path)
						return nil, io.EOF
					})}
				}
				limiter := NoRateLimit()
				if setup.limiter != nil {
					var err error
					if limiter, err = setup.limiter(); err != nil {
						t.Fatal(err)
					}
				}
				var ts TokenSource = tokenFunc(testTokens)
				if setup.ts != nil {
					ts = setup.ts
				}
				c, err := NewClient(
					Config{
						Environment:         testEnv("http://127.0.0.1"),
						Tokens:              ts,
						HTTPClient:          hc,
						Limiter:             limiter,
						UnverifiedEndpoints: true,
					},
				)
				if err != nil {
					t.Fatal(err)
				}
				calls := publicCalls(t, c)
				if len(calls) < 45 {
					t.Fatalf("found only %d calls", len(calls))
				}
				var all sync.WaitGroup
				for method, call := range calls {
					all.Go(func() {
						const limit = 2 * time.Second
						ctx, cancel := context.WithTimeout(t.Context(), limit)
						defer cancel()
						if setup.done {
							cancel()
						}
						begin := time.Now()
						err := call(ctx)
						took := time.Since(begin)
						e, ok := errors.AsType[*APIError](err)
						if !ok {
							t.Errorf("%s: %v, want an *APIError", method, err)
							return
						}
						if name != "sleep between tries" && !errors.Is(err, context.Canceled) &&
							!errors.Is(err, context.DeadlineExceeded) {
							t.Errorf("%s does not name the context: %v", method, err)
						}
						if setup.done && !e.NotSent() {
							t.Errorf("%s was sent although cancelled: %v", method, err)
						}
						if took > limit || setup.done && took > 0 {
							t.Errorf("%s returned after %v", method, took)
						}
					})
				}
				all.Wait()
				_ = c.Close(t.Context())
			})
		})
	}
}

// TestEveryMethodSurvivesAnyAnswer: strange answers give an *APIError or a
// value, never a panic and nothing endless.
func TestEveryMethodSurvivesAnyAnswer(t *testing.T) {
	t.Parallel()
	for _, body := range []string{``, `null`, `[]`, `{}`, `""`, `0`, `[null]`, `{"items":null}`, `{"items":{}}`, `{"items":[1]}`,
		`{"items":[{}],"next_page_link":7}`,
		`{"items":[],"continuation_token":{"a":1}}`, `{"id":7,"roles":"x"}`, `<html>`, `{"items":[{"id":"a"}],"next_page_link":"?a"}`,
		"\xff\xfe", `[[[[`} {
		w := &wire{answer: always(200, body)}
		c := newTestClient(t, w, func(cfg *Config) { cfg.UnverifiedEndpoints = true })
		for method, call := range publicCalls(t, c) {
			if err := call(t.Context()); err != nil {
				if _, ok := errors.AsType[*APIError](err); !ok {
					t.Errorf("%s on %q: %T %v", method, body, err, err)
				}
			}
			if n := w.count(); n > 200 {
				t.Fatalf("%s on %q: %d requests", method, body, n)
			}
			w.requests = nil
		}
	}
}

// TestUnlocksLeaveNothingBehind: a thousand unlocks at once, over real
// connections, and afterwards no goroutine of ours or net/http's more than before.
func TestUnlocksLeaveNothingBehind(t *testing.T) {
	srv, requests := countingServer(t)
	before := runtime.NumGoroutine()
	c := tcpClient(t, srv)
	failed := make(chan error, 1000)
	for i := range 1000 {
		go func() {
			failed <- c.Raw().SetLockState(t.Context(), "s", LockID(fmt.Sprint("l", i)), Unlocked, NewOTP("x1y2z"), nil)
		}()
	}
	for range 1000 {
		if err := <-failed; err != nil {
			t.Error(err)
		}
	}
	if n := requests(); n != 1000 {
		t.Errorf("%d requests for 1000 unlocks", n)
	}
	// Connections end on their own goroutines, some microseconds later.
	deadline := time.Now().Add(5 * time.Second)
	for runtime.NumGoroutine() > before && time.Now().Before(deadline) {
		runtime.Gosched()
	}
	if n := runtime.NumGoroutine(); n > before {
		buf := make([]byte, 1<<16)
		t.Errorf("%d goroutines, %d before:\n%s", n, before, buf[:runtime.Stack(buf, true)])
	}
}

// countingServer answers every request with an empty 200.
func countingServer(t *testing.T) (url string, requests func() int) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var n atomic.Int64
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				r, err := http.ReadRequest(bufio.NewReader(conn))
				if err != nil || !strings.HasSuffix(r.URL.Path, "/locking") {
					return
				}
				_, _ = io.Copy(io.Discard, r.Body)
				n.Add(1)
				fmt.Fprint(conn, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
			}()
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
	return "http://" + l.Addr().String(), func() int { return int(n.Load()) }
}

// TestNoMethodRepeatsASecret: every method of every service, before a server
// that puts what it was sent into every place an answer has, and a network
// whose errors do the same.
func TestNoMethodRepeatsASecret(t *testing.T) {
	planted := []string{testToken, "x1y2z", "246810"} // the last two are what publicCalls sends; %#v prints addresses, which are hexadecimal
	echo := func(r *http.Request) string {
		query, _ := url.QueryUnescape(r.URL.RawQuery)
		body := ""
		if r.Body != nil {
			b, _ := io.ReadAll(r.Body)
			body = string(b)
		}
		return strings.Join([]string{r.Header.Get("Authorization"), r.URL.RawQuery, query, body}, " ")
	}
	answers := map[string]func(r *http.Request) (*http.Response, error){
		"the network": func(r *http.Request) (*http.Response, error) {
			return nil, &url.Error{Op: r.Method, URL: r.URL.String(), Err: errors.New("with " + echo(r))}
		},
	}
	for _, status := range []int{200, 302, 400, 401, 403, 404, 429, 500} {
		for name, body := range map[string]func(string) string{
			"message":   func(s string) string { return fmt.Sprintf(`{"ErrorCode":"2203","Message":%q}`, s) },
			"code":      func(s string) string { return fmt.Sprintf(`{"ErrorCode":%q}`, strings.TrimPrefix(s, "Bearer ")) },
			"own value": func(s string) string { return fmt.Sprintf(`{"ErrorCode":{"x":%q}}`, s) },
			"inner": func(s string) string {
				_, after, _ := strings.Cut(s, `"otp":"`)
				code, _, _ := strings.Cut(after, `"`)
				return fmt.Sprintf(`{"ErrorCode":"3102","Message":"code: _%s"}`, code)
			},
			"trace": func(s string) string { return fmt.Sprintf(`{"title":"no","traceId":%q}`, s) },
			"text":  func(s string) string { return s },
			"page":  func(s string) string { return "<html>" + s },
			"list": func(s string) string {
				return fmt.Sprintf(`{"items":[],"next_page_link":%q}`, "https://evil.example/?"+s)
			},
			"cut": func(s string) string { return fmt.Sprintf(`{"ErrorCode":"2203","Message":%q,`, s) },
		} {
			answers[fmt.Sprint(status, " ", name)] = func(r *http.Request) (*http.Response, error) {
				said := echo(r)
				return reply(status, body(said), "Location", "https://evil.example/?"+said, "X-Request-Id", said, "Retry-After", "0"), nil
			}
		}
	}
	for name, answer := range answers {
		var log strings.Builder
		c := newTestClient(t, transportFunc(answer), func(cfg *Config) { cfg.UnverifiedEndpoints = true }, func(cfg *Config) {
			cfg.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
		})
		c.budget.spent.Store(budgetSize) // no retries: they change nothing here
		for method, call := range publicCalls(t, c) {
			seen := ""
			for err := call(t.Context()); err != nil; err = errors.Unwrap(err) {
				seen += fmt.Sprintf("%v %+v %#v\n", err, err, err)
			}
			for _, secret := range planted {
				if strings.Contains(seen+log.String(), secret) {
					t.Errorf("%s, %s: %q in %s%s", name, method, secret, seen, log.String())
				}
			}
			log.Reset()
		}
	}
}
