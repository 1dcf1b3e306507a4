package main

import (
	"encoding/base64"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/doorkit/doorkit/saltoks/saltokstest"
)

// At closing time a door in office mode is locked, even if SALTO's log cannot be read.
func TestClosingTimeWithoutSALTOLog(t *testing.T) {
	t.Parallel()
	p := newTestPlatform(t, "ready")
	ada := p.as(t, "ada")
	id := newRequestID()
	ada.post("/keys/office-4/office-mode", "request", id).want(200, "Kept open by you")
	p.sim.Fault(saltokstest.HTTP500, countOn(-1, "/entries")...)
	p.setTime(t, "2026-05-06T22:05:00+02:00")
	if err := p.site.RunOnce(t.Context()); err == nil || !strings.Contains(err.Error(), "ingest") {
		t.Errorf("the error of the jobs is %v, want one about the job ingest", err)
	}
	office, err := p.store.Door(t.Context(), siteID, "office-4")
	if err != nil {
		t.Fatal(err)
	}
	if got := p.sim.LockState(office.Link.Lock); got != "locked" {
		t.Errorf("after closing time the state of the door is %s, want locked", got)
	}
	// The page no longer shows office mode.
	ada.get("/?request="+id).want(200, "Office 4").wantNot("Kept open")
}

// A real SALTO KS requires a sealing key, and only the owner can read the database file.
func TestSealingKeyIsRequired(t *testing.T) {
	t.Setenv("SEALING_KEY", "")
	file := filepath.Join(t.TempDir(), "coworking.db")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	o := options{db: file, api: "http://127.0.0.1:1", clientID: "c", iterations: 10}
	logger := slog.New(slog.DiscardHandler)
	p, err := open(t.Context(), o, "http://127.0.0.1:2", testPassword, logger)
	if err == nil {
		p.close()
	}
	if err == nil || !strings.Contains(err.Error(), "SEALING_KEY") {
		t.Fatalf("without a key: error %v, want one about SEALING_KEY", err)
	}
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file has mode %v (%v), want 0600", info.Mode(), err)
	}
	t.Setenv("SEALING_KEY", "k1:"+base64.StdEncoding.EncodeToString(make([]byte, 32)))
	t.Setenv("SALTO_CLIENT_SECRET", "secret")
	p, err = open(t.Context(), o, "http://127.0.0.1:2", testPassword, logger)
	if err != nil {
		t.Fatal(err)
	}
	p.close()
}
