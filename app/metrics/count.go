package metrics

import (
	"strings"

	"echolab/emulator/journal"
)

// maxApps bounds the label app: tests may make and remove thousands. Those beyond share one.
const (
	maxApps  = 100
	otherApp = "other"
)

// app is an application's counters.
func (m *Metrics) app(id string) *appCounters {
	if c := m.apps[id]; c != nil {
		return c
	}
	label := id
	if len(m.apps) >= maxApps && id != "" {
		if label = otherApp; m.apps[otherApp] != nil {
			return m.apps[otherApp]
		}
	}
	c := &appCounters{label: label, deliveries: m.deliveries.WithLabelValues(label), undelivered: m.undelivered.WithLabelValues(label)}
	for i := range c.accepted {
		c.accepted[i] = m.accepted.WithLabelValues(label, journal.Source(i).String())
	}
	m.apps[label] = c
	return c
}

// count takes one entry.
func (m *Metrics) count(e *journal.Entry) {
	switch e.Kind {
	case journal.Published, journal.Whispered:
		c := m.app(e.App)
		c.accepted[int(e.Source)%len(c.accepted)].Inc()
		if e.Count > 0 {
			c.deliveries.Add(float64(e.Count))
		} else {
			c.undelivered.Inc()
		}
	case journal.Opened:
		m.opened.WithLabelValues(m.app(e.App).label).Inc()
	case journal.Closed:
		label, reason := m.app(e.App).label, closedReason(e.Note)
		m.closed.WithLabelValues(label, reason).Inc()
		if reason == "slow" {
			m.slow.WithLabelValues(label).Inc()
		}
	case journal.Refused:
		m.refused.WithLabelValues(m.refusedApp(e.App), code(e.Note)).Inc()
	case journal.Hook:
		if e.Event == "given up" { // one entry for many, see emulator's receiver
			m.hooks.WithLabelValues(m.app(e.App).label, "given_up").Add(float64(e.Count))
		} else {
			m.hooks.WithLabelValues(m.app(e.App).label, "delivered").Inc()
		}
	}
}

// refusedApp makes no counters for what may not be an application at all.
func (m *Metrics) refusedApp(id string) string {
	if id == "" {
		return ""
	}
	return m.app(id).label
}

// reasons sort the words of a Closed entry; the first row that begins like them is taken.
var reasons = []struct{ begins, label string }{
	{"slow", "slow"},
	{"closed by the client", "client"},
	{"the connection was lost", "lost"},
	{"write: ", "lost"},
	{"4201 ", "ping_timeout"},
	{"the server is shutting down", "shutdown"},
	{"terminated", "terminated"},
	{"a message of more than", "too_big"},
	{"closed with 1002", "protocol"},
	{"text that is not UTF-8", "protocol"},
	{"4301 ", "rate_limit"},
}

func closedReason(note string) string {
	for _, row := range reasons {
		if strings.HasPrefix(note, row.begins) {
			return row.label
		}
	}
	return "other"
}

// code is the number that a Refused entry's note begins with, HTTP's or Pusher's; "none" for words alone.
func code(note string) string {
	number, _, _ := strings.Cut(note, " ")
	if len(number) < 3 || len(number) > 4 || strings.Trim(number, "0123456789") != "" {
		return "none"
	}
	return number
}
