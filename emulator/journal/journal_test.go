package journal_test

import (
	"context"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"echolab/emulator/journal"
)

func drain(t *testing.T, tail *journal.Tail, n int) []journal.Entry {
	t.Helper()
	var all []journal.Entry
	buf := make([]journal.Entry, 16)
	for len(all) < n {
		got, _, err := tail.Next(t.Context(), buf)
		require.NoError(t, err)
		all = append(all, buf[:got]...)
	}
	return all
}

func TestTail_ReadsEverythingInOrder(t *testing.T) {
	j := journal.New(journal.Options{})
	tail := j.Follow(0, true)
	go func() {
		for i := range 5000 {
			j.Append(journal.Entry{Kind: journal.Published, Count: i})
		}
	}()
	for i, e := range drain(t, tail, 5000) {
		require.Equal(t, uint64(i+1), e.Seq)
		require.Equal(t, i, e.Count)
	}
}

func TestTail_MustFollowerIsNeverOvertaken(t *testing.T) {
	j := journal.New(journal.Options{Keep: 4})
	must, may := j.Follow(0, true), j.Follow(0, false)
	for range 1000 {
		j.Append(journal.Entry{Kind: journal.Opened})
	}
	assert.Len(t, drain(t, must, 1000), 1000)

	must.Done()
	j.Append(journal.Entry{Kind: journal.Opened}) // now the ring may let go
	n, lost, err := may.Next(t.Context(), make([]journal.Entry, 2000))
	require.NoError(t, err)
	assert.Equal(t, uint64(1001), lost+uint64(n), "what it did not get is counted")
	assert.Positive(t, lost)
}

func TestSettled_WaitsUntilTheBatchIsDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := journal.New(journal.Options{})
		tail := j.Follow(0, true)
		seq := j.Append(journal.Entry{Kind: journal.Published})
		settled := make(chan error, 1)
		go func() { settled <- j.Settled(context.Background(), seq) }()

		buf := make([]journal.Entry, 8)
		_, _, err := tail.Next(t.Context(), buf)
		require.NoError(t, err)
		synctest.Wait()
		assert.Empty(t, settled, "read is not yet done")

		tail.Done()
		assert.NoError(t, <-settled)
		assert.NoError(t, j.Settled(context.Background(), seq), "settled stays settled")
	})
}

func TestSettledWithin_GivesUpWhenTheStoreIsTooSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := journal.New(journal.Options{})
		tail := j.Follow(0, true)
		seq := j.Append(journal.Entry{Kind: journal.Published})

		began := time.Now()
		require.ErrorIs(t, j.SettledWithin(t.Context(), 3*time.Second, seq), context.DeadlineExceeded)
		assert.Equal(t, 3*time.Second, time.Since(began))

		drain(t, tail, 1)
		tail.Done()
		require.NoError(t, j.SettledWithin(t.Context(), time.Second, seq))
	})
}

func TestTail_MoreJoinsTheBatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := journal.New(journal.Options{})
		tail := j.Follow(0, true)
		buf := make([]journal.Entry, 8)
		assert.Zero(t, tail.More(buf), "it does not wait")
		j.Append(journal.Entry{Kind: journal.Published})
		n, _, err := tail.Next(t.Context(), buf)
		require.NoError(t, err)
		second := j.Append(journal.Entry{Kind: journal.Published})
		n += tail.More(buf[n:])
		require.Equal(t, 2, n)
		assert.Equal(t, second, buf[1].Seq)

		settled := make(chan error, 1)
		go func() { settled <- j.Settled(t.Context(), second) }()
		synctest.Wait()
		assert.Empty(t, settled, "what More took is not done before Next is called again")
		tail.Done()
		require.NoError(t, <-settled)
	})
}

func TestTail_GatherLooksNowAndThen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := journal.New(journal.Options{})
		tail := j.Follow(0, false).Gather(10 * time.Millisecond)
		go func() {
			for range 100 {
				j.Append(journal.Entry{Kind: journal.Published})
				time.Sleep(time.Millisecond)
			}
			j.Close()
		}()
		buf, began, batches, all := make([]journal.Entry, 64), time.Now(), 0, 0
		for {
			n, _, err := tail.Next(t.Context(), buf)
			if err != nil {
				break
			}
			batches++
			all += n
			if batches == 1 {
				assert.Zero(t, time.Since(began), "the first one is told at once")
			}
		}
		assert.Equal(t, 100, all)
		assert.LessOrEqual(t, batches, 12)
	})
}

func TestSettled_WithNobodyToWaitFor(t *testing.T) {
	j := journal.New(journal.Options{})
	seq := j.Append(journal.Entry{Kind: journal.Published})
	require.NoError(t, j.Settled(context.Background(), seq))

	tail := j.Follow(0, true)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	require.ErrorIs(t, j.Settled(ctx, seq), context.Canceled)
	tail.SetMust(false)
	require.NoError(t, j.Settled(context.Background(), seq), "a follower that gave up is not waited for")
}

func TestAdmit_HoldsNewWorkWhileTheStoreLags(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := journal.New(journal.Options{MaxLag: 1000})
		tail := j.Follow(0, true)
		for range 10 {
			require.NoError(t, j.Admit(t.Context()))
			j.Append(journal.Entry{Kind: journal.Published, Data: make([]byte, 50)})
			if j.Last() == 5 {
				break
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		assert.ErrorIs(t, j.Admit(ctx), journal.ErrBehind)

		admitted := make(chan error, 1)
		go func() { admitted <- j.Admit(context.Background()) }()
		synctest.Wait()
		assert.Empty(t, admitted)
		drain(t, tail, 5)
		tail.Done()
		assert.NoError(t, <-admitted)
	})
}

func TestClose_LetsTailsFinish(t *testing.T) {
	j := journal.New(journal.Options{After: 41})
	tail := j.Follow(41, true)
	assert.Equal(t, uint64(42), j.Append(journal.Entry{Kind: journal.Stopped}))
	j.Close()
	assert.Len(t, drain(t, tail, 1), 1)
	_, _, err := tail.Next(t.Context(), make([]journal.Entry, 1))
	assert.ErrorIs(t, err, journal.ErrClosed)
	tail.Close()
	tail.Close()
}

func TestEntryID_IsOrderedAndStable(t *testing.T) {
	at := time.UnixMicro(1_700_000_000_123_456)
	a := journal.Entry{Seq: 1, At: at}
	b := journal.Entry{Seq: 2, At: at}
	c := journal.Entry{Seq: 1, At: at.Add(time.Microsecond)}
	assert.Equal(t, "018bcfe5-687b-71c8-8000-000000000001", a.ID())
	assert.Less(t, a.ID(), b.ID())
	assert.Less(t, b.ID(), c.ID())
}

func TestKinds_HaveDistinctNamesInOrder(t *testing.T) {
	seen := map[string]bool{}
	for i, row := range journal.Kinds {
		assert.EqualValues(t, i+1, row.Kind)
		assert.False(t, seen[row.Name])
		seen[row.Name] = true
		assert.Equal(t, row.Kind, journal.KindNamed(row.Name))
	}
}

func TestSeqOf_NamesAnEntryByNumberOrID(t *testing.T) {
	for _, seq := range []uint64{1, 42, 1 << 40} {
		e := journal.Entry{Seq: seq, At: time.UnixMicro(1_700_000_000_123_456)}
		for _, name := range []string{e.ID(), strings.ToUpper(e.ID()), strconv.FormatUint(seq, 10)} {
			got, ok := journal.SeqOf(name)
			assert.True(t, ok, name)
			assert.Equal(t, seq, got)
		}
	}
	for _, name := range []string{"", "0", "-1", "1.5", "x", "01a2090e-69cc-4114-8000-00000000000b", "01a2090e-69cc-7114-8000-00000000000", "01a2090e-69cc-7114-8000-0000000000zz", "99999999999999999999"} {
		_, ok := journal.SeqOf(name)
		assert.False(t, ok, name)
	}
}

func BenchmarkJournal(b *testing.B) {
	j := journal.New(journal.Options{})
	tail := j.Follow(0, true)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		buf := make([]journal.Entry, 512)
		for {
			if _, _, err := tail.Next(ctx, buf); err != nil {
				return
			}
		}
	}()
	b.ReportAllocs()
	for b.Loop() {
		_ = j.Admit(ctx)
		j.Append(journal.Entry{Kind: journal.Published, App: "a", Channel: "c", Event: "e", Count: 1})
	}
}
