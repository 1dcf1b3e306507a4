package repotest

import (
	"archive/zip"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// maxModules limits the modules in the graph of a program that imports doorkit,
// the program itself included.
const maxModules = 14

// TestConsumer publishes this tree to a module proxy in a temporary folder and
// builds a program against it, as a user does. The program must build, have at
// most maxModules modules in its graph, and get the go line of go.mod. The
// dependencies come from the local module cache: nothing is fetched. Without
// them the test is skipped, but not in CI.
func TestConsumer(t *testing.T) {
	if testing.Short() {
		t.Skip("with -short, no program is built and run")
	}
	cache := goEnv(t, "GOMODCACHE")
	const version = "v0.0.1"
	proxy := t.TempDir()
	publish(t, proxy, version)

	dir := t.TempDir()
	write(t, dir, "go.mod", "module example.test/consumer\n\ngo 1.26.0\n\nrequire "+module+" "+version+"\n")
	write(t, dir, "main.go", `package main

import (
	"fmt"

	"`+module+`/access"
	_ "`+module+`/access/gate/memstore"
	_ "`+module+`/access/gate/saltolocks"
	_ "`+module+`/access/gate/sqlstore"
	"`+module+`/reservation"
	"`+module+`/saltoks"
)

func main() {
	fmt.Println(access.Decision{}.Allowed, reservation.Reservation{}.ID == "", saltoks.NewSecret("text"))
}
`)
	run := func(args ...string) string {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), "go", args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "GOWORK=off", "GOSUMDB=off", "GOMODCACHE="+filepath.Join(dir, "cache"),
			"GOPROXY=file://"+filepath.ToSlash(proxy)+",file://"+filepath.ToSlash(cache)+"/cache/download",
			"GOFLAGS=-mod=mod -modcacherw -ldflags=-s")
		out, err := cmd.CombinedOutput()
		if err != nil {
			missing := strings.Contains(string(out), "file does not exist") || strings.Contains(string(out), "no such file")
			if missing && os.Getenv("CI") == "" {
				t.Skipf("the module cache lacks a dependency: run \"GOWORK=off go mod tidy\":\n%s", out)
			}
			t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, out)
		}
		return string(out)
	}
	run("mod", "tidy")
	if out := run("run", "."); strings.TrimSpace(out) != "false true [redacted]" {
		t.Errorf("the consumer printed %q", out)
	}
	graph := strings.Split(strings.TrimSpace(run("list", "-m", "all")), "\n")
	if len(graph) > maxModules {
		t.Errorf("the graph of a consumer has %d modules, at most %d are allowed:\n%s", len(graph), maxModules, strings.Join(graph, "\n"))
	}
	if line := strings.TrimSpace(run("list", "-m", "-f", "{{.GoVersion}}", module)); line != "1.26.0" {
		t.Errorf("a consumer gets the go line %s, want 1.26.0", line)
	}
}

// publish writes the tree, without its nested modules, as a module of the given
// version to a file proxy.
func publish(t *testing.T, proxy, version string) {
	t.Helper()
	dir := filepath.Join(proxy, filepath.FromSlash(module), "@v")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, dir, "list", version+"\n")
	write(t, dir, version+".info", fmt.Sprintf(`{"Version":%q,"Time":"2026-01-01T00:00:00Z"}`, version))
	mod, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir, version+".mod", string(mod))

	out, err := os.Create(filepath.Join(dir, version+".zip"))
	if err != nil {
		t.Fatal(err)
	}
	z := zip.NewWriter(out)
	err = filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		if d.IsDir() {
			_, nested := os.Stat(filepath.Join(path, "go.mod"))
			if rel != "." && (strings.HasPrefix(d.Name(), ".") || nested == nil) {
				return filepath.SkipDir
			}
			return nil
		}
		if !d.Type().IsRegular() {
			return nil
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		w, err := z.Create(module + "@" + version + "/" + filepath.ToSlash(rel))
		if err != nil {
			return err
		}
		_, err = w.Write(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
}

func goEnv(t *testing.T, name string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "env", name).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
