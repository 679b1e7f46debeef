// Command page is a server for the tests of the page and of the window: the real API and page over a real journal,
// with entries that a test sends on standard input. Each line is a command, see command. When standard input ends it
// stops. The first line that it prints is the page's address.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"echolab/app"
	"echolab/app/api"
	"echolab/app/desktop"
	"echolab/app/diagnosis"
	"echolab/emulator/journal"
	"echolab/emulator/pusher"
	"echolab/frontend"
)

// command is one line of input.
type command struct {
	// Append puts an entry into the journal, Times times (default 1). {n} in Event and Channel becomes the count.
	Append *journal.Entry
	Times  int
	// Rate spreads the entries evenly, so many a second; 0 is all at once.
	Rate int
	// Status replaces the status.
	Status *api.Status
}

type backend struct {
	journal *journal.Journal
	status  atomic.Pointer[api.Status]
}

func (b *backend) Status() api.Status              { return *b.status.Load() }
func (b *backend) Secret(id string) (string, bool) { return "secret-of-" + id, id != "" }
func (b *backend) Journal() *journal.Journal       { return b.journal }
func (b *backend) Entries(_ context.Context, q app.Query) (app.Page, error) {
	// A store that still has what the ring let go: entries made up from their numbers.
	if q.Before == 0 || q.Before > b.journal.Last()+1 {
		return app.Page{}, nil
	}
	var out app.Page
	for seq := max(1, int(q.Before)-q.Limit); seq < int(q.Before); seq++ {
		out.Entries = append(out.Entries, kept(uint64(seq)))
	}
	out.More = int(q.Before) > q.Limit+1
	return out, nil
}

func (b *backend) Entry(_ context.Context, seq uint64) (journal.Entry, error) {
	if e, ok := b.journal.At(seq); ok {
		return e, nil
	}
	if seq > b.journal.Last() {
		return journal.Entry{}, &app.Error{Code: app.NotFound, Message: fmt.Sprintf("There is no entry %d.", seq)}
	}
	return kept(seq), nil
}

// Diagnosis is of the journal alone: who had subscribed, and what came in its channel.
func (b *backend) Diagnosis(ctx context.Context, event string) (app.Diagnosis, error) {
	seq, ok := journal.SeqOf(event)
	if !ok {
		return app.Diagnosis{}, &app.Error{Code: app.Invalid, Message: event + " is no entry"}
	}
	of, err := b.Entry(ctx, seq)
	if err != nil {
		return app.Diagnosis{}, err
	}
	profile, err := pusher.ProfileNamed("reverb")
	if err != nil {
		return app.Diagnosis{}, err
	}
	f := diagnosis.Facts{Event: of, Kind: profile.KindOf(of.Channel)}
	for n := uint64(1); n <= b.journal.Last(); n++ {
		e, kept := b.journal.At(n)
		switch {
		case !kept:
		case n > seq && e.Channel == of.Channel:
			f.Later = append(f.Later, e)
		case n < seq && e.Kind == journal.Opened:
			f.Connected++
		case n < seq && (e.Channel == of.Channel || e.Kind == journal.Closed):
			f.Past = append(f.Past, e)
		}
		if !kept || n > seq || e.Kind != journal.Subscribed && e.Kind != journal.Unsubscribed {
			continue
		}
		at := slices.IndexFunc(f.Channels, func(ch diagnosis.Channel) bool { return ch.Name == e.Channel })
		if at < 0 {
			at = len(f.Channels)
			f.Channels = append(f.Channels, diagnosis.Channel{Name: e.Channel})
		}
		ch := &f.Channels[at]
		ch.Subscribers = slices.DeleteFunc(ch.Subscribers, func(s diagnosis.Subscriber) bool { return s.Socket == e.Socket })
		if e.Kind == journal.Subscribed {
			ch.Subscribers = append(ch.Subscribers, diagnosis.Subscriber{Socket: e.Socket, User: e.User})
		}
	}
	return diagnosis.Of(f), nil
}

func kept(seq uint64) journal.Entry {
	return journal.Entry{Seq: seq, At: time.UnixMicro(1_700_000_000_000_000 + int64(seq)),
		Kind: journal.Published, App: "client-portal", Channel: "kept", Event: fmt.Sprintf("FromStore%d", seq), Data: []byte("{}")}
}

func main() {
	log.SetFlags(0)
	listen := flag.String("listen", "127.0.0.1:0", "where the page is served")
	after := flag.Uint64("after", 0, "the number that the first entry follows")
	keep := flag.Int("keep", 0, "entries in the journal's ring; 0 is the usual number")
	window := flag.Bool("window", false, "open a window")
	flag.Parse()
	if err := run(*listen, *after, *keep, *window); err != nil {
		log.Fatal("page: ", err)
	}
}

func run(listen string, after uint64, keep int, window bool) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	b := &backend{journal: journal.New(journal.Options{After: after, Keep: keep})}
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	b.status.Store(&api.Status{
		Version: "0.1.0", StartedAt: time.Now(), Profile: "reverb",
		Server: api.ServerStatus{Host: "127.0.0.1", Port: 8080, Scheme: "http", URL: "http://127.0.0.1:8080"},
		UI:     "http://" + l.Addr().String(),
		Apps:   []api.AppStatus{{ID: "client-portal", Key: "local-reverb-key"}},
		Store:  api.StoreStatus{State: api.StoreOK, Path: "/home/ada/.local/share/echolab/client-portal.sqlite"},
	})
	handler := api.New(b, api.Options{UI: frontend.Files()})
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 5 * time.Second}
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	fmt.Println("http://" + l.Addr().String())

	go func() {
		defer stop()
		if err := obey(b, bufio.NewScanner(os.Stdin)); err != nil {
			log.Print("page: ", err)
		}
	}()
	if window {
		err = desktop.Run(ctx, desktop.Options{Handler: told(handler.Window()), OnReady: func() { fmt.Println("ready") }})
		fmt.Println("closed")
	} else {
		<-ctx.Done()
	}
	handler.Close()
	ending, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	if err := errors.Join(err, server.Shutdown(ending)); err != nil {
		return err
	}
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// told prints what the window asks for.
func told(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Printf("%s %s | %s\n", r.Method, r.URL.RequestURI(), r.UserAgent())
		next.ServeHTTP(w, r)
	})
}

func obey(b *backend, lines *bufio.Scanner) error {
	lines.Buffer(nil, 4<<20)
	for lines.Scan() {
		var c command
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			return err
		}
		if c.Status != nil {
			b.status.Store(c.Status)
		}
		if c.Append == nil {
			continue
		}
		start := time.Now()
		for n := range max(1, c.Times) {
			e := *c.Append
			e.Event = strings.ReplaceAll(e.Event, "{n}", fmt.Sprint(n+1))
			e.Channel = strings.ReplaceAll(e.Channel, "{n}", fmt.Sprint(n+1))
			if e.Bytes == 0 {
				e.Bytes = len(e.Data)
			}
			b.journal.Append(e)
			if c.Rate > 0 {
				time.Sleep(time.Until(start.Add(time.Duration(n+1) * time.Second / time.Duration(c.Rate))))
			}
		}
	}
	return lines.Err()
}
