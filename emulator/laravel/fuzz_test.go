package laravel_test

import (
	"fmt"
	"math"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"unicode"

	"echolab/emulator/laravel"
)

// askDirectly is ask without a network.
func askDirectly(b *laravel.Backend, user, channel string) (int, string) {
	fields := url.Values{"socket_id": {"1234.5678"}, "channel_name": {channel}}
	request := httptest.NewRequest("POST", "http://localhost/broadcasting/auth", strings.NewReader(fields.Encode()))
	request.Header.Set("Content-Type", form)
	request.Header.Set("X-Echolab-User", user)
	answer := httptest.NewRecorder()
	b.ServeHTTP(answer, request)
	return answer.Code, answer.Body.String()
}

// blank is what Laravel trims off fields: white space, NUL and marks without width.
func blank(r rune) bool {
	return unicode.IsSpace(r) || strings.ContainsRune("\x00\u200b\u200e\ufeff", r)
}

func FuzzChannelNames(f *testing.F) {
	for _, seed := range []string{"private-client.5", "presence-presence-project.1", "private-encrypted-vault.9", "presence-part-a-b-c", "private-any12", "private-client.\xff", "presence-", "private-client.1e308", "private-client.99999999999999999999", "\u200bprivate-any3\x00"} {
		f.Add(seed)
	}
	app := office(append(guide(),
		laravel.Channel{Pattern: "part-{a}-{b}", Rule: "{a: a, b: b}"},
		laravel.Channel{Pattern: "any[0-9]+", Rule: "{x: 1}"},
		laravel.Channel{Pattern: "float.{v}", Params: map[string]string{"v": "float"}, Rule: "[v]"},
		laravel.Channel{Pattern: "bound.{p}", Params: map[string]string{"p": "projects"}, Rule: "true", Member: member("p", "p")},
	)...)
	b := standIn(f, laravel.Fixed, app, nil)
	f.Fuzz(func(t *testing.T, channel string) {
		status, body := askDirectly(b, "12", channel)
		switch status {
		case 200:
			var answer struct {
				Auth string
				Data *string `json:"channel_data"`
			}
			decode(t, body, &answer)
			text := "1234.5678:" + strings.TrimFunc(channel, blank)
			if answer.Data != nil {
				text += ":" + *answer.Data
			}
			if !signer.CheckAuth(answer.Auth, text, true) {
				t.Fatalf("%q: the signature is not of %q", channel, text)
			}
		case 403, 500:
		default:
			t.Fatalf("%q: status %d: %s", channel, status, body)
		}
	})
}

func FuzzPatterns(f *testing.F) {
	for _, seed := range [][2]string{{"client.{id}", "client.5"}, {"any[0-9]+", "any12"}, {"{a}-{b}", "x-y-z"}, {"a|b", "ab"}, {"x{1,3}", "xx"}, {"(?P<n>.)", "x"}, {"{a}{b}", "ab"}, {`\.{a}`, "."}} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, pattern, channel string) {
		app := office(laravel.Channel{Pattern: pattern, Rule: "true"})
		if len(laravel.Check(app)) > 0 {
			return
		}
		status, body := askDirectly(standIn(t, laravel.Fixed, app, nil), "12", "private-"+channel)
		if status != 200 && status != 403 && status != 500 {
			t.Fatalf("%q for %q: status %d: %s", pattern, channel, status, body)
		}
	})
}

func FuzzInput(f *testing.F) {
	f.Add(form, "a[b][]=1&a[b][]=2&user=12")
	f.Add("application/json", `{"user":{"a":[1,2.5,null,true]}}`)
	f.Add("multipart/form-data; boundary=b", "--b\r\nContent-Disposition: form-data; name=\"user\"\r\n\r\n12\r\n--b--\r\n")
	f.Add("application/json", "["+strings.Repeat("[", 600))
	b := standIn(f, laravel.Fixed, office(), nil)
	f.Fuzz(func(t *testing.T, contentType, body string) {
		request := httptest.NewRequest("POST", "http://localhost/login", strings.NewReader(body))
		request.Header.Set("Content-Type", contentType)
		answer := httptest.NewRecorder()
		b.ServeHTTP(answer, request)
		switch answer.Code {
		case 200, 400, 422:
		default:
			t.Fatalf("%d %s", answer.Code, answer.Body)
		}
	})
}

func FuzzExpressions(f *testing.F) {
	for _, seed := range []string{"user.id == 12", `find("projects", id)?.name`, "map(1..9, {a: #})", "reduce(1..9, #acc + #)", `{a: [1, "x"], b: nil}`, "allows(\"x.{id}\", 1)", "user.clients[5]", "1 / 0", "[1][id]", `sortBy(projects, .name)`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, rule string) {
		app := office(laravel.Channel{Pattern: "x.{id}", Params: map[string]string{"id": "int"}, Rule: rule})
		if len(laravel.Check(app)) > 0 {
			return
		}
		b := standIn(t, laravel.AsWritten, app, nil)
		for _, channel := range []string{"presence-x.1", fmt.Sprintf("private-x.%d", math.MaxInt64)} {
			if status, body := askDirectly(b, "12", channel); status < 200 || status > 599 {
				t.Fatalf("%q: status %d: %s", rule, status, body)
			}
		}
	})
}
