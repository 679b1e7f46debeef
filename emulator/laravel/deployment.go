package laravel

import (
	"fmt"
	"net/url"
	"strings"
)

// What the guide says about a page's policy and about proxies does not show on the wire: a browser that blocks the socket,
// and a proxy that does not pass a request on, never reach the server. So it is told (protocol K.9, X17 and X20).

// ConnectSources are the sources that a page's Content-Security-Policy must name in connect-src so that laravel-echo can
// connect to a server and authorise there: ws://localhost:8080 http://localhost:8080. A policy without the port allows the
// scheme's own port alone.
func ConnectSources(server *url.URL) string {
	socket := "ws"
	if server.Scheme == "https" {
		socket = "wss"
	}
	return socket + "://" + server.Host + " " + server.Scheme + "://" + server.Host
}

// PagePolicy is the connect-src directive of the application's pages in a mode: the guide's helper as it is written has no
// port (X20).
func PagePolicy(mode Mode, server *url.URL) string {
	if mode == AsWritten {
		return "connect-src 'self' wss://" + bare(server) + " ws://" + bare(server)
	}
	return "connect-src 'self' " + ConnectSources(server)
}

// Notes are sentences about the guide's deployment that a developer should have read, in a mode: clients find the server
// at one address, and it listens at the other (the same, where nothing stands between).
func Notes(mode Mode, server, listens *url.URL) []string {
	notes := []string{fmt.Sprintf("The guide's Apache passes on /app alone, so that /apps cannot be reached from outside: "+
		"Laravel must publish to the server itself, REVERB_HOST=%s and REVERB_PORT=%s, and the proxy's name is for VITE_REVERB_HOST.", listens.Hostname(), portOf(listens))}
	if blocked := blockedBy(PagePolicy(mode, server), server); blocked != "" {
		notes = append(notes, fmt.Sprintf("The guide's Content-Security-Policy says %s, without the port: a browser that gets it blocks %s, and the server never hears of that. Write connect-src 'self' %s",
			PagePolicy(mode, server), blocked, ConnectSources(server)))
	}
	return notes
}

// blockedBy is the socket address that a policy does not let a page connect to; "" when it does.
func blockedBy(policy string, server *url.URL) string {
	socket, _, _ := strings.Cut(ConnectSources(server), " ")
	short := strings.TrimSuffix(socket, ":"+standardPort(server))
	for source := range strings.FieldsSeq(policy) {
		if source == socket || source == short {
			return ""
		}
	}
	return socket
}

// bare is an address without its port.
func bare(server *url.URL) string { return strings.TrimSuffix(server.Host, ":"+server.Port()) }

func portOf(server *url.URL) string {
	if port := server.Port(); port != "" {
		return port
	}
	return standardPort(server)
}

func standardPort(server *url.URL) string {
	if server.Scheme == "https" {
		return "443"
	}
	return "80"
}
