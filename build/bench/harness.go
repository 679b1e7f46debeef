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
// channel and stay for hold seconds. Meanwhile rate events a second are published to them, so that each comes alone; or
// burst at once, so that the server is ahead and several come with one reading.
type listeners struct{ clients, ramp, hold, rate, burst int }

// aside is how many of the seconds of hold nothing is published in: clients that took longer to connect are there by then.
const aside = 6

// events is how many are published.
func (l listeners) events() int64 { return int64(l.rate*(l.hold-aside) + l.burst) }

// publishers is how many callers publish a burst.
const publishers = 8

func (l listeners) scenario() string {
	text := fmt.Sprintf(`name: bench
drain: 60s
scenarios:
  listeners:
    executor: ramping-vus
    startVUs: 0
    stages: [{duration: %ds, target: %d}, {duration: %ds, target: %d}]
    setup: [connect, {channel: ticker}, {listen: {channel: ticker, event: .Tick}}]
`, l.ramp, l.clients, l.hold, l.clients)
	if l.events() == 0 {
		return text
	}
	text += fmt.Sprintf(`  ticks:
    startTime: %ds
    steps: [{publish: {channel: ticker, event: Tick, payload: {pad: %q}}}]
`, l.ramp+aside/2, strings.Repeat("x", 172))
	if l.burst > 0 {
		return text + fmt.Sprintf("    executor: per-vu-iterations\n    vus: %d\n    iterations: %d\n", publishers, l.burst/publishers)
	}
	return text + fmt.Sprintf("    executor: constant-arrival-rate\n    rate: %d\n    duration: %ds\n    preAllocatedVUs: 20\n", l.rate, l.hold-aside)
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
	if r, failed := harness.ReadResult(bytes.NewReader(out)); failed == nil && r.Delivery.Delivered == l.events()*int64(l.clients) &&
		(r.Verdict == harness.Passed || r.Verdict == harness.Inconclusive) { // busier than it may be in a test is what is measured here
		return r, u, nil
	}
	return nil, u, errors.Join(errors.New("the run did not pass"), err)
}

// harnessCost is what a virtual client and an event cost, and how punctual the generator is. What is resident is the most
// there was, less what a run of one client takes: of a process whose clients come, stay and leave.
func harnessCost(b *bench) (rows []row, err error) {
	_, empty, err := b.echolab(listeners{clients: 1, ramp: 1, hold: 4})
	if err != nil {
		return nil, err
	}
	for _, n := range []int{1000, 10_000} {
		_, u, err := b.echolab(listeners{clients: n, ramp: max(1, n/1000), hold: 6})
		if err != nil {
			return rows, err
		}
		rows = append(rows, row{"virtual clients, " + grouped(float64(n)) + " idle and subscribed", grouped(float64(u.peak-empty.peak)/float64(n)) + " B each",
			fmt.Sprintf("%.1f MB at most", float64(u.peak)/1e6)})
	}
	events, err := eventCost(b)
	return append(rows, events...), err
}
