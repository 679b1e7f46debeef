package app_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"echolab/app"
)

// BenchmarkPublish is POST /events from 16 callers on kept connections, answered when the event is in SQLite; the
// callers share the processors with the server.
func BenchmarkPublish(b *testing.B) {
	for _, ack := range []string{app.AckStored, app.AckDelivered} {
		b.Run(ack, func(b *testing.B) {
			dir := b.TempDir()
			cfg, err := app.Load(app.Sources{Flags: map[string]string{"port": "0", "ui-port": "0", "ack": ack, "db": filepath.Join(dir, "e.sqlite")},
				Environ: []string{"HOME=" + dir}, Dir: dir})
			require.NoError(b, err)
			a, err := app.Open(b.Context(), cfg, nil)
			require.NoError(b, err)
			a.Mount(http.NotFoundHandler())
			ctx, cancel := context.WithCancel(context.Background())
			ended := make(chan error, 1)
			go func() { ended <- a.Run(ctx) }()
			<-a.Ready()
			creds := &cfg.Apps[0]
			body, _ := json.Marshal(map[string]string{"name": "Tick", "data": `{"pad":"` + strings.Repeat("x", 180) + `"}`, "channel": "portal"})
			path := "/apps/" + creds.ID + "/events"
			query := url.Values{}
			for name, value := range creds.SignRequest("POST", path, nil, body, time.Now()) {
				query.Set(name, value)
			}
			target := a.URL() + path + "?" + query.Encode()
			client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}}
			b.SetParallelism(8)
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					response, err := client.Post(target, "application/json", strings.NewReader(string(body)))
					if err != nil || response.StatusCode != 200 {
						b.Error(err)
						return
					}
					_, _ = io.Copy(io.Discard, response.Body) // so that the connection is used again
					_ = response.Body.Close()
				}
			})
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "publishes/s")
			b.StopTimer()
			cancel()
			require.NoError(b, <-ended)
		})
	}
}
