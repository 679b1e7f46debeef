//go:build linux

package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	"echolab/harness"
)

// usage is what a load generator took.
type usage struct {
	cpu  time.Duration
	peak int64 // resident bytes at most, looked at twenty times a second
}

// onLast pins a command to the last core; the server has the first.
func onLast(command ...string) []string {
	if n := runtime.NumCPU(); n > 1 {
		return append([]string{"taskset", "-c", strconv.Itoa(n - 1)}, command...)
	}
	return command
}

// watched runs a command to its end and looks at what it takes. Its exit code is the caller's to judge.
func watched(dir string, env []string, command ...string) (out []byte, u usage, err error) {
	command = onLast(command...)
	c := exec.Command(command[0], command[1:]...)
	c.Dir, c.Env = dir, append(os.Environ(), env...)
	var stdout, stderr bytes.Buffer
	c.Stdout, c.Stderr = &stdout, &stderr
	if err := c.Start(); err != nil {
		return nil, u, err
	}
	done := make(chan struct{})
	var wait sync.WaitGroup
	wait.Go(func() {
		for tick := time.NewTicker(50 * time.Millisecond); ; {
			select {
			case <-done:
				tick.Stop()
				return
			case <-tick.C:
				u.peak = max(u.peak, residentOf(c.Process.Pid))
			}
		}
	})
	err = c.Wait()
	close(done)
	wait.Wait()
	u.cpu = c.ProcessState.UserTime() + c.ProcessState.SystemTime()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		err = fmt.Errorf("%s: %w: %s", filepath.Base(command[len(command)-1]), err, tailOf(stderr.String()+stdout.String()))
	}
	return stdout.Bytes(), u, err
}

func tailOf(text string) string {
	text = strings.TrimSpace(text)
	return text[max(0, len(text)-400):]
}

// residentOf is a process's resident memory in bytes; 0 once it has ended.
func residentOf(pid int) int64 {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/statm")
	if fields := strings.Fields(string(b)); err == nil && len(fields) > 1 {
		pages, _ := strconv.ParseInt(fields[1], 10, 64)
		return pages * int64(os.Getpagesize())
	}
	return 0
}

// listeners is the journey of every generator: so many clients connect within ramp seconds, subscribe to one public
// channel and stay for hold seconds; rate events a second are published to them meanwhile.
type listeners struct{ clients, ramp, hold, rate int }

func (l listeners) scenario() string {
	text := fmt.Sprintf(`name: bench
scenarios:
  listeners:
    executor: ramping-vus
    startVUs: 0
    stages: [{duration: %ds, target: %d}, {duration: %ds, target: %d}]
    setup: [connect, {channel: ticker}, {listen: {channel: ticker, event: .Tick}}]
`, l.ramp, l.clients, l.hold, l.clients)
	if l.rate > 0 {
		text += fmt.Sprintf(`  ticks:
    executor: constant-arrival-rate
    startTime: %ds
    rate: %d
    duration: %ds
    preAllocatedVUs: 20
    steps: [{publish: {channel: ticker, event: Tick, payload: {pad: %q}}}]
`, l.ramp+1, l.rate, l.hold-2, strings.Repeat("x", 172))
	}
	return text
}

// echolab plays the journey with the harness, its models on, against a fresh server.
func (b *bench) echolab(l listeners) (r *harness.Result, u usage, err error) {
	s, err := b.start("--ack", "delivered")
	if err != nil {
		return nil, u, err
	}
	defer s.stop()
	file := filepath.Join(b.dir, fmt.Sprintf("bench-%d.yaml", fresh()))
	if err := os.WriteFile(file, []byte(l.scenario()), 0o644); err != nil {
		return nil, u, err
	}
	out, u, err := watched(b.dir, []string{"ECHOLAB_DB=:memory:"}, b.program, "run", file, "--url", "http://"+s.addr, "--app-id", s.app.ID, "--key", s.app.Key,
		"--secret", s.app.Secret, "--json", "--quiet")
	if r, failed := harness.ReadResult(bytes.NewReader(out)); failed == nil && r.Delivery.Missing+r.Delivery.Leaked == 0 &&
		(r.Verdict == harness.Passed || r.Verdict == harness.Inconclusive) { // busier than it may be in a test is what is measured here
		return r, u, nil
	}
	return nil, u, errors.Join(errors.New("the run did not pass"), err)
}

// harnessCost is what a virtual client and an event cost, and how punctual the generator is.
func harnessCost(b *bench) (rows []row, err error) {
	_, empty, err := b.echolab(listeners{1, 1, 4, 0})
	if err != nil {
		return nil, err
	}
	for _, n := range []int{1000, 10_000} {
		_, u, err := b.echolab(listeners{n, max(1, n/1000), 6, 0})
		if err != nil {
			return rows, err
		}
		rows = append(rows, row{"virtual clients, " + grouped(float64(n)) + " idle and subscribed", grouped(float64(u.peak-empty.peak)/float64(n)) + " B each",
			fmt.Sprintf("%.1f MB at most", float64(u.peak)/1e6)})
	}
	quiet, events := listeners{1000, 2, 12, 0}, listeners{1000, 2, 12, 30}
	_, idle, err := b.echolab(quiet)
	if err != nil {
		return rows, err
	}
	r, busy, err := b.echolab(events)
	if err != nil {
		return rows, err
	}
	each := (busy.cpu - idle.cpu).Seconds() / float64(max(1, r.Delivery.Delivered)) * 1e6
	rows = append(rows, row{"events consumed, models on", grouped(1e6/each) + " /s and core", fmt.Sprintf("%.1f CPU-µs each", each)})
	if lag, ok := r.Metric(harness.ScheduleLag.Name, nil); ok {
		rows = append(rows, row{"begun later than due, p50", fmt.Sprintf("%.2f ms", lag.Percentile(50)), fmt.Sprintf("p99 %.2f ms", lag.Percentile(99))})
	}
	return rows, nil
}
