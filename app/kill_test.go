package app_test

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"echolab/app"
	"echolab/emulator/pusher"
)

// victim serves until it is killed and prints its address.
func victim(db string) {
	dir, _ := os.MkdirTemp("", "echolab-victim")
	defer func() { _ = os.RemoveAll(dir) }()
	pages := []string{} // rows to look at
	for n := range 100 {
		pages = append(pages, fmt.Sprintf("{id: %d}", n+1))
	}
	_ = os.WriteFile(filepath.Join(dir, "echolab.yaml"), []byte("entities:\n  pages: ["+strings.Join(pages, ", ")+"]\n"), 0o600)
	cfg, err := app.Load(app.Sources{Flags: map[string]string{"port": "0", "ui-port": "0", "db": db}, Environ: []string{"HOME=" + dir}, Dir: dir})
	if err == nil {
		var a *app.App
		if a, err = app.Open(context.Background(), cfg, nil); err == nil {
			a.Mount(http.NotFoundHandler())
			go func() {
				<-a.Ready()
				fmt.Println("victim at " + a.URL())
			}()
			err = a.Run(context.Background())
		}
	}
	fmt.Println("victim failed:", err)
	os.Exit(1)
}

// startVictim starts a victim and returns its address; kill kills it and waits until it is dead.
func startVictim(t *testing.T, db string) (base string, kill func()) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run", "^TestApp_SurvivesKill$")
	cmd.Env = append(os.Environ(), "ECHOLAB_TEST_VICTIM="+db)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	lines := bufio.NewScanner(out)
	require.True(t, lines.Scan(), "the victim said nothing")
	base, ok := strings.CutPrefix(lines.Text(), "victim at ")
	require.True(t, ok, lines.Text())
	return base, func() {
		require.NoError(t, cmd.Process.Kill())
		_ = cmd.Wait()
	}
}

// killedUnderLoad starts a victim, publishes from eight callers until it has been killed after some acknowledgements,
// and returns the events that were answered with 200.
func killedUnderLoad(t *testing.T, db string, creds *pusher.App, round int) (acknowledged []string) {
	t.Helper()
	base, kill := startVictim(t, db)
	var mu sync.Mutex
	var callers sync.WaitGroup
	enough := make(chan struct{})
	for caller := range 8 {
		callers.Go(func() {
			for n := 0; ; n++ {
				id := fmt.Sprintf("r%d-c%d-n%d", round, caller, n)
				status, err := publish(base, creds, "portal", id, `{"n":1}`)
				if err != nil || status != 200 {
					return // it is dead
				}
				mu.Lock()
				if acknowledged = append(acknowledged, id); len(acknowledged) == 50+37*round {
					close(enough)
				}
				mu.Unlock()
			}
		})
	}
	select {
	case <-enough:
	case <-time.After(20 * time.Second):
		t.Errorf("round %d: the victim answered too little", round)
	}
	kill()
	callers.Wait()
	return acknowledged
}
