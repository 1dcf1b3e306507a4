package saltokstest_test

import (
	"net/http"
	"strings"
	"testing"
)

func TestTooLongABody(t *testing.T) {
	f := newClient(t)
	resp, err := f.http.Post(f.sim.API()+"/v1.2/me", "application/json", strings.NewReader(strings.Repeat(" ", 1<<20+1)))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != 413 {
		t.Errorf("answered %d", resp.StatusCode)
	}
}

func TestOutsideTheBasePath(t *testing.T) {
	f := newClient(t)
	req, _ := http.NewRequest("GET", strings.TrimSuffix(f.sim.API(), "/connect")+"/v1.2/me", nil)
	req.Header.Set("Authorization", "Bearer "+f.token)
	if resp, _ := f.send(req); resp.StatusCode != 404 {
		t.Errorf("a path without the base path: %d", resp.StatusCode)
	}
}
