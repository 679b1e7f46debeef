//go:build linux

package main

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// row is one line of the table.
type row struct{ what, figure, cost string }

// measurements is every figure, in the order of the table. The one place to add one.
var measurements = []struct {
	name string
	run  func(b *bench) ([]row, error)
}{
	{"start", startUp},
	{"connections", connections},
	{"fan-out", fanOut},
	{"quiet", quiet},
	{"publish", publishes},
	{"whisper", whispers},
	{"presence", presence},
	{"harness", harnessCost},
	{"generators", comparison},
}

// bench is what the measurements share.
type bench struct {
	program string
	dir     string
	runs    int
}

func main() {
	program := flag.String("program", "bin/echolab", "the echolab to measure")
	runs := flag.Int("runs", 3, "how often to measure; the median is shown")
	flag.Usage = func() {
		fmt.Fprintf(flag.CommandLine.Output(), "usage: bench [-program FILE] [-runs N] [NAME...]\n\nNames: %s\n\n", strings.Join(names(), ", "))
		flag.PrintDefaults()
	}
	flag.Parse()
	if text := os.Getenv(generatorEnv); text != "" {
		if err := generate(text); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			os.Exit(1)
		}
		return
	}
	if err := run(*program, *runs, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func names() (all []string) {
	for _, m := range measurements {
		all = append(all, m.name)
	}
	return all
}

func run(program string, runs int, only []string) error {
	for _, name := range only {
		if !slices.Contains(names(), name) {
			return fmt.Errorf("there is no measurement %q; there are %s", name, strings.Join(names(), ", "))
		}
	}
	program, err := filepath.Abs(program)
	if err != nil {
		return err
	}
	pin()
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit) == nil {
		limit.Cur = limit.Max
		_ = syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit)
	}
	dir, err := os.MkdirTemp("", "echolab-bench")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	b := &bench{program, dir, runs}
	fmt.Printf("%-46s %22s  %s\n", "median of "+strconv.Itoa(runs)+", event log on, reverb profile", "figure", "server's cost")
	for _, m := range measurements {
		if len(only) > 0 && !slices.Contains(only, m.name) {
			continue
		}
		rows, err := m.run(b)
		for _, r := range rows {
			fmt.Printf("%-46s %22s  %s\n", r.what, r.figure, r.cost)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
	}
	return nil
}

// pin puts this program on the last core, so that it does not take the server's.
func pin() {
	if n := runtime.NumCPU(); n > 1 {
		_ = exec.Command("taskset", "-a", "-cp", strconv.Itoa(n-1), strconv.Itoa(os.Getpid())).Run()
	}
}

// start runs a fresh server with a database of its own.
func (b *bench) start(args ...string) (*server, error) {
	return start(b.program, append([]string{"--db", filepath.Join(b.dir, fmt.Sprintf("%d.sqlite", fresh()))}, args...)...)
}

var counter int

func fresh() int { counter++; return counter }

func median[T cmp.Ordered](values []T) T {
	slices.Sort(values)
	return values[len(values)/2]
}

// grouped writes a number with thin groups of three: 1 234 567.
func grouped(n float64) string {
	s := strconv.FormatInt(int64(n+0.5), 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + " " + s[i:]
	}
	return s
}
