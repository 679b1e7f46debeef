//go:build linux

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"echolab/emulator/pusher"
)

// other is a load generator that plays the same journey. It comes through its ordinary package manager, and is kept in the
// user's cache: artillery is 969 packages. Where it cannot be had its row says so.
type other struct {
	name    string
	version string // as its package manager takes it
	install func(version string) [][]string
	command []string // the first part is a path within the folder that it is installed in
	script  func(s *server, l listeners) (file, text string)
}

var others = []other{
	{"k6", "go.k6.io/k6@v1.8.1", installK6, []string{"k6", "run", "--quiet", "--no-summary"}, k6Script},
	{"artillery", "artillery@2.0.21", installArtillery, []string{"node_modules/.bin/artillery", "run", "--quiet"}, artilleryScript},
}

// The journeys that each generator plays: one client, which shows what the program takes by itself; many idle ones,
// for the memory of one; and fewer with events, for the processor time of one, less the same without events.
var (
	lonely = listeners{clients: 1, ramp: 1, hold: 3}
	many   = listeners{clients: 5000, ramp: 5, hold: 10}
	calm   = listeners{clients: 1000, ramp: 2, hold: 12}
	busy   = listeners{clients: 1000, ramp: 2, hold: 12, rate: 30}
)

// figures are what a generator came to.
type figures struct {
	memory float64 // resident bytes for each of many clients, less what the program takes by itself
	total  float64 // resident bytes with many clients
	each   float64 // CPU-µs of one event
}

// comparison holds the harness against other generators on one journey in one run, against a fresh server each time. The
// others only read what the bench publishes; the harness publishes it itself and checks every delivery.
func comparison(b *bench) (rows []row, err error) {
	ours, err := compared(func(l listeners) (usage, error) {
		_, u, err := b.echolab(l)
		return u, err
	})
	if err != nil {
		return nil, err
	}
	show := func(name string, f figures) {
		times := func(theirs, ours float64) string {
			if name == "echolab" {
				return ""
			}
			return fmt.Sprintf(", × %.1f", theirs/ours)
		}
		each := "an event costs too little to tell from the rest"
		if f.each > 0 {
			each = fmt.Sprintf("%.1f CPU-µs an event%s", f.each, times(f.each, ours.each))
		}
		rows = append(rows, row{name + ", resident per idle client", grouped(f.memory) + " B" + times(f.memory, ours.memory),
			fmt.Sprintf("%.0f MB with %s of them%s", f.total/1e6, grouped(float64(many.clients)), times(f.total, ours.total))},
			row{name + ", an event to each of " + grouped(float64(busy.clients)), each, ""})
	}
	show("echolab", ours)
	for _, o := range others {
		command, err := o.installed()
		if err != nil {
			rows = append(rows, row{o.name, "not to be had here", firstLine(err.Error())})
			continue
		}
		theirs, err := compared(func(l listeners) (usage, error) { return b.play(o, command, l) })
		if err != nil {
			rows = append(rows, row{o.name, "did not play the journey", firstLine(err.Error())})
			continue
		}
		show(o.name, theirs)
	}
	return rows, nil
}

// compared has a generator play the journeys.
func compared(play func(listeners) (usage, error)) (f figures, err error) {
	var u [4]usage
	for i, l := range []listeners{lonely, many, calm, busy} {
		if u[i], err = play(l); err != nil {
			return f, fmt.Errorf("%s clients: %w", grouped(float64(l.clients)), err)
		}
	}
	return figures{memory: float64(u[1].peak-u[0].peak) / float64(many.clients), total: float64(u[1].peak),
		each: (u[3].cpu - u[2].cpu).Seconds() / float64(busy.events()*int64(busy.clients)) * 1e6}, nil
}

func firstLine(text string) string {
	for i, r := range text {
		if r == '\n' || i > 110 {
			return text[:i] + " …"
		}
	}
	return text
}

// play lets another generator play a journey; the events are published from here. It fails unless all clients were
// subscribed at the same time, and were there until everything had been published.
func (b *bench) play(o other, command []string, l listeners) (u usage, err error) {
	s, err := b.start("--ack", "delivered")
	if err != nil {
		return u, err
	}
	defer s.stop()
	file, text := o.script(s, l)
	if err := os.WriteFile(filepath.Join(b.dir, file), []byte(text), 0o644); err != nil {
		return u, err
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	published := make(chan error, 1)
	go func() { published <- s.ticks(ctx, l) }()
	_, u, err = watched(b.dir, []string{"K6_NO_USAGE_REPORT=true", "ARTILLERY_DISABLE_TELEMETRY=true"}, append(slices.Clone(command), file)...)
	stop()
	return u, errors.Join(err, <-published)
}

// ticks publishes what listeners.scenario does, once all are there, and looks whether they still are when it has.
func (s *server) ticks(ctx context.Context, l listeners) error {
	most := 0
	for look := time.NewTicker(200 * time.Millisecond); most < l.clients; {
		select {
		case <-ctx.Done():
			look.Stop()
			return fmt.Errorf("no more than %d of %d clients were subscribed at once", most, l.clients)
		case <-look.C:
			n, err := s.subscribed("ticker")
			if err != nil {
				return err
			}
			most = max(most, n)
		}
	}
	if l.rate == 0 {
		return nil
	}
	p, err := s.publisher("/events", fmt.Sprintf(`{"name":"Tick","channel":"ticker","data":%q}`, tick.data))
	if err != nil {
		return err
	}
	every := time.NewTicker(time.Second / time.Duration(l.rate))
	defer every.Stop()
	for range l.events() {
		select {
		case <-ctx.Done():
			return errors.New("the generator ended before everything had been published")
		case <-every.C:
			if err := p.publish(); err != nil {
				return err
			}
		}
	}
	if n, err := s.subscribed("ticker"); n < l.clients || err != nil {
		return errors.Join(fmt.Errorf("%d of %d clients were there to the last event", n, l.clients), err)
	}
	return nil
}

// subscribed asks the server how many are subscribed to a channel.
func (s *server) subscribed(channel string) (n int, err error) {
	path := "/apps/" + s.app.ID + "/channels/" + channel
	values := url.Values{}
	for name, value := range s.app.SignRequest("GET", path, pusher.Query{"info": "subscription_count"}, nil, time.Now()) {
		values.Set(name, value)
	}
	res, err := http.Get("http://" + s.addr + path + "?" + values.Encode())
	if err != nil {
		return 0, err
	}
	defer func() { _ = res.Body.Close() }()
	var answer struct {
		Count int `json:"subscription_count"`
	}
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil {
		return 0, fmt.Errorf("%s: status %d: %w", path, res.StatusCode, err)
	}
	return answer.Count, nil
}

func installK6(version string) [][]string {
	return [][]string{{"go", "mod", "init", "bench"}, {"go", "get", version}, {"go", "build", "-o", "k6", "go.k6.io/k6"}}
}

func installArtillery(version string) [][]string {
	return [][]string{{"npm", "init", "-y"}, {"npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", version}}
}

// installed is the command that runs a generator, which is installed where it is not yet.
func (o other) installed() ([]string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(cache, "echolab-bench", strings.ReplaceAll(o.version, "/", "-"))
	command := append([]string{filepath.Join(dir, o.command[0])}, o.command[1:]...)
	if _, err := os.Stat(command[0]); err == nil {
		return command, nil
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return nil, err
	}
	// Elsewhere first, so that what was broken off is not taken for whole.
	made, err := os.MkdirTemp(filepath.Dir(dir), "install")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(made) }()
	for _, c := range o.install(o.version) {
		step := exec.Command(c[0], c[1:]...)
		step.Dir = made
		if out, err := step.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("%s %s: %w: %s", c[0], c[1], err, tailOf(string(out)))
		}
	}
	if err := os.RemoveAll(dir); err != nil {
		return nil, err
	}
	return command, os.Rename(made, dir)
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
