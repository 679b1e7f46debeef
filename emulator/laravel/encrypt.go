package laravel

import (
	"crypto/rand"
	"encoding/base64"
	"errors"

	"golang.org/x/crypto/nacl/secretbox"

	"echolab/emulator/pusher"
)

// Seal gives a publication's data as an application's library sends it: encrypted where it goes to an encrypted channel,
// with the application's master key, which is derived from its app's secret where it has none. Data that is encrypted
// already stays as it is.
func Seal(app *Application, secret string, p pusher.Publication) (pusher.Publication, error) {
	if !pusher.Encrypted(p.Channels...) || pusher.Sealed([]byte(p.Data)) {
		return p, nil
	}
	data, err := composer{key: masterKey(app, secret)}.sealed(p.Channels, []byte(p.Data))
	p.Data = string(data)
	return p, err
}

// sealed encrypts a payload for an encrypted channel as pusher-php-server does (protocol G): it goes to that channel
// alone, since every channel has its own key. What goes to others stays as it is.
func (c composer) sealed(channels []string, data []byte) ([]byte, error) {
	encrypted := 0
	for _, channel := range channels {
		if pusher.Encrypted(channel) {
			encrypted++
		}
	}
	switch {
	case encrypted == 0:
		return data, nil
	case encrypted < len(channels):
		return nil, errors.New("You cannot trigger to encrypted and non-encrypted channels at the same time")
	case encrypted > 1:
		return nil, errors.New("You cannot trigger to multiple encrypted channels at the same time")
	case len(c.key) == 0:
		return nil, errors.New("there is no master key for encrypted channels; set auth.encryption_key in echolab.yaml")
	}
	secret, nonce := sharedSecret(channels[0], c.key), [24]byte{}
	if _, err := rand.Read(nonce[:]); err != nil {
		return nil, err
	}
	return encodePHP(Object{
		{"nonce", base64.StdEncoding.EncodeToString(nonce[:])},
		{"ciphertext", base64.StdEncoding.EncodeToString(secretbox.Seal(nil, data, &nonce, &secret))},
	})
}
