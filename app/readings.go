package app

import (
	"net/http"

	"echolab/app/metrics"
)

// Metrics serves /metrics for Prometheus.
func (a *App) Metrics() http.Handler { return a.metrics.Handler() }

// readings is the state for a scrape.
func (a *App) readings() metrics.Readings {
	state := a.Store()
	_, bytes := a.journal.Behind()
	r := metrics.Readings{
		Store: metrics.StoreReadings{OK: state.OK, BehindEntries: state.Behind, BehindBytes: bytes, Lost: state.Lost, Bytes: state.Bytes},
		Last:  a.journal.Last(),
	}
	for _, app := range a.apps.all() {
		load := a.server.Load(app.ID)
		r.Apps = append(r.Apps, metrics.AppReadings{ID: app.ID, Connections: load.Connections, Subscriptions: load.Subscriptions,
			Channels: load.Channels, QueuedBytes: load.QueuedBytes, QueuedMax: load.QueuedMax})
	}
	return r
}
