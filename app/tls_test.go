package app_test

import (
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"echolab/app"
	"echolab/app/certificate"
)

// trusting is a client that trusts one CA.
func trusting(t *testing.T, ca string) *http.Client {
	t.Helper()
	roots := x509.NewCertPool()
	content, err := os.ReadFile(ca)
	require.NoError(t, err)
	require.True(t, roots.AppendCertsFromPEM(content))
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, DisableKeepAlives: true}
	return &http.Client{Transport: transport, Timeout: 10 * time.Second}
}

func TestApp_ServesItsOwnCertificate(t *testing.T) {
	r := run(t, map[string]string{"db": ":memory:", "tls": "auto", "hostname": "portal.test"})
	require.True(t, strings.HasPrefix(r.URL(), "https://127.0.0.1:"), r.URL())
	assert.True(t, strings.HasPrefix(r.UIURL(), "http://"), "the page stays where it was")
	client := trusting(t, filepath.Join(r.Config().TLSDir, "ca.pem"))
	response, err := client.Get(r.URL() + "/up")
	require.NoError(t, err)
	_ = response.Body.Close()
	assert.Equal(t, 200, response.StatusCode)
	assert.Equal(t, "portal.test", r.Hostname())
	assert.ElementsMatch(t, []string{"portal.test", "localhost", "127.0.0.1", "::1"}, certificate.Names(response.TLS.PeerCertificates[0]))
	_, err = http.Get("https" + strings.TrimPrefix(r.URL(), "https") + "/up")
	assert.ErrorContains(t, err, "x509", "whoever does not trust the CA is not served")
	require.NoError(t, r.stop())
}

// TestApp_NamesNoHostThatTheCertificateIsNotFor: a client sent there would refuse it.
func TestApp_NamesNoHostThatTheCertificateIsNotFor(t *testing.T) {
	made, err := certificate.Local(t.TempDir(), []string{"127.0.0.1"})
	require.NoError(t, err)
	r := run(t, map[string]string{"db": ":memory:", "tls-cert": made.ServerPEM, "hostname": "shop.test"})
	assert.Empty(t, r.Hostname())
	assert.Equal(t, "shop.test", r.Config().Hostname)
	require.NoError(t, r.stop())

	r = run(t, map[string]string{"db": ":memory:", "hostname": "shop.test"})
	assert.Equal(t, "shop.test", r.Hostname())
	require.NoError(t, r.stop())
}

// TestApp_TakesChangedCertificatesOver: mkcert or a script renews the files, and nobody starts anything again.
func TestApp_TakesChangedCertificatesOver(t *testing.T) {
	own := func() (cert, ca string) {
		dir := t.TempDir()
		made, err := certificate.Local(dir, []string{"127.0.0.1"})
		require.NoError(t, err)
		return made.ServerPEM, made.CAPath
	}
	first, firstCA := own()
	second, secondCA := own()
	served := filepath.Join(t.TempDir(), "cert.pem")
	put := func(from string) {
		content, err := os.ReadFile(from)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(served+".new", content, 0o600))
		require.NoError(t, os.Rename(served+".new", served))
	}
	put(first)
	var log noted
	r := runLogged(t, map[string]string{"db": ":memory:", "tls-cert": served}, slog.New(slog.NewTextHandler(&log, nil)))
	response, err := trusting(t, firstCA).Get(r.URL() + "/up")
	require.NoError(t, err)
	_ = response.Body.Close()

	put(second)
	client := trusting(t, secondCA)
	assert.Eventually(t, func() bool {
		response, err := client.Get(r.URL() + "/up")
		if err != nil {
			return false
		}
		return response.Body.Close() == nil
	}, 10*time.Second, 50*time.Millisecond)
	assert.Contains(t, log.String(), `msg="certificate reloaded" names=127.0.0.1`)

	require.NoError(t, os.WriteFile(served, []byte("half a fi"), 0o600))
	assert.Eventually(t, func() bool {
		response, err := client.Get(r.URL() + "/up")
		return err == nil && response.Body.Close() == nil && strings.Contains(log.String(), "the changed certificate is not used")
	}, 10*time.Second, 50*time.Millisecond, "what cannot be used leaves the old one in place")
}

// TestApp_TakesOverWhatAnotherProcessMadeAnew: somebody deleted the CA and asked 'echolab tls' for another.
func TestApp_TakesOverWhatAnotherProcessMadeAnew(t *testing.T) {
	var log noted
	r := runLogged(t, map[string]string{"db": ":memory:", "tls": "auto"}, slog.New(slog.NewTextHandler(&log, nil)))
	dir := r.Config().TLSDir
	require.NoError(t, os.RemoveAll(dir))
	made, err := certificate.Local(dir, r.Config().OwnNames())
	require.NoError(t, err)
	client := trusting(t, made.CAPath)
	assert.Eventually(t, func() bool {
		response, err := client.Get(r.URL() + "/up")
		return err == nil && response.Body.Close() == nil
	}, 10*time.Second, 50*time.Millisecond)
	assert.Contains(t, log.String(), "the local CA was made anew")
	require.NoError(t, r.stop())
}

// herd is a home folder with a certificate where Valet, or Herd, keeps it on this system.
func herd(t *testing.T, host string) (home string) {
	t.Helper()
	home = t.TempDir()
	made, err := certificate.Local(t.TempDir(), []string{host})
	require.NoError(t, err)
	content, err := os.ReadFile(made.ServerPEM)
	require.NoError(t, err)
	dir := filepath.Join(home, ".config", "valet", "Certificates")
	require.NoError(t, os.MkdirAll(dir, 0o700))
	for _, ext := range []string{".crt", ".key"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, host+ext), content, 0o600))
	}
	return home
}

func TestLoad_TLS(t *testing.T) {
	home := herd(t, "portal.test")
	valet := filepath.Join(home, ".config", "valet", "Certificates", "portal.test")
	dir := t.TempDir()
	own, err := certificate.Local(dir, []string{"portal.test"})
	require.NoError(t, err)
	for _, c := range []struct {
		name, yaml, env string
		flags           map[string]string
		scheme, cert    string
		from, warning   string
		problem         string
	}{
		{name: "nothing", scheme: "http", from: "default"},
		{name: "valet", env: "REVERB_HOST=portal.test", scheme: "https", cert: valet + ".crt", from: "found: Laravel Valet"},
		{name: "valet, by flag", flags: map[string]string{"hostname": "portal.test"}, scheme: "https", cert: valet + ".crt", from: "found: Laravel Valet"},
		{name: "valet has another", env: "REVERB_HOST=other.test", scheme: "http", from: "default"},
		{name: "valet, but off", env: "REVERB_HOST=portal.test", yaml: "tls: off", scheme: "http", from: "default"},
		{name: "own", yaml: "tls: auto", scheme: "https", from: "default"},
		{name: "own before valet's", env: "REVERB_HOST=portal.test", yaml: "tls: auto", scheme: "https", from: "default"},
		{name: "given", yaml: "tls: {cert: " + own.ServerPEM + "}", scheme: "https", cert: own.ServerPEM, from: "echolab.yaml:1:13"},
		{name: "given as Reverb names them", yaml: "tls:\n  local_cert: " + own.ServerPEM + "\n  local_pk: " + own.ServerPEM, scheme: "https", cert: own.ServerPEM, from: "echolab.yaml:2:15"},
		{name: "given before valet's", env: "REVERB_HOST=portal.test", yaml: "tls: {cert: " + own.ServerPEM + "}", scheme: "https", cert: own.ServerPEM, from: "echolab.yaml:1:13"},
		{name: "for another host", env: "REVERB_HOST=shop.test", flags: map[string]string{"tls-cert": own.ServerPEM}, scheme: "https", cert: own.ServerPEM,
			from: "flag --tls-cert", warning: "is not for shop.test"},
		{name: "not used", flags: map[string]string{"tls-cert": own.ServerPEM, "tls": "off"}, scheme: "http", from: "flag --tls-cert", warning: "are not used"},
		{name: "a key alone", flags: map[string]string{"tls-key": own.ServerPEM}, problem: "without tls.cert"},
		{name: "not there", yaml: "tls: {cert: none.pem}", problem: "none.pem is not there; give the path of a PEM file (echolab.yaml:1:13)"},
		{name: "a word", yaml: "tls: yes please", problem: "must be found or auto or off"},
		{name: "a key of no kind", yaml: "tls: {crt: x}", problem: "did you mean cert?"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			require.NoError(t, os.WriteFile(filepath.Join(dir, "echolab.yaml"), []byte(c.yaml), 0o600))
			cfg, err := app.Load(app.Sources{Flags: c.flags, Environ: []string{"HOME=" + home, "USERPROFILE=" + home, "LOCALAPPDATA=" + home, c.env}, Dir: dir})
			if c.problem != "" {
				require.ErrorContains(t, err, c.problem)
				assert.NotContains(t, err.Error(), "\n")
				return
			}
			require.NoError(t, err)
			assert.Equal(t, c.scheme, cfg.Scheme())
			assert.Equal(t, c.cert, cfg.TLSCert)
			assert.Equal(t, c.from, cfg.Origin("tls.cert"))
			warnings := strings.Join(cfg.Warnings, "\n")
			if c.warning == "" {
				assert.Empty(t, warnings)
			} else {
				assert.Contains(t, warnings, c.warning)
			}
		})
	}
}

func TestLoad_TellsWhenLaravelSpeaksTheOtherScheme(t *testing.T) {
	env := "BROADCAST_CONNECTION=reverb\nREVERB_APP_ID=1\nREVERB_APP_KEY=k\nREVERB_APP_SECRET=s\nREVERB_HOST=localhost\nREVERB_PORT=8080\nREVERB_SCHEME="
	for _, c := range []struct{ tls, scheme, warning string }{
		{"off", "http", ""}, {"auto", "https", ""},
		{"off", "https", "write REVERB_SCHEME=http or start with --tls auto"},
		{"auto", "http", "write REVERB_SCHEME=https, or start with --tls off"},
	} {
		dir := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(dir, ".env"), []byte(env+c.scheme), 0o600))
		cfg, err := app.Load(app.Sources{Flags: map[string]string{"tls": c.tls}, Environ: []string{"HOME=" + dir, "LOCALAPPDATA=" + dir}, Dir: dir})
		require.NoError(t, err)
		if c.warning == "" {
			assert.Empty(t, cfg.Warnings, c)
		} else {
			assert.Contains(t, strings.Join(cfg.Warnings, "\n"), c.warning)
		}
	}
}

// TestApp_ShowsTheNameThatTheCertificateIsFor: 127.0.0.1 would be refused by every client of Herd's portal.test.
func TestApp_ShowsTheNameThatTheCertificateIsFor(t *testing.T) {
	made, err := certificate.Local(t.TempDir(), []string{"portal.test"})
	require.NoError(t, err)
	r := run(t, map[string]string{"db": ":memory:", "tls-cert": made.ServerPEM})
	assert.Regexp(t, `^https://portal\.test:\d+$`, r.URL())
}
