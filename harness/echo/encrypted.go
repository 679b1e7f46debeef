package echo

import (
	"crypto/rand"
	"encoding/base64"
	"errors"

	"golang.org/x/crypto/nacl/secretbox"
)

func (ch *Channel) secretive() bool { return kindOf(ch.name).Encrypted }

// keep takes the shared_secret of an auth answer.
func (ch *Channel) keep(a *Answer) *Problem {
	if a.SharedSecret == "" {
		return &Problem{Type: "AuthError", Message: "No shared_secret key in auth payload for encrypted channel: " + ch.name}
	}
	b, err := base64.StdEncoding.DecodeString(a.SharedSecret)
	if err != nil || len(b) != 32 {
		return &Problem{Type: "AuthError", Message: "The shared_secret for encrypted channel " + ch.name + " is not 32 bytes in base64"}
	}
	ch.secret = (*[32]byte)(b)
	return nil
}

// decrypt hands out an event whose data is {"nonce":…,"ciphertext":…}. What does not open with the secret at hand has the
// authorizer asked once for a new one.
func (ch *Channel) decrypt(e *Event) {
	if ch.secret == nil {
		ch.lost(e, errors.New("it came before the secret"))
		return
	}
	data := e.Data()
	sealed, nonce := field(data, "ciphertext"), field(data, "nonce")
	if !truthy(sealed) || !truthy(nonce) {
		ch.lost(e, errors.New("its data has no ciphertext and nonce"))
		return
	}
	box, err := base64.StdEncoding.DecodeString(text(sealed))
	if err != nil || len(box) < secretbox.Overhead {
		ch.lost(e, errors.New("its ciphertext is too short or no base64"))
		return
	}
	var salt [24]byte
	b, err := base64.StdEncoding.DecodeString(text(nonce))
	if err != nil || len(b) < len(salt) {
		ch.lost(e, errors.New("its nonce is too short or no base64"))
		return
	}
	copy(salt[:], b)
	if plain, ok := secretbox.Open(nil, box, &salt, ch.secret); ok {
		ch.plain(e, plain)
		return
	}
	kept := *e
	kept.Raw, kept.data = clone(e.Raw), nil
	ch.c.authorize(ch.name, func(a *Answer) {
		p := a.Problem
		if p == nil {
			p = ch.keep(a)
		}
		if p != nil {
			ch.lost(&kept, p)
			return
		}
		plain, ok := secretbox.Open(nil, box, &salt, ch.secret)
		if !ok {
			ch.lost(&kept, errors.New("neither the secret at hand nor a new one opens it"))
			return
		}
		ch.plain(&kept, plain)
	})
}

func (ch *Channel) plain(e *Event, plain []byte) {
	if !valid(plain) {
		plain = quote(nil, string(plain))
	}
	e.Raw, e.data = plain, plain
	e.UserID = ""
	ch.emit(e.Name, e, nil)
}

func (ch *Channel) lost(e *Event, err error) {
	if n := ch.c.tell(NoticeUndecryptable); n != nil {
		n.Channel, n.Event, n.Err = ch.name, e, err
		ch.c.told(n)
	}
}

// Seal is the data of an event for an encrypted channel: {"nonce":…,"ciphertext":…} under the channel's secret (Pusher docs:
// End-to-end encrypted channels). It is what the application's library does before it publishes.
func Seal(masterKey []byte, channel string, plain []byte) (string, error) {
	var secret [32]byte
	var nonce [24]byte
	copy(secret[:], SharedSecret(masterKey, channel))
	if _, err := rand.Read(nonce[:]); err != nil {
		return "", err
	}
	box := secretbox.Seal(nil, plain, &nonce, &secret)
	return `{"nonce":"` + base64.StdEncoding.EncodeToString(nonce[:]) + `","ciphertext":"` + base64.StdEncoding.EncodeToString(box) + `"}`, nil
}
