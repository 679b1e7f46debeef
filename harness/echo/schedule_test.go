package echo_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"echolab/harness/echo"
)

// The journeys compare times with a browser's, which is late with everything; here the clock is exact.

func TestSchedule_SlotsWhileNobodyListens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var at []string
		opt := &echo.Options{Key: "k", Host: "h", Observer: func(_ *echo.Client, n *echo.Notice) {
			switch n.Kind {
			case echo.NoticeConnect:
				at = append(at, fmt.Sprintf("%v %.3s", n.At.Sub(start), n.URL))
			case echo.NoticeState:
				at = append(at, fmt.Sprintf("%v %s", n.At.Sub(start), n.State))
			}
		}}
		e := echo.NewEngine(echo.Config{Loops: 1, Dial: func(context.Context, string) (net.Conn, error) { return nil, syscall.ECONNREFUSED }})
		c := e.Client(opt, nil)
		c.Do(c.Connect)
		time.Sleep(170 * time.Second)
		e.Close()
		assert.Equal(t, []string{
			"0s connecting", "0s ws:", "2s wss", "10s unavailable", "15s ws:", "17s wss", "45s ws:", "47s wss", "1m45s ws:", "1m47s wss", "2m45s ws:", "2m47s wss",
			"2m50s disconnected",
		}, at)
	})
}

// quiet is a server that greets and says nothing more.
func quiet(address string, greet bool) (net.Conn, error) {
	client, server := net.Pipe()
	go func() {
		buf := make([]byte, 4096)
		n, err := server.Read(buf)
		if err != nil || !greet {
			return
		}
		_, after, _ := bytes.Cut(buf[:n], []byte("Sec-WebSocket-Key: "))
		key, _, _ := bytes.Cut(after, []byte("\r\n"))
		greeting := `{"event":"pusher:connection_established","data":"{\"socket_id\":\"1.2\",\"activity_timeout\":30}"}`
		_, _ = fmt.Fprintf(server, "HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n\x81%c%s", acceptKey(string(key)), len(greeting), greeting)
		for err == nil {
			_, err = server.Read(buf)
		}
		_ = server.Close()
	}()
	return client, nil
}

func TestSchedule_DeadConnectionIsGivenUpAfterThirtyAndThirty(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var at []string
		opt := &echo.Options{Key: "k", Host: "h", Observer: func(_ *echo.Client, n *echo.Notice) {
			switch n.Kind {
			case echo.NoticeConnect, echo.NoticePing, echo.NoticeConnected:
				at = append(at, fmt.Sprintf("%v %s", n.At.Sub(start), n.Kind))
			}
		}}
		e := echo.NewEngine(echo.Config{Loops: 1, Dial: func(_ context.Context, address string) (net.Conn, error) { return quiet(address, true) }})
		c := e.Client(opt, nil)
		c.Do(c.Connect)
		time.Sleep(100 * time.Second)
		e.Close()
		require.Equal(t, []string{"0s connect", "0s connected", "30s ping", "1m0s connect", "1m0s connected", "1m30s ping"}, at)
	})
}

func TestSchedule_BackAfterOneSecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var at []string
		opt := &echo.Options{Key: "k", Host: "h", Observer: func(_ *echo.Client, n *echo.Notice) {
			switch n.Kind {
			case echo.NoticeConnected:
				at = append(at, fmt.Sprintf("%v %s %v", n.At.Sub(start), n.Kind, n.Again))
			case echo.NoticeClosed:
				at = append(at, fmt.Sprintf("%v %s %d", n.At.Sub(start), n.Kind, n.Code))
			}
		}}
		e := echo.NewEngine(echo.Config{Loops: 1, Dial: func(_ context.Context, address string) (net.Conn, error) { return quiet(address, true) }})
		c := e.Client(opt, nil)
		c.Do(c.Connect)
		synctest.Wait()
		c.Do(c.Cut)
		time.Sleep(999 * time.Millisecond)
		synctest.Wait()
		c.Do(func() { assert.Equal(t, "connected", c.Status()) })
		time.Sleep(time.Second)
		e.Close()
		assert.Equal(t, []string{"0s connected false", "0s closed 1006", "1s connected true"}, at[:3])
	})
}

func TestCheckRoom_SaysWhatToDo(t *testing.T) {
	room, ok := echo.Room(1)
	if !ok {
		return // the system has no such limit
	}
	require.NoError(t, echo.CheckRoom(room, 1))
	err := echo.CheckRoom(room+1, 1)
	require.ErrorContains(t, err, "ulimit -n")
	two, _ := echo.Room(2)
	assert.InDelta(t, room/2, two, 1)
}

func TestOptions_EventName(t *testing.T) {
	o := &echo.Options{}
	for in, want := range map[string]string{"InvoiceCreated": `App\Events\InvoiceCreated`, ".InvoiceCreated": "InvoiceCreated", "Billing.Paid": `App\Events\Billing\Paid`, `\Foo\Bar`: `Foo\Bar`} {
		assert.Equal(t, want, o.EventName(in), in)
	}
	assert.Equal(t, `A\B`, (&echo.Options{NoNamespace: true}).EventName("A.B"))
	assert.Equal(t, `Acme\X`, (&echo.Options{Namespace: "Acme"}).EventName("X"))
	for _, bad := range []string{"", "127.0.0.1:8080", "ftp://x"} {
		assert.Error(t, o.ForURL(bad), bad)
	}
}
