//go:build unix

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"os"
	"time"

	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/access/gate/storage"
)

// findings are counts over all runs of a case; each but the first two must be 0.
type findings struct {
	moved, rows int // requests that moved a door; rows of the log that were verified
	twice       int // requests that moved a door twice
	late        int // commands after their deadline
	unannounced int // commands without an attempt row when the lock system received them (in a sample)
	missing     int // commands without an attempt row afterwards
	denied      int // moved doors of which the journal has that they did not move
	lost        int // outcomes that were acknowledged as recorded, and are not
	chains      int // logs that do not verify
}

// guarantees writes what was found.
func (s *session) guarantees() {
	f := s.found
	s.line("%d doors moved: twice %d, late %d, without an attempt row before the command (one in ten was looked for) %d, "+
		"without one at the end %d, recorded as not moved %d. Recorded outcomes lost: %d. %d rows verified, broken chains: %d.",
		f.moved, f.twice, f.late, f.unannounced, f.missing, f.denied, f.lost, f.rows, f.chains)
}

func (s *session) broken() bool {
	f := s.found
	return f.twice+f.late+f.unannounced+f.missing+f.denied+f.lost+f.chains > 0
}

// check adds what the processes of w did to the findings.
func (w *world) check(ctx context.Context) error {
	f, moved := w.found, map[string]int{}
	for _, name := range w.moves {
		list, err := movements(name)
		if err != nil {
			return err
		}
		for _, m := range list {
			moved[m.Request]++
			if m.At.After(m.SendBy) {
				f.late++
			}
			if m.NoAttempt {
				f.unannounced++
			}
		}
	}
	outcomes, err := w.outcomes(ctx)
	if err != nil {
		return err
	}
	for request, n := range moved {
		if f.moved++; n > 1 {
			f.twice++
		}
		switch outcomes[request] {
		case "":
			f.missing++
		case gate.NotSent, gate.Refused, gate.Denied:
			f.denied++
		}
	}
	for _, request := range w.recorded {
		if outcomes[request] != gate.Accepted {
			f.lost++
		}
	}
	start := time.Now()
	defer func() { w.verifying = time.Since(start) }()
	for i := range w.Sites {
		v, err := storage.Verify(ctx, w.store, siteName(i), storage.Head{}, storage.Head{})
		if _, wrong := errors.AsType[*storage.ChainError](err); wrong {
			f.chains++
		} else if err != nil {
			return err
		}
		f.rows += v.Rows
	}
	return nil
}

// movements reads the file of one process. Each line was written by one call, so it is
// whole even if the process was killed.
func movements(name string) (list []movement, err error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		var m movement
		if err := json.Unmarshal(lines.Bytes(), &m); err != nil {
			return nil, err
		}
		list = append(list, m)
	}
	return list, lines.Err()
}

// outcomes returns the outcome of each request whose attempt row is in the door log.
func (w *world) outcomes(ctx context.Context) (map[string]gate.Outcome, error) {
	rows, err := w.db.QueryContext(ctx, `SELECT j.request_id, j.outcome FROM doorkit_journal j JOIN doorkit_log l
		ON l.site = j.site AND l.seq = j.seq WHERE l.outcome = 'sending' AND j.request_id LIKE 'load-%'`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	found := map[string]gate.Outcome{}
	for rows.Next() {
		var request, outcome string
		if err := rows.Scan(&request, &outcome); err != nil {
			return nil, err
		}
		found[request] = gate.Outcome(outcome)
	}
	return found, rows.Err()
}
