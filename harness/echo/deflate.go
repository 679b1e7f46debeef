package echo

import (
	"bytes"
	"compress/flate"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"echolab/emulator/framing"
)

// deflate is permessage-deflate (RFC 7692), for the servers that accept the offer. Each message is compressed by itself,
// which is always allowed; what the server sends may refer back to its earlier messages.
type deflate struct {
	fresh  bool   // the server begins anew with each message
	window []byte // the last 32 KiB that came, else
}

var (
	tail      = []byte{0, 0, 0xff, 0xff}
	deflaters = sync.Pool{New: func() any { w, _ := flate.NewWriter(io.Discard, flate.DefaultCompression); return w }}
)

// newDeflate reads the server's Sec-WebSocket-Extensions.
func newDeflate(header string) (*deflate, error) {
	d := &deflate{}
	parts := strings.Split(header, ";")
	if strings.TrimSpace(parts[0]) != "permessage-deflate" || strings.Contains(header, ",") {
		return nil, fmt.Errorf("the server accepts an extension that was not offered: %s", header)
	}
	for _, p := range parts[1:] {
		name, _, _ := strings.Cut(strings.TrimSpace(p), "=")
		switch name {
		case "server_no_context_takeover":
			d.fresh = true
		case "client_no_context_takeover", "server_max_window_bits", "client_max_window_bits":
		default:
			return nil, fmt.Errorf("the server accepts permessage-deflate with the unknown parameter %s", name)
		}
	}
	return d, nil
}

func (d *deflate) inflate(payload []byte) ([]byte, error) {
	from := io.MultiReader(bytes.NewReader(payload), bytes.NewReader(tail), bytes.NewReader([]byte{1, 0, 0, 0xff, 0xff}))
	r := flate.NewReaderDict(from, d.window)
	text, err := io.ReadAll(io.LimitReader(r, maxMessage+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxMessage {
		return nil, errors.New("more than 64 MiB")
	}
	if !d.fresh {
		d.window = append(d.window, text...)
		if over := len(d.window) - 32<<10; over > 0 {
			d.window = append(d.window[:0], d.window[over:]...)
		}
	}
	return text, nil
}

// append adds one compressed text frame.
func (d *deflate) append(out, text []byte, mask uint32) []byte {
	var b bytes.Buffer
	w := deflaters.Get().(*flate.Writer)
	w.Reset(&b)
	_, _ = w.Write(text)
	_ = w.Flush()
	deflaters.Put(w)
	return appendFrameFlags(out, 0xc0|framing.Text, bytes.TrimSuffix(b.Bytes(), tail), mask)
}
