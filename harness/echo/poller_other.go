//go:build !linux

package echo

func newWaiter() waiter { return newSleeper() }

// open connects; elsewhere than on Linux every socket has a goroutine that reads it.
func (l *loop) open(s *socket, address string, tlsName string) (link, error) {
	return l.openPlain(s, address, tlsName), nil
}
