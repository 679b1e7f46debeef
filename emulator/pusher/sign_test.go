package pusher_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"echolab/emulator/pusher"
)

// vectors is testdata/vectors/vectors.json: signatures computed and published by others.
type vectors struct {
	App  struct{ ID, Key, Secret string }
	HMAC []struct{ Name, Secret, Input, Signature string } `json:"hmac_sha256_hex"`
	HTTP []struct {
		Name, Method, Path string
		Body               string
		BodyMD5            string `json:"body_md5"`
		StringToSign       string `json:"string_to_sign"`
		AuthSignature      string `json:"auth_signature"`
	}
	Webhook []struct {
		Key, Body string
		Signature string `json:"x_pusher_signature"`
	}
	Published struct {
		AppID                           string `json:"app_id"`
		Key, Secret, Method, Path, Body string
		Timestamp                       int64
		BodyMD5                         string `json:"body_md5"`
		AuthSignature                   string `json:"auth_signature"`
	} `json:"published_event"`
}

func loadVectors(t testing.TB) (v vectors, app *pusher.App) {
	t.Helper()
	b, err := os.ReadFile("../../testdata/vectors/vectors.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(b, &v))
	require.NotEmpty(t, v.HMAC)
	require.NotEmpty(t, v.HTTP)
	require.NotEmpty(t, v.Webhook)
	return v, &pusher.App{ID: v.App.ID, Key: v.App.Key, Secret: v.App.Secret}
}

func TestSign_AgreesWithEveryVector(t *testing.T) {
	v, app := loadVectors(t)
	for _, row := range v.HMAC {
		t.Run(row.Name, func(t *testing.T) {
			assert.Equal(t, row.Signature, pusher.Sign(row.Secret, row.Input))
			owner := &pusher.App{Key: "k", Secret: row.Secret}
			assert.Equal(t, "k:"+row.Signature, owner.AuthString(row.Input))
			assert.True(t, owner.CheckAuth("k:"+row.Signature, row.Input, true))
			assert.False(t, owner.CheckAuth("k:"+row.Signature, row.Input+" ", true), "another text")
			assert.False(t, owner.CheckAuth("k:"+flip(row.Signature), row.Input, true), "another signature")
			assert.False(t, owner.CheckAuth("k:"+strings.ToUpper(row.Signature), row.Input, true), "signatures are lower case")
			assert.False(t, (&pusher.App{Key: "k", Secret: "other"}).CheckAuth("k:"+row.Signature, row.Input, false), "another secret")
		})
	}
	for _, row := range v.Webhook {
		assert.Equal(t, row.Signature, pusher.Sign(app.Secret, row.Body))
	}
}

// flip changes the last digit.
func flip(signature string) string {
	last := byte('0')
	if signature[len(signature)-1] == '0' {
		last = '1'
	}
	return signature[:len(signature)-1] + string(last)
}

func TestChannelText_IsWhatTheVectorsSign(t *testing.T) {
	assert.Equal(t, "1234.5678:private-client.5", pusher.ChannelText("1234.5678", "private-client.5", ""))
	assert.Equal(t, `1234.5678:private-client.5:{"foo":1}`, pusher.ChannelText("1234.5678", "private-client.5", `{"foo":1}`))
	assert.Equal(t, `1234.5678::user::{"id":"7"}`, pusher.UserText("1234.5678", `{"id":"7"}`))
}

func TestCheckAuth_LooksAtTheKeyOnlyWhenAsked(t *testing.T) {
	app := &pusher.App{Key: "key", Secret: "secret"}
	signature := pusher.Sign("secret", "1.2:private-x")
	for _, row := range []struct {
		auth           string
		loose, checked bool
	}{
		{"key:" + signature, true, true},
		{"other:" + signature, true, false},
		{":" + signature, true, false},
		{signature, true, false}, // no colon: the whole is the signature
		{"key:x:" + signature, false, false},
		{"key:", false, false},
		{"key", false, false},
		{"", false, false},
	} {
		assert.Equal(t, row.loose, app.CheckAuth(row.auth, "1.2:private-x", false), "%q", row.auth)
		assert.Equal(t, row.checked, app.CheckAuth(row.auth, "1.2:private-x", true), "%q with its key", row.auth)
	}
}

// vectorTime is the auth_timestamp of the vectors.
var vectorTime = time.Unix(1700000000, 0)

func TestSignRequest_AgreesWithEveryVector(t *testing.T) {
	v, app := loadVectors(t)
	for _, row := range v.HTTP {
		t.Run(row.Name, func(t *testing.T) {
			own := pusher.Query{}
			query := row.StringToSign[strings.LastIndex(row.StringToSign, "\n")+1:]
			for part := range strings.SplitSeq(query, "&") {
				name, value, _ := strings.Cut(part, "=")
				if !strings.HasPrefix(name, "auth_") && name != "body_md5" {
					own[name] = value
				}
			}
			signed := app.SignRequest(row.Method, row.Path, own, []byte(row.Body), vectorTime)
			assert.Equal(t, row.AuthSignature, signed["auth_signature"])
			assert.Equal(t, row.BodyMD5, signed["body_md5"])
			assert.Equal(t, row.StringToSign, pusher.RequestText(row.Method, row.Path, signed))
			for _, p := range pusher.Profiles {
				assert.Empty(t, p.CheckRequest(app, row.Method, row.Path, signed, []byte(row.Body), vectorTime), p.Name)
				assert.NotEmpty(t, p.CheckRequest(app, row.Method, row.Path, signed, []byte(row.Body+" "), vectorTime), "%s: another body", p.Name)
				assert.NotEmpty(t, p.CheckRequest(app, "PUT", row.Path, signed, []byte(row.Body), vectorTime), "%s: another method", p.Name)
				assert.NotEmpty(t, p.CheckRequest(app, row.Method, row.Path+"x", signed, []byte(row.Body), vectorTime), "%s: another path", p.Name)
				assert.NotEmpty(t, p.CheckRequest(app, row.Method, row.Path, with(signed, "info", "cache"), []byte(row.Body), vectorTime), "%s: another parameter", p.Name)
				assert.NotEmpty(t, p.CheckRequest(app, row.Method, row.Path, with(signed, "auth_signature", flip(signed["auth_signature"])), []byte(row.Body), vectorTime), "%s: another signature", p.Name)
				assert.NotEmpty(t, p.CheckRequest(app, row.Method, row.Path, with(signed, "auth_signature", ""), []byte(row.Body), vectorTime), "%s: no signature", p.Name)
			}
		})
	}
}

func with(q pusher.Query, name, value string) pusher.Query {
	changed := pusher.Query{name: value}
	for k, v := range q {
		if k != name {
			changed[k] = v
		}
	}
	return changed
}

func TestSignRequest_AgreesWithThePublishedExample(t *testing.T) {
	v, _ := loadVectors(t)
	p := v.Published
	app := &pusher.App{ID: p.AppID, Key: p.Key, Secret: p.Secret}
	at := time.Unix(p.Timestamp, 0)
	signed := app.SignRequest(p.Method, p.Path, nil, []byte(p.Body), at)
	assert.Equal(t, p.BodyMD5, signed["body_md5"])
	assert.Equal(t, p.AuthSignature, signed["auth_signature"])
	assert.Empty(t, pusher.Hosted.CheckRequest(app, p.Method, p.Path, signed, []byte(p.Body), at))
}

// resign signs q anew, so that a changed parameter is refused for itself and not for the signature.
func resign(app *pusher.App, method, path string, q pusher.Query) pusher.Query {
	return with(q, "auth_signature", pusher.Sign(app.Secret, pusher.RequestText(method, path, q)))
}

func TestCheckRequest_ProfilesDifferInWhatTheyLookAt(t *testing.T) {
	_, app := loadVectors(t)
	const path = "/apps/client-portal/events"
	body := []byte(`{"name":"a"}`)
	good := app.SignRequest("POST", path, nil, body, vectorTime)
	rows := []struct {
		name           string
		query          pusher.Query
		now            time.Time
		reverb, pusher string // part of the explanation, "" for accepted
	}{
		{"good", good, vectorTime, "", ""},
		{"600 s late", good, vectorTime.Add(600 * time.Second), "", ""},
		{"601 s late", good, vectorTime.Add(601 * time.Second), "", "10m1s away"},
		{"600 s early", good, vectorTime.Add(-600 * time.Second), "", ""},
		{"601 s early", good, vectorTime.Add(-601 * time.Second), "", "10m1s away"},
		{"years late", good, vectorTime.AddDate(500, 0, 0), "", "away from the server's clock"},
		{"timestamp not a number", resign(app, "POST", path, with(good, "auth_timestamp", "now")), vectorTime, "", "auth_timestamp is not a Unix time"},
		{"timestamp beyond time", resign(app, "POST", path, with(good, "auth_timestamp", "9223372036854775807")), vectorTime, "", "away from the server's clock"},
		{"timestamp before time", resign(app, "POST", path, with(good, "auth_timestamp", "-9223372036854775808")), vectorTime, "", "away from the server's clock"},
		{"another key", resign(app, "POST", path, with(good, "auth_key", "other")), vectorTime, "", "auth_key is not the app's key"},
		{"another version", resign(app, "POST", path, with(good, "auth_version", "2.0")), vectorTime, "", "auth_version must be 1.0"},
		{"signed with another secret", (&pusher.App{Key: app.Key, Secret: "x"}).SignRequest("POST", path, nil, body, vectorTime), vectorTime, "another secret", "another secret"},
		{"signed by another app", (&pusher.App{Key: "x", Secret: "x"}).SignRequest("POST", path, nil, body, vectorTime), vectorTime, "another key", "another key"},
		{"unsigned", pusher.Query{}, vectorTime, "not signed", "not signed"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			for _, want := range []struct {
				profile *pusher.Profile
				why     string
			}{{pusher.Reverb, row.reverb}, {pusher.Hosted, row.pusher}} {
				why := want.profile.CheckRequest(app, "POST", path, row.query, body, row.now)
				if want.why == "" {
					assert.Empty(t, why, want.profile.Name)
				} else {
					assert.Contains(t, why, want.why, want.profile.Name)
				}
				assert.NotContains(t, why, good["auth_signature"], "an explanation never tells the right signature")
			}
		})
	}
	// Reverb takes body_md5 from the body whatever the query says; Pusher wants it right.
	unsigned := with(good, "body_md5", "00000000000000000000000000000000")
	assert.Empty(t, pusher.Reverb.CheckRequest(app, "POST", path, unsigned, body, vectorTime))
	assert.Contains(t, pusher.Hosted.CheckRequest(app, "POST", path, unsigned, body, vectorTime), "body_md5")
	// Names that Reverb leaves out of what is signed.
	for _, name := range []string{"appId", "appKey", "channelName"} {
		assert.Empty(t, pusher.Reverb.CheckRequest(app, "POST", path, with(good, name, "x"), body, vectorTime), name)
	}
}

// FuzzCheckRequest: whatever is asked, nothing but the right signature is accepted, and signing what was asked is.
func FuzzCheckRequest(f *testing.F) {
	_, app := loadVectors(f)
	f.Add("POST", "/apps/client-portal/events", "info", "user_count", `{"name":"a"}`, "0")
	f.Add("GET", "/", "auth_signature", "", "", "88cc3fecb6f5b97c76de6857ff9f7173eb713db2b6de36f4dcb5c1bbb925c308")
	f.Add("GET", "/x\ny", "a=b&c", "\n", "", "")
	f.Fuzz(func(t *testing.T, method, path, name, value, body, signature string) {
		signed := app.SignRequest(method, path, pusher.Query{name: value}, []byte(body), vectorTime)
		own := false // a parameter that is one of the signature's own takes its place
		switch name {
		case "auth_key", "auth_timestamp", "auth_version", "body_md5", "appId", "appKey", "channelName":
			own = true
		}
		for _, p := range pusher.Profiles {
			why := p.CheckRequest(app, method, path, signed, []byte(body), vectorTime)
			if !own && why != "" {
				t.Errorf("%s refuses what was signed: %s", p.Name, why)
			}
			if signature != signed["auth_signature"] && p.CheckRequest(app, method, path, with(signed, "auth_signature", signature), []byte(body), vectorTime) == "" {
				t.Errorf("%s accepts the signature %q", p.Name, signature)
			}
		}
	})
}
