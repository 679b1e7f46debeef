package app

import (
	"cmp"
	"path/filepath"
	"runtime"

	"echolab/app/certificate"
)

// resolveTLS decides which certificate is served, if any, and looks whether it can be: the one that is given, else
// Herd's or Valet's for the host name (laravel/reverb Factory::configureTls), else none.
func (l *loader) resolveTLS() {
	c := &l.config
	if dir := DataDir(l.src.Environ); dir != "" {
		c.TLSDir = filepath.Join(dir, "tls")
	}
	given := c.TLSCert != "" || c.TLSKey != ""
	switch {
	case c.TLS != TLSFound && given:
		l.warn("tls is %s (%s), so tls.cert and tls.key are not used", c.TLS, c.Origin("tls"))
		c.TLSCert, c.TLSKey = "", ""
	case c.TLS == TLSFound && given:
		if c.TLSCert == "" {
			l.problem("tls.key is set (%s) without tls.cert; give the certificate too", c.Origin("tls.key"))
			return
		}
		c.TLSCert = l.absolute(c.TLSCert, c.origins["tls.cert"])
		if c.TLSKey != "" {
			c.TLSKey = l.absolute(c.TLSKey, c.origins["tls.key"])
		}
	case c.TLS == TLSFound:
		home := l.environ("HOME")
		if runtime.GOOS == "windows" {
			home = cmp.Or(l.environ("USERPROFILE"), home)
		}
		if found, ok := certificate.Find(home, runtime.GOOS, c.Hostname); ok {
			c.TLSCert, c.TLSKey = found.Cert, found.Key
			c.origins["tls.cert"], c.origins["tls.key"] = Origin{Found: found.By}, Origin{Found: found.By}
		}
	}
	if c.TLS == TLSAuto && c.TLSDir == "" {
		l.problem("--tls auto: there is no home folder to keep the certificate in; set ECHOLAB_DATA to a folder")
	}
	if c.TLS == TLSAuto && c.Hostname != "" {
		host, err := certificate.Host(c.Hostname)
		if err != nil {
			l.problem("hostname: %v (%s)", err, c.Origin("hostname"))
			return
		}
		c.Hostname = host // as clients ask for it
	}
	if c.TLSCert == "" {
		return
	}
	pair, err := certificate.Load(c.TLSCert, c.TLSKey)
	if err != nil {
		l.problem("%s (%s)", err, c.Origin("tls.cert"))
		return
	}
	if c.Hostname != "" && pair.Leaf.VerifyHostname(c.Hostname) != nil {
		l.warn("the certificate %s is not for %s (%s), so clients that go there refuse it", c.TLSCert, c.Hostname, c.Origin("hostname"))
	}
}

// ServesTLS tells whether the server speaks https and wss.
func (c Config) ServesTLS() bool { return c.TLS == TLSAuto || c.TLSCert != "" }

// Scheme is http or https.
func (c Config) Scheme() string {
	if c.ServesTLS() {
		return "https"
	}
	return "http"
}
