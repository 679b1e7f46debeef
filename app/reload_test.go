package app_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"echolab/app"
	"echolab/emulator/journal"
	"echolab/emulator/laravel"
)

// notes is a log that a test reads while it is written.
type notes struct {
	mu   sync.Mutex // guards text
	text bytes.Buffer
}

func (n *notes) Write(b []byte) (int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.text.Write(b)
}

func (n *notes) String() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.text.String()
}

// configured is an Echolab with an echolab.yaml that a test changes.
type configured struct {
	*app.App
	t    *testing.T
	dir  string
	log  *notes
	tail *journal.Tail
	stop func()
}

func runConfigured(t *testing.T, file string, flags ...string) *configured {
	t.Helper()
	c := &configured{t: t, dir: t.TempDir(), log: new(notes)}
	if file != "" {
		c.write(file)
	}
	all := map[string]string{"port": "0", "ui-port": "0", "db": ":memory:"}
	for i := 0; i+1 < len(flags); i += 2 {
		all[flags[i]] = flags[i+1]
	}
	cfg, err := app.Load(app.Sources{Flags: all, Environ: []string{"HOME=" + c.dir}, Dir: c.dir})
	require.NoError(t, err)
	c.App, err = app.Open(t.Context(), cfg, slog.New(slog.NewTextHandler(c.log, nil)))
	require.NoError(t, err)
	c.Mount(http.NotFoundHandler())
	c.tail = c.Journal().Follow(0, false)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx) }()
	<-c.Ready()
	c.stop = sync.OnceFunc(func() {
		cancel()
		assert.NoError(t, <-ended)
	})
	t.Cleanup(c.stop)
	return c
}

// write puts a new file in the old one's place, as editors do.
func (c *configured) write(text string) {
	c.t.Helper()
	temporary := filepath.Join(c.dir, "echolab.yaml~")
	require.NoError(c.t, os.WriteFile(temporary, []byte(text), 0o600))
	require.NoError(c.t, os.Rename(temporary, filepath.Join(c.dir, "echolab.yaml")))
}

// next waits for an entry of a kind.
func (c *configured) next(kind journal.Kind) string {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), 20*time.Second)
	defer cancel()
	buf := make([]journal.Entry, 1)
	for {
		n, _, err := c.tail.Next(ctx, buf)
		require.NoError(c.t, err, "no entry %s came; the log: %s", kind, c.log)
		if n > 0 && buf[0].Kind == kind {
			return buf[0].Note
		}
		if n > 0 {
			require.NotContains(c.t, []journal.Kind{journal.Configured, journal.Trouble}, buf[0].Kind, buf[0].Note)
		}
	}
}

func (c *configured) names() (names []string) {
	for _, user := range c.BackendStatus().Application.Users {
		names = append(names, user.Name)
	}
	return names
}

func TestReload_TakesOverWhatDescribesTheApplication(t *testing.T) {
	c := runConfigured(t, "users: [{id: 1, name: Ada}]\n")
	assert.Equal(t, []string{"Ada"}, c.names())

	c.write("users: [{id: 1, name: Ada}, {id: 2, name: Bo}]\nseed: 9\n")
	assert.Equal(t, "echolab.yaml was read again; taken over: users, seed", c.next(journal.Configured))
	assert.Equal(t, []string{"Ada", "Bo"}, c.names())

	// A section that is gone is the seed's again.
	c.write("# nothing\n")
	assert.Equal(t, "echolab.yaml was read again; taken over: users, seed", c.next(journal.Configured))
	assert.Len(t, c.names(), 12)

	// A rule that only moved in the file is not told of.
	rule := "channels:\n  - {pattern: a, rule: user.isAdmin, member: {id: user.id}}\nevents: {A: {channels: [b]}}\nauth: {sign_in: user.name}\n"
	c.write(rule)
	assert.Equal(t, "echolab.yaml was read again; taken over: channels, events, auth", c.next(journal.Configured))
	c.write("# moved\n\n" + rule + "seed: 3\n")
	assert.Equal(t, "echolab.yaml was read again; taken over: seed", c.next(journal.Configured))
	assert.Contains(t, c.log.String(), "taken over: seed")
}

func TestReload_AFileThatComesLater(t *testing.T) {
	c := runConfigured(t, "")
	assert.Len(t, c.names(), 12)
	c.write("users: [{id: 1, name: Ada}]\n")
	assert.Equal(t, "echolab.yaml was read again; taken over: users", c.next(journal.Configured))
	assert.Equal(t, []string{"Ada"}, c.names())
	assert.Equal(t, "echolab.yaml", c.BackendStatus().File)
}

func TestReload_ABrokenFileChangesNothing(t *testing.T) {
	const good = "users: [{id: 1, name: Ada}]\n"
	for name, row := range map[string]struct{ file, why string }{
		"no YAML":                  {"users: [", "echolab.yaml:1:"},
		"unknown default user":     {good + "auth: {default_user: 5}\n", "echolab.yaml:2:22: default_user: there is no user with the id 5; there are 1"},
		"a malformed rule":         {good + "channels: [{pattern: a, rule: nobody.id}]\n", "echolab.yaml:2:31: unknown name nobody"},
		"rules in a circle":        {good + "channels: [{pattern: a, rule: allows(\"a\")}]\n", "a cyclic reference: a → a"},
		"wrong types":              {"users: {id: 1}\n", "echolab.yaml:1:8: users must be a list, not a mapping"},
		"an alias within itself":   {good + "entities: {a: &a [{id: 1, x: *a}]}\n", "echolab.yaml:2:30: this alias stands for something that it is itself a part of"},
		"ten megabytes":            {good + "# " + strings.Repeat("x", 10<<20), "echolab.yaml: cannot be read: it has more than 4 MiB"},
		"brackets without end":     {good + "entities: " + strings.Repeat("[", 50_000), "more than 64 values within each other"},
		"a setting that cannot be": {good + "profile: puser\n", "echolab.yaml:2:10: profile: puser: must be reverb or pusher; did you mean pusher?"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := runConfigured(t, good)
			before := c.BackendStatus().Application
			c.write(row.file)
			note := c.next(journal.Trouble)
			assert.Contains(t, note, row.why)
			assert.True(t, strings.HasPrefix(note, "The changed configuration is not used: echolab.yaml:"), note)
			assert.True(t, strings.HasSuffix(note, "; everything stays as it was"), note)
			status := c.BackendStatus()
			assert.Same(t, before, status.Application)
			assert.Contains(t, status.Problem, row.why)
			assert.Equal(t, 200, c.get("/up"))

			c.Reload() // the same mistake is not told again
			c.write(good)
			assert.Equal(t, "echolab.yaml was read again; it is as before the mistake", c.next(journal.Configured))
			assert.Empty(t, c.BackendStatus().Problem)
			assert.Equal(t, 1, strings.Count(c.log.String(), "the changed configuration is not used"))
		})
	}
}

func TestReload_AFileThatIsGone(t *testing.T) {
	c := runConfigured(t, "users: [{id: 1, name: Ada}]\n")
	require.NoError(t, os.Remove(filepath.Join(c.dir, "echolab.yaml")))
	assert.Equal(t, "The changed configuration is not used: echolab.yaml is gone; everything stays as it was", c.next(journal.Trouble))
	assert.Equal(t, []string{"Ada"}, c.names())
	c.write("users: [{id: 1, name: Eve}]\n")
	assert.Equal(t, "echolab.yaml was read again; taken over: users", c.next(journal.Configured))
}

func TestReload_SettingsWaitForARestart(t *testing.T) {
	c := runConfigured(t, "profile: reverb\n")
	c.write("profile: pusher\nack: delivered\nusers: [{id: 1, name: Ada}]\napps: [{id: a, key: b, secret: c}]\n")
	assert.Equal(t, "echolab.yaml was read again; taken over: users; after a restart only: "+
		"profile (echolab.yaml:1:10), ack (echolab.yaml:2:6), apps", c.next(journal.Configured))
	assert.Equal(t, []string{"profile (echolab.yaml:1:10)", "ack (echolab.yaml:2:6)", "apps"}, c.BackendStatus().Waiting)
	assert.Equal(t, app.ProfileReverb, c.Config().Profile)

	require.NoError(t, os.WriteFile(filepath.Join(c.dir, ".env"), []byte("ECHOLAB_QUEUE_BYTES=5000\nBROADCAST_CONNECTION=reverb\n"), 0o600))
	assert.Contains(t, c.next(journal.Configured), "queue_bytes (.env:1)")
}

// get asks the emulator's port.
func (c *configured) get(path string) int {
	c.t.Helper()
	res, err := http.Get("http://" + c.Addr().String() + path)
	require.NoError(c.t, err)
	_, _ = io.Copy(io.Discard, res.Body)
	require.NoError(c.t, res.Body.Close())
	return res.StatusCode
}

func TestBackend_AnswersOnTheServersPortAndOnItsOwn(t *testing.T) {
	c := runConfigured(t, "", "backend-addr", "0", "backend", "as-written")
	assert.Equal(t, laravel.AsWritten, c.BackendStatus().Mode)
	assert.Equal(t, 200, c.get("/login"))
	assert.Equal(t, 404, c.get("/nowhere"))
	own := "http://" + c.BackendAddr().String()
	assert.Equal(t, own, c.BackendURL())
	form := url.Values{"socket_id": {"1.2"}, "channel_name": {"private-client.5"}}.Encode()
	for _, base := range []string{own, "http://" + c.Addr().String()} {
		for user, want := range map[string]int{"1": 200, "7": 200, "8": 403} {
			req, err := http.NewRequest(http.MethodPost, base+"/broadcasting/auth", strings.NewReader(form))
			require.NoError(t, err)
			req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			req.Header.Set("Authorization", "Bearer "+user)
			res, err := http.DefaultClient.Do(req)
			require.NoError(t, err)
			assert.Equal(t, want, res.StatusCode, "user %s", user)
			require.NoError(t, res.Body.Close())
		}
	}
	c.stop()
	_, err := http.Get(own + "/login")
	assert.Error(t, err, "its listener ends with the rest")
}

// TestBackend_AForeignName: the built-in users' token stands in a public file, so a page whose name was pointed here knows it.
// A token of one's own is proof, and so is a name that was configured.
func TestBackend_AForeignName(t *testing.T) {
	for _, row := range []struct {
		file, token, host string
		want              int
	}{
		{"", "ada-token", "127.0.0.1", 200},
		{"", "ada-token", "evil.example.com", 403},
		{"", "1", "evil.example.com", 403},
		{"", "ada-token", "portal.example.com", 200},
		{"users: [{id: 1, name: Ada, token: of-my-own}]\n", "of-my-own", "evil.example.com", 200},
	} {
		c := runConfigured(t, row.file, "hostname", "portal.example.com")
		req, err := http.NewRequest(http.MethodGet, "http://"+c.Addr().String()+"/api/user", nil)
		require.NoError(t, err)
		req.Host = row.host
		req.Header.Set("Authorization", "Bearer "+row.token)
		res, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		assert.Equal(t, row.want, res.StatusCode, "%v", row)
	}
}

func TestBackend_Off(t *testing.T) {
	c := runConfigured(t, "", "backend", "off", "backend-addr", "0")
	assert.Equal(t, 404, c.get("/login"))
	assert.Nil(t, c.BackendAddr())
	assert.Equal(t, app.BackendStatus{Mode: laravel.Off}, c.BackendStatus())
	c.write("users: [{id: 1, name: Ada}]\nprofile: pusher\n")
	assert.Contains(t, c.next(journal.Configured), "after a restart only: profile")
}

func TestBackend_ABusyPort(t *testing.T) {
	c := runConfigured(t, "")
	port := c.Addr().String()
	cfg, err := app.Load(app.Sources{Flags: map[string]string{"port": "0", "ui-port": "0", "db": ":memory:", "backend-addr": port}, Dir: t.TempDir(), Environ: []string{"HOME=/x"}})
	require.NoError(t, err)
	_, err = app.Open(t.Context(), cfg, nil)
	var failure *app.Error
	require.ErrorAs(t, err, &failure)
	assert.Equal(t, app.Busy, failure.Code)
	assert.Regexp(t, `^port \d+ on 127\.0\.0\.1 is in use by another program; pass --backend-addr 127\.0\.0\.1:\d+, or 0 for any free one$`, failure.Message)
}
