//go:build unix

package echo_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"echolab/emulator"
	"echolab/emulator/journal"
	"echolab/emulator/pusher"
	"echolab/harness/echo"
)

// serverEnv makes the test program a server for the benchmarks, so that what they measure is the clients alone.
const serverEnv = "ECHO_BENCH_SERVER"

func TestMain(m *testing.M) {
	if os.Getenv(serverEnv) != "" {
		benchServer()
		return
	}
	os.Exit(m.Run())
}

// benchServer prints its address and publishes as often as each line of its input says.
func benchServer() {
	app := pusher.DefaultApp()
	srv := emulator.New(emulator.Config{Profile: pusher.Hosted}, &only{app}, journal.New(journal.Options{}))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	go func() { _ = srv.Serve(l) }()
	fmt.Println("http://" + l.Addr().String())
	data := `{"run":"r","n":1,"due":123456789,"invoice":{"id":42,"number":"INV-0042","total":"1250.00","client":"` + strings.Repeat("x", 100) + `"}}`
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		n, _ := strconv.Atoi(in.Text())
		for range n {
			_, _ = srv.Publish(context.Background(), app.ID, pusher.Publication{Event: `App\Events\InvoiceCreated`, Data: data, Channels: []string{"private-bench"}}, journal.Server)
		}
	}
}

// elsewhere starts the server in a process of its own.
func elsewhere(b *testing.B) (address string, publish func(n int)) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), serverEnv+"=1")
	cmd.Stderr = os.Stderr
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
	address, err = bufio.NewReader(out).ReadString('\n')
	require.NoError(b, err)
	return strings.TrimSpace(address), func(n int) { _, _ = fmt.Fprintln(in, n) }
}

// crowd connects n clients that are in private-bench.
func crowd(b *testing.B, address string, n int, opt *echo.Options) *echo.Engine {
	require.NoError(b, echo.CheckRoom(n, 1))
	e := echo.NewEngine(echo.Config{})
	opt.Key, opt.Authorizer = pusher.DefaultApp().Key, &echo.Signer{App: pusher.DefaultApp()}
	require.NoError(b, opt.ForURL(address))
	in := make(chan struct{}, n)
	before := opt.Observer
	opt.Observer = func(c *echo.Client, notice *echo.Notice) {
		if notice.Kind == echo.NoticeSubscribed {
			in <- struct{}{}
		}
		if before != nil {
			before(c, notice)
		}
	}
	for i := range n {
		c := e.Client(opt, nil)
		c.Post(func() {
			c.Connect()
			c.Private("bench")
		})
		if i >= 200 { // no more than that under way
			<-in
		}
	}
	for range min(n, 200) {
		<-in
	}
	return e
}

func resident(b *testing.B) uint64 {
	runtime.GC()
	runtime.GC()
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		b.Skip("no /proc to read the resident size from")
	}
	pages, err := strconv.ParseUint(strings.Fields(string(text))[1], 10, 64)
	require.NoError(b, err)
	return pages * uint64(os.Getpagesize())
}

// BenchmarkClientMemory holds idle clients, each connected and in one private channel. Aim: at most 10 kB resident each.
func BenchmarkClientMemory(b *testing.B) {
	for _, n := range []int{1_000, 10_000} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			for b.Loop() {
				address, _ := elsewhere(b)
				var m0, m1 runtime.MemStats
				before := resident(b)
				runtime.ReadMemStats(&m0)
				e := crowd(b, address, n, &echo.Options{})
				after := resident(b)
				runtime.ReadMemStats(&m1)
				b.ReportMetric(float64(after-before)/float64(n), "B-resident/client")
				b.ReportMetric(float64(m1.HeapAlloc-m0.HeapAlloc)/float64(n), "B-heap/client")
				b.ReportMetric(float64(runtime.NumGoroutine()), "goroutines")
				e.Close()
			}
		})
	}
}

func processor(b *testing.B) time.Duration {
	var u syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkClientEvents measures the processor time of one received event, with a listener, the observer, and the event's data
// decoded from its string. Aim: at most 4 µs with the runner's model on top.
func BenchmarkClientEvents(b *testing.B) {
	const clients = 1_000
	address, publish := elsewhere(b)
	var heard atomic.Int64
	round := make(chan struct{}, 1024)
	opt := &echo.Options{}
	opt.Observer = func(_ *echo.Client, n *echo.Notice) {
		if n.Kind == echo.NoticeEvent && n.Event.Name == `App\Events\InvoiceCreated` {
			_ = len(n.Event.Data())
			if heard.Add(1)%clients == 0 {
				round <- struct{}{}
			}
		}
	}
	defer crowd(b, address, clients, opt).Close()
	b.ResetTimer()
	start := processor(b)
	want := int64(0)
	for b.Loop() {
		publish(1)
		want += clients
		<-round
	}
	b.ReportMetric(float64((processor(b)-start).Nanoseconds())/float64(want), "ns-cpu/event")
}

// BenchmarkClientBacklog is BenchmarkClientEvents with a server that is always ahead.
func BenchmarkClientBacklog(b *testing.B) {
	const clients, burst = 1_000, 50
	address, publish := elsewhere(b)
	var heard atomic.Int64
	round := make(chan struct{}, 1024)
	opt := &echo.Options{Observer: func(_ *echo.Client, n *echo.Notice) {
		if n.Kind == echo.NoticeEvent && n.Event.Name == `App\Events\InvoiceCreated` {
			_ = len(n.Event.Data())
			if heard.Add(1)%clients == 0 {
				round <- struct{}{}
			}
		}
	}}
	defer crowd(b, address, clients, opt).Close()
	b.ResetTimer()
	start := processor(b)
	want := int64(0)
	for b.Loop() {
		publish(burst)
		want += clients * burst
		for range burst {
			<-round
		}
	}
	b.ReportMetric(float64((processor(b)-start).Nanoseconds())/float64(want), "ns-cpu/event")
	b.ReportMetric(float64(want)/b.Elapsed().Seconds(), "events/s")
}
