//go:build unix

package harness_test

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"echolab/emulator"
	"echolab/emulator/journal"
	"echolab/emulator/pusher"
	"echolab/harness"
)

// serverEnv makes the test program a server for the benchmarks, so that what they measure is the harness alone.
const serverEnv = "HARNESS_BENCH_SERVER"

func TestMain(m *testing.M) {
	if os.Getenv(serverEnv) != "" {
		benchServer()
		return
	}
	os.Exit(m.Run())
}

// benchServer prints its address and serves until its input ends.
func benchServer() {
	server := emulator.New(emulator.Config{AckDelivered: true}, oneApp{pusher.DefaultApp()}, journal.New(journal.Options{}))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	go func() { _ = server.Serve(l) }()
	fmt.Println("http://" + l.Addr().String())
	_, _ = bufio.NewReader(os.Stdin).ReadByte()
}

// elsewhere starts a server in a process of its own.
func elsewhere(b testing.TB) harness.Options {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), serverEnv+"=1")
	in, err := cmd.StdinPipe()
	require.NoError(b, err)
	out, err := cmd.StdoutPipe()
	require.NoError(b, err)
	require.NoError(b, cmd.Start())
	b.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	address, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(b, err)
	return harness.Options{URL: strings.TrimSpace(address), App: pusher.DefaultApp()}
}

// listening is n users who listen on one channel, who are there after two seconds, and what is published to them then.
func listening(n int, hold, publish string) string {
	return fmt.Sprintf(`name: bench
scenarios:
  listeners:
    executor: ramping-vus
    startVUs: 0
    stages: [{duration: 2s, target: %d}, {duration: %s, target: %d}]
    setup: [connect, {channel: ticker}, {listen: {channel: ticker, event: .Tick}}]
%s
drain: 60s
health: {scheduleLag: 60s, gcPause: 20s, cpu: 2}
`, n, hold, n, publish)
}

// BenchmarkUsers measures what stays resident for each user who only listens. Aim: at most 10 kB.
func BenchmarkUsers(b *testing.B) {
	for _, n := range []int{1_000, 10_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			opt := elsewhere(b)
			for b.Loop() {
				before, most := harness.OwnUsage().Memory, int64(0)
				opt.Progress = func(p harness.Progress) {
					if p.Connections == int64(n) {
						most = max(most, harness.OwnUsage().Memory)
					}
				}
				r, err := harness.Run(b.Context(), plan(b, listening(n, "4s", "")), opt)
				require.NoError(b, err)
				require.Equal(b, harness.Passed, r.Verdict, r.Reasons)
				b.ReportMetric(float64(most-before)/float64(n), "B-resident/user")
			}
		})
	}
}

// BenchmarkEvents measures the processor time of one event that a user gets: each alone, or many at a time because the
// server is ahead.
func BenchmarkEvents(b *testing.B) {
	for _, row := range []struct{ name, publish string }{
		{"alone", `  ticks: {executor: constant-arrival-rate, startTime: 3s, rate: 30, duration: 6s, preAllocatedVUs: 20, steps: [%s]}`},
		{"ahead", `  ticks: {executor: per-vu-iterations, startTime: 3s, vus: 8, iterations: 200, steps: [%s]}`},
	} {
		b.Run(row.name, func(b *testing.B) {
			opt := elsewhere(b)
			publish := fmt.Sprintf(row.publish, fmt.Sprintf(`{publish: {channel: ticker, event: Tick, payload: {pad: %q}}}`, strings.Repeat("x", 172)))
			for b.Loop() {
				began := harness.OwnUsage().CPU
				_, err := harness.Run(b.Context(), plan(b, listening(1000, "8s", "")), opt)
				require.NoError(b, err)
				quiet := harness.OwnUsage().CPU
				r, err := harness.Run(b.Context(), plan(b, listening(1000, "8s", publish)), opt)
				require.NoError(b, err)
				require.Equal(b, harness.Passed, r.Verdict, r.Reasons)
				b.ReportMetric(float64((harness.OwnUsage().CPU-quiet)-(quiet-began))/float64(r.Delivery.Delivered), "ns-cpu/event")
				b.ReportMetric(float64(r.Delivery.Delivered), "events")
			}
		})
	}
}
