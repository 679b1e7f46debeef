//go:build unix

// Command check is "make test": every check of the project as one table, run from top to bottom, each test counted.
// It goes on after a failure, so that one run tells everything, and ends with a line "N passed, N failed"; a step that
// fails without a failed test counts as one. Pass names of steps to run only those.
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// step is one check. Its command runs in a shell in the project's folder.
type step struct {
	name    string
	command string
	count   func(output []byte) tally // how the tests that it ran are counted; nil has none
	beside  bool                      // it mostly waits, and runs beside what comes after it
}

const (
	desktopTags = "desktop,production,webkit2_41"
	logs        = ".cache/check"
	// SQLite's own C, translated, goes unwatched: what it shares is its own, and watching it took two thirds of the tests'
	// time. The driver and everything of ours are watched.
	plainEngine = "-gcflags=modernc.org/sqlite/lib=-race=false -gcflags=modernc.org/libc/...=-race=false"
	stepLimit   = 15 * time.Minute
)

// Cheap before dear, and whatever others need first: the page is part of the program, the program of the client tests.
var steps = []step{
	{"format", `test -z "$(gofmt -l $(git ls-files '*.go') | tee /dev/stderr)"`, nil, false},
	{"modules", `go mod tidy -diff`, nil, false},
	{"generated", `go run ./build/tsgen -check && go run ./build/licenses -check`, nil, false},
	{"lockfiles", `! grep -n '"resolved"' $(git ls-files '*package-lock.json')`, nil, false},
	{"page-types", `cd frontend && npm run --silent check`, nil, false},
	{"page-units", `cd frontend && npm test --silent`, countVitest, false},
	{"page-build", `cd frontend && npm run --silent build && test -s dist/index.html`, nil, false},
	{"vet", `go vet ./... && go vet -tags window,soak ./app/... && go vet ./testdata/page`, nil, false},
	{"vet-window", `go vet -tags ` + desktopTags + ` ./app/desktop ./testdata/page`, nil, false},
	{"cross-compile", `for target in darwin/arm64 windows/amd64; do
		CGO_ENABLED=0 GOOS=${target%/*} GOARCH=${target#*/} go build $(go list ./... | grep -v /build/) || exit 1; done`, nil, false},
	{"build", `CGO_ENABLED=0 go build -trimpath -ldflags '-s -w' -o bin/echolab . && bin/echolab version`, nil, false},
	{"go", `go test -race ` + plainEngine + ` -parallel 6 -json ./...`, countGo, false}, // those that may run beside each other mostly wait
	{"scenario", `go run ./build/scenario`, countScenario, true},
	{"clients", `cd testdata/clients && npm test --silent`, countNode, false},
	{"clients-chromium", `cd testdata/clients && npm run --silent test:browser`, countNode, false},
	{"page-chromium", `cd frontend && npm run --silent test:browser`, countNode, false},
	{"portal", `cd testdata/portal && npm test --silent`, countNode, false},
	{"window", `go test -json -count=1 -tags window ./app/desktop`, countGo, false},
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	sum, err := run(ctx, os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "check:", err)
		sum.failed++
	}
	fmt.Printf("\n%d passed, %d failed\n", sum.passed, sum.failed)
	if sum.failed > 0 {
		os.Exit(1)
	}
}

func run(ctx context.Context, only []string) (tally, error) {
	var sum tally
	for _, name := range only {
		if !slices.ContainsFunc(steps, func(s step) bool { return s.name == name }) {
			return sum, fmt.Errorf("there is no step %q; there are: %s", name, strings.Join(names(), ", "))
		}
	}
	if err := os.MkdirAll(logs, 0o755); err != nil {
		return sum, err
	}
	var waiting []chan outcome
	for _, s := range steps {
		if len(only) > 0 && !slices.Contains(only, s.name) {
			continue
		}
		if s.beside {
			waiting = append(waiting, make(chan outcome, 1))
			go func(end chan<- outcome) {
				t, err := s.run(ctx)
				end <- outcome{t, err}
			}(waiting[len(waiting)-1])
			continue
		}
		t, err := s.run(ctx)
		if err != nil {
			return sum, err
		}
		sum.add(t)
	}
	for _, end := range waiting {
		o := <-end
		if o.err != nil {
			return sum, o.err
		}
		sum.add(o.tally)
	}
	return sum, nil
}

// outcome is what became of a step beside others.
type outcome struct {
	tally
	err error
}

func names() []string {
	var out []string
	for _, s := range steps {
		out = append(out, s.name)
	}
	return out
}

// run runs the command and says how it went. Its error is for what is not the step's own failure.
func (s step) run(ctx context.Context) (tally, error) {
	limited, cancel := context.WithTimeout(ctx, stepLimit)
	defer cancel()
	cmd := exec.CommandContext(limited, "bash", "-o", "pipefail", "-c", s.command)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // so that servers and browsers end with it
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = 5 * time.Second
	cmd.Env = append(os.Environ(), "NO_COLOR=1", "FORCE_COLOR=0", "NODE_OPTIONS=--test-reporter=tap")
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	start := time.Now()
	err := cmd.Run()
	if ctx.Err() != nil {
		return tally{}, errors.New("interrupted")
	}
	log := filepath.Join(logs, s.name+".log")
	if err := os.WriteFile(log, output.Bytes(), 0o644); err != nil {
		return tally{}, err
	}

	var t tally
	if s.count != nil {
		t = s.count(output.Bytes())
		if t.passed+t.failed == 0 {
			t.add(tally{failed: 1, told: "no test ran\n"})
		}
	}
	if limited.Err() != nil {
		t.add(tally{failed: 1, told: fmt.Sprintf("not done after %v\n", stepLimit)})
	}
	if err != nil && t.failed == 0 {
		t.failed = 1
	}
	said := "ok"
	if t.failed > 0 {
		said = "FAILED"
	}
	if s.count != nil {
		said += fmt.Sprintf(", %d passed, %d failed", t.passed, t.failed)
	}
	if t.skipped > 0 {
		said += fmt.Sprintf(", %d skipped", t.skipped)
	}
	text := fmt.Sprintf("%-20s %6.1f s  %s\n%s", s.name, time.Since(start).Seconds(), said, t.news)
	if t.failed > 0 {
		if t.told == "" {
			t.told = tail(output.String(), 60)
		}
		text += fmt.Sprintf("\n%s\nAll of it: %s\n\n", tail(t.told, 150), log)
	}
	fmt.Print(text)
	t.told = ""
	return t, nil
}

// tail is the last n lines.
func tail(text string, n int) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
