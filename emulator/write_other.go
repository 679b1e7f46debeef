//go:build !unix

package emulator

import (
	"errors"
	"syscall"
)

func writeNow(syscall.RawConn, []byte) (int, error) { return 0, errors.ErrUnsupported }

func rawOf(any) syscall.RawConn { return nil }
