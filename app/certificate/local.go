package certificate

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/gofrs/flock"
)

// How long certificates last. Apple refuses a server's beyond 398 days even of a CA that the user trusts.
const (
	caLife     = 10 * 365 * 24 * time.Hour
	serverLife = 397 * 24 * time.Hour
	renewal    = 30 * 24 * time.Hour // a certificate is made anew so long before its end
)

// CAName is how the common name of every local CA begins; what follows says whose it is.
const CAName = "Echolab local CA"

// caFile is where its certificate is kept.
const caFile = "ca.pem"

// Authority is the CA of this machine and the server's certificate that it signed, both ECDSA P-256.
type Authority struct {
	CA        *x509.Certificate
	CAPath    string // PEM, to be trusted; the key lies beside it, readable by its owner alone
	Made      bool   // the CA is new: nobody trusts it yet
	Replaced  string // why the one before could not be used any more, which clients may have trusted; "" if there was none
	Pair      *tls.Certificate
	ServerPEM string // path of the server's certificate and key, one file
}

// lockWait is how long another process may take to make its certificate.
const lockWait = 10 * time.Second

// Local gives the server's certificate for hosts (DNS names and addresses), keeping it and the CA in dir. What is there
// is used again; the certificate is made anew a month before it expires and when the hosts have changed, the CA when it
// is missing, damaged, about to expire or not valid yet (the clock was wrong then, or is now). Where nothing can be
// written, or the CA's key cannot be read, a certificate that is there and serves is good enough. Several processes may
// use the same dir; a file that one of them left half-written is made anew.
func Local(dir string, hosts []string) (*Authority, error) {
	if len(hosts) == 0 {
		return nil, errors.New("a certificate needs a host name")
	}
	for _, host := range hosts {
		if _, err := Host(host); err != nil {
			return nil, err
		}
	}
	made, err := makeLocal(dir, hosts)
	if err != nil {
		if there := existing(dir, hosts); there != nil {
			return there, nil
		}
	}
	return made, err
}

func makeLocal(dir string, hosts []string) (*Authority, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, unwritable(dir, err)
	}
	lock := flock.New(filepath.Join(dir, "tls.lock"), flock.SetPermissions(0o600))
	ctx, cancel := context.WithTimeout(context.Background(), lockWait)
	defer cancel()
	if _, err := lock.TryLockContext(ctx, 20*time.Millisecond); ctx.Err() != nil {
		return nil, fmt.Errorf("another process has held %s for %s; end it, or set ECHOLAB_DATA to another folder", lock.Path(), lockWait)
	} else if err != nil {
		return nil, unwritable(lock.Path(), err)
	}
	defer func() { _ = lock.Close() }()
	if left, err := filepath.Glob(filepath.Join(dir, unfinished)); err == nil {
		for _, path := range left { // of a process that was killed while it wrote: nobody writes now
			_ = os.Remove(path)
		}
	}

	a := authorityIn(dir, hosts)
	ca, err := a.authority(filepath.Join(dir, "ca-key.pem"))
	if err != nil {
		return nil, err
	}
	a.CA = ca.Leaf
	if a.Pair, err = read(a.ServerPEM, a.ServerPEM); err == nil && a.serves(a.Pair.Leaf, hosts) {
		return a, nil
	}
	a.Pair, err = a.issue(ca, hosts)
	return a, err
}

func authorityIn(dir string, hosts []string) *Authority {
	return &Authority{CAPath: filepath.Join(dir, caFile), ServerPEM: filepath.Join(dir, fileName(hosts[0]))}
}

// existing is what can be served as it is, without the CA's key; nil when nothing can.
func existing(dir string, hosts []string) *Authority {
	a := authorityIn(dir, hosts)
	content, err := os.ReadFile(a.CAPath)
	if err != nil {
		return nil
	}
	block, _ := pem.Decode(content)
	if block == nil {
		return nil
	}
	if a.CA, err = x509.ParseCertificate(block.Bytes); err != nil || !valid(a.CA) {
		return nil
	}
	if a.Pair, err = read(a.ServerPEM, a.ServerPEM); err != nil || !a.serves(a.Pair.Leaf, hosts) {
		return nil
	}
	return a
}

// valid tells whether the clock is between a certificate's ends.
func valid(cert *x509.Certificate) bool {
	now := time.Now()
	return !now.Before(cert.NotBefore) && now.Before(cert.NotAfter)
}

// authority reads the CA, or makes one.
func (a *Authority) authority(keyPath string) (*tls.Certificate, error) {
	ca, err := read(a.CAPath, keyPath)
	if err == nil && ca.Leaf.IsCA && time.Until(ca.Leaf.NotAfter) > serverLife && valid(ca.Leaf) {
		if info, err := os.Stat(keyPath); err == nil && info.Mode().Perm()&0o077 != 0 && runtime.GOOS != "windows" {
			if err := os.Chmod(keyPath, 0o600); err != nil {
				return nil, fmt.Errorf("local CA %s can be read by others, and that cannot be changed: %w", keyPath, err)
			}
		}
		return ca, nil
	}
	why := "its time is not now, or is nearly over"
	if err != nil {
		why = err.Error()
	}
	for _, path := range []string{a.CAPath, keyPath} {
		switch _, err := os.ReadFile(path); {
		case err == nil:
			a.Replaced = why
		case !errors.Is(err, fs.ErrNotExist):
			return nil, fmt.Errorf("local CA %s %s", path, fileProblem(err)) // not ours to replace
		}
	}
	a.Made = true
	who := os.Getenv("USER")
	if host, err := os.Hostname(); err == nil {
		who = strings.TrimPrefix(who+"@"+host, "@")
	}
	template := &x509.Certificate{
		Subject:               pkix.Name{CommonName: CAName + " " + who, Organization: []string{"Echolab development CA"}},
		NotBefore:             time.Now().Add(-time.Hour), // clocks of other machines and phones
		NotAfter:              time.Now().Add(caLife),
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
		MaxPathLenZero:        true,
	}
	certPEM, keyPEM, err := create(template, nil)
	if err != nil {
		return nil, err
	}
	if err := write(keyPath, keyPEM, 0o600); err != nil {
		return nil, err
	}
	if err := write(a.CAPath, certPEM, 0o644); err != nil {
		return nil, err
	}
	return read(a.CAPath, keyPath)
}

// serves tells whether a certificate is ours, lasts and is for exactly these hosts.
func (a *Authority) serves(leaf *x509.Certificate, hosts []string) bool {
	have, want := Names(leaf), append([]string{}, hosts...)
	slices.Sort(have)
	slices.Sort(want)
	return slices.Equal(have, slices.Compact(want)) && leaf.CheckSignatureFrom(a.CA) == nil &&
		valid(leaf) && time.Until(leaf.NotAfter) > renewal
}

// issue makes the server's certificate.
func (a *Authority) issue(ca *tls.Certificate, hosts []string) (*tls.Certificate, error) {
	template := &x509.Certificate{
		Subject:     pkix.Name{CommonName: hosts[0], Organization: []string{"Echolab development certificate"}},
		NotBefore:   time.Now().Add(-time.Hour),
		NotAfter:    time.Now().Add(serverLife),
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	sorted := append([]string{}, hosts...)
	slices.Sort(sorted)
	for _, host := range slices.Compact(sorted) {
		if ip := net.ParseIP(host); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, host)
		}
	}
	certPEM, keyPEM, err := create(template, ca)
	if err != nil {
		return nil, err
	}
	if err := write(a.ServerPEM, append(certPEM, keyPEM...), 0o600); err != nil {
		return nil, err
	}
	return read(a.ServerPEM, a.ServerPEM)
}

// create makes a key and a certificate for it, signed by ca or, without one, by itself.
func create(template *x509.Certificate, ca *tls.Certificate) (certPEM, keyPEM []byte, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, fmt.Errorf("make a key: %w", err)
	}
	if template.SerialNumber, err = rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120)); err != nil {
		return nil, nil, fmt.Errorf("make a serial number: %w", err)
	}
	parent, signer := template, any(key)
	if ca != nil {
		parent, signer = ca.Leaf, ca.PrivateKey
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		return nil, nil, fmt.Errorf("make a certificate for %s: %w", template.Subject.CommonName, err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, nil, fmt.Errorf("encode a key: %w", err)
	}
	certPEM = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return certPEM, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}), nil
}

// unfinished are the files that write makes on its way.
const unfinished = ".new-*"

// write replaces a file in one step: whoever reads it gets the old one or the new one, also after the power failed.
func write(path string, content []byte, mode fs.FileMode) error {
	if have, err := os.ReadFile(path); err == nil && bytes.Equal(have, content) {
		return nil
	}
	temporary, err := os.CreateTemp(filepath.Dir(path), unfinished) // of mode 0600
	if err != nil {
		return unwritable(path, err)
	}
	_, err = temporary.Write(content)
	err = errors.Join(err, temporary.Chmod(mode), temporary.Sync(), temporary.Close())
	if err == nil {
		err = os.Rename(temporary.Name(), path)
	}
	if err != nil {
		return unwritable(path, errors.Join(err, os.Remove(temporary.Name())))
	}
	return nil
}

func unwritable(path string, err error) error {
	return fmt.Errorf("%s cannot be written: %w; make its folder writable, or set ECHOLAB_DATA to another", path, err)
}

// fileName is a host as a file name: what is neither a letter, a digit, a dot nor a dash becomes _.
func fileName(host string) string {
	return strings.Map(func(r rune) rune {
		if r == '.' || r == '-' || '0' <= r && r <= '9' || 'a' <= r && r <= 'z' {
			return r
		}
		return '_'
	}, strings.ToLower(host)) + ".pem"
}
