package app_test

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/nacl/secretbox"

	"echolab/app"
	"echolab/emulator/pusher"
)

const vault = `
channels: [{pattern: "vault.{clientId}", rule: "true"}]
events: {Sealed: {channels: ["private-encrypted-vault.{clientId}"], payload: {client_id: 5, text: "Grüße / R&D"}}}
`

// An encrypted channel's events are sealed once, with the key that /broadcasting/auth gives to who may listen: those of the
// application, and those of 'echolab emit --url' with the same description.
func TestEmit_EncryptedChannels(t *testing.T) {
	for name, file := range map[string]string{
		"a derived key": vault, "a key of its own": vault + "auth: {encryption_key: \"MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=\"}\n",
	} {
		t.Run(name, func(t *testing.T) {
			a := runConfigured(t, file)
			creds := a.Config().Apps[0]
			p, _ := dialKey(t, a.App, creds.Key)
			const channel = "private-encrypted-vault.5"
			form := url.Values{"socket_id": {p.socket}, "channel_name": {channel}}
			request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, a.BackendURL()+"/broadcasting/auth", strings.NewReader(form.Encode()))
			require.NoError(t, err)
			request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			request.Header.Set("X-Echolab-User", "7")
			response, err := http.DefaultClient.Do(request)
			require.NoError(t, err)
			body, err := io.ReadAll(response.Body)
			require.NoError(t, err)
			require.NoError(t, response.Body.Close())
			var granted struct {
				Auth   string `json:"auth"`
				Secret []byte `json:"shared_secret"`
			}
			require.NoError(t, json.Unmarshal(body, &granted), "%s", body)
			require.Equal(t, "pusher_internal:subscription_succeeded", p.subscribe(channel, "", granted.Auth).Event)

			o := app.Occurrence{Event: "Sealed", Params: map[string]any{"clientId": 5}}
			direct, err := a.Emit(t.Context(), o, false)
			require.NoError(t, err)
			assert.Empty(t, direct.Notes)
			assert.JSONEq(t, `{"client_id":5,"text":"Grüße / R&D"}`, unsealed(t, granted.Secret, p.next().text()))

			// A plain event is encrypted on its way there; what is encrypted already stays.
			sent, err := a.Publish(t.Context(), "", pusher.Publication{Event: "Secret", Data: `{"x":1}`, Channels: []string{channel}})
			require.NoError(t, err)
			assert.Empty(t, sent[0].Note)
			sealed := p.next().text()
			assert.JSONEq(t, `{"x":1}`, unsealed(t, granted.Secret, sealed))
			_, err = a.Publish(t.Context(), "", pusher.Publication{Event: "Secret", Data: sealed, Channels: []string{channel}})
			require.NoError(t, err)
			assert.Equal(t, sealed, p.next().text())
			_, err = a.Publish(t.Context(), "", pusher.Publication{Event: "Secret", Data: `{}`, Channels: []string{channel, "portal"}})
			var failure *app.Error
			require.ErrorAs(t, err, &failure)
			assert.Equal(t, app.Invalid, failure.Code)
			assert.Contains(t, failure.Message, "encrypted and non-encrypted channels")

			cfg := a.Config()
			_, note, err := app.Remote{URL: a.URL(), App: creds, Application: cfg.Application}.Trigger(t.Context(), channel, "Secret", `{"x":2}`, "")
			require.NoError(t, err)
			assert.JSONEq(t, `{"x":2}`, unsealed(t, granted.Secret, p.next().text()))
			assert.Equal(t, name == "a derived key", note != "", "whose key it is: %q", note)
			outside, err := app.DescribedBy(cfg).Emit(t.Context(), &app.Remote{URL: a.URL(), App: creds}, o)
			require.NoError(t, err)
			assert.JSONEq(t, `{"client_id":5,"text":"Grüße / R&D"}`, unsealed(t, granted.Secret, p.next().text()))
			assert.Equal(t, name == "a derived key", len(outside.Notes) == 1, "whose key it is: %q", outside.Notes)
		})
	}
}

// unsealed is what a client reads in an event of an encrypted channel (protocol G).
func unsealed(t *testing.T, secret []byte, data string) string {
	t.Helper()
	var sealed struct{ Nonce, Ciphertext string }
	require.NoError(t, json.Unmarshal([]byte(data), &sealed), data)
	nonce, err := base64.StdEncoding.DecodeString(sealed.Nonce)
	require.NoError(t, err)
	box, err := base64.StdEncoding.DecodeString(sealed.Ciphertext)
	require.NoError(t, err)
	plain, ok := secretbox.Open(nil, box, (*[24]byte)(nonce), (*[32]byte)(secret))
	require.True(t, ok, "the key of /broadcasting/auth does not open it: %s", data)
	return string(plain)
}

// The notes of a contradiction reach who asked, whoever sends.
func TestEmit_NotesOfContradictions(t *testing.T) {
	a := runConfigured(t, "")
	o := app.Occurrence{Event: "InvoiceCreated", Params: map[string]any{"client": "2", "invoice": "1", "boardId": "3"}}
	want := []string{
		"boardId 3 is not used: nothing of InvoiceCreated depends on it",
		"invoice 1 belongs to client 1, not to client 2; the event is sent as it was asked for",
	}
	for _, dry := range []bool{true, false} {
		emitted, err := a.Emit(t.Context(), o, dry)
		require.NoError(t, err)
		assert.Equal(t, want, emitted.Notes)
		assert.Equal(t, []string{"private-client.2"}, emitted.Sent[0].Channels)
	}
	emitted, err := app.DescribedBy(a.Config()).Emit(t.Context(), nil, o)
	require.NoError(t, err)
	assert.Equal(t, want, emitted.Notes)
}

// Where the application is another, its clients may have another master key: who asked is told.
func TestPublish_EncryptedForAnApplicationElsewhere(t *testing.T) {
	r := run(t, map[string]string{"db": ":memory:", "backend": "off"})
	sent, err := r.Publish(t.Context(), "", pusher.Publication{Event: "Secret", Data: `{"x":1}`, Channels: []string{"private-encrypted-client.5"}})
	require.NoError(t, err)
	assert.Contains(t, sent[0].Note, "set auth.encryption_key")
	assert.True(t, pusher.Sealed(sent[0].Entry.Data))
	sent, err = r.Publish(t.Context(), "", pusher.Publication{Event: "Open", Data: `{"x":1}`, Channels: []string{"private-client.5"}})
	require.NoError(t, err)
	assert.Empty(t, sent[0].Note)
	assert.Equal(t, `{"x":1}`, string(sent[0].Entry.Data))
}
