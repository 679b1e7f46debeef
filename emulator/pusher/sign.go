package pusher

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"sort"
	"strconv"
	"strings"
	"time"
)

// Sign is the lower-case hex HMAC-SHA256 of text under the app's secret: the only signature of the protocol.
func Sign(secret, text string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(text))
	return hex.EncodeToString(mac.Sum(nil))
}

// ChannelText is what is signed for a subscription: "{socket}:{channel}", with ":{channel_data}" when there is any, the
// exact bytes (Pusher docs: Auth signatures).
func ChannelText(socketID, channel, channelData string) string {
	if channelData == "" {
		return socketID + ":" + channel
	}
	return socketID + ":" + channel + ":" + channelData
}

// UserText is what is signed for a sign-in (Pusher docs: User authentication).
func UserText(socketID, userData string) string { return socketID + "::user::" + userData }

// AuthString is the auth of a subscribe or sign-in message: "{key}:{signature}".
func (a *App) AuthString(text string) string { return a.Key + ":" + Sign(a.Secret, text) }

// CheckAuth verifies an auth string in constant time. Reverb looks only at what follows the first colon
// (laravel/reverb InteractsWithPrivateChannels.php); with checkKey what precedes it must be a key of
// the app.
func (a *App) CheckAuth(auth, text string, checkKey bool) bool {
	key, signature, found := strings.Cut(auth, ":")
	if !found {
		key, signature = "", auth
	}
	if checkKey && !a.HasKey(key) {
		return false
	}
	return hmac.Equal([]byte(Sign(a.Secret, text)), []byte(signature))
}

// Query holds decoded query parameters, one value a name.
type Query map[string]string

// RequestText is what is signed for an HTTP request: method, path and the parameters sorted by name, values not
// URL-encoded, without auth_signature (Pusher docs: HTTP API, Authentication).
func RequestText(method, path string, params Query) string {
	names := make([]string, 0, len(params))
	for name := range params {
		if name != "auth_signature" {
			names = append(names, name)
		}
	}
	sort.Strings(names)
	var b strings.Builder
	b.WriteString(method)
	b.WriteByte('\n')
	b.WriteString(path)
	b.WriteByte('\n')
	for i, name := range names {
		if i > 0 {
			b.WriteByte('&')
		}
		b.WriteString(name)
		b.WriteByte('=')
		b.WriteString(params[name])
	}
	return b.String()
}

// SignRequest completes params (which may be nil) with auth_key, auth_timestamp, auth_version, body_md5 for a
// non-empty body, and auth_signature.
func (a *App) SignRequest(method, path string, params Query, body []byte, now time.Time) Query {
	signed := Query{
		"auth_key":       a.Key,
		"auth_timestamp": strconv.FormatInt(now.Unix(), 10),
		"auth_version":   "1.0",
	}
	for name, value := range params {
		signed[name] = value
	}
	if len(body) > 0 {
		signed["body_md5"] = bodyMD5(body)
	}
	signed["auth_signature"] = Sign(a.Secret, RequestText(method, path, signed))
	return signed
}

func bodyMD5(body []byte) string {
	sum := md5.Sum(body)
	return hex.EncodeToString(sum[:])
}

// CheckRequest verifies a signed request and says in words what is wrong, "" when nothing is. Reverb recomputes
// body_md5 and looks at neither timestamp, key nor version (laravel/reverb Controller::verifySignature); the pusher
// profile does. path is the path without the server's prefix.
func (p *Profile) CheckRequest(a *App, method, path string, params Query, body []byte, now time.Time) string {
	checked := make(Query, len(params)+1)
	for name, value := range params {
		switch name {
		case "auth_signature", "body_md5", "appId", "appKey", "channelName":
		default:
			checked[name] = value
		}
	}
	if len(body) > 0 {
		checked["body_md5"] = bodyMD5(body)
	}
	if !hmac.Equal([]byte(Sign(a.Secret, RequestText(method, path, checked))), []byte(params["auth_signature"])) {
		return p.explain(a, params, body)
	}
	if p.ChecksKey {
		if !a.HasKey(params["auth_key"]) {
			return "auth_key is not the app's key"
		}
		if len(body) > 0 && params["body_md5"] != checked["body_md5"] {
			return "body_md5 is not the MD5 of the body"
		}
		if params["auth_version"] != "1.0" {
			return "auth_version must be 1.0"
		}
	}
	if p.TimestampWindow > 0 {
		seconds, err := strconv.ParseInt(params["auth_timestamp"], 10, 64)
		if err != nil {
			return "auth_timestamp is not a Unix time in seconds"
		}
		if off := now.Sub(time.Unix(seconds, 0)).Abs(); off > p.TimestampWindow {
			return "auth_timestamp is " + off.Round(time.Second).String() + " away from the server's clock (at most " + p.TimestampWindow.String() + ")"
		}
	}
	return ""
}

// explain guesses why a signature does not fit; it never reveals what the right one would be.
func (p *Profile) explain(a *App, params Query, body []byte) string {
	switch {
	case params["auth_signature"] == "":
		return "the request is not signed"
	case !a.HasKey(params["auth_key"]):
		return "signed with another key: check REVERB_APP_KEY and REVERB_APP_SECRET of the sender"
	case len(body) > 0 && params["body_md5"] != "" && params["body_md5"] != bodyMD5(body):
		return "the body is not the one that was signed"
	}
	return "signed with another secret, or for another path: check REVERB_APP_SECRET of the sender"
}
