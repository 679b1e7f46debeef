package laravel_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"echolab/emulator/laravel"
)

// TestInput_WhatPHPReads asks with bodies of every kind; the name that PHP found decides the answer.
func TestInput_WhatPHPReads(t *testing.T) {
	base := serve(t, laravel.AsWritten, office(guide()...), nil)
	const asJSON = "application/json"
	for _, row := range []struct {
		name, query, contentType, body string
		status                         int
	}{
		{"form", "", form, "socket_id=1.2&channel_name=private-client.5", 200},
		{"form with a charset", "", form + "; charset=UTF-8", "socket_id=1.2&channel_name=private-client.5", 200},
		{"the last of two counts", "", form, "socket_id=1.2&channel_name=private-client.6&channel_name=private-client.5", 200},
		{"the body before the query", "?channel_name=private-client.6", form, "socket_id=1.2&channel_name=private-client.5", 200},
		{"dots and blanks are underscores", "", form, "socket.id=1.2&channel+name=private-client.5", 200},
		{"a blank before the name", "", form, "socket_id=1.2&+channel_name=private-client.5", 200},
		{"an unclosed bracket is an underscore", "", form, "socket_id=1.2&channel[name=private-client.5", 200},
		{"a broken escape stays", "", form, "socket_id=1.2&channel_name=private-client.5%zz", 500},
		{"socket id as a list", "", form, "socket_id[]=1.2&channel_name=private-client.5", 500},
		{"channel as an object", "", form, "socket_id=1.2&channel_name[a][b]=private-client.5", 500},
		{"a thousand fields before it", "", form, strings.Repeat("x[]=1&", 1000) + "socket_id=1.2&channel_name=private-client.5", 403},
		{"nested a hundred deep", "", form, "a" + strings.Repeat("[b]", 100) + "=1&socket_id=1.2&channel_name=private-client.5", 200},
		{"empty", "", form, "", 403},
		{"only separators", "", form, "&&=&[]=1&", 403},
		{"zero", "", form, "socket_id=1.2&channel_name=0", 403},
		{"JSON", "", asJSON, `{"socket_id":"1.2","channel_name":"private-client.5"}`, 200},
		{"JSON of a vendor", "", "application/vnd.api+json", `{"socket_id":"1.2","channel_name":"private-client.5"}`, 200},
		{"JSON, the last of two counts", "", asJSON, `{"socket_id":"1.2","channel_name":"private-client.6","channel_name":"private-client.5"}`, 200},
		{"JSON, blanks around", "", asJSON, " {\"socket_id\":\" 1.2\\n\",\"channel_name\":\"\\u200bprivate-client.5 \"} ", 200},
		{"JSON, an integer as socket id", "", asJSON, `{"socket_id":12,"channel_name":"private-client.5"}`, 500},
		{"JSON, null as socket id", "", asJSON, `{"socket_id":null,"channel_name":"private-client.5"}`, 500},
		{"JSON, true as channel", "", asJSON, `{"socket_id":"1.2","channel_name":true}`, 403},
		{"JSON, false as channel", "", asJSON, `{"socket_id":"1.2","channel_name":false}`, 403},
		{"JSON, a list as channel", "", asJSON, `{"socket_id":"1.2","channel_name":["private-client.5"]}`, 500},
		{"JSON, an empty list as channel", "", asJSON, `{"socket_id":"1.2","channel_name":[]}`, 500},
		{"JSON, a list", "", asJSON, `["private-client.5"]`, 403},
		{"JSON, a number", "", asJSON, `5`, 403},
		{"JSON, two values", "", asJSON, `{"socket_id":"1.2","channel_name":"private-client.5"}{}`, 403},
		{"JSON, too deep", "", asJSON, strings.Repeat(`{"a":`, 100000), 403},
		{"JSON, broken, fields in the query", "?socket_id=1.2&channel_name=private-client.5", asJSON, `{`, 200},
		{"too large", "", form, "socket_id=1.2&channel_name=private-client.5&x=" + strings.Repeat("x", 2<<20), 403},
		{"multipart without a boundary", "", "multipart/form-data", "--b\r\n", 403},
	} {
		response, body := send(t, "POST", base+"/broadcasting/auth"+row.query, row.body, "Content-Type", row.contentType, "X-Echolab-User", "12", "Accept", asJSON)
		assert.Equal(t, row.status, response.StatusCode, row.name+": "+body)
	}
}

func TestAuth_CallbackNames(t *testing.T) {
	base := serve(t, laravel.AsWritten, office(guide()...), nil)
	for name, status := range map[string]int{
		"cb": 200, "a.b.c": 200, "$": 200, "Pusher.auth_callbacks%5B%221%22%5D": 200, "a%5B0%5D": 200, "ünicode": 200,
		"a-b": 500, "alert(1)": 500, "a..b": 500, "function": 500, "%3Cscript%3E": 500, "a%5B%5D": 500, "1a": 500,
	} {
		response, body := send(t, "GET", base+"/broadcasting/auth?socket_id=1.2&channel_name=private-client.5&callback="+name, "", "X-Echolab-User", "12")
		assert.Equal(t, status, response.StatusCode, name)
		if status == 200 {
			assert.True(t, strings.HasPrefix(body, "/**/") && strings.HasSuffix(body, ");"), body)
			assert.Equal(t, "text/javascript; charset=UTF-8", response.Header.Get("Content-Type"))
		}
	}
}

// TestAuth_MembersAsPHPWritesThem: each value as json_encode puts it into channel_data.
func TestAuth_MembersAsPHPWritesThem(t *testing.T) {
	for rule, written := range map[string]string{
		`[0.1, 1.5, 2.0, 100000.0 * 1e20, 0.00001, 0.0001, 1e16, 1e17, -0.5]`: `[0.1,1.5,2,1.0e+25,1.0e-5,0.0001,10000000000000000,1.0e+17,-0.5]`,
		`["a/b", "ü", "🦊", "<>&'", "\"\\", "\t\n\r\f\b", "\u0001\u007f"]`:     `["a\/b","\u00fc","\ud83e\udd8a","<>&'","\"\\","\t\n\r\f\b","\u0001` + "\u007f" + `"]`,
		`{"0": "a", "1": "b"}`:                    `["a","b"]`,
		`{"1": "b", "0": "a"}`:                    `{"1":"b","0":"a"}`,
		`{z: 1, a: {y: [], x: {}}}`:               `{"z":1,"a":{"y":[],"x":{}}}`,
		`[nil, true, false, 9223372036854775807]`: `[null,true,false,9223372036854775807]`,
		`{"ü/": 1}`:                               `{"\u00fc\/":1}`,
		`find("projects", 1)`:                     `{"id":1,"client_id":5,"name":"Website"}`,
	} {
		base := serve(t, laravel.AsWritten, office(laravel.Channel{Pattern: "x", Rule: rule}), nil)
		status, body := ask(t, base, "12", "presence-x")
		require.Equal(t, 200, status, rule)
		var answer struct {
			Data string `json:"channel_data"`
		}
		decode(t, body, &answer)
		assert.Equal(t, `{"user_id":"12","user_info":`+written+`}`, answer.Data, rule)
	}
	base := serve(t, laravel.AsWritten, office(laravel.Channel{Pattern: "inf", Rule: `[float("1e999")]`}), nil)
	status, _ := ask(t, base, "12", "presence-inf")
	assert.Equal(t, 500, status, "PHP refuses to encode INF")
}

func TestAuth_TrueOnAPresenceChannelWarns(t *testing.T) {
	var log strings.Builder
	base := serve(t, laravel.Fixed, office(laravel.Channel{Pattern: "x", Rule: "true"}), &log)
	_, body := ask(t, base, "12", "presence-x")
	assert.Contains(t, body, `\"user_info\":true`)
	assert.Contains(t, log.String(), "level=WARN")
	assert.Contains(t, log.String(), "here() lists [true]")
}

func TestAuth_DerivedEncryptionKey(t *testing.T) {
	base := serve(t, laravel.Fixed, office(laravel.Channel{Pattern: "vault.{id}", Rule: "true"}), nil)
	secrets := map[string]bool{}
	for _, channel := range []string{"private-encrypted-vault.1", "private-encrypted-vault.1", "private-encrypted-vault.2"} {
		_, body := ask(t, base, "12", channel)
		var answer struct {
			Secret string `json:"shared_secret"`
		}
		decode(t, body, &answer)
		key, err := base64.StdEncoding.DecodeString(answer.Secret)
		require.NoError(t, err)
		assert.Len(t, key, 32)
		secrets[answer.Secret] = true
	}
	assert.Len(t, secrets, 2, "one secret a channel, the same each time")
}

func TestUserAuth_DefaultIsText(t *testing.T) {
	base := serve(t, laravel.Fixed, office(), nil)
	response, body := send(t, "POST", base+"/broadcasting/user-auth", "socket_id=1.2", "Content-Type", form, "X-Echolab-User", "12")
	require.Equal(t, 200, response.StatusCode)
	var answer struct {
		Data string `json:"user_data"`
		Auth string
	}
	decode(t, body, &answer)
	assert.Equal(t, `{"id":"12","user_info":{"name":"Bob","avatar":"https:\/\/cdn.example.test\/bob.png"}}`, answer.Data)
	assert.True(t, signer.CheckAuth(answer.Auth, "1.2::user::"+answer.Data, true))
	response, _ = send(t, "POST", base+"/broadcasting/user-auth", "socket_id=1.2", "Content-Type", form)
	assert.Equal(t, 403, response.StatusCode)
}
