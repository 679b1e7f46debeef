package certificate

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io/fs"
	"math"
	"os"
	"sync/atomic"
	"time"
)

// Source hands a certificate to crypto/tls and follows its files. Make it with Files or Own; it may be used from any
// goroutine.
type Source struct {
	now     atomic.Pointer[tls.Certificate]
	made    time.Time
	due     atomic.Int64 // nanoseconds since made before which nobody looks again: a clock that is put right changes nothing
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
		if stamp.equal(seen) {
			return nil, nil
		}
		seen = stamp
		return Load(cert, key)
	}), nil
}

// Own follows the certificate that Local keeps in dir: it is made anew before it expires, also while it is in use, and
// taken from there when another process has made it, or the CA, anew.
func Own(dir string, hosts []string, told func(*tls.Certificate, error)) (*Source, *Authority, error) {
	authority, err := Local(dir, hosts)
	if err != nil {
		return nil, nil, err
	}
	f := &follower{dir: dir, hosts: hosts, pair: authority.Pair, seen: stampOf(authority.CAPath, authority.ServerPEM)}
	return newSource(authority.Pair, told, f.refresh), authority, nil
}

// follower is the certificate in use beside its files. One goroutine at a time has it, see Current.
type follower struct {
	dir   string
	hosts []string
	pair  *tls.Certificate
	seen  stamp
	retry time.Time // not before, should making it anew have failed
}

// retryAfter is how long the follower waits after it failed.
const retryAfter = time.Hour

func (f *follower) refresh() (*tls.Certificate, error) {
	a := authorityIn(f.dir, f.hosts)
	stamp := stampOf(a.CAPath, a.ServerPEM)
	due := (!valid(f.pair.Leaf) || time.Until(f.pair.Leaf.NotAfter) <= renewal) && !time.Now().Before(f.retry)
	if stamp.equal(f.seen) && !due {
		return nil, nil
	}
	f.seen = stamp
	there := existing(f.dir, f.hosts)
	switch {
	case there != nil && there.Pair.Leaf.Equal(f.pair.Leaf):
		return nil, nil
	case there != nil:
	case !due && f.believed(a.CAPath):
		// Another process keeps the file for other hosts. This one's certificate is as good as before: two that made it
		// anew whenever the other had would never end.
		return nil, nil
	default:
		var err error
		if there, err = Local(f.dir, f.hosts); err != nil {
			f.retry = time.Now().Add(retryAfter)
			return nil, err
		}
		f.seen = stampOf(a.CAPath, a.ServerPEM)
	}
	f.pair = there.Pair
	return f.pair, nil
}

// believed tells whether those who trust the CA in a file believe the certificate in use, or whether there is no CA that
// they could trust instead.
func (f *follower) believed(ca string) bool {
	content, err := os.ReadFile(ca)
	if err != nil {
		return true
	}
	block, _ := pem.Decode(content)
	if block == nil {
		return true
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	return err != nil || f.pair.Leaf.CheckSignatureFrom(cert) == nil
}

func newSource(pair *tls.Certificate, told func(*tls.Certificate, error), refresh func() (*tls.Certificate, error)) *Source {
	if told == nil {
		told = func(*tls.Certificate, error) {}
	}
	s := &Source{refresh: refresh, told: told, made: time.Now()}
	s.now.Store(pair)
	s.due.Store(int64(lookEvery))
	return s
}

// Current is the certificate in use, looking at the files first if the last look is a second ago. One goroutine looks,
// the others go on with what there is.
func (s *Source) Current() *tls.Certificate {
	since := int64(time.Since(s.made))
	// The one that sets due to never owns refresh until it is done.
	if due := s.due.Load(); since >= due && s.due.CompareAndSwap(due, math.MaxInt64) {
		defer func() { s.due.Store(int64(time.Since(s.made) + lookEvery)) }()
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

// stamp tells two states of a pair of files apart: the files themselves (one that was put in the place of another may
// have its time and size), when they were written, and how long they are. nil is no file.
type stamp [2]fs.FileInfo

func stampOf(cert, key string) (s stamp) {
	for i, path := range []string{cert, key} {
		if info, err := os.Stat(path); err == nil {
			s[i] = info
		}
	}
	return s
}

func (s stamp) equal(other stamp) bool {
	for i := range s {
		a, b := s[i], other[i]
		if (a == nil) != (b == nil) {
			return false
		}
		if a != nil && (!os.SameFile(a, b) || !a.ModTime().Equal(b.ModTime()) || a.Size() != b.Size()) {
			return false
		}
	}
	return true
}
