package emulator

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"
)

const (
	repeatQuiet = 10 * time.Second // after a line, until the next that says how many like it were held back
	repeatMost  = 1000             // different lines that are remembered; others are all logged
)

// repeats holds back lines of the log that come in floods, such as the refusals of a sender with a wrong secret: the
// first is logged at once, those like it for debugging alone, and once in a while how many they were. The journal has
// each of them. The zero value is usable.
type repeats struct {
	mu    sync.Mutex // guards lines and what they hold
	lines map[string]*repeat
}

// repeat is the line that others are like.
type repeat struct {
	level slog.Level
	msg   string
	args  []any
	since time.Time // of the last one logged
	more  int       // held back since
}

// Say is say for whoever speaks for the server, such as the emulated application.
func (s *Server) Say(level slog.Level, msg, about, reason string, args ...any) {
	s.say(level, msg, about, reason, args...)
}

// say logs a line unless one like it, with the same msg about the same, was logged a moment ago. The digits of a reason
// do not count: they are clocks and sizes.
func (s *Server) say(level slog.Level, msg, about, reason string, args ...any) {
	key := msg + "\n" + about + "\n" + strings.Map(func(r rune) rune {
		if unicode.IsDigit(r) {
			return '#'
		}
		return r
	}, reason)
	s.repeats.mu.Lock()
	line := s.repeats.lines[key]
	switch {
	case line != nil:
		line.more++
		level = slog.LevelDebug
	case len(s.repeats.lines) < repeatMost:
		if s.repeats.lines == nil {
			s.repeats.lines = make(map[string]*repeat)
		}
		s.repeats.lines[key] = &repeat{level: level, msg: msg, args: args, since: time.Now()}
	}
	s.repeats.mu.Unlock()
	if line != nil {
		s.mu.Lock()
		s.sweepLocked()
		s.mu.Unlock()
	}
	s.log.Log(context.Background(), level, msg, args...)
}

// sayRepeats logs how many lines were held back, of those for which it is time; of all at the end.
func (s *Server) sayRepeats(now time.Time, end bool) {
	var due []repeat
	s.repeats.mu.Lock()
	for key, line := range s.repeats.lines {
		if !end && now.Sub(line.since) < repeatQuiet {
			continue
		}
		if line.more == 0 {
			delete(s.repeats.lines, key)
			continue
		}
		due = append(due, *line)
		line.more, line.since = 0, now
	}
	s.repeats.mu.Unlock()
	slices.SortFunc(due, func(a, b repeat) int { return a.since.Compare(b.since) })
	for _, line := range due {
		s.log.Log(context.Background(), line.level, line.msg, append(slices.Clip(line.args), "held_back", line.more)...)
	}
}
