package main

import (
	"context"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
)

// accounts reads and writes the platform's own tables, which are in the same database as
// those of doorkit: the accounts and a few settings.
type accounts struct {
	db         *sql.DB
	iterations int // of PBKDF2
}

// account is a person who can log in.
type account struct {
	email, name string
	member      string // the member the account belongs to
	manager     bool
}

func (a accounts) create(ctx context.Context) error {
	for _, q := range []string{
		`CREATE TABLE IF NOT EXISTS app_settings (name TEXT PRIMARY KEY, value TEXT NOT NULL)`,
		`CREATE TABLE IF NOT EXISTS app_accounts (email TEXT PRIMARY KEY, name TEXT NOT NULL, member TEXT NOT NULL UNIQUE,
			manager INTEGER NOT NULL, salt TEXT NOT NULL, hash TEXT NOT NULL)`,
	} {
		if _, err := a.db.ExecContext(ctx, q); err != nil {
			return fmt.Errorf("creating the platform's tables: %w", err)
		}
	}
	return nil
}

// setting returns a setting, or "" if it was never set.
func (a accounts) setting(ctx context.Context, name string) (string, error) {
	var value string
	err := a.db.QueryRowContext(ctx, `SELECT value FROM app_settings WHERE name = $1`, name).Scan(&value)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return value, err
}

func (a accounts) set(ctx context.Context, name, value string) error {
	_, err := a.db.ExecContext(ctx, `INSERT INTO app_settings (name, value) VALUES ($1, $2)
		ON CONFLICT (name) DO UPDATE SET value = excluded.value`, name, value)
	return err
}

// add creates an account. If there is one with the email address, it replaces it or returns
// false.
func (a accounts) add(ctx context.Context, acc account, password string, replace bool) (added bool, err error) {
	salt := make([]byte, 16)
	rand.Read(salt)
	hash, err := a.hash(password, salt)
	if err != nil {
		return false, err
	}
	manager, conflict := 0, `DO NOTHING`
	if acc.manager {
		manager = 1
	}
	if replace {
		conflict = `DO UPDATE SET name = excluded.name, member = excluded.member, manager = excluded.manager,
			salt = excluded.salt, hash = excluded.hash`
	}
	result, err := a.db.ExecContext(ctx, `INSERT INTO app_accounts (email, name, member, manager, salt, hash)
		VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (email) `+conflict,
		acc.email, acc.name, acc.member, manager, hex.EncodeToString(salt), hex.EncodeToString(hash))
	if err != nil {
		return false, err
	}
	n, err := result.RowsAffected()
	return n > 0, err
}

func (a accounts) remove(ctx context.Context, email string) error {
	_, err := a.db.ExecContext(ctx, `DELETE FROM app_accounts WHERE email = $1`, email)
	return err
}

// login returns the account and true if the password is right. An unknown email address
// takes as long as a wrong password.
func (a accounts) login(ctx context.Context, email, password string) (account, bool, error) {
	var acc account
	var manager int
	var salt, hash string
	err := a.db.QueryRowContext(ctx, `SELECT email, name, member, manager, salt, hash FROM app_accounts WHERE email = $1`, email).
		Scan(&acc.email, &acc.name, &acc.member, &manager, &salt, &hash)
	unknown := errors.Is(err, sql.ErrNoRows)
	if err != nil && !unknown {
		return account{}, false, err
	}
	rawSalt, _ := hex.DecodeString(salt) // empty for an unknown address
	want, _ := hex.DecodeString(hash)
	got, err := a.hash(password, rawSalt)
	if err != nil {
		return account{}, false, err
	}
	if unknown || subtle.ConstantTimeCompare(got, want) != 1 {
		return account{}, false, nil
	}
	acc.manager = manager == 1
	return acc, true, nil
}

// names returns the names of the members by member id.
func (a accounts) names(ctx context.Context) (map[string]string, error) {
	rows, err := a.db.QueryContext(ctx, `SELECT member, name FROM app_accounts`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	names := map[string]string{}
	for rows.Next() {
		var member, name string
		if err := rows.Scan(&member, &name); err != nil {
			return nil, err
		}
		names[member] = name
	}
	return names, rows.Err()
}

func (a accounts) hash(password string, salt []byte) ([]byte, error) {
	return pbkdf2.Key(sha256.New, password, salt, a.iterations, 32)
}
