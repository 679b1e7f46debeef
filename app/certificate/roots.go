package certificate

import (
	"crypto/x509"
	"fmt"
	"os"
	"path/filepath"
)

// Roots is whom the system trusts and, besides, the authorities in PEM files.
func Roots(files ...string) (*x509.CertPool, error) {
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool() // a system without any
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("CA %s %s", file, fileProblem(err))
		}
		if !pool.AppendCertsFromPEM(content) {
			return nil, fmt.Errorf("CA %s holds no certificate in PEM; it must begin with -----BEGIN CERTIFICATE-----", file)
		}
	}
	return pool, nil
}

// LocalCA is the path of the CA that Local keeps in dir; false where there is none, or none that can be read.
func LocalCA(dir string) (path string, there bool) {
	path = filepath.Join(dir, caFile)
	content, err := os.ReadFile(path)
	return path, err == nil && x509.NewCertPool().AppendCertsFromPEM(content)
}
