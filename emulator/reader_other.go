//go:build !unix

package emulator

import "net"

func newReader(nc net.Conn) reader { return newPlainReader(nc) }
