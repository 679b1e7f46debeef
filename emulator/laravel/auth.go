package laravel

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
)

// What pusher-php-server lets through before it signs.
var (
	signableSocket  = regexp.MustCompile(`\A[0-9]+\.[0-9]+\z`)
	signableChannel = regexp.MustCompile(`\A#?[-a-zA-Z0-9_=@,.;]+\z`)
)

// errSigning is what pusher-php-server throws.
var errSigning = errors.New("PusherException")

// authorizeChannel is /broadcasting/auth (Illuminate\Broadcasting PusherBroadcaster::auth): the rule first, then the
// socket id.
func (b *Backend) authorizeChannel(c *call) {
	if c.user == nil && c.app.Auth.RedirectGuests {
		b.unauthenticated(c)
		return
	}
	fields, err := c.input()
	if err != nil {
		b.log.Debug("a body that cannot be read has no fields", "path", c.r.URL.Path, "error", err)
	}
	channel, ok := phpText(fields.Get("channel_name"))
	if !ok {
		b.serverError(c, fmt.Errorf("%w: channel_name must be a text, a list is given", errArgument))
		return
	}
	v := verdict{status: http.StatusForbidden}
	if channel != "0" {
		v = b.authorize(c.app, c.user, channel)
	}
	b.logVerdict(c.user, channel, v)
	if v.status != http.StatusOK {
		b.tellRefused(c, channel, fields.Get("socket_id"), v)
		c.fail(v.status, v.message)
		return
	}
	answer, err := b.sign(c, channel, fields.Get("socket_id"), v)
	if err != nil {
		b.serverError(c, err)
		return
	}
	if callback := fields.Get("callback"); truthy(callback) {
		b.answerCallback(c, callback, answer)
		return
	}
	c.json(http.StatusOK, answer)
}

// tellRefused passes on who was not let into a channel, and which rule said so.
func (b *Backend) tellRefused(c *call, channel string, socketID any, v verdict) {
	if b.cfg.Refused == nil || channel == "" {
		return
	}
	no := RefusedChannel{Channel: channel, Why: strconv.Itoa(v.status) + " the rule " + v.pattern + " says no"}
	no.Socket, _ = phpText(socketID)
	switch {
	case v.cause != nil:
		no.Why = strconv.Itoa(v.status) + " the rule " + v.pattern + " failed: " + v.cause.Error()
	case c.user == nil:
		no.Why = strconv.Itoa(v.status) + " nobody is logged in"
	case v.pattern == "":
		no.Why = strconv.Itoa(v.status) + " no rule for " + laravelName(channel) + " said yes"
	}
	if c.user != nil {
		no.User = c.user.ID.String()
	}
	b.cfg.Refused(c.r.Context(), no)
}

func (b *Backend) logVerdict(user *User, channel string, v verdict) {
	who := "nobody"
	if user != nil {
		who = user.ID.String()
	}
	name := laravelName(channel)
	channel, name = cut(channel), cut(name)
	switch {
	case v.cause != nil:
		b.say(slog.LevelWarn, "a channel's rule failed", who+" "+channel, v.cause.Error(), "channel", channel, "user", who, "pattern", v.pattern, "status", v.status, "error", v.cause)
	case v.status == http.StatusOK:
		b.log.Debug("a channel is authorised", "channel", channel, "user", who, "pattern", v.pattern)
		if v.result == true && strings.HasPrefix(channel, "presence-") {
			b.log.Warn("the rule of a presence channel says true, so that here() lists [true]; return a member instead",
				"channel", channel, "pattern", v.pattern, "try", "member: {id: user.id, name: user.name}")
		}
	case v.pattern == "":
		b.say(slog.LevelInfo, "a channel is refused: no pattern said yes", who+" "+channel, "", "channel", channel, "name", name, "user", who)
	default:
		b.say(slog.LevelInfo, "a channel is refused", who+" "+channel, "", "channel", channel, "user", who, "pattern", v.pattern, "status", v.status)
	}
}

// say logs a line that may come in floods.
func (b *Backend) say(level slog.Level, msg, about, reason string, args ...any) {
	if b.cfg.Say == nil {
		b.log.Log(context.Background(), level, msg, args...)
		return
	}
	b.cfg.Say(level, msg, about, reason, args...)
}

// cut is a stranger's text as far as a line of the log has it.
func cut(text string) string {
	const most = 200
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}

// sign is the answer for a channel that is allowed. A name that begins with private, hyphen or not, is answered as a
// private channel, every other like a presence channel.
func (b *Backend) sign(c *call, channel string, socketID any, v verdict) (Object, error) {
	app, ok := b.cfg.App()
	if !ok {
		return nil, errors.New("there is no app whose key could sign")
	}
	socket, err := signable(channel, socketID)
	if err != nil {
		return nil, err
	}
	if strings.HasPrefix(channel, "private") {
		answer := Object{{"auth", app.AuthString(socket + ":" + channel)}}
		if !strings.HasPrefix(channel, "private-encrypted-") {
			return answer, nil
		}
		key := b.encryptionKey(c.app)
		if len(key) == 0 {
			return nil, fmt.Errorf("%w: there is no encryption master key", errSigning)
		}
		secret := sharedSecret(channel, key)
		return append(answer, Field{"shared_secret", base64.StdEncoding.EncodeToString(secret[:])}), nil
	}
	id := c.user.BroadcastID
	if id.IsZero() {
		id = c.user.ID
	}
	data, err := encodePHP(Object{{"user_id", id.String()}, {"user_info", v.result}})
	if err != nil {
		return nil, err
	}
	return Object{{"auth", app.AuthString(socket + ":" + channel + ":" + string(data))}, {"channel_data", string(data)}}, nil
}

// signable checks what is about to be signed as pusher-php-server does.
func signable(channel string, socketID any) (string, error) {
	socket, isText := phpText(socketID)
	switch {
	case socketID == nil || !isText:
		return "", fmt.Errorf("%w: socket_id must be a text", errArgument)
	case !signableChannel.MatchString(channel):
		return "", fmt.Errorf("%w: invalid channel name %s", errSigning, channel)
	case !signableSocket.MatchString(socket):
		return "", fmt.Errorf("%w: invalid socket id %s", errSigning, socket)
	}
	return socket, nil
}

// encryptionKey is the master key of encrypted channels. Without one in the configuration it is derived from the app's
// secret, so that publishers of ours find the same.
func (b *Backend) encryptionKey(app *Application) []byte {
	if b.cfg.App == nil {
		return app.Auth.EncryptionKey
	}
	signing, ok := b.cfg.App()
	if !ok {
		return app.Auth.EncryptionKey
	}
	return masterKey(app, signing.Secret)
}

func masterKey(app *Application, secret string) []byte {
	if app.Auth.EncryptionKey != nil {
		return app.Auth.EncryptionKey
	}
	key := sha256.Sum256([]byte("echolab encryption master key:" + secret))
	return key[:]
}

// sharedSecret is the key of one encrypted channel (protocol G).
func sharedSecret(channel string, master []byte) [32]byte {
	return sha256.Sum256(append([]byte(channel), master...))
}

// unauthenticated is what the middleware auth says to a guest: 401 to JSON, the redirect to anybody else. pusher-js
// follows that and takes the login page, status 200, for a broken answer.
func (b *Backend) unauthenticated(c *call) {
	if c.wantsJSON() {
		c.fail(http.StatusUnauthorized, "Unauthenticated.")
		return
	}
	scheme := "http"
	if c.r.TLS != nil {
		scheme = "https"
	}
	to := scheme + "://" + c.r.Host + "/login"
	c.w.Header().Set("Location", to)
	c.write(http.StatusFound, "text/html; charset=utf-8", redirectPage(to))
}

// serverError answers 500; what it was is in the log alone, as with APP_DEBUG=false.
func (b *Backend) serverError(c *call, err error) {
	b.log.Warn("a request failed", "path", c.r.URL.Path, "error", err)
	c.fail(http.StatusInternalServerError, "Server Error")
}

// answerCallback is JSONP (Symfony JsonResponse::setCallback).
func (b *Backend) answerCallback(c *call, callback any, answer Object) {
	name, ok := phpText(callback)
	if !ok || !isCallback(name) {
		b.serverError(c, fmt.Errorf("%w: %v is no name of a callback", errArgument, callback))
		return
	}
	body, err := encodePHP(answer)
	if err != nil {
		b.serverError(c, err)
		return
	}
	c.write(http.StatusOK, "text/javascript; charset=UTF-8", bytes.Join([][]byte{[]byte("/**/" + name + "("), body, []byte(");")}, nil))
}

var callbackPart = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^[$_\p{L}][$_\p{L}\p{Mn}\p{Mc}\p{Nd}\p{Pc}\x{200C}\x{200D}]*(\[("(\\.|[^"\\])*"|'(\\.|[^'\\])*'|[0-9]+)\])*$`)
})

// reservedWords are those of JavaScript that Symfony lets nobody be called by.
var reservedWords = strings.Fields(`break do instanceof typeof case else new var catch finally return void continue for switch while
	debugger function this with default if throw delete in try class enum extends super const export import implements let private
	public yield interface package protected static null true false`)

func isCallback(name string) bool {
	for part := range strings.SplitSeq(name, ".") {
		if !callbackPart().MatchString(part) {
			return false
		}
		for _, word := range reservedWords {
			if part == word {
				return false
			}
		}
	}
	return true
}
