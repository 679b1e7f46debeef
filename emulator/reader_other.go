//go:build !unix

package emulator

func newReader(c *conn) reader { return newPlainReader(c.nc) }
