package app_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"echolab/app"
	"echolab/emulator/pusher"
)

// signed is a server with a certificate for 127.0.0.1, or for other.test, and the PEM file of its authority.
func signed(t *testing.T, ends time.Duration, forUs bool) (url, ca string) {
	t.Helper()
	make := func(template, parent *x509.Certificate, signer *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey) {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		require.NoError(t, err)
		if parent == nil {
			parent, signer = template, key
		}
		template.SerialNumber, template.NotBefore = big.NewInt(time.Now().UnixNano()), time.Now().Add(-48*time.Hour)
		der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
		require.NoError(t, err)
		cert, err := x509.ParseCertificate(der)
		require.NoError(t, err)
		return cert, key
	}
	authority, signer := make(&x509.Certificate{Subject: pkix.Name{CommonName: "Company Root"}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}, nil, nil)
	template := &x509.Certificate{Subject: pkix.Name{CommonName: "server"}, NotAfter: time.Now().Add(ends), DNSNames: []string{"other.test"},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	if forUs {
		template.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)}
	}
	leaf, key := make(template, authority, signer)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "{}") }))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{leaf.Raw}, PrivateKey: key}}}
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	ca = filepath.Join(t.TempDir(), "root.pem")
	require.NoError(t, os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: authority.Raw}), 0o600))
	return server.URL, ca
}

func TestRemote_SaysWhatToDoAboutACertificate(t *testing.T) {
	for name, c := range map[string]struct {
		ends   time.Duration
		forUs  bool
		trust  bool
		refuse string
	}{
		"trusted":              {time.Hour, true, true, ""},
		"an unknown authority": {time.Hour, true, false, `is signed by "Company Root", which neither this system nor this Echolab trusts; pass --ca with the PEM file of that authority, or --insecure`},
		"for another host":     {time.Hour, false, true, "is for other.test, not for that host; use one of those names, or --insecure"},
		"expired":              {-time.Hour, true, true, "renew it, or put the clock right, or --insecure"},
	} {
		t.Run(name, func(t *testing.T) {
			url, ca := signed(t, c.ends, c.forUs)
			r := app.Remote{URL: url, App: pusher.DefaultApp()}
			if c.trust {
				var err error
				r.TLS, err = app.Trusting(ca)
				require.NoError(t, err)
			}
			_, err := r.Trigger(t.Context(), "portal", "E", "{}", "")
			heard := r.Listen(t.Context(), []string{"portal"}, "", func(string) {}, func(app.Heard) error { return nil })
			if c.refuse == "" {
				require.NoError(t, err)
				assert.ErrorContains(t, heard, "answered 200 OK to a WebSocket")
				return
			}
			require.ErrorContains(t, err, c.refuse)
			assert.EqualError(t, heard, err.Error(), "the same words for both")
			assert.NotContains(t, err.Error(), "auth_signature")

			r.TLS = app.Unchecked()
			_, err = r.Trigger(t.Context(), "portal", "E", "{}", "")
			require.NoError(t, err)
		})
	}
}

func TestRemote_TamesWhatAStrangerAnswers(t *testing.T) {
	for name, c := range map[string]struct{ answer, want string }{
		"words":              {"Authentication signature invalid.", "401 Unauthorized Authentication signature invalid."},
		"control characters": {"no\x1b[31m red\r\nhere\x00\u009b", "401 Unauthorized no [31m red here"},
		"a page":             {"\n<!DOCTYPE html><html><head>\n<title> 502 Bad\nGateway &amp; more</title><style>a{}</style></head><body>x</body></html>", "401 Unauthorized an HTML page: 502 Bad Gateway & more"},
		"a page, no title":   {"<html><head><style>a{}</style></head><body><script>x()</script><h1>Not\x1b here</h1> today</body></html>", "401 Unauthorized an HTML page: Not here today"},
		"a mebibyte":         {strings.Repeat("ü", 1<<19), "401 Unauthorized " + strings.Repeat("ü", 300) + "… (cut; the answer has 1048576 bytes)"},
		"nothing":            {"", "401 Unauthorized"},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(http.StatusUnauthorized)
				_, _ = io.WriteString(w, c.answer)
			}))
			defer server.Close()
			_, err := app.Remote{URL: server.URL, App: pusher.DefaultApp()}.Trigger(t.Context(), "portal", "E", "{}", "")
			assert.EqualError(t, err, server.URL+" refused it: "+c.want)
		})
	}
}

func TestMaskAddress_HidesAPassword(t *testing.T) {
	for address, want := range map[string]string{
		"https://ws.example.com/prefix":        "https://ws.example.com/prefix",
		"https://me@ws.example.com":            "https://me@ws.example.com",
		"https://me:s3cret@ws.example.com:1/x": "https://me:xxxxx@ws.example.com:1/x",
		"https://me:s3%zzcret@ws.example.com":  "https://xxxxx@ws.example.com",
		"me:s3cret@ws.example.com":             "xxxxx@ws.example.com",
		"nonsense":                             "nonsense",
	} {
		assert.Equal(t, want, app.MaskAddress(address))
	}
}

// TestRemote_ListensWithAPassword: the way in front of a staging server may ask for one.
func TestRemote_ListensWithAPassword(t *testing.T) {
	given := make(chan string, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name, password, _ := r.BasicAuth()
		given <- name + " " + password
		http.Error(w, "", http.StatusTeapot)
	}))
	defer server.Close()
	url := strings.Replace(server.URL, "http://", "http://me:s3cret@", 1)
	err := app.Remote{URL: url, App: pusher.DefaultApp()}.Listen(t.Context(), []string{"portal"}, "", func(string) {}, func(app.Heard) error { return nil })
	require.ErrorContains(t, err, "answered 418 I'm a teapot to a WebSocket")
	assert.NotContains(t, err.Error(), "s3cret")
	assert.Equal(t, "me s3cret", <-given)
}

// TestRemote_TakesNoStrangerForAServer: what answers 200 on that port may be the application itself, or a tool of the
// front end.
func TestRemote_TakesNoStrangerForAServer(t *testing.T) {
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		want   string
	}{
		"a Reverb": {func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "{}") }, ""},
		"Pusher":   {func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"channels":{}}`+"\n") }, ""},
		"a page": {func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "<html><title>Laravel</title></html>")
		},
			" answered 200, but not as a Pusher server does (an HTML page: Laravel): is it the address of another program"},
		"a list": {func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "[]") }, " answered 200, but not as"},
		"a login": {func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/login" {
				http.Redirect(w, r, "/login", http.StatusFound)
				return
			}
			_, _ = io.WriteString(w, "{}")
		}, " refused it: 302 Found"},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(c.answer)
			defer server.Close()
			_, err := app.Remote{URL: server.URL, App: pusher.DefaultApp()}.Trigger(t.Context(), "portal", "E", "{}", "")
			if c.want == "" {
				require.NoError(t, err)
				return
			}
			assert.ErrorContains(t, err, server.URL+c.want)
		})
	}
}
