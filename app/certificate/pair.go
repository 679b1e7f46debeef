package certificate

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"
)

// Load reads a certificate, with its chain, and its private key from PEM files; key may be the same file or "". A pair
// that no client would accept is refused: files that are missing or no PEM, a key of another certificate, one that has
// expired or is not valid yet.
func Load(cert, key string) (*tls.Certificate, error) {
	if key == "" {
		key = cert
	}
	pair, err := read(cert, key)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	switch leaf := pair.Leaf; {
	case now.After(leaf.NotAfter):
		return nil, fmt.Errorf("certificate %s expired on %s; renew it", cert, leaf.NotAfter.Format(time.DateOnly))
	case now.Before(leaf.NotBefore):
		return nil, fmt.Errorf("certificate %s is valid from %s on only; look at this machine's clock", cert, leaf.NotBefore.Format(time.DateOnly))
	}
	return pair, nil
}

// read is Load without a look at the clock.
func read(cert, key string) (*tls.Certificate, error) {
	certPEM, err := os.ReadFile(cert)
	if err != nil {
		return nil, fmt.Errorf("certificate %s %s", cert, fileProblem(err))
	}
	keyPEM, err := os.ReadFile(key)
	if err != nil {
		return nil, fmt.Errorf("key %s %s", key, fileProblem(err))
	}
	switch types := blocks(certPEM); {
	case len(types) == 0:
		return nil, fmt.Errorf("certificate %s is not PEM; convert it, it must begin with -----BEGIN CERTIFICATE-----", cert)
	case !strings.Contains(types, "CERTIFICATE"):
		return nil, fmt.Errorf("certificate %s holds no certificate but %s", cert, types)
	}
	switch types := blocks(keyPEM); {
	case strings.Contains(types, "ENCRYPTED PRIVATE KEY") || strings.Contains(string(keyPEM), "Proc-Type: 4,ENCRYPTED"):
		return nil, fmt.Errorf("key %s is encrypted with a passphrase; write one without: openssl pkey -in %[1]s -out plain.key", key)
	case !strings.Contains(types, "PRIVATE KEY") && key == cert:
		return nil, fmt.Errorf("certificate %s holds no private key; name its file with --tls-key", cert)
	case !strings.Contains(types, "PRIVATE KEY"):
		return nil, fmt.Errorf("key %s holds no private key in PEM", key)
	}
	pair, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		if strings.Contains(err.Error(), "does not match") {
			return nil, fmt.Errorf("key %s does not belong to the certificate %s", key, cert)
		}
		return nil, fmt.Errorf("certificate %s and key %s cannot be used: %s", cert, key, strings.TrimPrefix(err.Error(), "tls: "))
	}
	return &pair, nil
}

// blocks lists the types of a file's PEM blocks.
func blocks(content []byte) string {
	var types []string
	for block, rest := pem.Decode(content); block != nil; block, rest = pem.Decode(rest) {
		types = append(types, block.Type)
	}
	return strings.Join(types, ", ")
}

func fileProblem(err error) string {
	var path *fs.PathError
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "is not there; give the path of a PEM file"
	case errors.Is(err, fs.ErrPermission):
		return "may not be read by this user; make it readable"
	case errors.As(err, &path):
		return "cannot be read: " + path.Err.Error()
	}
	return "cannot be read: " + err.Error()
}

// Names are the hosts that a certificate is for: DNS names, then addresses.
func Names(leaf *x509.Certificate) []string {
	names := append([]string{}, leaf.DNSNames...)
	for _, ip := range leaf.IPAddresses {
		names = append(names, ip.String())
	}
	return names
}

// Fingerprint is the SHA-256 of a certificate as browsers and keychains show it: AB:CD:….
func Fingerprint(cert *x509.Certificate) string {
	sum := sha256.Sum256(cert.Raw)
	return strings.ReplaceAll(fmt.Sprintf("% X", sum[:]), " ", ":")
}
