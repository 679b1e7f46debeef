package app

import (
	"bytes"
	"cmp"
	"crypto/tls"
	"net"
	"strings"

	"echolab/app/certificate"
)

// identity opens the certificate that the configuration names, or makes one; nil where the server speaks http.
func (a *App) identity() (*certificate.Source, error) {
	cfg := a.config
	var signer []byte // of the certificate of Echolab's own
	told := func(pair *tls.Certificate, err error) {
		if err != nil {
			a.log.Error("the changed certificate is not used", "reason", err.Error())
			return
		}
		a.log.Info("certificate reloaded", "names", strings.Join(certificate.Names(pair.Leaf), ", "), "until", pair.Leaf.NotAfter)
		if signer != nil && !bytes.Equal(signer, pair.Leaf.AuthorityKeyId) {
			signer = pair.Leaf.AuthorityKeyId
			a.log.Warn("the local CA was made anew, so no client trusts it yet; 'echolab tls' says how to change that")
		}
	}
	switch {
	case cfg.TLS == TLSAuto:
		source, authority, err := certificate.Own(cfg.TLSDir, cfg.OwnNames(), told)
		if err != nil {
			return nil, err
		}
		signer = authority.CA.SubjectKeyId
		switch {
		case authority.Replaced != "":
			a.log.Warn("the local CA was made anew: clients that trusted the one before must trust the new one; 'echolab tls' says how",
				"ca", authority.CAPath, "reason", authority.Replaced)
		case authority.Made:
			a.log.Warn("a local CA was made, which no client trusts yet; 'echolab tls' says how to change that", "ca", authority.CAPath)
		}
		return source, nil
	case cfg.TLSCert != "":
		return certificate.Files(cfg.TLSCert, cfg.TLSKey, told)
	}
	return nil, nil
}

// OwnNames are the hosts that a certificate of Echolab's own is for: the host name, this machine as it sees itself, and
// where the server listens beyond loopback, its addresses there.
func (c Config) OwnNames() []string {
	var names []string
	add := func(name string) {
		if host, err := certificate.Host(name); err == nil { // else whoever makes a certificate says what is wrong
			name = host
		}
		for _, have := range names {
			if have == name {
				return
			}
		}
		if name != "" {
			names = append(names, name)
		}
	}
	add(c.Hostname)
	for _, name := range []string{"localhost", "127.0.0.1", "::1"} {
		add(name)
	}
	if ip := net.ParseIP(c.Host); ip == nil || !ip.IsUnspecified() {
		add(c.Host)
		return names
	}
	addresses, _ := net.InterfaceAddrs() // without them the certificate is for this machine alone
	for _, address := range addresses {
		if network, ok := address.(*net.IPNet); ok && network.IP.IsPrivate() {
			add(network.IP.String())
		}
	}
	return names
}

// secured speaks TLS where that is configured.
func (a *App) secured(l net.Listener) net.Listener {
	if a.tls == nil {
		return l
	}
	return tls.NewListener(l, a.tls.Config())
}

// URL is where a client on this machine reaches the emulator, path included: the address it listens on, or with TLS, if
// the certificate is not for that, the name that it is for.
func (a *App) URL() string {
	address := reachable(a.Addr())
	if a.tls != nil {
		leaf := a.tls.Current().Leaf
		if host, port, err := net.SplitHostPort(address); err == nil && leaf.VerifyHostname(host) != nil {
			address = net.JoinHostPort(certified(a.config.Hostname, host, leaf.DNSNames, func(name string) bool { return leaf.VerifyHostname(name) == nil }), port)
		}
	}
	return a.config.Scheme() + "://" + address + a.config.Path
}

// Hostname is the configured name under which clients are to find the emulator; "" where there is none, or with TLS one
// that the certificate is not for.
func (a *App) Hostname() string {
	name := a.config.Hostname
	if name != "" && a.tls != nil && a.tls.Current().Leaf.VerifyHostname(name) != nil {
		return ""
	}
	return name
}

// certified picks the name to show: the configured one if the certificate is for it, else its first that is no pattern.
func certified(hostname, otherwise string, names []string, covers func(string) bool) string {
	if hostname != "" && covers(hostname) {
		return hostname
	}
	for _, name := range names {
		if !strings.Contains(name, "*") {
			return name
		}
	}
	return cmp.Or(hostname, otherwise)
}
