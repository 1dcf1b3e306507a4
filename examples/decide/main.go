// Command decide answers requests from a document of facts, one JSON decision
// per line:
//
//	go run ./examples/decide -facts FACTS -requests REQUESTS
//
// access/RULES.md, section 7, defines what it prints. The exit status is 0, 1 if a
// request line was bad, 2 if the facts were or the decisions could not be written.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	_ "time/tzdata" // the zones, wherever this runs

	"github.com/doorkit/doorkit/access"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("decide", flag.ContinueOnError)
	flags.SetOutput(stderr)
	factsFile := flags.String("facts", "", "the `file` with the facts of the site")
	requestsFile := flags.String("requests", "", "the `file` with one request per line")
	if flags.Parse(args) != nil {
		return 2
	}
	if *factsFile == "" || *requestsFile == "" || flags.NArg() > 0 {
		fmt.Fprintln(stderr, "usage: decide -facts FILE -requests FILE")
		return 2
	}
	facts, err := os.ReadFile(*factsFile)
	if err != nil {
		fmt.Fprintln(stderr, "-facts:", err)
		return 2
	}
	requests, err := os.ReadFile(*requestsFile)
	if err != nil {
		fmt.Fprintln(stderr, "-requests:", err)
		return 2
	}
	policy, err := compile(facts)
	if err != nil {
		report(err, stderr)
		return 2
	}
	status, err := answer(policy, requests, stdout)
	if err != nil {
		fmt.Fprintln(stderr, err)
		return 2
	}
	return status
}

func compile(document []byte) (*access.Policy, error) {
	facts, err := access.ParseFacts(document)
	if err != nil {
		return nil, err
	}
	return access.Compile(facts)
}

// report prints one fault per line.
func report(err error, stderr io.Writer) {
	bad, ok := errors.AsType[*access.FactsError](err)
	if !ok {
		fmt.Fprintln(stderr, err)
		return
	}
	for _, fault := range bad.Faults {
		fmt.Fprintln(stderr, fault)
	}
}

// answer prints one line per request and skips empty lines.
func answer(policy *access.Policy, requests []byte, stdout io.Writer) (status int, err error) {
	out := bufio.NewWriter(stdout)
	enc := json.NewEncoder(out)
	for line := range bytes.Lines(requests) {
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		request, err := access.ParseRequest(line)
		if err != nil {
			status = 1
			_ = enc.Encode(map[string]string{"error": err.Error()}) // Flush returns a failed write
			continue
		}
		_ = enc.Encode(policy.Decide(request))
	}
	return status, out.Flush() // returns the first failed write
}
