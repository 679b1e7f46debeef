package harness

import (
	"context"
	"time"
)

// watch is the run's second hand.
func (r *run) watch(ctx context.Context) {
	users, connections := r.registry.Series(Users), r.registry.Series(Connections)
	serverCPU, serverMemory := r.registry.Series(ServerCPU), r.registry.Series(ServerMemory)
	server, local := ProcessUsage(r.opt.ServerPID)
	local = local && r.opt.ServerPID > 0
	last := time.Now()
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for n := 1; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		now := time.Now()
		r.registry.Set(users, float64(r.users.Load()))
		r.registry.Set(connections, float64(r.connections.Load()))
		if local {
			if u, ok := ProcessUsage(r.opt.ServerPID); ok {
				r.registry.Set(serverCPU, (u.CPU-server.CPU).Seconds()/now.Sub(last).Seconds())
				r.registry.Set(serverMemory, float64(u.Memory))
				server = u
			}
		}
		last = now
		r.health.Tick(now)
		if !r.opt.Unchecked {
			r.ledger.Sweep(now)
		}
		r.registry.Tick()
		r.checkAborts(now)
		r.tell("")
	}
}

// checkAborts ends the run when a threshold with abortOnFail has failed.
func (r *run) checkAborts(now time.Time) {
	var snapshot *Result
	for _, t := range r.scenario.Thresholds {
		if !t.AbortOnFail || now.Sub(r.start) < t.DelayAbort {
			continue
		}
		if snapshot == nil {
			snapshot = &Result{Metrics: r.registry.Results(), DurationMS: float64(now.Sub(r.start)) / 1e6}
		}
		if got := t.Evaluate(snapshot); !got.OK && !got.Empty {
			r.mu.Lock()
			first := r.aborted == ""
			if first {
				r.aborted = got.Metric + " " + got.Expression
			}
			r.mu.Unlock()
			if first {
				r.tell("threshold " + got.sentence() + ": the run ends")
				r.stop()
			}
			return
		}
	}
}

func (r *run) phase(name string) {
	r.mu.Lock()
	at := float64(time.Since(r.start)) / 1e6
	if len(r.phases) > 0 {
		r.phases[len(r.phases)-1].EndMS = at
	}
	if name != "" {
		r.phases = append(r.phases, Phase{Name: name, StartMS: at})
	}
	r.mu.Unlock()
	if name != "" {
		r.tell("")
	}
}

// tell reports how it goes.
func (r *run) tell(news string) {
	if r.opt.Progress == nil {
		return
	}
	r.mu.Lock()
	p := Progress{Elapsed: time.Since(r.start), Users: r.users.Load(), Connections: r.connections.Load(), News: news}
	if len(r.phases) > 0 {
		p.Phase = r.phases[len(r.phases)-1].Name
	}
	for _, n := range r.errors {
		p.Errors += n
	}
	r.mu.Unlock()
	for i := range r.scenario.Groups {
		g := &r.scenario.Groups[i]
		if length := g.StartTime + r.plan.length(g); length > p.Length {
			p.Length, p.AtMost = length, g.Executor == PerVUIterations
		}
	}
	p.Published, p.Whispers, p.Missing = r.ledger.counts[countPublished].Load(), r.ledger.counts[countWhispers].Load(), r.ledger.counts[countMissing].Load()
	p.Delivered, p.P95 = r.registry.deliveries()
	r.opt.Progress(p)
}
