// Package house holds the tests that keep the house in order: which package may
// import which, what the root module depends on, what no file may contain, and
// that every statement of docs/mission.md names a test that exists.
package house
