package diagnosis

import (
	"strconv"
	"time"

	"echolab/emulator/pusher"
)

// many is 1 socket, 3 sockets.
func many(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return strconv.Itoa(n) + " " + thing + "s"
}

// who is a socket with its user, as far as that is known.
func who(socket, user string) string {
	if user == "" {
		return "Socket " + socket
	}
	return "Socket " + socket + " (user " + user + ")"
}

// ago is a span for people: 340 ms, 2.1 s, 3 min.
func ago(d time.Duration) string {
	switch {
	case d < time.Millisecond:
		return "less than 1 ms"
	case d < time.Second:
		return strconv.FormatInt(d.Milliseconds(), 10) + " ms"
	case d < time.Minute:
		return strconv.FormatFloat(d.Seconds(), 'f', 1, 64) + " s"
	}
	return strconv.Itoa(int(d.Minutes())) + " min"
}

// broadcasts is the PHP that broadcasts on a channel: new PrivateChannel('client.5').
func broadcasts(channel string) string {
	class, name := pusher.LaravelChannel(channel)
	return "new " + class + "('" + name + "')"
}
