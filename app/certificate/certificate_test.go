package certificate_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"echolab/app/certificate"
)

const day = 24 * time.Hour

// pair writes a self-signed certificate and its key and returns their paths.
func pair(t *testing.T, dir, name string, from, to time.Duration) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(from), NotAfter: time.Now().Add(to),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	require.NoError(t, err)
	keyDER, err := x509.MarshalPKCS8PrivateKey(private)
	require.NoError(t, err)
	cert, key = filepath.Join(dir, name+".crt"), filepath.Join(dir, name+".key")
	require.NoError(t, os.WriteFile(cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	require.NoError(t, os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}), 0o600))
	return cert, key
}

func TestLoad_RefusesWhatNoClientWouldAccept(t *testing.T) {
	dir := t.TempDir()
	good, goodKey := pair(t, dir, "good.test", -day, day)
	_, otherKey := pair(t, dir, "other.test", -day, day)
	old, oldKey := pair(t, dir, "old.test", -9*day, -day)
	early, earlyKey := pair(t, dir, "early.test", day, 9*day)
	text := filepath.Join(dir, "text")
	require.NoError(t, os.WriteFile(text, []byte("hello"), 0o600))
	encrypted := filepath.Join(dir, "encrypted.key")
	require.NoError(t, os.WriteFile(encrypted, pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: []byte{1}}), 0o600))
	damaged := filepath.Join(dir, "damaged.crt")
	require.NoError(t, os.WriteFile(damaged, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte{1}}), 0o600))

	for _, c := range []struct{ cert, key, want string }{
		{good, otherKey, "key " + otherKey + " does not belong to the certificate " + good},
		{old, oldKey, "certificate " + old + " expired on"},
		{early, earlyKey, "is valid from"},
		{good, "", "holds no private key; name its file with --tls-key"},
		{good, good, "holds no private key"},
		{goodKey, goodKey, "holds no certificate but PRIVATE KEY"},
		{good, text, "holds no private key in PEM"},
		{text, goodKey, "is not PEM"},
		{good, encrypted, "is encrypted with a passphrase"},
		{damaged, goodKey, "cannot be used"},
		{filepath.Join(dir, "none"), goodKey, "none is not there"},
		{good, filepath.Join(dir, "none"), "none is not there"},
		{dir, goodKey, "cannot be read"},
	} {
		_, err := certificate.Load(c.cert, c.key)
		require.ErrorContains(t, err, c.want)
		assert.NotContains(t, err.Error(), "\n")
	}
	loaded, err := certificate.Load(good, goodKey)
	require.NoError(t, err)
	assert.Equal(t, []string{"good.test"}, certificate.Names(loaded.Leaf))
}

func TestFind_LooksWhereReverbLooks(t *testing.T) {
	for _, c := range []struct{ goos, dir, by string }{
		{"darwin", "Library/Application Support/Herd/config/valet/Certificates", "Laravel Herd"},
		{"windows", ".config/herd/config/valet/Certificates", "Laravel Herd"},
		{"linux", ".config/valet/Certificates", "Laravel Valet"},
		{"darwin", ".config/valet/Certificates", "Laravel Valet"},
	} {
		home := t.TempDir()
		dir := filepath.Join(home, filepath.FromSlash(c.dir))
		require.NoError(t, os.MkdirAll(dir, 0o700))
		cert, key := pair(t, dir, "portal.test", -day, day)
		found, ok := certificate.Find(home, c.goos, "portal.test")
		require.True(t, ok, c)
		assert.Equal(t, certificate.Found{By: c.by, Cert: cert, Key: key}, found)
		require.NoError(t, os.Remove(key))
		for _, host := range []string{"portal.test", "other.test", "", "../Certificates/portal.test"} {
			_, ok := certificate.Find(home, c.goos, host)
			assert.False(t, ok, "%s without a key, or a name that is none", host)
		}
	}
}

func TestLocal_IsWhatAClientThatTrustsTheCAAccepts(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "tls")
	hosts := []string{"portal.test", "localhost", "127.0.0.1", "::1"}
	made, err := certificate.Local(dir, hosts)
	require.NoError(t, err)
	assert.True(t, made.Made)
	roots := x509.NewCertPool()
	content, err := os.ReadFile(made.CAPath)
	require.NoError(t, err)
	require.True(t, roots.AppendCertsFromPEM(content))
	for _, host := range hosts {
		_, err := made.Pair.Leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: host, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
		assert.NoError(t, err, host)
	}
	_, err = made.Pair.Leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: "other.test"})
	assert.Error(t, err)
	for _, cert := range []*x509.Certificate{made.CA, made.Pair.Leaf} {
		public, ok := cert.PublicKey.(*ecdsa.PublicKey)
		require.True(t, ok)
		assert.Equal(t, elliptic.P256(), public.Curve)
	}
	assert.False(t, made.Pair.Leaf.IsCA)
	assert.LessOrEqual(t, made.Pair.Leaf.NotAfter.Sub(made.Pair.Leaf.NotBefore), 398*day, "Apple refuses more")
	if runtime.GOOS != "windows" {
		for _, path := range []string{filepath.Join(dir, "ca-key.pem"), made.ServerPEM} {
			info, err := os.Stat(path)
			require.NoError(t, err)
			assert.Equal(t, os.FileMode(0o600), info.Mode().Perm(), path)
		}
	}
}

func TestLocal_IsUsedAgainAndRenewed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		local := func(hosts ...string) *certificate.Authority {
			a, err := certificate.Local(dir, hosts)
			require.NoError(t, err)
			return a
		}
		first := local("localhost", "127.0.0.1")
		again := local("127.0.0.1", "localhost")
		require.NotEqual(t, first.ServerPEM, again.ServerPEM, "each first name has its file")
		again = local("localhost", "127.0.0.1")
		assert.False(t, again.Made)
		assert.Equal(t, first.CA, again.CA)
		assert.Equal(t, first.Pair.Leaf, again.Pair.Leaf, "the same one")

		named := local("localhost", "127.0.0.1", "portal.test")
		assert.NotEqual(t, first.Pair.Leaf, named.Pair.Leaf, "another name")
		assert.Equal(t, first.CA, named.CA, "who trusted it goes on trusting")

		time.Sleep(365 * day)
		assert.Equal(t, named.Pair.Leaf, local("localhost", "127.0.0.1", "portal.test").Pair.Leaf)
		time.Sleep(10 * day)
		later := local("localhost", "127.0.0.1", "portal.test")
		assert.NotEqual(t, named.Pair.Leaf, later.Pair.Leaf, "renewed before it expired")
		assert.Equal(t, first.CA, later.CA)

		time.Sleep(8 * 365 * day)
		end := local("localhost")
		assert.True(t, end.Made, "a CA at its end makes way")
		assert.NoError(t, end.Pair.Leaf.CheckSignatureFrom(end.CA))
	})
}

func TestLocal_DamagedFilesAreMadeAnew(t *testing.T) {
	dir := t.TempDir()
	first, err := certificate.Local(dir, []string{"localhost"})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(first.ServerPEM, []byte("half a fi"), 0o600))
	again, err := certificate.Local(dir, []string{"localhost"})
	require.NoError(t, err)
	assert.Equal(t, first.CA, again.CA)
	assert.Empty(t, first.Replaced, "there was none before")
	assert.Empty(t, again.Replaced)
	for _, c := range []struct {
		file, content string // the file is taken away where it is to have no content
		why           string
	}{
		{"ca-key.pem", "", "ca-key.pem is not there"},
		{"ca-key.pem", "-----BEGIN half a key", "ca-key.pem holds no private key"},
		{"ca.pem", "", "ca.pem is not there"},
		{"ca.pem", "half", "ca.pem is not PEM"},
	} {
		path := filepath.Join(dir, c.file)
		if require.NoError(t, os.Remove(path)); c.content != "" {
			require.NoError(t, os.WriteFile(path, []byte(c.content), 0o600))
		}
		again, err = certificate.Local(dir, []string{"localhost"})
		require.NoError(t, err)
		assert.True(t, again.Made)
		assert.Contains(t, again.Replaced, c.why, "clients trusted the one before")
		assert.NoError(t, again.Pair.Leaf.CheckSignatureFrom(again.CA))
	}

	require.NoError(t, os.WriteFile(filepath.Join(dir, "file"), nil, 0o600))
	_, err = certificate.Local(filepath.Join(dir, "file"), []string{"localhost"})
	assert.ErrorContains(t, err, "cannot be written")
}

func TestHost_IsWhatACertificateCanBeFor(t *testing.T) {
	for name, want := range map[string]string{
		"Portal.test":     "portal.test",
		"localhost":       "localhost",
		"my_app.test.":    "my_app.test",
		"127.0.0.1":       "127.0.0.1",
		"[::1]":           "::1",
		"fe80::1%eth0":    "fe80::1",
		"пример.рф":       "xn--e1afmkfd.xn--p1ai",
		"Bücher.example":  "xn--bcher-kva.example",
		"a.b-c.d0.e1.f-g": "a.b-c.d0.e1.f-g",
	} {
		got, err := certificate.Host(name)
		require.NoError(t, err, name)
		assert.Equal(t, want, got)
	}
	for name, advice := range map[string]string{
		"ws://a":                "write a",
		"https://a.test:8080/x": "write a.test",
		"a:80":                  "write a, without the port",
		"[::1]:80":              "write ::1, without the port",
		"a b":                   "write a name such as portal.test",
		"../x":                  "write a name such as portal.test",
		"*.portal.test":         "write a name such as portal.test",
		"-a.test":               "write a name such as portal.test",
		"a..test":               "write a name such as portal.test",
		"":                      "write a name such as portal.test",
		"a.test/b":              "write a name such as portal.test",
		"999.1.1.1":             "write a name such as portal.test",
		strings.Repeat("a", 64): "write a name such as portal.test",
	} {
		_, err := certificate.Host(name)
		require.Error(t, err, name)
		assert.Equal(t, fmt.Sprintf("%q is no host name, so no certificate can be for it; %s", name, advice), err.Error())
		_, err = certificate.Local(t.TempDir(), []string{"localhost", name})
		assert.Error(t, err, name)
	}
}

func TestFiles_ChangesAreNoticedWithinASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		cert, key := pair(t, dir, "portal.test", -day, 9*day)
		var told []string
		source, err := certificate.Files(cert, key, func(_ *tls.Certificate, err error) {
			if err != nil {
				told = append(told, err.Error())
			} else {
				told = append(told, "new")
			}
		})
		require.NoError(t, err)
		first := source.Current()
		pair(t, dir, "portal.test", -day, 10*day)
		require.NoError(t, os.Chtimes(cert, time.Time{}, time.Now().Add(5*time.Second))) // the file system's clock is the real one
		assert.Same(t, first, source.Current(), "not looked at again yet")
		time.Sleep(time.Second)
		second, err := source.Config().GetCertificate(nil)
		require.NoError(t, err)
		assert.NotEqual(t, first.Leaf.NotAfter, second.Leaf.NotAfter)

		require.NoError(t, os.WriteFile(key, []byte("half a fi"), 0o600))
		for range 3 {
			time.Sleep(time.Second)
			assert.Same(t, second, source.Current(), "what cannot be used changes nothing")
		}
		require.Len(t, told, 2, "each change is told once: %v", told)
		assert.Equal(t, "new", told[0])
		assert.Contains(t, told[1], "holds no private key")
	})
}

func TestOwn_IsRenewedWhileInUse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source, authority, err := certificate.Own(t.TempDir(), []string{"localhost"}, nil)
		require.NoError(t, err)
		assert.Same(t, authority.Pair, source.Current())
		time.Sleep(360 * day)
		assert.Same(t, authority.Pair, source.Current())
		time.Sleep(10 * day)
		renewed := source.Current()
		assert.Greater(t, renewed.Leaf.NotAfter, authority.Pair.Leaf.NotAfter)
		assert.NoError(t, renewed.Leaf.CheckSignatureFrom(authority.CA))
	})
}

func TestTrust_NamesEverySystemAndQuotesThePath(t *testing.T) {
	text := func(path, goos string) string {
		var b strings.Builder
		for _, i := range certificate.Trust(path, goos) {
			b.WriteString(i.For + "\n" + strings.Join(i.Lines, "\n") + "\n" + i.Note + "\n")
		}
		return b.String()
	}
	linux := text("/home/ada/tls/ca.pem", "linux")
	for _, want := range []string{
		"security add-trusted-cert", "certutil -user -addstore Root", "update-ca-certificates", "trust anchor --store /home/ada/tls/ca.pem",
		"-i /home/ada/tls/ca.pem", "Firefox", `curl.cainfo = "/home/ada/tls/bundle.pem"`, `openssl.cafile = "/home/ada/tls/bundle.pem"`,
		"NODE_EXTRA_CA_CERTS=/home/ada/tls/ca.pem", "'verify' => '/home/ada/tls/ca.pem'",
	} {
		assert.Contains(t, linux, want)
	}
	assert.NotContains(t, linux, "{")
	assert.Equal(t, "linux", certificate.Trust("/ca.pem", "linux")[0].System)
	assert.Equal(t, "darwin", certificate.Trust("/ca.pem", "darwin")[0].System)

	mac := text("/Users/ada/Library/Application Support/Echolab/tls/ca.pem", "darwin")
	assert.Contains(t, mac, "login.keychain-db\" '/Users/ada/Library/Application Support/Echolab/tls/ca.pem'")
	assert.Contains(t, text(`C:\Users\Ada L\ca.pem`, "windows"), `-addstore Root "C:\Users\Ada L\ca.pem"`)
	assert.Contains(t, text(`/home/o'neil/ca.pem`, "linux"), `--store '/home/o'\''neil/ca.pem'`)
}
