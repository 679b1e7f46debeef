package laravel_test

import (
	"net/http"
	"net/url"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"echolab/emulator/laravel"
)

// ask posts to /broadcasting/auth as a user and gives the status and the body.
func ask(t *testing.T, base, user, channel string) (int, string) {
	t.Helper()
	form := url.Values{"socket_id": {"1234.5678"}, "channel_name": {channel}}
	request, err := http.NewRequest("POST", base+"/broadcasting/auth", strings.NewReader(form.Encode()))
	require.NoError(t, err)
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if user != "" {
		request.Header.Set("X-Echolab-User", user)
	}
	response, body := answered(t, request)
	return response.StatusCode, body
}

// office is the application of the rule tests: an admin, two clients' people, and rows of each type.
func office(channels ...laravel.Channel) *laravel.Application {
	row := func(id int64, more ...any) laravel.Object {
		o := laravel.Object{{Key: "id", Value: id}}
		for i := 0; i < len(more); i += 2 {
			o = append(o, laravel.Field{Key: more[i].(string), Value: more[i+1]})
		}
		return o
	}
	return &laravel.Application{
		Users: []laravel.User{
			{ID: laravel.IntID(7), Name: "Ada", Role: "admin"},
			{ID: laravel.IntID(12), Name: "Bob", Role: "client", Clients: []laravel.ID{laravel.IntID(5)}, Avatar: "https://cdn.example.test/bob.png"},
			{ID: laravel.IntID(13), Name: "Zoë", Role: "client", Clients: []laravel.ID{laravel.IntID(6)}, Fields: laravel.Object{{Key: "team", Value: laravel.Object{{Key: "lead", Value: true}}}}},
			{ID: laravel.TextID("u-1"), Name: "Uma", Role: "client"},
		},
		Entities: map[string][]laravel.Object{
			"clients":    {row(5, "name", "Acme"), row(6, "name", "Büro")},
			"projects":   {row(1, "client_id", int64(5), "name", "Website"), row(2, "client_id", int64(6), "name", "Umzug")},
			"invoices":   {row(42, "client_id", int64(5)), row(43, "client_id", int64(6))},
			"documents":  {row(3, "project_id", int64(1)), row(4, "project_id", int64(2))},
			"workflows":  {row(8, "client_id", int64(5))},
			"timesheets": {row(9, "client_id", int64(5))},
		},
		Channels: channels,
	}
}

// guide is every rule of protocol K.2.
func guide() []laravel.Channel {
	who := member("id", "user.id", "name", "user.name", "avatar", "user.avatar")
	owned := func(pattern, typ string) laravel.Channel {
		return laravel.Channel{Pattern: pattern, Params: map[string]string{"id": "int"}, Rule: `user.isAdmin or user.belongsTo(find("` + typ + `", id)?.client_id)`}
	}
	own := func(pattern, name string) laravel.Channel {
		return laravel.Channel{Pattern: pattern, Params: map[string]string{name: "int"}, Rule: "user.id == " + name}
	}
	return []laravel.Channel{
		{Pattern: "client.{clientId}", Params: map[string]string{"clientId": "int"}, Rule: "user.isAdmin or user.belongsTo(clientId)"},
		own("App.Models.User.{id}", "id"),
		{Pattern: "presence-project.{projectId}", Params: map[string]string{"projectId": "int"}, Rule: `user.isAdmin or user.belongsTo(find("projects", projectId).client_id)`, Member: who},
		{Pattern: "presence-document.{documentId}", Params: map[string]string{"documentId": "int"}, Rule: `user.isAdmin or user.belongsTo(find("projects", find("documents", documentId).project_id).client_id)`, Member: who},
		{Pattern: "presence-online", Rule: "true", Member: who},
		owned("project.{id}", "projects"), owned("invoice.{id}", "invoices"), owned("timesheet.{id}", "timesheets"), owned("workflow.{id}", "workflows"),
		own("timer.{userId}", "userId"), own("User.{id}", "id"),
		{Pattern: "admin", Rule: "user.isAdmin"},
		{Pattern: "presence.client.{id}", Params: map[string]string{"id": "int"}, Rule: `allows("client.{clientId}", id)`, Member: who},
		{Pattern: "presence.online", Rule: "true", Member: who},
	}
}

// TestK2_EachRule has one row for each row of protocol K.2, asked by whom it lets in and by whom it doesn't.
func TestK2_EachRule(t *testing.T) {
	const ada, bob, zoe = "7", "12", "13"
	rows := []struct {
		rule, channel string
		statuses      map[string]int
	}{
		{"client.{clientId}", "private-client.5", map[string]int{ada: 200, bob: 200, zoe: 403, "u-1": 403, "": 403}},
		{"App.Models.User.{id}", "private-App.Models.User.12", map[string]int{ada: 403, bob: 200, zoe: 403, "": 403}},
		{"presence-project.{projectId}", "presence-presence-project.1", map[string]int{ada: 200, bob: 200, zoe: 403, "": 403}},
		{"presence-project.{projectId}, unknown project", "presence-presence-project.99", map[string]int{ada: 200, bob: 500, "": 403}},
		{"presence-document.{documentId}", "presence-presence-document.3", map[string]int{ada: 200, bob: 200, zoe: 403, "": 403}},
		{"presence-document.{documentId}, unknown document", "presence-presence-document.99", map[string]int{ada: 200, bob: 500}},
		{"presence-online", "presence-presence-online", map[string]int{ada: 200, bob: 200, "u-1": 200, "": 403}},
		{"project.{id}", "private-project.2", map[string]int{ada: 200, bob: 403, zoe: 200, "": 403}},
		{"invoice.{id}", "private-invoice.42", map[string]int{ada: 200, bob: 200, zoe: 403}},
		{"invoice.{id}, unknown invoice", "private-invoice.99", map[string]int{ada: 200, bob: 403}},
		{"timesheet.{id}", "private-timesheet.9", map[string]int{ada: 200, bob: 200, zoe: 403}},
		{"workflow.{id}", "private-workflow.8", map[string]int{ada: 200, bob: 200, zoe: 403}},
		{"timer.{userId}", "private-timer.12", map[string]int{ada: 403, bob: 200, "": 403}},
		{"User.{id}", "private-User.7", map[string]int{ada: 200, bob: 403}},
		{"admin", "private-admin", map[string]int{ada: 200, bob: 403, "": 403}},
		{"presence.client.{id}", "presence-presence.client.5", map[string]int{ada: 200, bob: 200, zoe: 403}},
		{"presence.online", "presence-presence.online", map[string]int{ada: 200, zoe: 200, "": 403}},
		{"no rule", "private-nothing.5", map[string]int{ada: 403, bob: 403}},
		{"the guide's single prefix", "presence-project.1", map[string]int{ada: 200, bob: 200}}, // by project.{id}
	}
	app := office(guide()...)
	require.Empty(t, laravel.Check(app))
	for _, mode := range []laravel.Mode{laravel.Fixed, laravel.AsWritten} {
		base := serve(t, mode, app, nil)
		for _, row := range rows {
			t.Run(row.rule+"/"+string(mode), func(t *testing.T) {
				for user, status := range row.statuses {
					got, body := ask(t, base, user, row.channel)
					assert.Equal(t, status, got, "%s asked by %q: %s", row.channel, user, body)
				}
			})
		}
	}
}

func TestAuth_MemberOfTheGuide(t *testing.T) {
	base := serve(t, laravel.Fixed, office(guide()...), nil)
	for _, channel := range []string{"presence-presence-project.1", "presence-presence-document.3", "presence-presence-online", "presence-presence.client.5", "presence-presence.online"} {
		_, body := ask(t, base, "12", channel)
		assert.Contains(t, body, `"channel_data":"{\"user_id\":\"12\",\"user_info\":{\"id\":12,\"name\":\"Bob\",\"avatar\":\"https:\\\/\\\/cdn.example.test\\\/bob.png\"}}"`, channel)
	}
}

// TestAuth_ContradictionsOfTheGuide has the rows of protocol K.9 that authorisation decides, asked in one go; each has a
// test of its name in auth_k9_test.go or occur_k9_test.go.
func TestAuth_ContradictionsOfTheGuide(t *testing.T) {
	rows := []struct {
		row, channel  string
		status        int
		part, without string // of the answer
	}{
		{"X3: the double prefix works", "presence-presence-project.1", 200, `\"id\":12`, ""},
		{"X4: viewers and events have two channels", "private-project.1", 200, "auth", "channel_data"},
		{"X5: members as the table names them", "presence-presence-online", 200, `\"name\":\"Bob\"`, ""},
		{"X5: members where events go", "presence-online", 200, `\"name\":\"Bob\"`, ""},
		{"X6: dots", "presence-presence.client.5", 200, `\"name\":\"Bob\"`, ""},
		{"X7: the short name of one's own channel", "private-User.12", 200, "auth", ""},
		{"X7: somebody else's", "private-User.7", 403, "", "auth"},
		{"X19: avatar, not avatar_url", "presence-presence-project.1", 200, `\"avatar\":`, "avatar_url"},
	}
	app := office(append(guide(), laravel.Channel{Pattern: "online", Rule: "true", Member: member("id", "user.id", "name", "user.name")})...)
	for _, mode := range []laravel.Mode{laravel.Fixed, laravel.AsWritten} {
		base := serve(t, mode, app, nil)
		cookie := session(t, base, "12") // X15: cookies work in both
		for _, row := range rows {
			form := url.Values{"socket_id": {"1234.5678"}, "channel_name": {row.channel}}.Encode()
			response, body := send(t, "POST", base+"/broadcasting/auth", form, "Content-Type", "application/x-www-form-urlencoded", "Cookie", cookie, "Accept", "application/json")
			assert.Equal(t, row.status, response.StatusCode, "%s, %s", row.row, mode)
			assert.Contains(t, body, row.part, row.row)
			if row.without != "" {
				assert.NotContains(t, body, row.without, row.row)
			}
		}
	}
}

func TestRules_Parameters(t *testing.T) {
	rows := []struct{ typ, given, rule string }{
		{"int", "7", "v == 7"}, {"int", "007", "v == 7"}, {"int", "-3", "v == -3"}, {"int", "1e3", "v == 1000"}, {"int", "15e-1", "v == 1"},
		{"int", "9223372036854775807", "v == 9223372036854775807"},
		{"float", "7", "v == 7.0"}, {"float", "1e-2", "v == 0.01"}, {"float", "-7", "v < 0"},
		{"bool", "0", "v == false ? 1 : 0"}, {"bool", "false", "v"}, {"bool", "1", "v"},
		{"string", "007", `v == "007"`}, {"", "007", `v == "007"`},
		{"projects", "1", `v.name == "Website"`},
		{"", "5", "int(v) in user.clients"}, {"", "5", "user.belongsTo(v)"}, {"int", "5", "v in user.clients"}, {"", "5", "not (v in user.clients)"},
	}
	for _, row := range rows {
		app := office(laravel.Channel{Pattern: "x.{v}", Params: map[string]string{"v": row.typ}, Rule: row.rule})
		require.Empty(t, laravel.Check(app), row.rule)
		status, body := ask(t, serve(t, laravel.AsWritten, app, nil), "12", "private-x."+row.given)
		assert.Equal(t, 200, status, "%s %q: %s: %s", row.typ, row.given, row.rule, body)
	}
}

// TestRules_WhatAnExpressionCanSay: each of them is true for Bob.
func TestRules_WhatAnExpressionCanSay(t *testing.T) {
	for _, rule := range []string{
		`user.id == 12 and user.id != "12"`, `user.name == "Bob"`, `user.role == "client"`, `not user.isAdmin`, `!user.isAdmin()`, `user.avatar startsWith "https"`,
		`user.clients == [5]`, `5 in user.clients`, `"5" not in user.clients`, `user.belongsTo(5)`, `!user.belongsTo(nil)`, `user.fields?.team == nil`, `user.team?.lead == nil`,
		`find("projects", 1).name == "Website"`, `find("projects", "2").client_id == 6`, `find("projects", 99) == nil`, `find("projects", 99)?.client_id == nil`, `find("projects", nil) == nil`,
		`any(projects, .client_id in user.clients)`, `all(invoices, .id > 41)`, `count(projects, .client_id == 5) == 1`, `len(filter(documents, .project_id == 1)) == 1`,
		`map(projects, .id) == [1, 2]`, `reduce(1..4, #acc + #, 0) == 10`, `{a: 1, b: [2]} == {b: [2], a: 1}`, `{a: 1}.a == 1`, `"a" in {a: nil}`, `keys(clients[0])[0] != nil`,
		`string(5) + "x" == "5x"`, `int("1e2") == 100`, `float("1.5") == 1.5`, `bool("0") == false`, `1 == 1.0`, `upper("a") == "A"`, `split("a.b", ".")[1] == "b"`,
		`let p = find("projects", 1); p.client_id == 5`, `user?.id == 12`, `"x" matches "^[a-z]$"`, `user.name in ["Bob", "Eve"]`, `allows("self.{id}", user.id)`, `!allows("self.{id}", 13)`,
		`first(projects).id == 1 ?? false`, `sortBy(projects, -.id)[0].id == 2`,
	} {
		app := office(laravel.Channel{Pattern: "x", Rule: rule}, laravel.Channel{Pattern: "self.{id}", Params: map[string]string{"id": "int"}, Rule: "user.id == id"})
		if !assert.Empty(t, laravel.Check(app), rule) {
			continue
		}
		var log strings.Builder
		status, _ := ask(t, serve(t, laravel.AsWritten, app, &log), "12", "private-x")
		assert.Equal(t, 200, status, "%s\n%s", rule, log.String())
	}
}

// TestRules_ThatDoNotEnd: whatever a rule does, the answer is 500 within seconds, the log says why, and the next rule works.
func TestRules_ThatDoNotEnd(t *testing.T) {
	double := "let a0 = [1, 1]; "
	text := `let a0 = "0123456789abcdef"; `
	for i := range 60 {
		from, to := "a"+string(rune('0'+i/10))+string(rune('0'+i%10)), "a"+string(rune('0'+(i+1)/10))+string(rune('0'+(i+1)%10))
		if i == 0 {
			from = "a0"
		}
		double += "let " + to + " = [" + from + ", " + from + "]; "
		text += "let " + to + " = " + from + " + " + from + "; "
	}
	nested := "true"
	for range 12 {
		nested = "all(1..5000, " + nested + ")"
	}
	for name, rule := range map[string]string{
		"nested predicates":            nested,
		"a range without end":          "len(1..100000000000) > 0",
		"many ranges":                  "all(1..100000, len(1..90000) > 0)",
		"a text that doubles":          text + "a60 != nil",
		"a list that doubles, equal":   double + "a60 == a59 or a60 == [a59, a59]",
		"a list that doubles, given":   double + "a60",
		"a reduction that doubles":     `len(reduce(1..100, #acc + #acc, "xy")) > 0`,
		"a reduction of lists":         `reduce(1..500, [#acc, #acc], 1)`,
		"many upper cases":             `let s = reduce(1..12, #acc + #acc, "0123456789abcdef"); len(map(1..50000, upper(s))) > 0`,
		"many splits":                  `let s = reduce(1..12, #acc + #acc, "0123456789abcdef"); len(map(1..50000, split(s, ""))) > 0`,
		"a sort within a loop":         `all(1..50000, len(sortBy(1..50000, -#)) > 0)`,
		"groups":                       `all(1..1000, len(groupBy(1..1000, #)) > 0)`,
		"more than anybody can take":   `map(1..20000, { {a: #} })`,
		"a search within searches":     `all(1..90000, # not in map(1..90000, #))`,
		"rows within rows within rows": `all(1..90000, find("projects", 1).id == 1 and find("projects", 2).id == 2 and find("projects", 3) == nil)`,
	} {
		t.Run(name, func(t *testing.T) {
			app := office(laravel.Channel{Pattern: "x", Rule: rule}, laravel.Channel{Pattern: "y", Rule: "true"})
			problems := laravel.Check(app)
			require.Empty(t, problems)
			var log strings.Builder
			base := serve(t, laravel.Fixed, app, &log)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			begun := time.Now()
			status, body := ask(t, base, "12", "private-x")
			assert.Equal(t, 500, status, body)
			assert.Less(t, time.Since(begun), 5*time.Second)
			runtime.ReadMemStats(&after)
			assert.Less(t, (after.TotalAlloc-before.TotalAlloc)>>20, uint64(100), "megabytes that were allocated")
			status, _ = ask(t, base, "12", "private-y")
			assert.Equal(t, 200, status)
			assert.Regexp(t, "the rule was stopped|memory budget exceeded|cannot", log.String())
		})
	}
}

func TestCheck_SaysWhatIsWrongAndWhere(t *testing.T) {
	channel := func(pattern, rule string, params ...string) laravel.Channel {
		c := laravel.Channel{Pattern: pattern, Rule: rule, Place: "echolab.yaml:12:5"}
		for i := 0; i < len(params); i += 2 {
			c.Params = map[string]string{params[i]: params[i+1]}
		}
		return c
	}
	rows := []struct {
		name     string
		channels []laravel.Channel
		place    string
		message  string
	}{
		{"unknown name", []laravel.Channel{channel("x", "user.id == idd")}, "echolab.yaml:12:16", "unknown name idd; there are user"},
		{"unknown name in the third line", []laravel.Channel{channel("x", "true and\n  true and\n  nobody")}, "echolab.yaml:14:7", "unknown name nobody"},
		{"unknown field of the user", []laravel.Channel{channel("x", "user.rolle == 1")}, "echolab.yaml:12:10", "unknown field rolle"},
		{"syntax", []laravel.Channel{channel("x", "user.id ==")}, "echolab.yaml:12:14", "unexpected token EOF"},
		{"unclosed text", []laravel.Channel{channel("x", `user.name == "Bob`)}, "echolab.yaml:12:", "literal not terminated"},
		{"types that never fit", []laravel.Channel{channel("x.{id}", `id + 1 == 2`)}, "echolab.yaml:12:", "mismatched types string and int"},
		{"a text compared with a number", []laravel.Channel{channel("x.{id}", `id == 2`)}, "echolab.yaml:12:8", "mismatched types string and int"},
		{"no rule", []laravel.Channel{channel("x", " ")}, "echolab.yaml:12:5", "an expression is missing"},
		{"no pattern", []laravel.Channel{channel("", "true")}, "echolab.yaml:12:5", "needs a pattern"},
		{"placeholder twice", []laravel.Channel{channel("x.{id}.{id}", "true")}, "echolab.yaml:12:5", "comes twice"},
		{"placeholder of another kind", []laravel.Channel{channel("x.{client-id}", "true")}, "echolab.yaml:12:5", "{client-id}"},
		{"placeholder named as a function", []laravel.Channel{channel("x.{user}", "true")}, "echolab.yaml:12:5", "call it {userId}"},
		{"regular expression of PHP alone", []laravel.Channel{channel("x(?=y).{id}", "true")}, "echolab.yaml:12:5", "exist in PHP only"},
		{"unclosed bracket", []laravel.Channel{channel("x[0-9", "true")}, "echolab.yaml:12:5", "missing closing ]"},
		{"slash", []laravel.Channel{channel("x/{id}", "true")}, "echolab.yaml:12:5", "ends Laravel's regular expression"},
		{"unknown type", []laravel.Channel{channel("x.{id}", "true", "id", "integer")}, "echolab.yaml:12:5", `"integer" is no type; there are int, float, bool, string, clients`},
		{"type of nothing", []laravel.Channel{channel("x.{id}", "true", "ID", "int")}, "echolab.yaml:12:5", "no placeholder {ID}"},
		{"unknown entity", []laravel.Channel{channel("x", `true and find("project", 1) != nil`)}, "echolab.yaml:12:14", `find("project"): there is no such type`},
		{"find without an id", []laravel.Channel{channel("x", `find("projects") != nil`)}, "echolab.yaml:12:5", "needs a type and an id"},
		{"function that is not there", []laravel.Channel{channel("x", `repeat("a", 1000) == ""`)}, "echolab.yaml:12:5", "unknown name repeat"},
		{"everything", []laravel.Channel{channel("x", `$env != nil`)}, "echolab.yaml:12:5", "$env"},
		{"an expression as long as a book", []laravel.Channel{channel("x", strings.Repeat("true and ", 5000)+"true")}, "echolab.yaml:12:5", "at most 8192"},
		{"too many nodes", []laravel.Channel{channel("x", strings.Repeat("1+", 2000)+"1")}, "echolab.yaml:12:", "maximum allowed nodes"},
		{"reference to nothing", []laravel.Channel{channel("x", `allows("y")`)}, "echolab.yaml:12:5", `allows("y"): there is no such pattern`},
		{"reference without its values", []laravel.Channel{channel("x", `allows("y.{id}")`), channel("y.{id}", "true")}, "echolab.yaml:12:5", "it has 1 placeholders, 0 values are given"},
		{"reference by a variable", []laravel.Channel{channel("x.{id}", `allows(id)`)}, "echolab.yaml:12:5", "needs a pattern as it is registered"},
		{"cyclic reference to itself", []laravel.Channel{channel("x", `allows("x")`)}, "echolab.yaml:12:5", "a cyclic reference: x → x"},
		{
			"cyclic reference over three",
			[]laravel.Channel{channel("a.{id}", `id == "1" or allows("b.{id}", id)`), channel("b.{id}", `allows("c.{id}", id)`), channel("c.{id}", `allows("a.{id}", id)`)},
			"echolab.yaml:12:5", "a cyclic reference: a.{id} → b.{id} → c.{id} → a.{id}",
		},
		{"member", []laravel.Channel{{Pattern: "x", Rule: "true", Place: "echolab.yaml:12:5", Member: []laravel.MemberField{{Name: "id", Expression: "user.idd", Place: "echolab.yaml:14:11"}}}}, "echolab.yaml:14:16", "unknown field idd"},
	}
	for _, row := range rows {
		problems := laravel.Check(office(row.channels...))
		if assert.Len(t, problems, 1, "%s: %v", row.name, problems) {
			assert.Contains(t, problems[0].Message, row.message, row.name)
			assert.Truef(t, problems[0].Place == row.place || strings.HasSuffix(row.place, ":") && strings.HasPrefix(problems[0].Place, row.place), "%s: %s", row.name, problems[0].Place)
			assert.NotContains(t, problems[0].Message, "\n", row.name)
		}
	}
}

func TestCheck_UsersAndKeys(t *testing.T) {
	app := office()
	app.Users = append(app.Users, laravel.User{ID: laravel.IntID(7), Name: "Eve"}, laravel.User{Name: "Nobody"})
	app.Users[0].Token, app.Users[1].Token = "same", "same"
	app.Auth.DefaultUser, app.Auth.EncryptionKey = laravel.IntID(99), []byte("short")
	app.Auth.SignIn = laravel.SignIn{Resolver: "{id: nobody}", Place: "echolab.yaml:3:9"}
	var said []string
	for _, p := range laravel.Check(app) {
		said = append(said, p.Error())
	}
	require.Len(t, said, 6)
	for i, part := range []string{"user 12: another user has the same token", "user id 7 is there twice", `user 6 ("Nobody") has no id`, "the default user 99 is not among the users: there are 7 Ada (admin)", "5 bytes; it must have 32", "echolab.yaml:3:14: unknown name nobody"} {
		assert.Contains(t, said[i], part)
	}
}
