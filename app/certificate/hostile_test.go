package certificate_test

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gofrs/flock"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"echolab/app/certificate"
)

// dirOfAnother is where a second process is told to make its certificate, see TestMain.
const dirOfAnother = "ECHOLAB_TEST_TLS_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(dirOfAnother); dir != "" {
		made, err := certificate.Local(dir, []string{"localhost"})
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		fmt.Print(certificate.Fingerprint(made.CA), " ", certificate.Fingerprint(made.Pair.Leaf))
		return
	}
	os.Exit(m.Run())
}

// requireServes holds a pair to what a client that trusts the CA file sees, now.
func requireServes(t *testing.T, a *certificate.Authority, hosts ...string) {
	t.Helper()
	content, err := os.ReadFile(a.CAPath)
	require.NoError(t, err)
	roots := x509.NewCertPool()
	require.True(t, roots.AppendCertsFromPEM(content))
	for _, host := range hosts {
		_, err = a.Pair.Leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: host, CurrentTime: time.Now()})
		require.NoError(t, err, host)
	}
}

func local(t *testing.T, dir string, hosts ...string) *certificate.Authority {
	t.Helper()
	a, err := certificate.Local(dir, hosts)
	require.NoError(t, err)
	requireServes(t, a, hosts...)
	return a
}

func TestLocal_SeveralProcessesMakeOneCA(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "tls")
	const many = 4
	told := make([]string, 2*many)
	var all sync.WaitGroup
	for i := range many {
		all.Go(func() {
			another := exec.Command(os.Args[0])
			another.Env = append(os.Environ(), dirOfAnother+"="+dir)
			out, err := another.CombinedOutput()
			assert.NoError(t, err, string(out))
			told[i] = string(out)
		})
		all.Go(func() {
			made, err := certificate.Local(dir, []string{"localhost"})
			if assert.NoError(t, err) {
				told[many+i] = certificate.Fingerprint(made.CA) + " " + certificate.Fingerprint(made.Pair.Leaf)
			}
		})
	}
	all.Wait()
	for _, each := range told {
		assert.Equal(t, told[0], each)
	}
	local(t, dir, "localhost")
}

func TestLocal_ClocksThatWereWrong(t *testing.T) {
	for name, wrong := range map[string]time.Duration{"ahead": 20 * 365 * day, "behind": 0} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			var first *certificate.Authority
			synctest.Test(t, func(t *testing.T) {
				time.Sleep(wrong)
				first = local(t, dir, "localhost")
			})
			synctest.Test(t, func(t *testing.T) {
				time.Sleep(20*365*day - wrong)
				now := local(t, dir, "localhost") // serves now, whatever is there
				assert.True(t, now.Made, "a CA that is not valid cannot be trusted")
				assert.NotEqual(t, first.CA, now.CA)
				assert.False(t, local(t, dir, "localhost").Made)
			})
		})
	}
}

func TestLocal_HalfWrittenFiles(t *testing.T) {
	dir := t.TempDir()
	first := local(t, dir, "localhost")
	key := filepath.Join(dir, "ca-key.pem")
	for _, path := range []string{first.CAPath, key, first.ServerPEM} {
		whole, err := os.ReadFile(path)
		require.NoError(t, err)
		for _, size := range []int{0, 1, len(whole) / 2, len(whole) - 30} {
			require.NoError(t, os.WriteFile(path, whole[:size], 0o600))
			left := filepath.Join(dir, ".new-123")
			require.NoError(t, os.WriteFile(left, whole[:size], 0o600))
			local(t, dir, "localhost")
			assert.NoFileExists(t, left, "what a killed process left is taken away")
			local(t, dir, "localhost")
		}
	}
	// The key of another CA beside the certificate: the process was killed between the two.
	other := t.TempDir()
	local(t, other, "localhost")
	content, err := os.ReadFile(filepath.Join(other, "ca-key.pem"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(key, content, 0o600))
	assert.True(t, local(t, dir, "localhost").Made)
	// The server's certificate of another CA.
	content, err = os.ReadFile(filepath.Join(other, "localhost.pem"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(first.ServerPEM, content, 0o600))
	assert.False(t, local(t, dir, "localhost").Made)
}

// TestLocal_WhatCannotBeReadIsNotReplaced: a folder stands in for a file that belongs to somebody else.
func TestLocal_WhatCannotBeReadIsNotReplaced(t *testing.T) {
	dir := t.TempDir()
	first := local(t, dir, "localhost")
	key := filepath.Join(dir, "ca-key.pem")
	require.NoError(t, os.Remove(key))
	require.NoError(t, os.Mkdir(key, 0o700))
	again := local(t, dir, "localhost")
	assert.Equal(t, first.Pair.Leaf, again.Pair.Leaf, "a certificate that serves needs no key of its CA")
	assert.Equal(t, first.CA, again.CA)
	_, err := certificate.Local(dir, []string{"localhost", "portal.test"})
	assert.ErrorContains(t, err, "local CA "+key+" cannot be read")
	content, err := os.ReadFile(first.CAPath)
	require.NoError(t, err)
	assert.Contains(t, string(content), "BEGIN CERTIFICATE", "the CA that people trust stays")
}

func TestLocal_WithoutTheLock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		first := local(t, dir, "localhost")
		held := flock.New(filepath.Join(dir, "tls.lock"))
		require.NoError(t, held.Lock())
		assert.Equal(t, first.Pair.Leaf, local(t, dir, "localhost").Pair.Leaf)
		began := time.Now()
		_, err := certificate.Local(dir, []string{"portal.test"})
		assert.ErrorContains(t, err, "another process has held "+held.Path())
		assert.Less(t, time.Since(began), time.Minute)
		require.NoError(t, held.Close())
		local(t, dir, "portal.test")

		require.NoError(t, os.Remove(held.Path()))
		require.NoError(t, os.Mkdir(held.Path(), 0o700)) // stands in for a folder that cannot be written
		assert.Equal(t, first.Pair.Leaf, local(t, dir, "localhost").Pair.Leaf)
		_, err = certificate.Local(dir, []string{"shop.test"})
		assert.ErrorContains(t, err, "cannot be written")
	})
}

func TestOwn_TakesOverWhatAnotherProcessMade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		told := 0
		source, first, err := certificate.Own(dir, []string{"localhost"}, func(_ *tls.Certificate, err error) {
			assert.NoError(t, err)
			told++
		})
		require.NoError(t, err)
		for _, name := range []string{"ca.pem", "ca-key.pem", "localhost.pem"} {
			require.NoError(t, os.Remove(filepath.Join(dir, name)))
		}
		time.Sleep(time.Second)
		assert.Same(t, first.Pair, source.Current(), "without files the one in use is as good as before")
		assert.NoFileExists(t, first.CAPath)

		again := local(t, dir, "localhost") // 'echolab tls'
		require.True(t, again.Made)
		time.Sleep(time.Second)
		assert.Equal(t, again.Pair.Leaf, source.Current().Leaf)
		assert.Equal(t, 1, told)
		for _, half := range []string{"", "half a fi"} {
			require.NoError(t, os.WriteFile(again.ServerPEM, []byte(half), 0o600))
			time.Sleep(time.Second)
			assert.Equal(t, again.Pair.Leaf, source.Current().Leaf)
		}
		assert.Equal(t, 1, told)
	})
}

func TestOwn_RenewsWhatExpiredUnnoticed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		source, _, err := certificate.Own(dir, []string{"localhost"}, nil)
		require.NoError(t, err)
		time.Sleep(450 * day) // a laptop that slept; nobody connected
		requireServes(t, &certificate.Authority{CAPath: filepath.Join(dir, "ca.pem"), Pair: source.Current()}, "localhost")
		time.Sleep(11 * 365 * day)
		requireServes(t, &certificate.Authority{CAPath: filepath.Join(dir, "ca.pem"), Pair: source.Current()}, "localhost")
	})
}

// TestOwn_TwoServersOfOneNameDoNotFight: they share the file, but not the hosts.
func TestOwn_TwoServersOfOneNameDoNotFight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		told := 0
		count := func(*tls.Certificate, error) { told++ }
		hosts := [][]string{{"localhost", "127.0.0.1"}, {"localhost", "192.168.1.9"}}
		var sources []*certificate.Source
		for _, h := range hosts {
			source, _, err := certificate.Own(dir, h, count)
			require.NoError(t, err)
			sources = append(sources, source)
		}
		look := func(seconds int) {
			for range seconds {
				time.Sleep(time.Second)
				for _, source := range sources {
					source.Current()
				}
			}
		}
		look(60)
		assert.Zero(t, told)
		for _, name := range []string{"ca.pem", "ca-key.pem"} {
			require.NoError(t, os.Remove(filepath.Join(dir, name)))
		}
		local(t, dir, "other.test") // a new CA
		look(60)
		assert.Equal(t, 2, told, "each takes the new CA's once")
		for i, source := range sources {
			requireServes(t, &certificate.Authority{CAPath: filepath.Join(dir, "ca.pem"), Pair: source.Current()}, hosts[i]...)
		}
		for range 400 {
			time.Sleep(day)
			look(3)
		}
		assert.LessOrEqual(t, told, 6, "and makes it anew once a year")
		for i, source := range sources {
			requireServes(t, &certificate.Authority{CAPath: filepath.Join(dir, "ca.pem"), Pair: source.Current()}, hosts[i]...)
		}
	})
}

func TestRoots_SayWhichFileHoldsNone(t *testing.T) {
	dir := t.TempDir()
	a := local(t, dir, "localhost")
	roots, err := certificate.Roots(a.CAPath)
	require.NoError(t, err)
	_, err = a.Pair.Leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: "localhost"})
	require.NoError(t, err)
	path, there := certificate.LocalCA(dir)
	assert.True(t, there)
	assert.Equal(t, a.CAPath, path)

	text := filepath.Join(dir, "text")
	require.NoError(t, os.WriteFile(text, []byte("hello"), 0o600))
	for _, c := range []struct{ file, want string }{{text, "holds no certificate in PEM"}, {filepath.Join(dir, "none"), "is not there"}, {dir, "cannot be read"}} {
		_, err = certificate.Roots(a.CAPath, c.file)
		require.ErrorContains(t, err, c.want)
		assert.True(t, strings.HasPrefix(err.Error(), "CA "+c.file+" "), err)
	}
	require.NoError(t, os.WriteFile(a.CAPath, []byte("half a fi"), 0o600))
	for _, dir := range []string{dir, t.TempDir(), ""} {
		_, there = certificate.LocalCA(dir)
		assert.False(t, there)
	}
}
