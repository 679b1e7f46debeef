package echo

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"echolab/emulator/pusher"
)

// LineOptions says where to connect and as whom.
type LineOptions struct {
	// URL is the server's, such as http://127.0.0.1:8080 or wss://ws.example.com/prefix: http and ws mean the same.
	URL string
	// App holds the key, and the secret where private channels are to be subscribed to.
	App pusher.App
	// TLS says whom to trust where the URL is https or wss; nil is whom the system trusts.
	TLS *tls.Config
	// Origin is sent where the server looks at it; empty for none.
	Origin string
}

// Heard is one message from the server, data decoded to its text where it is a JSON string.
type Heard struct {
	Event, Channel, Data, User string
}

// Refused is what the server said instead of what was asked for.
type Refused struct {
	Code    int // of pusher:error or of the close frame; 0 for none
	Message string
}

func (r *Refused) Error() string {
	if r.Code == 0 {
		return r.Message
	}
	return fmt.Sprintf("%d %s", r.Code, r.Message)
}

// Line is one connection. Subscribe and Next are for one goroutine at a time.
type Line struct {
	app    pusher.App
	socket string
	ws     *websocket.Conn
	write  sync.Mutex // guards writing
	early  []Heard    // came while something else was waited for
}

const handshake = 10 * time.Second

// DialLine connects and waits for the server's greeting. A *Refused is the server's own no.
func DialLine(ctx context.Context, opt LineOptions) (*Line, error) {
	address, err := socketURL(opt.URL, opt.App.Key)
	if err != nil {
		return nil, err
	}
	header := http.Header{}
	if address.User != nil { // not allowed in a WebSocket's address
		password, _ := address.User.Password()
		asked := http.Request{Header: header}
		asked.SetBasicAuth(address.User.Username(), password)
		address.User = nil
	}
	shown := *address
	shown.RawQuery, shown.Path, shown.RawPath = "", "", ""
	if opt.Origin != "" {
		header.Set("Origin", opt.Origin)
	}
	ctx, cancel := context.WithTimeout(ctx, handshake)
	defer cancel()
	ws, res, err := (&websocket.Dialer{Proxy: http.ProxyFromEnvironment, TLSClientConfig: opt.TLS}).DialContext(ctx, address.String(), header)
	if res != nil && errors.Is(err, websocket.ErrBadHandshake) {
		return nil, &Refused{Message: fmt.Sprintf("%s answered %s to a WebSocket", shown.String(), res.Status)}
	}
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", shown.String(), err)
	}
	c := &Line{app: opt.App, ws: ws}
	hello, err := c.await(ctx, "pusher:connection_established", "")
	if err == nil {
		var data struct {
			Socket string `json:"socket_id"`
		}
		err = json.Unmarshal([]byte(hello.Data), &data)
		c.socket = data.Socket
	}
	if err != nil {
		_ = ws.Close()
		return nil, err
	}
	return c, nil
}

// socketURL is the address of the WebSocket.
func socketURL(base, key string) (*url.URL, error) {
	u, err := url.Parse(base)
	if err != nil || u.Host == "" {
		return nil, fmt.Errorf("%q is no address; write it as http://127.0.0.1:8080", base[strings.LastIndex(base, "@")+1:])
	}
	switch u.Scheme {
	case "http", "ws":
		u.Scheme = "ws"
	case "https", "wss":
		u.Scheme = "wss"
	default:
		return nil, fmt.Errorf("%q begins with %s; it must be http, https, ws or wss", u.Redacted(), u.Scheme)
	}
	u = u.JoinPath("app", key)
	u.RawQuery = url.Values{"protocol": {"7"}, "client": {"echolab"}, "version": {"1"}, "flash": {"false"}}.Encode()
	return u, nil
}

// Socket is the socket id that the server gave.
func (c *Line) Socket() string { return c.socket }

// Subscribe enters a channel, signed where its name asks for that, and waits for the confirmation. member is the
// channel_data of a presence channel, a JSON object with user_id and user_info; "" elsewhere. A *Refused is the
// server's own no.
func (c *Line) Subscribe(ctx context.Context, channel, member string) error {
	data := map[string]string{"channel": channel}
	if strings.HasPrefix(channel, "private") || strings.HasPrefix(channel, "presence") {
		data["auth"] = c.app.AuthString(pusher.ChannelText(c.socket, channel, member))
	}
	if member != "" {
		data["channel_data"] = member
	}
	if err := c.Send(map[string]any{"event": "pusher:subscribe", "data": data}); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, handshake)
	defer cancel()
	_, err := c.await(ctx, "pusher_internal:subscription_succeeded", channel)
	return err
}

// await reads until an event comes; events of channels that come before it are kept for Next.
func (c *Line) await(ctx context.Context, event, channel string) (Heard, error) {
	for {
		e, err := c.read(ctx)
		switch {
		case errors.Is(err, context.DeadlineExceeded):
			return Heard{}, &Refused{Message: fmt.Sprintf("the server did not answer with %s within %s", event, handshake)}
		case err != nil:
			return Heard{}, err
		case e.Event == "pusher:error", e.Event == "pusher:subscription_error" && e.Channel == channel:
			return Heard{}, refusal(e.Data)
		case e.Event == event && e.Channel == channel:
			return e, nil
		}
		c.early = append(c.early, e)
	}
}

// refusal reads the data of pusher:error or pusher:subscription_error.
func refusal(data string) *Refused {
	var e struct {
		Code    int
		Message string
		Error   string
	}
	if json.Unmarshal([]byte(data), &e) != nil || e.Message+e.Error == "" {
		return &Refused{Message: data}
	}
	return &Refused{e.Code, e.Message + e.Error}
}

// Next waits for the next event. Pings of the server are answered and not handed out. After an error there is nothing
// more to come: ctx.Err(), or a *Refused with the code with which the server closed.
func (c *Line) Next(ctx context.Context) (Heard, error) {
	if len(c.early) > 0 {
		e := c.early[0]
		c.early = c.early[1:]
		return e, nil
	}
	return c.read(ctx)
}

func (c *Line) read(ctx context.Context) (Heard, error) {
	defer context.AfterFunc(ctx, func() { _ = c.ws.SetReadDeadline(time.Now()) })()
	for {
		var frame struct {
			Event, Channel string
			Data           json.RawMessage
			User           any `json:"user_id"`
		}
		_, text, err := c.ws.ReadMessage()
		if err != nil {
			if ctx.Err() != nil {
				return Heard{}, ctx.Err()
			}
			if closed := (*websocket.CloseError)(nil); errors.As(err, &closed) {
				if closed.Code == websocket.CloseAbnormalClosure { // there was no frame that said so
					return Heard{}, errors.New("the connection to the server was lost")
				}
				return Heard{}, &Refused{closed.Code, strings.TrimSpace("the server closed the connection " + closed.Text)}
			}
			return Heard{}, fmt.Errorf("read: %w", err)
		}
		if json.Unmarshal(text, &frame) != nil {
			continue // not the protocol's
		}
		if frame.Event == "pusher:ping" {
			if err := c.Send(map[string]any{"event": "pusher:pong", "data": map[string]any{}}); err != nil {
				return Heard{}, err
			}
			continue
		}
		e := Heard{Event: frame.Event, Channel: frame.Channel, Data: string(frame.Data)}
		var inner string
		if json.Unmarshal(frame.Data, &inner) == nil {
			e.Data = inner
		}
		if frame.User != nil {
			e.User = fmt.Sprint(frame.User)
		}
		return e, nil
	}
}

// Send writes one message as JSON.
func (c *Line) Send(message any) error {
	c.write.Lock()
	defer c.write.Unlock()
	_ = c.ws.SetWriteDeadline(time.Now().Add(handshake))
	if err := c.ws.WriteJSON(message); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	return nil
}

// Close says goodbye and ends the connection.
func (c *Line) Close() error {
	_ = c.ws.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseNormalClosure, ""), time.Now().Add(time.Second))
	return c.ws.Close()
}
