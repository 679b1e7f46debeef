package echo

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// Config is an engine's; its zero value is usable.
type Config struct {
	// Loops is how many event loops share the clients; as many as Go may use processors when 0.
	Loops int
	// TLS is used for wss, its ServerName set to the host; the system's roots when nil.
	TLS *tls.Config
	// Sources are local addresses to connect from, taken in turn. When nil and the server is on this machine's 127.0.0.0/8, each
	// address of it in turn serves 25,000 clients, so that ports do not run out; elsewhere the system chooses.
	Sources []netip.Addr
	// Dial replaces the sockets, for tests and tunnels: it gets host:port and returns what carries the WebSocket, or what TLS
	// is to be spoken on. Each connection then costs a goroutine.
	Dial func(ctx context.Context, address string) (net.Conn, error)
	// Portable has every connection read by a goroutine of its own on Linux too, where otherwise the loops poll. It is for
	// tests.
	Portable bool
	// Seed is for masks, keys and nothing else; the clock when 0.
	Seed uint64
}

// Engine holds what the clients of a process share: event loops, timers, sockets, source addresses.
type Engine struct {
	cfg   Config
	epoch time.Time
	loops []*loop
	next  atomic.Uint64
	ids   atomic.Int64
	conns atomic.Uint64

	mu    sync.Mutex // guards hosts
	hosts map[string][]netip.Addr
}

// NewEngine starts the loops.
func NewEngine(cfg Config) *Engine {
	e := &Engine{cfg: cfg, epoch: time.Now(), hosts: map[string][]netip.Addr{}}
	seed := cfg.Seed
	if seed == 0 {
		seed = uint64(e.epoch.UnixNano())
	}
	for i := range orElse(cfg.Loops, runtime.GOMAXPROCS(0)) {
		var w waiter
		if cfg.Portable || cfg.Dial != nil {
			w = newSleeper()
		} else {
			w = newWaiter()
		}
		l := newLoop(e, w, seed+uint64(i))
		l.number = i
		e.loops = append(e.loops, l)
		go l.run()
	}
	return e
}

// Close ends all clients as closed tabs do and waits for the loops. It must not be called on a loop.
func (e *Engine) Close() {
	for _, l := range e.loops {
		l.post(func() {
			for len(l.clients) > 0 {
				l.clients[0].end(1001)
				l.settle()
			}
			l.stop = true
		})
	}
	for _, l := range e.loops {
		<-l.done
	}
}

// Loops is how many event loops there are.
func (e *Engine) Loops() int { return len(e.loops) }

func (e *Engine) nextLoop() *loop { return e.loops[e.next.Add(1)%uint64(len(e.loops))] }

func (e *Engine) id() int { return int(e.ids.Add(1)) }

// dial is the way to a connection with a goroutine.
func (e *Engine) dial(address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	if e.cfg.Dial != nil {
		return e.cfg.Dial(ctx, address)
	}
	var d net.Dialer
	if to, err := netip.ParseAddrPort(address); err == nil {
		if from := e.source(to.Addr()); from.IsValid() {
			d.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(from, 0))
		}
	}
	return d.DialContext(ctx, "tcp", address)
}

// openPlain begins to connect with a goroutine.
func (l *loop) openPlain(s *socket, address, tlsName string) link {
	var secure *tls.Config
	if tlsName != "" {
		if secure = l.eng.cfg.TLS.Clone(); secure == nil {
			secure = &tls.Config{}
		}
		secure.ServerName = tlsName
		secure.NextProtos = []string{"http/1.1"}
	}
	return dialPlain(l, s, address, secure)
}

// perSource is how many connections one source address serves to one server: Linux has 28,232 ephemeral ports by default.
const perSource = 25_000

// source is the address to connect from, invalid where the system is to choose.
func (e *Engine) source(to netip.Addr) netip.Addr {
	n := e.conns.Add(1) - 1
	if len(e.cfg.Sources) > 0 {
		for i := range e.cfg.Sources {
			if a := e.cfg.Sources[(n+uint64(i))%uint64(len(e.cfg.Sources))]; a.Is4() == to.Is4() {
				return a
			}
		}
		return netip.Addr{}
	}
	if !to.Is4() || !to.IsLoopback() || n < perSource {
		return netip.Addr{}
	}
	// 127.0.0.2, .3 … in turn: reconnections count too, whose old ports may still be waiting.
	return netip.AddrFrom4([4]byte{127, 0, 0, byte(2 + n/perSource%200)})
}

// resolved is the address of a host that was looked up before.
func (e *Engine) resolved(address string) (netip.Addr, uint16, bool) {
	host, port, _ := net.SplitHostPort(address)
	number, err := net.LookupPort("tcp", port)
	e.mu.Lock()
	defer e.mu.Unlock()
	found := e.hosts[host]
	if err != nil || len(found) == 0 {
		return netip.Addr{}, 0, false
	}
	return found[0], uint16(number), true
}

// resolve looks a host up in the background, once for all clients, and calls then on the loop. Addresses that answer come
// first: localhost may be ::1 and 127.0.0.1, with a server on one of them.
func (e *Engine) resolve(l *loop, address string, then func(error)) {
	go func() {
		host, port, err := net.SplitHostPort(address)
		if err == nil {
			ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
			defer cancel()
			var found []netip.Addr
			found, err = net.DefaultResolver.LookupNetIP(ctx, "ip", host)
			for i, a := range found {
				found[i] = a.Unmap()
			}
			if len(found) > 1 {
				found = answering(ctx, found, port)
			}
			if err == nil && len(found) == 0 {
				err = fmt.Errorf("%s has no address", host)
			}
			if err == nil {
				e.mu.Lock()
				e.hosts[host] = found
				e.mu.Unlock()
			}
		}
		l.post(func() { then(err) })
	}()
}

// answering puts the first address that takes a connection in front.
func answering(ctx context.Context, all []netip.Addr, port string) []netip.Addr {
	for i, a := range all {
		d := net.Dialer{Timeout: 2 * time.Second}
		nc, err := d.DialContext(ctx, "tcp", net.JoinHostPort(a.String(), port))
		if err == nil {
			_ = nc.Close()
			all[0], all[i] = all[i], all[0]
			break
		}
	}
	return all
}
