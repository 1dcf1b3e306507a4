// Package repotest tests the repository itself: which package may import which,
// what a consumer of the root module gets, whether the Go blocks and links of
// the docs are real, whether the proofs that docs/mission.md and SECURITY.md name exist,
// and that no secret and no built program is committed. What a linter can check
// is in .golangci.yml.
package repotest
