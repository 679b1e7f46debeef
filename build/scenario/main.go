//go:build unix

// Command scenario is the step of "make test" that lets the harness judge the emulator at full size: invoice-day.yaml beside
// this file, 2 000 clients for 60 s, against the embedded emulator; then the same file, smaller by flags alone, against
// `echolab serve` in a process of its own. Every delivery and every member must be accounted for. It drives bin/echolab
// from outside and prints TAP.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"echolab/harness"
)

const (
	program = "bin/echolab"
	file    = "build/scenario/invoice-day.yaml"
	out     = ".cache/scenario"
)

// size is what a run must come to.
type size struct {
	name                        string
	flags                       []string
	clients, invoices, whispers int64 // the last at least
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var t tap
	if err := all(ctx, &t); err != nil {
		t.check("the scenarios run", []string{err.Error()})
	}
	fmt.Printf("1..%d\n# pass %d\n# fail %d\n", t.passed+t.failed, t.passed, t.failed)
	if t.failed > 0 {
		os.Exit(1)
	}
}

func all(ctx context.Context, t *tap) error {
	if err := play(ctx, t, size{name: "embedded", clients: 2000, invoices: 60 * 50, whispers: 2000}); err != nil {
		return err
	}
	url, end, err := serve(ctx)
	if err != nil {
		return err
	}
	err = play(ctx, t, size{name: "another server", clients: 100, invoices: 5 * 20,
		flags: []string{"--url", url, "-e", "clients=100", "-e", "invoices=20", "-e", "arrival=2s", "-e", "day=5s"}})
	return errors.Join(err, end())
}

// serve starts a server on a free port, with an empty folder's configuration.
func serve(ctx context.Context) (url string, end func() error, err error) {
	dir, err := os.MkdirTemp("", "echolab-scenario-")
	if err != nil {
		return "", nil, err
	}
	path, err := filepath.Abs(program)
	if err != nil {
		return "", nil, err
	}
	cmd := exec.CommandContext(ctx, path, "serve", "--host", "127.0.0.1", "--port", "0", "--ui-port", "0", "--db", ":memory:", "--json")
	cmd.Dir, cmd.Stderr = dir, os.Stderr
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		return "", nil, err
	}
	if err := cmd.Start(); err != nil {
		return "", nil, err
	}
	end = func() error {
		err := errors.Join(cmd.Process.Signal(syscall.SIGTERM), cmd.Wait())
		return errors.Join(err, os.RemoveAll(dir))
	}
	lines := bufio.NewScanner(pipe)
	for lines.Scan() {
		var fact struct{ Event, Server string }
		if json.Unmarshal(lines.Bytes(), &fact) == nil && fact.Event == "ready" {
			go func() { _, _ = io.Copy(io.Discard, pipe) }() // until it ends
			return fact.Server, end, nil
		}
	}
	return "", nil, errors.Join(errors.New("echolab serve ended before it was ready"), end())
}

// play runs the file and checks what it came to.
func play(ctx context.Context, t *tap, want size) error {
	dir := filepath.Join(out, strings.ReplaceAll(want.name, " ", "-"))
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, program, append([]string{"run", file, "--out", dir, "--no-keep", "--quiet"}, want.flags...)...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) } // it then writes what it has
	said, err := cmd.CombinedOutput()
	fmt.Println(indent(string(said)))
	if _, exited := errors.AsType[*exec.ExitError](err); err != nil && !exited {
		return err
	}
	t.check(want.name+": exit code 0", differ("exit code", int64(cmd.ProcessState.ExitCode()), 0))
	text, err := os.Open(filepath.Join(dir, "result.json"))
	if err != nil {
		return err
	}
	defer text.Close()
	r, err := harness.ReadResult(text)
	if err != nil {
		return err
	}
	d, p := r.Delivery, r.Presence
	fmt.Printf("# verdict: %s: %s, %d clients, %d of %d deliveries, %d of %d joins and leaves told, generator kept up: %t (%s)\n", r.Name, r.Verdict,
		want.clients, d.Delivered, d.Expected, p.Told, p.Joins+p.Leaves, r.Health.OK, want.name)

	var wrong []string
	if r.Verdict != harness.Passed {
		wrong = append([]string{"verdict " + string(r.Verdict)}, r.Reasons...)
	}
	t.check(want.name+": passed", wrong)
	connects, _ := r.Metric(harness.ConnectLatency.Name, nil)
	t.check(want.name+": everybody came, everything was sent", differ("clients connected", connects.Count, want.clients),
		differ("published", d.Published, want.invoices), differ("accepted", d.Accepted, want.invoices), atLeast("whispers", d.Whispers, want.whispers))
	t.check(want.name+": every delivery is accounted for", atLeast("expected", d.Expected, want.invoices), differ("delivered", d.Delivered, d.Expected),
		differ("missing", d.Missing, 0), differ("duplicate", d.Duplicate, 0), differ("reordered", d.Reordered, 0), differ("leaked", d.Leaked, 0), differ("altered", d.Altered, 0))
	t.check(want.name+": everybody knows who is there", differ("joins", p.Joins, want.clients), differ("told", p.Told, p.Joins+p.Leaves),
		differ("ghosts", p.Ghosts, 0), differ("missed", p.Missed, 0), differ("duplicate", p.Twice, 0), differ("drift", p.Drift, 0), differ("altered", p.Altered, 0))
	wrong = nil
	for _, name := range []string{"summary.json", "junit.xml", "report.html"} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Size() == 0 {
			wrong = append(wrong, name+" was not written")
		}
	}
	t.check(want.name+": the reports are there", wrong)
	return nil
}

func differ(what string, got, want int64) []string {
	if got == want {
		return nil
	}
	return []string{fmt.Sprintf("%s: %d, want %d", what, got, want)}
}

func atLeast(what string, got, least int64) []string {
	if got >= least {
		return nil
	}
	return []string{fmt.Sprintf("%s: %d, want at least %d", what, got, least)}
}

// tap counts checks and prints them.
type tap struct{ passed, failed int }

func (t *tap) check(name string, wrong ...[]string) {
	var all []string
	for _, w := range wrong {
		all = append(all, w...)
	}
	if len(all) == 0 {
		t.passed++
		fmt.Printf("ok %d - %s\n", t.passed+t.failed, name)
		return
	}
	t.failed++
	fmt.Printf("not ok %d - %s\n%s\n", t.passed+t.failed, name, indent(strings.Join(all, "\n")))
}

func indent(text string) string {
	return "  " + strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n  ")
}
