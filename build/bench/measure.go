//go:build linux

package main

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"echolab/emulator/pusher"
)

// tick is the event that is fanned out: 250 bytes on the wire.
var tick = struct{ event, channel, data string }{"Tick", "portal", `{"pad":"` + strings.Repeat("x", 172) + `"}`}

func tickFrame() int64 {
	return int64(len(pusher.EventText(tick.event, tick.channel, tick.data)) + 4)
}

func tickBody() string {
	return fmt.Sprintf(`{"name":"Tick","channel":"portal","data":%q}`, tick.data)
}

func tickBatch(n int) string {
	one := tickBody()
	return `{"batch":[` + strings.TrimSuffix(strings.Repeat(one+",", n), ",") + `]}`
}

// crowd connects n subscribers of a public channel, 32 at a time.
func crowd(s *server, n int, channel string) ([]*client, error) {
	all := make([]*client, n)
	errs := make([]error, n)
	var next atomic.Int64
	var workers sync.WaitGroup
	for range 32 {
		workers.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				if all[i], errs[i] = s.dial(); errs[i] == nil {
					errs[i] = all[i].join(s, channel, "")
				}
			}
		})
	}
	workers.Wait()
	return all, errors.Join(errs...)
}

func hangUp(all []*client) {
	for _, c := range all {
		if c != nil {
			_ = c.nc.Close()
		}
	}
}

// fanOut publishes to one channel as fast as its subscribers read.
func fanOut(b *bench) (rows []row, err error) {
	for _, n := range []int{10, 1000, 10_000} {
		var rates, costs []float64
		for range b.runs {
			rate, cost, err := fanOutOnce(b, n)
			if err != nil {
				return rows, err
			}
			rates, costs = append(rates, rate), append(costs, cost)
		}
		rows = append(rows, row{"fan-out to " + grouped(float64(n)) + ", unthrottled", grouped(median(rates)) + " deliveries/s",
			fmt.Sprintf("%.2f CPU-s per million", median(costs))})
	}
	return rows, nil
}

func fanOutOnce(b *bench, n int) (rate, cost float64, err error) {
	s, err := b.start()
	if err != nil {
		return 0, 0, err
	}
	defer s.stop()
	all, err := crowd(s, n, "portal")
	defer hangUp(all)
	if err != nil {
		return 0, 0, err
	}
	var read atomic.Int64
	crowd, err := listen(all, func(_, bytes int) { read.Add(int64(bytes)) })
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, crowd.Close()) }()
	batch, callers := 10, 8
	if n >= 10_000 {
		batch, callers = 1, 2
	}
	var published atomic.Int64
	ahead := int64(max(2*batch*callers, 40_000/n+50)) // events that readers may be behind
	stop := time.Now().Add(4 * time.Second)
	began, used := time.Now(), s.cpu()
	var wait sync.WaitGroup
	errs := make([]error, callers)
	for i := range callers {
		wait.Go(func() {
			p, err := s.publisher("/batch_events", tickBatch(batch))
			for err == nil && time.Now().Before(stop) {
				if published.Load()-read.Load()/(tickFrame()*int64(n)) > ahead {
					time.Sleep(200 * time.Microsecond)
					continue
				}
				if err = p.publish(); err == nil {
					published.Add(int64(batch))
				}
			}
			errs[i] = err
		})
	}
	wait.Wait()
	if err := errors.Join(errs...); err != nil {
		return 0, 0, err
	}
	expected := published.Load() * int64(n) * tickFrame()
	for deadline := time.Now().Add(patience); read.Load() < expected; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			return 0, 0, fmt.Errorf("%d of %d bytes arrived", read.Load(), expected)
		}
	}
	deliveries := float64(published.Load() * int64(n))
	return deliveries / time.Since(began).Seconds(), (s.cpu() - used).Seconds() / deliveries * 1e6, nil
}

// quiet publishes ten events a second to a thousand subscribers and looks at how long they take to arrive.
func quiet(b *bench) ([]row, error) {
	var p50s, p99s []time.Duration
	var costs []float64
	for range b.runs {
		s, err := b.start()
		if err != nil {
			return nil, err
		}
		all, err := crowd(s, 1000, "portal")
		if err != nil {
			s.stop()
			return nil, err
		}
		var sent atomic.Int64 // when the current event was sent
		var took []time.Duration
		size := tickFrame()
		have := make([]int64, len(all))
		heard, err := listen(all, func(client, bytes int) {
			if have[client] += int64(bytes); have[client] >= size {
				have[client] -= size
				took = append(took, time.Duration(time.Now().UnixNano()-sent.Load()))
			}
		})
		if err != nil {
			hangUp(all)
			s.stop()
			return nil, err
		}
		used := s.cpu()
		p, err := s.publisher("/events", tickBody())
		for i := 0; i < 30 && err == nil; i++ {
			next := time.Now().Add(100 * time.Millisecond)
			sent.Store(time.Now().UnixNano())
			err = p.publish()
			time.Sleep(time.Until(next))
		}
		used = s.cpu() - used
		err = errors.Join(err, heard.Close())
		s.stop()
		if err != nil {
			return nil, err
		}
		p50s, p99s = append(p50s, percentile(took, 50)), append(p99s, percentile(took, 99))
		costs = append(costs, used.Seconds()/float64(len(took))*1e6)
	}
	return []row{{"10 events/s to 1 000, latency p50", fmt.Sprintf("%.1f ms", median(p50s).Seconds()*1e3),
		fmt.Sprintf("p99 %.1f ms, %.1f CPU-µs a delivery", median(p99s).Seconds()*1e3, median(costs))}}, nil
}

// publishes is POST /events from sixteen callers, with nobody listening; the answer comes when the event is kept.
func publishes(b *bench) ([]row, error) {
	var rates, costs []float64
	for range b.runs {
		s, err := b.start()
		if err != nil {
			return nil, err
		}
		var done atomic.Int64
		stop := time.Now().Add(4 * time.Second)
		began, used := time.Now(), s.cpu()
		var wait sync.WaitGroup
		errs := make([]error, 16)
		for i := range errs {
			wait.Go(func() {
				p, err := s.publisher("/events", tickBody())
				for err == nil && time.Now().Before(stop) {
					if err = p.publish(); err == nil {
						done.Add(1)
					}
				}
				errs[i] = err
			})
		}
		wait.Wait()
		rates = append(rates, float64(done.Load())/time.Since(began).Seconds())
		costs = append(costs, (s.cpu()-used).Seconds()/float64(done.Load())*1e6)
		s.stop()
		if err := errors.Join(errs...); err != nil {
			return nil, err
		}
	}
	return []row{{"HTTP publishes, 16 callers, each kept", grouped(median(rates)) + " /s", fmt.Sprintf("%.1f CPU-µs each", median(costs))}}, nil
}

// whispers is a hundred pairs that send to each other as fast as the other side hears.
func whispers(b *bench) ([]row, error) {
	const pairs, ahead = 100, 64
	var rates, costs []float64
	for range b.runs {
		s, err := b.start()
		if err != nil {
			return nil, err
		}
		var heard atomic.Int64
		var all []*client
		var wait sync.WaitGroup
		stop := time.Now().Add(4 * time.Second)
		var began time.Time
		var used time.Duration
		type pair struct{ from, to *client }
		var ready []pair
		for i := range pairs {
			channel := fmt.Sprintf("private-pair.%d", i)
			var two [2]*client
			for k := range two {
				if two[k], err = s.dial(); err == nil {
					err = two[k].join(s, channel, "")
				}
				if err != nil {
					s.stop()
					return nil, err
				}
			}
			all = append(all, two[0], two[1])
			ready = append(ready, pair{two[0], two[1]})
		}
		stop = time.Now().Add(4 * time.Second)
		began, used = time.Now(), s.cpu()
		for i, p := range ready {
			channel := fmt.Sprintf("private-pair.%d", i)
			message := frame(`{"event":"client-typing","data":{"user":"Ada","on":true},"channel":"` + channel + `"}`)
			size := int64(len(pusher.WhisperText("client-typing", channel, []byte(`{"user":"Ada","on":true}`), nil)) + 2)
			var got atomic.Int64
			room := make(chan struct{}, 1)
			go func() {
				buf := make([]byte, 64<<10)
				for {
					n, err := p.to.nc.Read(buf)
					if err != nil {
						return
					}
					before := got.Load() / size
					now := got.Add(int64(n)) / size
					heard.Add(now - before)
					select {
					case room <- struct{}{}:
					default:
					}
				}
			}()
			wait.Go(func() {
				burst := []byte(strings.Repeat(string(message), 16))
				for sent := int64(0); time.Now().Before(stop); {
					if sent-got.Load()/size > ahead {
						select {
						case <-room:
						case <-time.After(10 * time.Millisecond):
						}
						continue
					}
					if _, err := p.from.nc.Write(burst); err != nil {
						return
					}
					sent += 16
				}
			})
		}
		wait.Wait()
		n := float64(heard.Load())
		rates = append(rates, n/time.Since(began).Seconds())
		costs = append(costs, (s.cpu()-used).Seconds()/n*1e6)
		hangUp(all)
		s.stop()
	}
	return []row{{"whispers over 100 pairs", grouped(median(rates)) + " /s", fmt.Sprintf("%.1f CPU-µs each", median(costs))}}, nil
}

// presence lets n connected users join one presence channel at the same moment: all in when everybody has seen everybody.
func presence(b *bench) (rows []row, err error) {
	for _, n := range []int{500, 1000} {
		var times []time.Duration
		var costs []time.Duration
		for range b.runs {
			s, err := b.start()
			if err != nil {
				return rows, err
			}
			all := make([]*client, n)
			for i := range all {
				if all[i], err = s.dial(); err != nil {
					s.stop()
					return rows, err
				}
			}
			var confirmed, announced atomic.Int64
			for _, c := range all {
				go func() {
					buf := make([]byte, 256<<10)
					kept := 0
					for {
						k, err := c.nc.Read(buf[kept:])
						if err != nil {
							return
						}
						text := string(buf[:kept+k])
						confirmed.Add(int64(strings.Count(text, "subscription_succeeded")))
						announced.Add(int64(strings.Count(text, "member_added")))
						kept = 0
						if cut := strings.LastIndex(text, "{\"event"); cut >= 0 && len(text)-cut < 60 {
							kept = copy(buf, text[cut:])
							confirmed.Add(-int64(strings.Count(text[cut:], "subscription_succeeded")))
							announced.Add(-int64(strings.Count(text[cut:], "member_added")))
						}
					}
				}()
			}
			used, began := s.cpu(), time.Now()
			for i, c := range all {
				if err := c.subscribe(s, "presence-online", fmt.Sprintf(`{"user_id":"%d","user_info":{"id":%d,"name":"User %d"}}`, i, i, i)); err != nil {
					s.stop()
					return rows, err
				}
			}
			for confirmed.Load() < int64(n) || announced.Load() < int64(n)*int64(n-1)/2 {
				if time.Since(began) > patience {
					s.stop()
					return rows, fmt.Errorf("%d confirmed, %d of %d announcements", confirmed.Load(), announced.Load(), n*(n-1)/2)
				}
				time.Sleep(time.Millisecond)
			}
			times, costs = append(times, time.Since(began)), append(costs, s.cpu()-used)
			hangUp(all)
			s.stop()
		}
		rows = append(rows, row{fmt.Sprintf("%s users join one presence channel", grouped(float64(n))),
			fmt.Sprintf("all in after %.2f s", median(times).Seconds()), fmt.Sprintf("%.2f CPU-s", median(costs).Seconds())})
	}
	return rows, nil
}

// connections opens ten thousand subscribed connections and leaves them quiet.
func connections(b *bench) ([]row, error) {
	const n = 10_000
	var rates []float64
	var idle, each []int64
	for range b.runs {
		s, err := b.start()
		if err != nil {
			return nil, err
		}
		time.Sleep(500 * time.Millisecond)
		empty := s.resident()
		began := time.Now()
		all, err := crowd(s, n, "portal")
		took := time.Since(began)
		if err == nil {
			time.Sleep(5 * time.Second) // let the runtime give back what the handshakes used
			each = append(each, (s.resident()-empty)/n)
			idle = append(idle, empty)
			rates = append(rates, n/took.Seconds())
		}
		hangUp(all)
		s.stop()
		if err != nil {
			return nil, err
		}
	}
	return []row{
		{"resident when idle", fmt.Sprintf("%.1f MB", float64(median(idle))/1e6), ""},
		{"connections accepted and subscribed, 10 000", grouped(median(rates)) + " /s", ""},
		{"resident per idle subscribed connection", grouped(float64(median(each))) + " B", ""},
	}, nil
}

func percentile(d []time.Duration, p int) time.Duration {
	if len(d) == 0 {
		return 0
	}
	sorted := append([]time.Duration{}, d...)
	median(sorted)
	return sorted[min(len(sorted)-1, len(sorted)*p/100)]
}
