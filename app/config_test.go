package app_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"echolab/app"
	"echolab/app/store"
	"echolab/emulator/pusher"
)

// folder writes files into a fresh working folder and gives Sources that see nothing else.
func folder(t *testing.T, files map[string]string) app.Sources {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600))
	}
	return app.Sources{Flags: map[string]string{}, Environ: []string{"HOME=" + dir, "LOCALAPPDATA=" + dir}, Dir: dir}
}

func load(t *testing.T, src app.Sources) app.Config {
	t.Helper()
	cfg, err := app.Load(src)
	require.NoError(t, err)
	return cfg
}

func TestLoad_WithNothingConfigured(t *testing.T) {
	src := folder(t, nil)
	cfg := load(t, src)
	assert.Equal(t, []any{"127.0.0.1", 8080, "", "", "127.0.0.1", 8089, "reverb", "stored", 10_000, 1 << 20},
		[]any{cfg.Host, cfg.Port, cfg.Path, cfg.Hostname, cfg.UIHost, cfg.UIPort, cfg.Profile, cfg.Ack, cfg.MaxRequestSize, cfg.QueueBytes})
	assert.Equal(t, []time.Duration{10 * time.Second, time.Second, 5 * time.Second},
		[]time.Duration{cfg.WriteTimeout, cfg.AdmitWait, cfg.ShutdownTimeout})
	assert.Equal(t, []pusher.App{pusher.DefaultApp()}, cfg.Apps)
	assert.Equal(t, filepath.Join(app.DataDir(src.Environ), "client-portal.sqlite"), cfg.DB)
	assert.Empty(t, cfg.Warnings)
	assert.Equal(t, "default", cfg.Origin("port"))
	assert.Zero(t, cfg.PublishesTo)
}

func TestLoad_NearerSourcesWin(t *testing.T) {
	src := folder(t, map[string]string{"echolab.yaml": "# ports\nport: 9001\nhost: 127.0.0.5\npath: ws\nprofile: pusher\nwrite_timeout: 2s\n"})
	cfg := load(t, src)
	assert.Equal(t, 9001, cfg.Port)
	assert.Equal(t, "echolab.yaml:2:7", cfg.Origin("port"))
	assert.Equal(t, "/ws", cfg.Path)
	assert.Equal(t, 2*time.Second, cfg.WriteTimeout)

	require.NoError(t, os.WriteFile(filepath.Join(src.Dir, ".env"), []byte("X=1\nREVERB_SERVER_PORT=9002\nECHOLAB_PROFILE=reverb\n"), 0o600))
	cfg = load(t, src)
	assert.Equal(t, 9002, cfg.Port)
	assert.Equal(t, ".env:2", cfg.Origin("port"))
	assert.Equal(t, app.ProfileReverb, cfg.Profile)
	assert.Equal(t, "echolab.yaml:3:7", cfg.Origin("host"), "each setting by itself")

	src.Environ = append(src.Environ, "REVERB_SERVER_PORT=9003")
	cfg = load(t, src)
	assert.Equal(t, 9003, cfg.Port)
	assert.Equal(t, "environment REVERB_SERVER_PORT", cfg.Origin("port"))

	src.Flags["port"] = "9004"
	cfg = load(t, src)
	assert.Equal(t, 9004, cfg.Port)
	assert.Equal(t, "flag --port", cfg.Origin("port"))

	src.Flags["port"] = "" // reverb:start --port= takes the configuration's
	assert.Equal(t, 9003, load(t, src).Port)
}

func TestLoad_FilesNamedAnywhere(t *testing.T) {
	src := folder(t, map[string]string{
		"my.yaml":  "env_file: yaml.env\ndb: data/e.sqlite\n",
		"yaml.env": "REVERB_SERVER_PORT=1\n", "environ.env": "REVERB_SERVER_PORT=2\n", "flag.env": "REVERB_SERVER_PORT=3\n",
		".env": "REVERB_SERVER_PORT=4\n", ".env.testing": "REVERB_SERVER_PORT=5\n",
	})
	port := func() int { return load(t, src).Port }
	assert.Equal(t, 4, port())
	src.Environ = append(src.Environ, "APP_ENV=testing")
	assert.Equal(t, 5, port())
	src.Environ = append(src.Environ, "ECHOLAB_CONFIG=my.yaml")
	assert.Equal(t, 1, port())
	src.Environ = append(src.Environ, "ECHOLAB_ENV_FILE=environ.env")
	assert.Equal(t, 2, port())
	src.Flags["env-file"] = filepath.Join(src.Dir, "flag.env")
	cfg := load(t, src)
	assert.Equal(t, 3, cfg.Port)
	assert.Equal(t, filepath.Join(src.Dir, "data", "e.sqlite"), cfg.DB)
	assert.Equal(t, "my.yaml", cfg.ConfigFile)
	assert.Equal(t, src.Flags["env-file"], cfg.EnvFile)
	src.Flags["db"] = ":memory:"
	assert.Equal(t, ":memory:", load(t, src).DB)
	src.Flags["db"] = "x.sqlite"
	assert.Equal(t, filepath.Join(src.Dir, "x.sqlite"), load(t, src).DB)
}

func TestLoad_DBIsAFileOfTheFirstApp(t *testing.T) {
	for _, id := range []string{"shop", "..", "a b"} {
		src := folder(t, map[string]string{"echolab.yaml": "apps: [{id: '" + id + "', key: k, secret: s}]\n"})
		assert.Equal(t, filepath.Join(app.DataDir(src.Environ), store.FileName(id)), load(t, src).DB, id)
		src.Environ = append(src.Environ, "ECHOLAB_DATA="+src.Dir)
		assert.Equal(t, filepath.Join(src.Dir, store.FileName(id)), load(t, src).DB, id)
	}
}

func TestLoad_AFileNamedYmlIsNotReadButSeen(t *testing.T) {
	cfg := load(t, folder(t, map[string]string{"echolab.yml": "port: 1\n"}))
	assert.Equal(t, 8080, cfg.Port)
	assert.Equal(t, []string{"echolab.yml is not read; name it echolab.yaml, or pass --config echolab.yml"}, cfg.Warnings)
}

func TestLoad_AnEnvFileOfTheConfigurationStartsAtItsFolder(t *testing.T) {
	src := folder(t, nil)
	require.NoError(t, os.Mkdir(filepath.Join(src.Dir, "sub"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(src.Dir, "sub", "c.yaml"), []byte("env_file: e.env\ndb: ~/x.sqlite\n"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(src.Dir, "sub", "e.env"), []byte("REVERB_SERVER_PORT=7\n"), 0o600))
	src.Flags["config"] = filepath.Join("sub", "c.yaml")
	cfg := load(t, src)
	assert.Equal(t, 7, cfg.Port)
	assert.Equal(t, filepath.Join("sub", "e.env")+":1", cfg.Origin("port"))
	assert.Equal(t, filepath.Join(src.Dir, "x.sqlite"), cfg.DB, "~ is HOME")
}

func TestLoad_WithoutHomeKeepsEventsInMemoryAndSaysSo(t *testing.T) {
	src := folder(t, nil)
	src.Environ = nil
	cfg := load(t, src)
	assert.Equal(t, ":memory:", cfg.DB)
	assert.Equal(t, []string{"there is no home folder to keep events in, so they are kept in memory and lost at the end; pass --db PATH"}, cfg.Warnings)
}

const twoApps = `apps:
  - id: one
    key: k1
    secret: yaml-secret-one
    max_connections: 5
    allowed_origins: [localhost, "*.test"]
    rate_limiting: {enabled: true, max_attempts: 3, decay: 500ms, terminate: true}
    webhooks:
      - url: http://u:p@127.0.0.1:8000/hook?token=x
        events: [member_added]
        batch: 1s
  - id: 0123
    key: k2
    secret: yaml-secret-two
    ping_interval: 10s
    activity_timeout: 20s
    max_message_size: 7
    accept_client_events_from: none
    subscription_count: true
`

func yamlApps() []pusher.App {
	five := 5
	return []pusher.App{
		pusher.App{ID: "one", Key: "k1", Secret: "yaml-secret-one", MaxConnections: &five, AllowedOrigins: []string{"localhost", "*.test"},
			RateLimit: pusher.RateLimit{Enabled: true, MaxAttempts: 3, Decay: 500 * time.Millisecond, Terminate: true},
			Webhooks:  []pusher.Webhook{{URL: "http://u:p@127.0.0.1:8000/hook?token=x", Events: []string{"member_added"}, Batch: time.Second}},
		}.WithDefaults(),
		pusher.App{ID: "0123", Key: "k2", Secret: "yaml-secret-two", PingInterval: 10 * time.Second, ActivityTimeout: 20 * time.Second,
			MaxMessageSize: 7, AcceptClientEventsFrom: "none", SubscriptionCount: true}.WithDefaults(),
	}
}

func TestLoad_SeveralAppsEachWithItsOwnSettings(t *testing.T) {
	assert.Equal(t, yamlApps(), load(t, folder(t, map[string]string{"echolab.yaml": twoApps})).Apps)
}

func TestLoad_TheAppOfTheEnvironmentIsFirst(t *testing.T) {
	t.Run("and joins those of the file", func(t *testing.T) {
		cfg := load(t, folder(t, map[string]string{"echolab.yaml": twoApps,
			".env": "REVERB_APP_ID=three\nREVERB_APP_KEY=k3\nREVERB_APP_SECRET=s3\nREVERB_APP_MAX_CONNECTIONS=9\n"}))
		nine := 9
		third := pusher.App{ID: "three", Key: "k3", Secret: "s3", MaxConnections: &nine}.WithDefaults()
		assert.Equal(t, append([]pusher.App{third}, yamlApps()...), cfg.Apps)
		assert.Equal(t, ".env:4", cfg.Origin("apps[0].max_connections"))
		assert.Equal(t, "echolab.yaml:2:9", cfg.Origin("apps[1].id"))
	})
	t.Run("and overrides the one with its id, setting by setting", func(t *testing.T) {
		src := folder(t, map[string]string{"echolab.yaml": twoApps})
		src.Environ = append(src.Environ, "REVERB_APP_ID=0123", "REVERB_APP_SECRET=other", "REVERB_APP_PING_INTERVAL=5")
		cfg := load(t, src)
		want := yamlApps()
		want[0], want[1] = want[1], want[0]
		want[0].Secret, want[0].PingInterval = "other", 5*time.Second
		assert.Equal(t, want, cfg.Apps)
		assert.Equal(t, "environment REVERB_APP_SECRET", cfg.Origin("apps[0].secret"))
		assert.Equal(t, "echolab.yaml:13:10", cfg.Origin("apps[0].key"))
	})
	t.Run("limits without an app are for the first", func(t *testing.T) {
		src := folder(t, map[string]string{"echolab.yaml": twoApps})
		src.Environ = append(src.Environ, "REVERB_APP_MAX_MESSAGE_SIZE=77")
		want := yamlApps()
		want[0].MaxMessageSize = 77
		assert.Equal(t, want, load(t, src).Apps)
	})
	t.Run("limits alone are for the default app", func(t *testing.T) {
		src := folder(t, nil)
		src.Environ = append(src.Environ, "REVERB_ALLOWED_ORIGINS=localhost, *.test")
		want := pusher.DefaultApp()
		want.AllowedOrigins = []string{"localhost", "*.test"}
		assert.Equal(t, []pusher.App{want}, load(t, src).Apps)
	})
	t.Run("PUSHER_APP_* stands in", func(t *testing.T) {
		src := folder(t, map[string]string{".env": "PUSHER_APP_ID=1\nPUSHER_APP_KEY=k\nPUSHER_APP_SECRET=s\nPUSHER_HOST=127.0.0.1\nPUSHER_PORT=8080\nPUSHER_SCHEME=http\nBROADCAST_CONNECTION=pusher\n"})
		cfg := load(t, src)
		assert.Equal(t, []pusher.App{pusher.App{ID: "1", Key: "k", Secret: "s"}.WithDefaults()}, cfg.Apps)
		assert.Equal(t, []string{".env:1: PUSHER_APP_ID: no REVERB_APP_* is set, so the app is taken from PUSHER_APP_*"}, cfg.Warnings)
		assert.Equal(t, "http://127.0.0.1:8080", cfg.PublishesTo.URL())
	})
	t.Run("three empty values name none", func(t *testing.T) {
		cfg := load(t, folder(t, map[string]string{".env": "PUSHER_APP_ID=\nPUSHER_APP_KEY=\nPUSHER_APP_SECRET=\n"}))
		assert.Equal(t, []pusher.App{pusher.DefaultApp()}, cfg.Apps)
		assert.Empty(t, cfg.Warnings)
	})
}

func TestLoad_AnchorsAndMerges(t *testing.T) {
	cfg := load(t, folder(t, map[string]string{"echolab.yaml": `
apps:
  - &first {id: one, key: k1, secret: s1, max_message_size: 5, allowed_origins: [a]}
  - <<: *first
    id: two
    key: k2
`}))
	assert.Equal(t, []pusher.App{
		pusher.App{ID: "one", Key: "k1", Secret: "s1", MaxMessageSize: 5, AllowedOrigins: []string{"a"}}.WithDefaults(),
		pusher.App{ID: "two", Key: "k2", Secret: "s1", MaxMessageSize: 5, AllowedOrigins: []string{"a"}}.WithDefaults(),
	}, cfg.Apps)
}

func TestClosest(t *testing.T) {
	known := []string{"port", "profile", "accept_client_events_from"}
	for word, want := range map[string]string{
		"prot": "port", "Port": "port", "accept_client_events": "accept_client_events_from", "prof": "profile", "zzz": "", "": "",
	} {
		assert.Equal(t, want, app.Closest(word, known), word)
	}
}

func FuzzLoad_ConfigFile(f *testing.F) {
	f.Add([]byte(twoApps))
	f.Add([]byte("port: &a *a\napps: [{<<: *a}]\n"))
	f.Add([]byte("? [a]\n: {b: !!str c}\n--- |\n x"))
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, content []byte) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, "echolab.yaml"), content, 0o600))
		cfg, err := app.Load(app.Sources{Dir: dir})
		if err != nil {
			var failure *app.Error
			require.ErrorAs(t, err, &failure)
			for line := range strings.SplitSeq(err.Error(), "\n") {
				assert.Regexp(t, `^.+: .+$`, line)
			}
			return
		}
		require.NotEmpty(t, cfg.Apps)
		for _, served := range cfg.Apps {
			assert.Equal(t, served.WithDefaults(), served)
		}
	})
}
