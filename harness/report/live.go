package report

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"echolab/harness"
)

// LiveOptions says how a run under way is shown.
type LiveOptions struct {
	// Terminal draws a block that is renewed in place; otherwise there is a plain line now and then.
	Terminal bool
	Colour   bool
	// Width is asked before each drawing; nil or 0 is 80.
	Width func() int
	// Every is the time between plain lines; default 5 s.
	Every time.Duration
	// Quiet shows only what goes wrong.
	Quiet bool
}

// Live shows how a run goes. Show never blocks the run: it leaves what is to be shown to a goroutine that draws, and
// what a slow terminal cannot take is left out and counted. Logs written through it stand above the block.
type Live struct {
	w   io.Writer
	opt LiveOptions

	mu      sync.Mutex // guards what follows
	now     harness.Progress
	before  harness.Progress // a while ago, for the rates
	rates   [3]float64       // published, delivered, whispers a second
	seen    bool
	fresh   bool // now has not been drawn
	above   [][]byte
	bytes   int
	dropped int

	wake    chan struct{}
	stop    chan struct{}
	stopped chan struct{}
	once    sync.Once

	drawn int // lines of the block on the screen; the drawing goroutine's
	phase string
	last  time.Duration // when the last plain line was, in the run's time
	said  bool
}

// maxAbove bounds what waits to be written above the block.
const maxAbove = 1 << 20

// NewLive begins to show on w. Close ends it.
func NewLive(w io.Writer, opt LiveOptions) *Live {
	if opt.Every <= 0 {
		opt.Every = 5 * time.Second
	}
	l := &Live{w: w, opt: opt, wake: make(chan struct{}, 1), stop: make(chan struct{}), stopped: make(chan struct{})}
	go l.run()
	return l
}

// Show takes the newest figures; it is harness.Options.Progress.
func (l *Live) Show(p harness.Progress) {
	l.mu.Lock()
	if p.News != "" {
		text := fmt.Sprintf("%6s  %s\n", clock(p.Elapsed), l.ink(amber, plain(p.News)))
		l.addLocked([]byte(text))
	}
	if p.Published < l.before.Published || p.Delivered < l.before.Delivered { // the next run of --find-knee
		l.seen, l.rates = false, [3]float64{}
	}
	if passed := (p.Elapsed - l.before.Elapsed).Seconds(); !l.seen || passed >= 0.9 {
		if l.seen {
			for i, pair := range [][2]int64{{p.Published, l.before.Published}, {p.Delivered, l.before.Delivered}, {p.Whispers, l.before.Whispers}} {
				l.rates[i] = float64(pair[0]-pair[1]) / passed
			}
		}
		l.before = p
	}
	l.now, l.seen, l.fresh = p, true, true
	l.mu.Unlock()
	l.nudge()
}

// Write puts a log's lines above the block. It is never refused; see Live.
func (l *Live) Write(b []byte) (int, error) {
	l.mu.Lock()
	l.addLocked(bytes.Clone(b))
	l.mu.Unlock()
	l.nudge()
	return len(b), nil
}

func (l *Live) addLocked(b []byte) {
	if l.bytes+len(b) > maxAbove {
		l.dropped++
		return
	}
	l.above = append(l.above, b)
	l.bytes += len(b)
}

func (l *Live) nudge() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// Close writes what waits and takes the block away. It can be called twice.
func (l *Live) Close() {
	l.once.Do(func() { close(l.stop) })
	<-l.stopped
}

// pace is the least time between two drawings.
const pace = 100 * time.Millisecond

func (l *Live) run() {
	defer close(l.stopped)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-l.stop:
			l.draw(true)
			return
		case <-l.wake:
		}
		l.draw(false)
		timer.Reset(pace)
		select {
		case <-l.stop:
			l.draw(true)
			return
		case <-timer.C:
		}
	}
}

// draw writes what waits in one Write, so that a terminal never shows half of it.
func (l *Live) draw(last bool) {
	l.mu.Lock()
	above, dropped, p, rates, fresh := l.above, l.dropped, l.now, l.rates, l.fresh
	l.above, l.bytes, l.dropped, l.fresh = nil, 0, 0, false
	l.mu.Unlock()

	var b bytes.Buffer
	if l.drawn > 0 && (len(above) > 0 || fresh || last) {
		fmt.Fprintf(&b, "\x1b[%dA\r", l.drawn)
		if len(above) > 0 || last {
			b.WriteString("\x1b[J")
		}
	}
	redraw := l.drawn > 0 && len(above) > 0
	for _, text := range above {
		b.Write(text)
		if len(text) > 0 && text[len(text)-1] != '\n' {
			b.WriteByte('\n')
		}
	}
	if dropped > 0 {
		fmt.Fprintf(&b, "(%d lines left out: they came faster than they could be shown)\n", dropped)
	}
	switch {
	case l.opt.Quiet:
	case l.opt.Terminal && last:
		l.drawn = 0
	case l.opt.Terminal && (fresh || redraw):
		lines := l.block(p, rates)
		for _, line := range lines {
			b.WriteString(line + "\x1b[K\n")
		}
		l.drawn = len(lines)
	case fresh && !last && !l.opt.Terminal && (!l.said || p.Phase != l.phase || p.Elapsed-l.last >= l.opt.Every):
		l.said, l.phase, l.last = true, p.Phase, p.Elapsed
		b.WriteString(line(p, rates) + "\n")
	}
	if b.Len() > 0 {
		_, _ = l.w.Write(b.Bytes()) // whoever closed the terminal does not want to read it
	}
}

func (l *Live) ink(i ink, text string) string {
	p := page{TextOptions: TextOptions{Colour: l.opt.Colour}}
	return p.paint(i, text)
}

// line is the state in one plain line.
func line(p harness.Progress, rates [3]float64) string {
	text := fmt.Sprintf("%6s  %s: %s users, %s connected, %s published/s, %s delivered/s", clock(p.Elapsed), p.Phase, count(p.Users), count(p.Connections),
		number(tenth(rates[0])), number(tenth(rates[1])))
	if p.Whispers > 0 {
		text += ", " + number(tenth(rates[2])) + " whispers/s"
	}
	return text + fmt.Sprintf(", p95 %s ms, %s missing, %s", ms(float64(p.P95)/1e6), count(p.Missing), plural(p.Errors, "error"))
}

func tenth(v float64) float64 { return float64(int64(v*10+0.5)) / 10 }

// clock is a moment of a run, to the second.
func clock(d time.Duration) string {
	d = d.Round(time.Second)
	if d < time.Minute {
		return fmt.Sprintf("%ds", d/time.Second)
	}
	if text, whole := strings.CutSuffix(d.String(), "m0s"); whole {
		return text + "m"
	}
	return d.String()
}

// block is the state as lines no wider than the terminal.
func (l *Live) block(p harness.Progress, rates [3]float64) []string {
	width := 0
	if l.opt.Width != nil {
		width = l.opt.Width()
	}
	if width <= 0 {
		width = 80
	}
	share := 0.0
	if p.Length > 0 {
		share = min(1, float64(p.Elapsed)/float64(p.Length))
	}
	length := min(30, max(0, width-40))
	full := int(share*float64(length) + 0.5)
	bar := strings.Repeat("━", full) + l.ink(dim, strings.Repeat("─", length-full))
	quiet := func(n int64, text string) string {
		if n == 0 {
			return l.ink(dim, text)
		}
		return l.ink(red, text)
	}
	of := ""
	if p.Length > 0 {
		of = " of " + clock(p.Length)
		if p.AtMost {
			of = " of at most " + clock(p.Length)
		}
	}
	whispers := ""
	if p.Whispers > 0 {
		whispers = "   " + number(tenth(rates[2])) + " whispers/s"
	}
	lines := []string{
		"",
		fmt.Sprintf("%s %s%s  %s", bar, clock(p.Elapsed), of, l.ink(bold, p.Phase)),
		fmt.Sprintf("%s users   %s connected   %s published/s   %s delivered/s%s", count(p.Users), count(p.Connections), number(tenth(rates[0])), number(tenth(rates[1])), whispers),
		fmt.Sprintf("%s delivered   p95 %s ms   %s   %s", count(p.Delivered), ms(float64(p.P95)/1e6), quiet(p.Missing, count(p.Missing)+" missing"), quiet(p.Errors, plural(p.Errors, "error"))),
	}
	for i := range lines {
		lines[i] = clip(lines[i], width-1)
	}
	return lines
}

// clip cuts a line at the terminal's edge: one that wrapped could not be drawn over. Colours take no room.
func clip(text string, width int) string {
	if visible(text) <= width {
		return text
	}
	var b strings.Builder
	seen, escape := 0, false
	for _, r := range text {
		switch {
		case r == '\x1b':
			escape = true
		case escape:
			escape = r != 'm'
		case seen >= width:
			continue
		default:
			seen++
		}
		b.WriteRune(r)
	}
	return b.String()
}
