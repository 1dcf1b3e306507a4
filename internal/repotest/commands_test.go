package repotest

import (
	"go/ast"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// commands are the shell commands of the pages. Each is run by this test, by the test
// that is named, or not at all, for the reason given.
var commands = []struct {
	pattern string
	proof   string
}{
	{`go doc \./access/gate`, "run"},
	{`go run \./examples/quickstart`, "run"},
	{`go run \./examples/ks -h`, "run"},
	{`go run \./examples/custom-store`, "run"},
	{`go run \./examples/testing`, "run"},
	{`go run \./examples/decide -facts examples/\S+ -requests examples/\S+`, "run"},
	{`go run \./examples/decide -facts FACTS -requests REQUESTS`, "the files are the reader's"},

	{`go run \./examples/simulator -addr 127\.0\.0\.1:8077`, "examples/simulator.TestProgram"},
	{`(HOST_ADDR=\S+ )?sh examples/host/simulator\.sh`, "examples/host.TestGettingStarted"},
	{`curl .*`, "examples/host.TestGettingStarted"},
	{`go run \./examples/connect`, "examples/connect.TestConnect"},
	{`go run \./examples/coworking`, "examples/coworking.TestEveryPage"},
	{`go run \./examples/digital-keys`, "examples/digital-keys.TestDigitalKeys"},
	{`go run \./examples/fleet`, "examples/fleet.TestFleet"},
	{`go run \./examples/ks login .*`, "examples/ks.TestLogin"},
	{`go run \./examples/ks preflight`, "examples/ks.TestPreflight"},
	{`go run \./examples/ks preflight -environment .*`, "examples/ks.TestPreflightBeforeLogin"},
	{`go run \./examples/ks verify -report report\.md`, "examples/ks.TestVerifyReport"},
	{`go run \./internal/peers`, "internal/peers.TestPeersAgree"},

	{`go run \./internal/dbtest/load( -\w+ \S+)*`, "it measures for minutes; it checks the guarantees itself"},
	{`go run \./internal/mutate( -\w+ \S+)*`, "it runs for hours; .ci/run runs a smaller sample"},

	{`git clone <this repository> .*`, "the module path is not registered yet"},
	{`(DOORKIT_FULL=1 )?go test .*`, "a test cannot run the tests: .ci/run does"},
	{`\.ci/run( full)?`, "it runs this test"},
	{`golangci-lint run \./\.\.\.`, ".ci/run runs it, in the version it installs"},
	{`benchstat old\.txt new\.txt`, "benchmarks are compared by hand"},
}

// TestCommands finds every command of every page in commands, runs what can be run, and
// compares a "text" block below a command with its output.
func TestCommands(t *testing.T) {
	names, used := testNames(t), make([]bool, len(commands))
	outputs := map[string]string{}
	for path, text := range pages(t) {
		ran := ""
		for _, part := range shellParts(text) {
			if part.output {
				if ran != "" && !inOrder(ran, part.text) {
					t.Errorf("%s: the command does not print these lines in this order:\n%s\nbut\n%s", path, part.text, ran)
				}
				continue
			}
			row := matching(part.text)
			if row < 0 {
				t.Errorf("%s: %q is not in the table of commands", path, part.text)
				continue
			}
			used[row] = true
			proof := commands[row].proof
			if strings.Contains(proof, ".Test") && !strings.Contains(proof, " ") && !names[proof] {
				t.Errorf("%s: %q: the test %s does not exist", path, part.text, proof)
			}
			if proof != "run" || testing.Short() {
				continue
			}
			if outputs[part.text] == "" {
				outputs[part.text] = shell(t, part.text)
			}
			ran = outputs[part.text]
		}
	}
	for i, c := range commands {
		if !used[i] {
			t.Errorf("no page has the command %s: remove it from the table", c.pattern)
		}
	}
}

// TestPackagePicture checks that the picture of the packages shows their imports.
func TestPackagePicture(t *testing.T) {
	shell(t, "go run ./internal/packagemap -check")
}

// shell runs a command in the root of the repository and returns its output.
func shell(t *testing.T, command string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "sh", "-c", command)
	cmd.Dir = root
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%s: %v\n%s", command, err, out)
	}
	return string(out)
}

// matching returns the row of commands for a command, or -1.
func matching(command string) int {
	for i, c := range commands {
		if regexp.MustCompile("^(?:" + c.pattern + ")$").MatchString(command) {
			return i
		}
	}
	return -1
}

// shellPart is a command of a page, or the output below it.
type shellPart struct {
	text   string
	output bool
}

// program matches a line that is a command, and a code span that is one.
var (
	program  = regexp.MustCompile(`^(?:[A-Z_]+=\S+ )*(?:go|sh|git|curl|npm|openssl|\.ci/run|golangci-lint|benchstat)(?: |$)`)
	codeSpan = regexp.MustCompile("`([^`]+)`")
	comment  = regexp.MustCompile(`\s+#.*$`)
)

// shellParts returns the commands of a page, in indented lines, blocks and code spans,
// and its blocks of the kind "text".
func shellParts(text string) []shellPart {
	var parts []shellPart
	fence, block := "", ""
	for line := range strings.Lines(text) {
		trimmed := strings.TrimSpace(line)
		if opened, ok := strings.CutPrefix(trimmed, "```"); ok {
			if fence == "text" {
				parts = append(parts, shellPart{block, true})
			}
			if fence == "" {
				fence = "fence"
				if opened != "" {
					fence = opened
				}
			} else {
				fence = ""
			}
			block = ""
			continue
		}
		switch {
		case fence == "text":
			block += line
		case fence != "" && fence != "fence" && fence != "sh":
		case fence != "" || strings.HasPrefix(line, "    "):
			if program.MatchString(trimmed) {
				parts = append(parts, shellPart{text: comment.ReplaceAllString(trimmed, "")})
			}
		default:
			for _, span := range codeSpan.FindAllStringSubmatch(line, -1) {
				if program.MatchString(span[1]) && strings.Contains(span[1], " ./") {
					parts = append(parts, shellPart{text: span[1]})
				}
			}
		}
	}
	return parts
}

// inOrder reports whether output has the lines, in their order.
func inOrder(output, lines string) bool {
	for line := range strings.Lines(lines) {
		_, after, found := strings.Cut(output, strings.TrimSpace(line))
		if !found {
			return false
		}
		output = after
	}
	return true
}

// testNames returns the tests of the repository, as "folder.Name".
func testNames(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	for _, s := range sources(t) {
		if !s.test {
			continue
		}
		for _, d := range s.file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil {
				names[s.dir+"."+f.Name.Name] = true
			}
		}
	}
	return names
}
