package main

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/doorkit/doorkit/saltoks"
)

func TestScrubber(t *testing.T) {
	t.Parallel()
	s := newScrubber()
	s.id("lock", "DEC793DE-0a97-4cbc-a61b-35afd569e9d0")
	s.hide("Main Entrance", "Main", "x", "")
	for text, want := range map[string]string{
		"lock dec793de-0a97-4cbc-a61b-35afd569e9d0 and DEC793DE-0A97-4CBC-A61B-35AFD569E9D0": "lock lock-1 and lock-1",
		"profile_id_0c7f0966-27be-4ef6-aa7a-592d975e90fd":                                    "profile_id_id-1",
		"the Main Entrance":                      "the [hidden]",
		"a x":                                    "a x",
		"of NL0417263859":                        "of [site uid]",
		"to someone@mill.example.":               "to [mail].",
		"Bearer " + strings.Repeat("eyJhbGc", 8): "Bearer [long text]",
	} {
		if got := s.text(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	acceptance := saltoks.Acceptance()
	if got := s.environment(acceptance); got != "acceptance" {
		t.Errorf("acceptance is %q", got)
	}
	acceptance.API = "https://inside.example"
	if got := s.environment(acceptance); got != "acceptance with another API host" {
		t.Errorf("another API host is %q", got)
	}
}

// The recorder recognizes a refresh token that was not replaced, and passes the answer on.
func TestRecorder(t *testing.T) {
	t.Parallel()
	for answer, rotated := range map[string]bool{
		`{"refresh_token":"second"}`: true, `{"refresh_token":"first"}`: false, `{}`: false,
	} {
		rec := &recorder{}
		rt := rec.wrap(transport(func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 200, Body: io.NopCloser(strings.NewReader(answer))}, nil
		}), rec.refresh)
		form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {"first"}}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://identity.example/", strings.NewReader(form.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := rt.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil || string(body) != answer {
			t.Errorf("the answer is %q, %v", body, err)
		}
		if got := rec.lastToken(); got == nil || got.rotated != rotated {
			t.Errorf("%s: %+v, want rotated %t", answer, got, rotated)
		}
	}
}
