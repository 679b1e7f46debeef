package metrics

import (
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"echolab/emulator/journal"
)

// maxApps bounds the label app: tests may make thousands. Those beyond share a label. So does what names an application
// that is not served: requests with a wrong id, and what still happens to one that was removed, such as the end of its
// connections. No id has parentheses unless a configuration file insists.
const (
	maxApps   = 100
	otherApps = "(other)"
	unserved  = "(not served)"
)

// Serve is told of an application before anything happens in it: each of its series is there from now on, with zero.
func (m *Metrics) Serve(id string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.apps[id] != nil:
	case m.own < maxApps:
		m.own++
		m.apps[id] = m.counters(id)
	default:
		if m.others == nil {
			m.others = m.counters(otherApps)
		}
		m.apps[id] = m.others
	}
}

// Drop ends the series of an application that is not served any more.
func (m *Metrics) Drop(id string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := m.apps[id]
	delete(m.apps, id)
	if c == nil || c == m.others {
		return
	}
	m.own--
	for _, series := range []*prometheus.CounterVec{m.accepted, m.deliveries, m.undelivered, m.opened, m.closed, m.slow, m.refused, m.hooks} {
		series.DeletePartialMatch(prometheus.Labels{"app": c.label})
	}
}

// counters makes the series of a label.
func (m *Metrics) counters(label string) *appCounters {
	c := &appCounters{label: label, deliveries: m.deliveries.WithLabelValues(label), undelivered: m.undelivered.WithLabelValues(label)}
	for i := range c.accepted {
		c.accepted[i] = m.accepted.WithLabelValues(label, journal.Source(i).String())
	}
	m.opened.WithLabelValues(label)
	m.slow.WithLabelValues(label)
	for _, row := range reasons {
		m.closed.WithLabelValues(label, row.label)
	}
	m.closed.WithLabelValues(label, otherReason)
	for _, outcome := range []string{hookDelivered, hookRetried, hookGivenUp} {
		m.hooks.WithLabelValues(label, outcome)
	}
	return c
}

// appLocked is the counters of the application that an entry belongs to.
func (m *Metrics) appLocked(id string) *appCounters {
	if c := m.apps[id]; c != nil {
		return c
	}
	if m.unserved == nil {
		m.unserved = m.counters(unserved)
	}
	return m.unserved
}

// labels are the values of the label app, one for each of the readings.
func (m *Metrics) labels(apps []AppReadings) []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := make([]string, len(apps))
	for i := range apps {
		out[i] = otherApps // removed, or made, in this moment
		if c := m.apps[apps[i].ID]; c != nil {
			out[i] = c.label
		}
	}
	return out
}

// Outcomes of a webhook.
const (
	hookDelivered = "delivered"
	hookRetried   = "retried"
	hookGivenUp   = "given_up"
)

// countLocked takes one entry.
func (m *Metrics) countLocked(e *journal.Entry) {
	switch e.Kind {
	case journal.Published, journal.Whispered:
		c := m.appLocked(e.App)
		c.accepted[int(e.Source)%len(c.accepted)].Inc()
		if e.Count > 0 {
			c.deliveries.Add(float64(e.Count))
		} else {
			c.undelivered.Inc()
		}
	case journal.Opened:
		m.opened.WithLabelValues(m.appLocked(e.App).label).Inc()
	case journal.Closed:
		label, reason := m.appLocked(e.App).label, closedReason(e.Note)
		m.closed.WithLabelValues(label, reason).Inc()
		if reason == "slow" {
			m.slow.WithLabelValues(label).Inc()
		}
	case journal.Refused:
		label := "" // what names no application at all
		if e.App != "" {
			label = m.appLocked(e.App).label
		}
		m.refused.WithLabelValues(label, code(e.Note)).Inc()
	case journal.Hook:
		if e.Event == "given up" { // one entry for many, see emulator's receiver
			m.hooks.WithLabelValues(m.appLocked(e.App).label, hookGivenUp).Add(float64(e.Count))
		} else {
			m.hooks.WithLabelValues(m.appLocked(e.App).label, hookDelivered).Inc()
		}
	}
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
	{"the application was removed", "app_removed"},
	{"disconnected by hand", "by_hand"},
}

const otherReason = "other"

func closedReason(note string) string {
	for _, row := range reasons {
		if strings.HasPrefix(note, row.begins) {
			return row.label
		}
	}
	return otherReason
}

// code is the number that a Refused entry's note begins with, HTTP's or Pusher's; "none" for words alone.
func code(note string) string {
	number, _, _ := strings.Cut(note, " ")
	if len(number) < 3 || len(number) > 4 || strings.Trim(number, "0123456789") != "" {
		return "none"
	}
	return number
}
