package store_test

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"echolab/app/store"
	"echolab/emulator/journal"
)

// childEnv makes the test binary a server that publishes until it is killed; its value is the file to keep.
const childEnv = "ECHOLAB_STORE_TEST_CHILD"

// publishForEver acknowledges, one seq a line, what it publishes from several goroutines at once.
func publishForEver(path string) {
	s, err := store.Open(store.Options{Path: path})
	if err != nil {
		panic(err)
	}
	j := journal.New(journal.Options{After: s.LastSeq()})
	s.Attach(j)
	for p := range 8 {
		go func() {
			room, socket := fmt.Sprintf("presence-%d", p), fmt.Sprintf("%d.1", p)
			for i := 0; ; i++ {
				e := journal.Entry{App: "a", Channel: room, Socket: socket, User: fmt.Sprint("u", p), Data: []byte(invoice)}
				switch i % 10 {
				case 0:
					e.Kind = journal.Subscribed
				case 1:
					e.Kind = journal.Joined
				case 8:
					e.Kind = journal.Left
				case 9:
					e.Kind = journal.Unsubscribed
				default:
					e.Kind = journal.Whispered
				}
				seq := j.Append(e)
				if j.Settled(context.Background(), seq) == nil {
					_, _ = os.Stdout.WriteString(strconv.FormatUint(seq, 10) + "\n")
				}
			}
		}()
	}
	panic(s.Follow(context.Background(), j))
}

func TestKill_LosesNothingThatWasAcknowledged(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events.sqlite")
	const rounds = 20
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	acknowledged := make(map[uint64]bool)
	for round := range rounds {
		child := exec.CommandContext(t.Context(), os.Args[0])
		child.Env = append(os.Environ(), childEnv+"="+path)
		child.Stderr = os.Stderr
		out, err := child.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, child.Start())
		enough := random.IntN(400)
		lines := bufio.NewScanner(out)
		for n := 0; lines.Scan(); n++ {
			seq, err := strconv.ParseUint(lines.Text(), 10, 64)
			if err != nil {
				break // cut short by the kill: nobody was told
			}
			acknowledged[seq] = true
			if n == enough { // it goes on publishing until the signal arrives
				require.NoError(t, child.Process.Kill())
			}
		}
		require.ErrorContains(t, child.Wait(), "killed")
		require.Greater(t, len(acknowledged), round)

		s, err := store.Open(store.Options{Path: path})
		require.NoError(t, err)
		db := direct(t, path)
		check := "PRAGMA quick_check"
		if round == rounds-1 {
			check = "PRAGMA integrity_check" // compares the indexes too
		}
		assert.Equal(t, "ok", scalar[string](t, db, check))
		assert.Zero(t, scalar[int](t, db, "SELECT count(*) FROM subscriptions WHERE to_seq IS NULL"))
		assert.Zero(t, scalar[int](t, db, "SELECT count(*) FROM user_presence WHERE status = 'online'"))
		assert.Equal(t, s.LastSeq(), scalar[uint64](t, db, "SELECT max(seq) FROM realtime_events"))
		assert.Zero(t, scalar[int](t, db, "SELECT count(*) FROM blocks WHERE rows <> (SELECT count(*) FROM realtime_events WHERE seq >> 12 = block)"))
		kept := make(map[uint64]bool)
		rows, err := db.Query("SELECT seq FROM realtime_events")
		require.NoError(t, err)
		for rows.Next() {
			var seq uint64
			require.NoError(t, rows.Scan(&seq))
			kept[seq] = true
		}
		require.NoError(t, rows.Close())
		for seq := range acknowledged {
			require.True(t, kept[seq], "entry %d was acknowledged and is lost (round %d, seed %d)", seq, round, seed)
		}
		require.NoError(t, db.Close())
		require.NoError(t, s.Close())
	}
	t.Logf("%d acknowledged", len(acknowledged))
}

func TestKill_WhileTheFileIsMade(t *testing.T) {
	for round := range 10 {
		path := filepath.Join(t.TempDir(), "events.sqlite")
		child := exec.CommandContext(t.Context(), os.Args[0])
		child.Env = append(os.Environ(), childEnv+"="+path)
		require.NoError(t, child.Start())
		require.Eventually(t, func() bool { // it has begun
			_, err := os.Stat(path)
			return err == nil
		}, 20*time.Second, 100*time.Microsecond)
		<-time.After(time.Duration(round) * 500 * time.Microsecond) // any moment will do
		require.NoError(t, child.Process.Kill())
		require.ErrorContains(t, child.Wait(), "killed")
		s, err := store.Open(store.Options{Path: path})
		require.NoError(t, err, "round %d", round)
		require.NoError(t, s.Close())
	}
}

func TestOpen_PutsRightWhatAKillCutShort(t *testing.T) {
	r := start(t, store.Options{}, journal.Options{})
	r.keep(samples()...)
	want, path := r.entries(store.Query{}), r.path()
	r.stop()
	// A transaction under way, as a migration is, with half of it in the file already and the rest in its journal.
	db := direct(t, path)
	for _, sql := range []string{"PRAGMA journal_mode=DELETE", "PRAGMA cache_size=1", "BEGIN", "DELETE FROM realtime_events"} {
		_, err := db.Exec(sql)
		require.NoError(t, err)
	}
	copied := filepath.Join(t.TempDir(), "events.sqlite")
	for _, suffix := range []string{"", "-journal"} {
		content, err := os.ReadFile(path + suffix)
		require.NoError(t, err)
		require.NotEmpty(t, content)
		require.NoError(t, os.WriteFile(copied+suffix, content, 0o600))
	}
	again := start(t, store.Options{Path: copied}, journal.Options{})
	assert.Equal(t, want, again.entries(store.Query{}))
}
