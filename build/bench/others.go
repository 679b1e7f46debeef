//go:build linux

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// Versions of the other generators. Both come through their ordinary package managers; where one cannot be had its row
// says so.
const (
	k6Module         = "go.k6.io/k6@latest"
	artilleryPackage = "artillery@2.0.21"
)

// other is a load generator that plays the same journey.
type other struct {
	name    string
	install func(dir string) (command []string, err error)
	script  func(s *server, l listeners) (file, text string)
}

var others = []other{
	{"k6", installK6, k6Script},
	{"artillery", installArtillery, artilleryScript},
}

// comparison holds the harness against other generators on one journey in one run: a thousand clients on a channel,
// first idle, then with thirty events a second. The others only read; the harness publishes too and checks every
// delivery.
func comparison(b *bench) (rows []row, err error) {
	quiet, busy := listeners{1000, 2, 12, 0}, listeners{1000, 2, 12, 30}
	_, idle, err := b.echolab(quiet)
	if err != nil {
		return nil, err
	}
	r, used, err := b.echolab(busy)
	if err != nil {
		return nil, err
	}
	ours := struct{ memory, each float64 }{float64(idle.peak) / 1000, (used.cpu - idle.cpu).Seconds() / float64(max(1, r.Delivery.Delivered)) * 1e6}
	rows = append(rows, row{"echolab, 1 000 clients", grouped(ours.memory) + " B each", fmt.Sprintf("%.1f CPU-µs an event", ours.each)})
	for _, o := range others {
		command, err := o.install(filepath.Join(b.dir, o.name))
		if err != nil {
			rows = append(rows, row{o.name, "not to be had here", firstLine(err.Error())})
			continue
		}
		memory, each, err := b.play(o, command, quiet, busy)
		if err != nil {
			rows = append(rows, row{o.name, "did not play the journey", firstLine(err.Error())})
			continue
		}
		cost := "an event costs too little to tell from its start"
		if each > 0 {
			cost = fmt.Sprintf("%.1f CPU-µs an event, × %.1f", each, each/ours.each)
		}
		rows = append(rows, row{o.name + ", 1 000 clients", fmt.Sprintf("%s B each, × %.1f", grouped(memory), memory/ours.memory), cost})
	}
	return rows, nil
}

func firstLine(text string) string {
	for i, r := range text {
		if r == '\n' || i > 110 {
			return text[:i] + " …"
		}
	}
	return text
}

// play lets another generator play both journeys; the events are published from here.
func (b *bench) play(o other, command []string, quiet, busy listeners) (memory, each float64, err error) {
	once := func(l listeners) (u usage, events int, err error) {
		s, err := b.start("--ack", "delivered")
		if err != nil {
			return u, 0, err
		}
		defer s.stop()
		dir := filepath.Join(b.dir, o.name)
		file, text := o.script(s, l)
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o644); err != nil {
			return u, 0, err
		}
		stop, stopped := make(chan struct{}), make(chan int)
		go func() { stopped <- s.ticks(l, stop) }()
		_, u, err = watched(dir, []string{"K6_NO_USAGE_REPORT=true", "ARTILLERY_DISABLE_TELEMETRY=true"}, append(command, file)...)
		close(stop)
		return u, <-stopped * l.clients, err
	}
	idle, _, err := once(quiet)
	if err != nil {
		return 0, 0, err
	}
	used, events, err := once(busy)
	if err != nil {
		return 0, 0, err
	}
	if events == 0 {
		return 0, 0, fmt.Errorf("nothing was published")
	}
	return float64(idle.peak) / float64(quiet.clients), (used.cpu - idle.cpu).Seconds() / float64(events) * 1e6, nil
}

// ticks publishes as listeners.scenario does, once all are there, and says how many it published. Until then it waits for
// the generator to start: an event that nobody gets is not counted.
func (s *server) ticks(l listeners, stop <-chan struct{}) (published int) {
	if l.rate == 0 {
		<-stop
		return 0
	}
	p, err := s.publisher("/events", fmt.Sprintf(`{"name":"Tick","channel":"ticker","data":%q}`, tick.data))
	if err != nil {
		<-stop
		return 0
	}
	began := time.NewTimer(time.Duration(l.ramp+4) * time.Second)
	defer began.Stop()
	select {
	case <-stop:
		return 0
	case <-began.C:
	}
	for every := time.NewTicker(time.Second / time.Duration(l.rate)); ; {
		select {
		case <-stop:
			every.Stop()
			return published
		case <-every.C:
			if published < l.rate*(l.hold-6) && p.publish() == nil {
				published++
			}
		}
	}
}

func installK6(dir string) ([]string, error) {
	program := filepath.Join(dir, "k6")
	return []string{program, "run", "--quiet", "--no-summary"}, inside(dir, [][]string{
		{"go", "mod", "init", "bench"}, {"go", "get", k6Module}, {"go", "build", "-o", program, "go.k6.io/k6"}})
}

func installArtillery(dir string) ([]string, error) {
	return []string{filepath.Join(dir, "node_modules", ".bin", "artillery"), "run", "--quiet"}, inside(dir, [][]string{
		{"npm", "init", "-y"}, {"npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", artilleryPackage}})
}

// inside runs commands in a folder that it makes.
func inside(dir string, commands [][]string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, c := range commands {
		command := exec.Command(c[0], c[1:]...)
		command.Dir = dir
		if out, err := command.CombinedOutput(); err != nil {
			return fmt.Errorf("%s %s: %w: %s", c[0], c[1], err, tailOf(string(out)))
		}
	}
	return nil
}

func k6Script(s *server, l listeners) (file, text string) {
	return "journey.js", fmt.Sprintf(`import { WebSocket } from 'k6/websockets';
export const options = { scenarios: { listeners: { executor: 'per-vu-iterations', vus: %[1]d, iterations: 1, maxDuration: '2m' } } };
export default function () {
  setTimeout(() => {
    const ws = new WebSocket('ws://%[2]s/app/%[3]s?protocol=7&client=js&version=8.6.0&flash=false');
    ws.onmessage = (m) => {
      const message = JSON.parse(m.data);
      if (message.event === 'pusher:connection_established') ws.send(JSON.stringify({ event: 'pusher:subscribe', data: { channel: 'ticker' } }));
    };
    setTimeout(() => ws.close(), %[5]d);
  }, Math.random() * %[4]d);
}
`, l.clients, s.addr, s.app.Key, l.ramp*1000, l.hold*1000)
}

func artilleryScript(s *server, l listeners) (file, text string) {
	return "journey.yml", fmt.Sprintf(`config:
  target: "ws://%[2]s/app/%[3]s?protocol=7&client=js&version=8.6.0&flash=false"
  phases: [{duration: %[4]d, arrivalCount: %[1]d}]
scenarios:
  - engine: ws
    flow:
      - send: '{"event":"pusher:subscribe","data":{"channel":"ticker"}}'
      - think: %[5]d
`, l.clients, s.addr, s.app.Key, l.ramp, l.hold)
}
