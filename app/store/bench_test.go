//go:build unix

package store_test

import (
	"context"
	"fmt"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"echolab/app/store"
	"echolab/emulator/journal"
)

// BenchmarkStoreFollow is the cost of keeping an entry, from Append until it is settled, in rows of one batch size.
func BenchmarkStoreFollow(b *testing.B) {
	channels := make([]string, 200)
	for i := range channels {
		channels[i] = fmt.Sprintf("private-client.%d", i*7919%1000)
	}
	for _, c := range []struct {
		batch int
		rows  int64
	}{{1, 0}, {16, 0}, {256, 0}, {1024, 0}, {1, 20_000}, {16, 20_000}, {256, 20_000}, {1024, 20_000}} {
		batch, name := c.batch, fmt.Sprintf("batch=%d", c.batch)
		if c.rows > 0 { // old entries are deleted meanwhile
			name += fmt.Sprintf("/keep=%d", c.rows)
		}
		b.Run(name, func(b *testing.B) {
			s, err := store.Open(store.Options{Path: filepath.Join(b.TempDir(), "bench.sqlite"), Retention: store.Retention{Rows: c.rows}})
			require.NoError(b, err)
			defer s.Close()
			j := journal.New(journal.Options{After: s.LastSeq()})
			s.Attach(j)
			done := make(chan error, 1)
			go func() { done <- s.Follow(context.Background(), j) }()
			b.ReportAllocs()
			before := cpu()
			b.ResetTimer()
			for i := range b.N {
				seq := j.Append(journal.Entry{Kind: journal.Published, Source: journal.HTTP, App: "client-portal",
					Channel: channels[i*31%200], Event: "InvoiceCreated", Data: []byte(invoice), Count: 3, Bytes: len(invoice)})
				if i%batch == batch-1 {
					_ = j.Settled(context.Background(), seq)
				}
			}
			j.Close()
			require.NoError(b, <-done)
			b.StopTimer()
			b.ReportMetric(float64((cpu()-before).Nanoseconds())/float64(b.N), "cpu-ns/row")
			b.ReportMetric(float64(s.State().Bytes)/float64(b.N), "B-disk/row")
		})
	}
}

// BenchmarkIndex is the cost of a row in the search index, without writing it to disk, and its size there.
func BenchmarkIndex(b *testing.B) {
	ix, size := store.NewIndexer(), 0
	e := journal.Entry{Kind: journal.Published, Source: journal.HTTP, App: "client-portal", Event: "InvoiceCreated", Count: 3}
	for i := range b.N {
		e.Seq, e.Channel = uint64(i), fmt.Sprint("private-client.", i*31%200)
		e.Data = fmt.Appendf(nil, "%s%d}", invoice[:len(invoice)-1], i*7919)
		ix.Add(&e)
		if i%4096 == 4095 {
			size += ix.Take()
		}
	}
	b.ReportMetric(float64(size+ix.Take())/float64(b.N), "B-index/row")
}

// cpu is the processor time that this process has used.
func cpu() time.Duration {
	var r syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &r)
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}
