//go:build unix

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/doorkit/doorkit/access/gate/storage"
)

// check counts the guarantees that did not hold, over all runs in this world.
func (w *world) check(ctx context.Context) error {
	moved, late, unannounced := map[string]int{}, 0, 0
	for _, name := range w.moves {
		file, err := os.Open(name)
		if err != nil {
			return err
		}
		defer file.Close()
		for lines := bufio.NewScanner(file); lines.Scan(); {
			var m movement
			if err := json.Unmarshal(lines.Bytes(), &m); err != nil {
				return err
			}
			moved[m.Request]++
			if m.At.After(m.SendBy) {
				late++
			}
			if m.NoAttempt {
				unannounced++
			}
		}
	}
	twice, missing := 0, 0
	attempts, err := w.attempts(ctx)
	if err != nil {
		return err
	}
	for request, n := range moved {
		if n > 1 {
			twice++
		}
		if !attempts[request] {
			missing++
		}
	}
	rows, broken := 0, 0
	for i := range w.Sites {
		v, err := storage.Verify(ctx, w.store, siteName(i), storage.Head{}, storage.Head{})
		if _, wrong := errors.AsType[*storage.ChainError](err); wrong {
			broken++
		} else if err != nil {
			return err
		}
		rows += v.Rows
	}
	fmt.Printf("guarantees: %d requests moved a door; twice %d; late %d; without an attempt row %d (before the command, in a sample: %d); "+
		"%d rows verified, broken chains %d\n", len(moved), twice, late, missing, unannounced, rows, broken)
	if twice+late+missing+unannounced+broken > 0 {
		return errors.New("load: a guarantee did not hold")
	}
	return nil
}

// attempts returns the requests whose attempt row is in the door log.
func (w *world) attempts(ctx context.Context) (map[string]bool, error) {
	rows, err := w.db.QueryContext(ctx, `SELECT j.request_id FROM doorkit_journal j JOIN doorkit_log l ON l.site = j.site AND l.seq = j.seq
		WHERE l.outcome = 'sending'`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	found := map[string]bool{}
	for rows.Next() {
		var request string
		if err := rows.Scan(&request); err != nil {
			return nil, err
		}
		found[request] = true
	}
	return found, rows.Err()
}
