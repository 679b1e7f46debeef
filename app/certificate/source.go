package certificate

import (
	"crypto/tls"
	"os"
	"sync/atomic"
	"time"
)

// Source hands a certificate to crypto/tls and follows its files. Make it with Files or Own; it may be used from any
// goroutine.
type Source struct {
	now     atomic.Pointer[tls.Certificate]
	due     atomic.Int64 // Unix nanoseconds before which nobody looks again
	refresh func() (*tls.Certificate, error)
	told    func(leaf *tls.Certificate, err error)
}

// lookEvery is how often files are looked at, at most.
const lookEvery = time.Second

// Files follows a pair of files: a change is noticed at the next handshake, at most once a second. A pair that cannot be
// used leaves the old one in place. told, which may be nil, hears of each new certificate and of each that was refused,
// once.
func Files(cert, key string, told func(*tls.Certificate, error)) (*Source, error) {
	if key == "" {
		key = cert
	}
	seen := stampOf(cert, key)
	pair, err := Load(cert, key)
	if err != nil {
		return nil, err
	}
	return newSource(pair, told, func() (*tls.Certificate, error) {
		stamp := stampOf(cert, key)
		if stamp == seen {
			return nil, nil
		}
		seen = stamp
		return Load(cert, key)
	}), nil
}

// Own follows the certificate that Local keeps in dir: it is made anew before it expires, also while it is in use.
func Own(dir string, hosts []string, told func(*tls.Certificate, error)) (*Source, *Authority, error) {
	authority, err := Local(dir, hosts)
	if err != nil {
		return nil, nil, err
	}
	ends := authority.Pair.Leaf.NotAfter
	s := newSource(authority.Pair, told, func() (*tls.Certificate, error) {
		if time.Until(ends) > renewal {
			return nil, nil
		}
		ends = time.Now().Add(renewal + time.Hour) // not in every second, should it fail
		again, err := Local(dir, hosts)
		if err != nil {
			return nil, err
		}
		ends = again.Pair.Leaf.NotAfter
		return again.Pair, nil
	})
	return s, authority, nil
}

func newSource(pair *tls.Certificate, told func(*tls.Certificate, error), refresh func() (*tls.Certificate, error)) *Source {
	if told == nil {
		told = func(*tls.Certificate, error) {}
	}
	s := &Source{refresh: refresh, told: told}
	s.now.Store(pair)
	s.due.Store(time.Now().Add(lookEvery).UnixNano())
	return s
}

// Current is the certificate in use, looking at the files first if the last look is a second ago. One goroutine looks,
// the others go on with what there is.
func (s *Source) Current() *tls.Certificate {
	now := time.Now()
	// The one that moves due on owns refresh until the next second; a look takes far less.
	if due := s.due.Load(); now.UnixNano() >= due && s.due.CompareAndSwap(due, now.Add(lookEvery).UnixNano()) {
		if pair, err := s.refresh(); pair != nil || err != nil {
			if err == nil {
				s.now.Store(pair)
			}
			s.told(pair, err)
		}
	}
	return s.now.Load()
}

// Config is for the server's listener. HTTP/2 is not offered: WebSockets begin with HTTP/1.1.
func (s *Source) Config() *tls.Config {
	return &tls.Config{
		MinVersion:     tls.VersionTLS12,
		NextProtos:     []string{"http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return s.Current(), nil },
	}
}

// stamp tells two states of a pair of files apart.
type stamp struct {
	certAt, keyAt     time.Time
	certSize, keySize int64
}

func stampOf(cert, key string) (s stamp) {
	if info, err := os.Stat(cert); err == nil {
		s.certAt, s.certSize = info.ModTime(), info.Size()
	}
	if info, err := os.Stat(key); err == nil {
		s.keyAt, s.keySize = info.ModTime(), info.Size()
	}
	return s
}
