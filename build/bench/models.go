//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"echolab/emulator/pusher"
	"echolab/harness"
)

// generatorEnv makes this program the load generator of one run, so that the same run can be had with and without the
// checks: echolab itself has no such switch.
const generatorEnv = "ECHOLAB_BENCH_GENERATOR"

// generator is what such a run is given, as JSON in the environment.
type generator struct {
	File, URL string
	App       pusher.App
	Unchecked bool
}

// generate plays a scenario and prints its result.
func generate(text string) error {
	var g generator
	if err := json.Unmarshal([]byte(text), &g); err != nil {
		return err
	}
	b, err := os.ReadFile(g.File)
	if err != nil {
		return err
	}
	scenario, err := harness.Parse(g.File, b, harness.ParseInput{})
	if err != nil {
		return err
	}
	r, err := harness.Run(context.Background(), harness.NewPlan(scenario, scenario.Seed, harness.Segment{}),
		harness.Options{URL: g.URL, App: g.App, Unchecked: g.Unchecked})
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(r)
}

// generated plays the journey in a process of its own.
func (b *bench) generated(l listeners, unchecked bool) (r *harness.Result, u usage, err error) {
	s, err := b.start("--ack", "delivered")
	if err != nil {
		return nil, u, err
	}
	defer s.stop()
	file := filepath.Join(b.dir, fmt.Sprintf("bench-%d.yaml", fresh()))
	if err := os.WriteFile(file, []byte(l.scenario()), 0o644); err != nil {
		return nil, u, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, u, err
	}
	given, err := json.Marshal(generator{file, "http://" + s.addr, s.app, unchecked})
	if err != nil {
		return nil, u, err
	}
	out, u, err := watched(b.dir, []string{generatorEnv + "=" + string(given)}, self)
	if err != nil {
		return nil, u, err
	}
	if r, err = harness.ReadResult(bytes.NewReader(out)); err != nil {
		return nil, u, err
	}
	frames, _ := r.Metric(harness.FramesReceived.Name, nil)
	if want := l.events() * int64(l.clients); frames.Count < want || !unchecked && r.Delivery.Delivered != want {
		return nil, u, fmt.Errorf("%d events came and %d were found to be due, of %d", frames.Count, r.Delivery.Delivered, want)
	}
	return r, u, nil
}

// eventCost is what an event costs, each alone and with a server that is ahead, and how much of that is the check of every
// delivery: the same run with it and without, in turn, less one in which nothing is published.
func eventCost(b *bench) (rows []row, err error) {
	quiet := listeners{clients: 1000, ramp: 2, hold: 12}
	loads := []struct {
		name string
		l    listeners
	}{{"each alone", quiet}, {"server ahead", quiet}}
	loads[0].l.rate, loads[1].l.burst = 30, 2000
	idle, lags := []time.Duration{}, [2][]float64{}
	with, without := make([][]time.Duration, len(loads)), make([][]time.Duration, len(loads))
	for range b.runs {
		_, u, err := b.generated(quiet, false)
		if err != nil {
			return nil, err
		}
		idle = append(idle, u.cpu)
		for i, load := range loads {
			r, u, err := b.generated(load.l, false)
			if err != nil {
				return nil, err
			}
			with[i] = append(with[i], u.cpu)
			if lag, ok := r.Metric(harness.ScheduleLag.Name, nil); ok && load.l.rate > 0 {
				lags[0], lags[1] = append(lags[0], lag.Percentile(50)), append(lags[1], lag.Percentile(99))
			}
			if _, u, err = b.generated(load.l, true); err != nil {
				return nil, err
			}
			without[i] = append(without[i], u.cpu)
		}
	}
	for i, load := range loads {
		per := func(d time.Duration) float64 {
			return d.Seconds() / float64(load.l.events()*int64(load.l.clients)) * 1e6
		}
		each, bare := per(median(with[i])-median(idle)), per(median(without[i])-median(idle))
		rows = append(rows,
			row{"events consumed, " + load.name + ", models on", grouped(1e6/each) + " /s and core", fmt.Sprintf("%.2f CPU-µs each", each)},
			row{"the models, " + load.name, fmt.Sprintf("%.2f CPU-µs an event", each-bare), fmt.Sprintf("%.2f CPU-µs without them", bare)})
	}
	return append(rows, row{"begun later than due, p50", fmt.Sprintf("%.2f ms", median(lags[0])), fmt.Sprintf("p99 %.2f ms", median(lags[1]))}), nil
}
