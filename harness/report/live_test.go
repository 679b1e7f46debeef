package report_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"echolab/harness"
	"echolab/harness/report"
)

// screen plays what is written on a terminal of endless height.
type screen struct {
	mu     sync.Mutex
	lines  []string
	row    int
	writes int
	raw    bytes.Buffer
}

var escape = regexp.MustCompile("^\x1b\\[([0-9;?]*)([A-Za-z])")

func (s *screen) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writes++
	s.raw.Write(b)
	text := string(b)
	col := 0
	at := func() *string {
		for len(s.lines) <= s.row {
			s.lines = append(s.lines, "")
		}
		return &s.lines[s.row]
	}
	for len(text) > 0 {
		if m := escape.FindStringSubmatch(text); m != nil {
			switch m[2] {
			case "A":
				n := 0
				fmt.Sscan(m[1], &n)
				s.row = max(0, s.row-n)
			case "J":
				_ = at()
				s.lines = s.lines[:s.row]
			case "K":
				line := at()
				*line = string([]rune(*line)[:min(col, len([]rune(*line)))])
			}
			text = text[len(m[0]):]
			continue
		}
		r := []rune(text)[0]
		text = text[len(string(r)):]
		switch r {
		case '\n':
			_ = at()
			s.row, col = s.row+1, 0
		case '\r':
			col = 0
		default:
			line := []rune(*at())
			for len(line) <= col {
				line = append(line, ' ')
			}
			line[col] = r
			*at() = string(line)
			col++
		}
	}
	return len(b), nil
}

func (s *screen) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.lines, "\n")
}

func progress(second int, news string) harness.Progress {
	n := int64(second)
	return harness.Progress{Elapsed: time.Duration(second) * time.Second, Length: 70 * time.Second, Phase: "load", Users: 2000, Connections: 1998,
		Published: 50 * n, Delivered: 2000 * n, P95: 12 * time.Millisecond, News: news}
}

func TestLive_RedrawsABlockWithNewsAndLogsAboveIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := new(screen)
		l := report.NewLive(s, report.LiveOptions{Terminal: true, Width: func() int { return 72 }})
		for second := 1; second <= 5; second++ {
			l.Show(progress(second, ""))
			time.Sleep(time.Second)
		}
		l.Show(progress(5, "staff/17: auth\x1b[2J: 403"))
		_, err := fmt.Fprintln(l, "a log line")
		require.NoError(t, err)
		time.Sleep(time.Second)
		assert.Equal(t, "    5s  staff/17: auth\\x1b[2J: 403\na log line\n\n"+
			"━━────────────────────────────"+" 5s of 1m10s  load\n"+
			"2,000 users   1,998 connected   50 published/s   2,000 delivered/s\n"+
			"10,000 delivered   p95 12.0 ms   0 missing   0 errors", strings.TrimRight(s.text(), "\n"))
		l.Close()
		l.Close()
		assert.Equal(t, "    5s  staff/17: auth\\x1b[2J: 403\na log line", strings.TrimRight(s.text(), "\n"), "the block goes, the news stay")
	})
}

func TestLive_DrawsAtMostTenTimesASecondAndNeverWiderThanTheTerminal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := new(screen)
		l := report.NewLive(s, report.LiveOptions{Terminal: true, Colour: true, Width: func() int { return 40 }})
		for range 1000 {
			l.Show(progress(3, ""))
			time.Sleep(time.Millisecond)
		}
		s.mu.Lock()
		assert.LessOrEqual(t, s.writes, 12)
		s.mu.Unlock()
		for line := range strings.Lines(s.text()) {
			assert.Less(t, len([]rune(strings.TrimRight(line, "\n"))), 40, line)
		}
		l.Close()
	})
}

func TestLive_TheEndThatNobodyKnows(t *testing.T) {
	for _, c := range []struct {
		change func(p *harness.Progress)
		want   string
	}{
		{func(p *harness.Progress) { p.Length, p.AtMost = 10*time.Minute, true }, " 3s of at most 10m  load\n"},
		{func(p *harness.Progress) { p.Length = time.Hour }, " 3s of 1h0m  load\n"},
		{func(p *harness.Progress) { p.Length = 0 }, " 3s  load\n"},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := new(screen)
			l := report.NewLive(s, report.LiveOptions{Terminal: true})
			p := progress(3, "")
			c.change(&p)
			l.Show(p)
			synctest.Wait()
			assert.Contains(t, s.text(), c.want)
			l.Close()
		})
	}
}

func TestLive_PlainLinesNowAndThenAndNoEscapes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := new(screen)
		l := report.NewLive(s, report.LiveOptions{})
		for second := 1; second <= 12; second++ {
			p := progress(second, "")
			if second == 12 {
				p.Phase = "drain"
			}
			l.Show(p)
			time.Sleep(time.Second)
		}
		l.Show(progress(12, "staff/17: connect: refused"))
		l.Close()
		assert.Equal(t, []string{
			"    1s  load: 2,000 users, 1,998 connected, 0 published/s, 0 delivered/s, p95 12.0 ms, 0 missing, 0 errors",
			"    6s  load: 2,000 users, 1,998 connected, 50 published/s, 2,000 delivered/s, p95 12.0 ms, 0 missing, 0 errors",
			"   11s  load: 2,000 users, 1,998 connected, 50 published/s, 2,000 delivered/s, p95 12.0 ms, 0 missing, 0 errors",
			"   12s  drain: 2,000 users, 1,998 connected, 50 published/s, 2,000 delivered/s, p95 12.0 ms, 0 missing, 0 errors",
			"   12s  staff/17: connect: refused",
		}, s.lines[:5])
		assert.NotContains(t, s.raw.String(), "\x1b")
	})
}

// stuck is a terminal that takes nothing until it is let go.
type stuck struct{ free chan struct{} }

func (s stuck) Write(b []byte) (int, error) { <-s.free; return len(b), nil }

func TestLive_ATerminalThatHangsDoesNotHoldTheRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := stuck{make(chan struct{})}
		l := report.NewLive(w, report.LiveOptions{})
		for range 100_000 {
			l.Show(progress(1, strings.Repeat("x", 100)))
		}
		close(w.free)
		l.Close()
	})
}

func TestEvents_WritesEachAndSaysWhatItDropped(t *testing.T) {
	var out bytes.Buffer
	e := report.NewEvents(&out, "4f3a2b1c")
	data := []byte(`{"id": 1}`)
	e.Heard("staff/1", "private-client.5", "InvoiceCreated", data, 1500*time.Microsecond)
	copy(data, "XXXXXXXXX") // what comes next overwrites the reader's buffer
	e.Heard("staff/2", "private-client.5", "InvoiceCreated", []byte("no \x1b JSON"), 2*time.Millisecond)
	require.NoError(t, e.Close())
	require.NoError(t, e.Close())
	e.Heard("staff/3", "c", "late", nil, 0)
	assert.Equal(t, int64(1), e.Dropped())
	assert.Equal(t, `{"echolab":"events","run":"4f3a2b1c","version":1}
{"t_us":1500,"client":"staff/1","channel":"private-client.5","event":"InvoiceCreated","data":{"id":1}}
{"t_us":2000,"client":"staff/2","channel":"private-client.5","event":"InvoiceCreated","data":"no \u001b JSON"}
{"dropped":0,"end":true,"events":2}
`, out.String())
}

func TestEvents_ADiskThatHangsCostsEventsNotTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := stuck{make(chan struct{})}
		e := report.NewEvents(w, "r")
		data := []byte(`"` + strings.Repeat("x", 1<<20) + `"`)
		for range 200 {
			e.Heard("c", "ch", "ev", data, 0)
		}
		assert.Greater(t, e.Dropped(), int64(100))
		close(w.free)
		require.NoError(t, e.Close())
	})
}

// full refuses everything.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

func TestEvents_SaysThatTheDiskIsFull(t *testing.T) {
	e := report.NewEvents(full{}, "r")
	e.Heard("c", "ch", "ev", []byte(`1`), 0)
	assert.ErrorContains(t, e.Close(), "events: no space left")
}

func TestEvents_EveryLineIsJSON(t *testing.T) {
	var out bytes.Buffer
	e := report.NewEvents(&out, "r\n")
	for _, text := range []string{"", "{", "\xff\xfe", `{"a":1}`, "null"} {
		e.Heard("c", "ch", "ev\n", []byte(text), 0)
	}
	require.NoError(t, e.Close())
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	require.Len(t, lines, 7)
	for _, line := range lines {
		assert.True(t, json.Valid([]byte(line)), line)
	}
}
