package echo

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// HTTPError is a server that answered the WebSocket upgrade with something else.
type HTTPError struct {
	Status int
}

func (e *HTTPError) Error() string {
	return fmt.Sprintf("the server answered the WebSocket upgrade with status %d", e.Status)
}

// upgradeAnswer is what matters of the answer to the upgrade.
type upgradeAnswer struct {
	status     int
	upgrade    bool
	accept     string
	extensions string
}

// maxHead is how long the head of the answer may be.
const maxHead = 64 << 10

// readUpgrade reads the head of the answer; nil when it has not wholly come. rest is what follows it.
func readUpgrade(b []byte) (a *upgradeAnswer, rest []byte, err error) {
	if len(b) >= 5 && !bytes.HasPrefix(b, []byte("HTTP/")) {
		return nil, nil, errors.New("the answer to the WebSocket upgrade is not HTTP")
	}
	end := bytes.Index(b, []byte("\r\n\r\n"))
	if end < 0 {
		if len(b) > maxHead {
			return nil, nil, errors.New("the answer to the WebSocket upgrade has a head without end")
		}
		return nil, nil, nil
	}
	lines := strings.Split(string(b[:end]), "\r\n")
	words := strings.SplitN(lines[0], " ", 3)
	if len(words) < 2 {
		return nil, nil, fmt.Errorf("the answer to the WebSocket upgrade begins with %q", lines[0])
	}
	a = &upgradeAnswer{}
	if a.status, err = strconv.Atoi(words[1]); err != nil {
		return nil, nil, fmt.Errorf("the answer to the WebSocket upgrade begins with %q", lines[0])
	}
	for _, line := range lines[1:] {
		name, value, _ := strings.Cut(line, ":")
		value = strings.TrimSpace(value)
		switch strings.ToLower(name) {
		case "upgrade":
			a.upgrade = strings.EqualFold(value, "websocket")
		case "sec-websocket-accept":
			a.accept = value
		case "sec-websocket-extensions":
			if a.extensions != "" {
				a.extensions += ", "
			}
			a.extensions += value
		}
	}
	return a, b[end+4:], nil
}
