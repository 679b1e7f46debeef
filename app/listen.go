package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"runtime"
	"strconv"
	"strings"
	"syscall"
)

// listen opens a port. flag is what stands before the port on a command line that would choose another, for the message.
func listen(ctx context.Context, host string, port int, flag string) (net.Listener, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", net.JoinHostPort(host, strconv.Itoa(port)))
	if err == nil {
		return listener, nil
	}
	var name *net.DNSError
	switch {
	case isErrno(err, syscall.EADDRINUSE, 10048):
		return nil, &Error{Code: Busy, Err: err, Message: fmt.Sprintf(
			"port %d on %s is in use by another program; pass %s%d, or 0 for any free one", port, host, flag, freePort(ctx, host, port))}
	case isErrno(err, syscall.EACCES, 10013):
		return nil, &Error{Code: Invalid, Err: err, Message: fmt.Sprintf(
			"port %d on %s may not be opened by this user; pass %s with a port above 1023", port, host, strings.TrimSpace(flag))}
	case isErrno(err, syscall.EADDRNOTAVAIL, 10049), errors.As(err, &name):
		return nil, &Error{Code: Invalid, Err: err, Message: fmt.Sprintf(
			"%s is no address of this machine; pass 127.0.0.1, or 0.0.0.0 for all of them", host)}
	}
	return nil, fmt.Errorf("listen on %s port %d: %w", host, port, err)
}

// isErrno compares with the system's own number: syscall's names are not what Windows' sockets return (WSAEADDRINUSE
// and its neighbours).
func isErrno(err error, unix, windows syscall.Errno) bool {
	if runtime.GOOS == "windows" {
		return errors.Is(err, windows)
	}
	return errors.Is(err, unix)
}

// freePort gives the next port that is free at this moment, or port+1 if none of the next ten is.
func freePort(ctx context.Context, host string, port int) int {
	var config net.ListenConfig
	for next := port + 1; next <= min(port+10, 65535); next++ {
		if l, err := config.Listen(ctx, "tcp", net.JoinHostPort(host, strconv.Itoa(next))); err == nil {
			_ = l.Close() // only asked
			return next
		}
	}
	return port%65535 + 1
}
