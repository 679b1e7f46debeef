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
	for _, batch := range []int{1, 16, 256, 1024} {
		b.Run(fmt.Sprintf("batch=%d", batch), func(b *testing.B) {
			s, err := store.Open(store.Options{Path: filepath.Join(b.TempDir(), "bench.sqlite")})
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

// cpu is the processor time that this process has used.
func cpu() time.Duration {
	var r syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &r)
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}
