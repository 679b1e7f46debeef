package app_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"echolab/app"
	"echolab/emulator/laravel"
)

// described loads an echolab.yaml with that text.
func described(t *testing.T, text string, flags ...string) (app.Config, error) {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "echolab.yaml"), []byte(text), 0o600))
	given := map[string]string{}
	for i := 0; i+1 < len(flags); i += 2 {
		given[flags[i]] = flags[i+1]
	}
	return app.Load(app.Sources{Dir: dir, Environ: []string{"HOME=" + dir}, Flags: given})
}

func TestSeed_IsTheDefault(t *testing.T) {
	cfg, err := app.Load(app.Sources{Dir: t.TempDir(), Environ: []string{"HOME=/nowhere"}})
	require.NoError(t, err)
	is := cfg.Application
	roles := map[string]int{}
	for _, user := range is.Users {
		roles[user.Role]++
	}
	assert.Equal(t, map[string]int{"admin": 2, "manager": 2, "developer": 1, "designer": 1, "client": 6}, roles)
	rows := map[string]int{}
	for name, list := range is.Entities {
		rows[name] = len(list)
	}
	assert.Equal(t, map[string]int{"clients": 5, "projects": 7, "invoices": 8, "documents": 5, "files": 5, "comments": 6,
		"time_entries": 4, "workflows": 3, "timesheets": 3}, rows)
	assert.Empty(t, laravel.Check(is))
	for _, user := range is.Users {
		assert.NotEmpty(t, user.Avatar)
	}

	// Written out it is the same, but for the places, and nothing in it points nowhere.
	again, err := described(t, string(app.Seed()))
	require.NoError(t, err)
	assert.Empty(t, again.Warnings)
	for _, all := range [][]laravel.Channel{is.Channels, again.Application.Channels} {
		for i := range all {
			all[i].Place = ""
			for j := range all[i].Member {
				all[i].Member[j].Place = ""
			}
		}
	}
	for _, all := range [][]laravel.Event{is.Events, again.Application.Events} {
		for i := range all {
			all[i].Place = ""
		}
	}
	assert.Equal(t, is, again.Application)
}

// The rules of the guide are all there, with its member (protocol K.2).
func TestSeed_HasTheRulesOfTheGuide(t *testing.T) {
	cfg, err := described(t, "")
	require.NoError(t, err)
	members := map[string][]string{}
	for _, c := range cfg.Application.Channels {
		members[c.Pattern] = nil
		for _, field := range c.Member {
			members[c.Pattern] = append(members[c.Pattern], field.Name)
		}
	}
	for _, pattern := range []string{"presence-project.{projectId}", "presence-document.{documentId}", "presence-online", "presence.client.{id}", "presence.online"} {
		assert.Equal(t, []string{"id", "name", "avatar"}, members[pattern], pattern)
	}
	for _, pattern := range []string{"client.{clientId}", "App.Models.User.{id}", "project.{projectId}", "invoice.{id}", "timesheet.{id}", "workflow.{id}",
		"timer.{userId}", "User.{id}", "admin"} {
		assert.Contains(t, members, pattern)
	}
}

func TestApplication_ASectionTakesTheSeedsPlace(t *testing.T) {
	cfg, err := described(t, `
users:
  - {id: u-1, name: Ada, role: admin, clients: [5, "x"], team: {name: blue, size: 2}, avatar: null}
presence: {ttl: 30s}
entities:
  rockets:
    - {id: 7, fuel: 1.5, crew: [1, two, null, true], name: "08"}
    - {id: "7a"}
`)
	require.NoError(t, err)
	assert.Equal(t, []laravel.User{{ID: laravel.TextID("u-1"), Name: "Ada", Role: "admin",
		Clients: []laravel.ID{laravel.IntID(5), laravel.TextID("x")},
		Fields:  laravel.Object{{Key: "team", Value: laravel.Object{{Key: "name", Value: "blue"}, {Key: "size", Value: int64(2)}}}},
	}}, cfg.Application.Users)
	assert.Equal(t, map[string][]laravel.Object{"rockets": {
		{{Key: "id", Value: int64(7)}, {Key: "fuel", Value: 1.5}, {Key: "crew", Value: []any{int64(1), "two", nil, true}}, {Key: "name", Value: "08"}},
		{{Key: "id", Value: "7a"}},
	}}, cfg.Application.Entities)
	assert.Equal(t, laravel.Presence{TTL: 30 * time.Second, Sweep: 15 * time.Second}, cfg.Application.Presence)
	assert.NotEmpty(t, cfg.Application.Channels, "the seed's")
	assert.Equal(t, app.DefaultOrigins, cfg.Application.Auth.Origins)
}

func TestApplication_SettingsOfAuth(t *testing.T) {
	cfg, err := described(t, `
auth:
  default_user: 3
  redirect_guests: true
  origins: ["http://portal.test"]
  encryption_key: base64:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=
  sign_in: false
seed: 7
`)
	require.NoError(t, err)
	key := make([]byte, 32)
	for i := range key {
		key[i] = byte(i)
	}
	assert.Equal(t, laravel.Auth{DefaultUser: laravel.IntID(3), RedirectGuests: true, Origins: []string{"http://portal.test"}, EncryptionKey: key,
		SignIn: laravel.SignIn{Off: true}}, cfg.Application.Auth)
	assert.Equal(t, uint64(7), cfg.Application.Seed)

	cfg, err = described(t, "auth: {default_user: 3, encryption_key: false}", "user", "4")
	require.NoError(t, err)
	assert.Equal(t, laravel.IntID(4), cfg.Application.Auth.DefaultUser, "--user goes before the file")
	assert.NotNil(t, cfg.Application.Auth.EncryptionKey)
	assert.Empty(t, cfg.Application.Auth.EncryptionKey)
}

// Protocol K.7: two formats, one normal form.
func TestApplication_WorkflowsOfBothFormats(t *testing.T) {
	cfg, err := described(t, `
workflows:
  formal: {recipient_type: role, recipient_role: admin, title: T, message: M}
  formal user: {recipient_type: user, recipient_id: 7, title: T, message: M}
  formal client: {recipient_type: client, recipient_client_id: 5, title: T, message: M}
  simple: {to: admin, title: T, body: B}
  simple number: {to: 7, title: T, body: B}
  simple user: {to: "user:7", title: T, body: B}
  simple client: {to: "client:5", title: T, body: B}
  both: {recipient_type: role, recipient_role: admin, to: 7, title: T, message: M, body: B}
`)
	require.NoError(t, err)
	admin, user, client := laravel.Recipient{Role: "admin"}, laravel.Recipient{User: laravel.IntID(7)}, laravel.Recipient{Client: laravel.IntID(5)}
	assert.Equal(t, []laravel.Workflow{
		{Name: "formal", Recipient: admin, Title: "T", Message: "M"},
		{Name: "formal user", Recipient: user, Title: "T", Message: "M"},
		{Name: "formal client", Recipient: client, Title: "T", Message: "M"},
		{Name: "simple", Recipient: admin, Title: "T", Message: "B", Simplified: true},
		{Name: "simple number", Recipient: user, Title: "T", Message: "B", Simplified: true},
		{Name: "simple user", Recipient: user, Title: "T", Message: "B", Simplified: true},
		{Name: "simple client", Recipient: client, Title: "T", Message: "B", Simplified: true},
		{Name: "both", Recipient: admin, Title: "T", Message: "M"},
	}, cfg.Application.Workflows)
	assert.Equal(t, []string{
		"echolab.yaml:10:59: both: to has no effect beside recipient_type: where both formats are used, the formal one counts",
		"echolab.yaml:10:90: both: body has no effect beside message: where both formats are used, the formal one counts",
	}, cfg.Warnings)
}

// Patterns that do what Laravel does, and not what one expects, are warned of.
func TestApplication_PatternsThatSurpriseAreWarnedOf(t *testing.T) {
	cfg, err := described(t, `
channels:
  - {pattern: "client.{id}", rule: false}
  - {pattern: private-online, rule: true}
  - {pattern: "private-encrypted-vault.{id}", rule: true}
  - {pattern: "presence-project.{id}", rule: true}
  - {pattern: "client.{id}", rule: true}
`)
	require.NoError(t, err)
	assert.Equal(t, []string{
		"echolab.yaml:4:15: pattern private-online fits private-private-online only: Laravel takes the prefix off before it compares; write online",
		"echolab.yaml:5:15: pattern private-encrypted-vault.{id} fits private-private-encrypted-vault.{id} only: Laravel takes the prefix off before it compares; write vault.{id}",
		"echolab.yaml:7:15: pattern client.{id} is also at echolab.yaml:3:15: as in Laravel this rule takes the other's place, which is never asked",
	}, cfg.Warnings)
}

// A recipient may be written in the file as it may over the control API.
func TestApplication_SimplifiedRecipients(t *testing.T) {
	cfg, err := described(t, `
workflows:
  a: {to: admin, title: T, body: B}
  b: {to: role:admin, title: T, body: B}
  c: {to: 7, title: T, body: B}
  d: {to: "7", title: T, body: B}
  e: {to: user:7, title: T, body: B}
  f: {to: client:5, title: T, body: B}
`)
	require.NoError(t, err)
	assert.Empty(t, cfg.Warnings)
	admin, seven := laravel.Recipient{Role: "admin"}, laravel.Recipient{User: laravel.IntID(7)}
	var got []laravel.Recipient
	for _, w := range cfg.Application.Workflows {
		got = append(got, w.Recipient)
	}
	assert.Equal(t, []laravel.Recipient{admin, admin, seven, seven, seven, {Client: laravel.IntID(5)}}, got)
}

// What points nowhere is warned of: an application can have such rows too.
func TestApplication_DanglingReferencesAreWarnedOf(t *testing.T) {
	cfg, err := described(t, `
users: [{id: 1, name: A, rol: x, clients: [9]}]
entities:
  clients: [{id: 5}]
  categories: [{id: 1}]
  invoices:
    - {id: 1, client_id: 5, user_id: 1, category_id: 1, strange_id: 99}
    - {id: 2, client_id: "5", user_id: 2, category_id: 3, paid_by: null}
workflows:
  w: {to: 8, title: T, body: B}
  r: {to: boss, title: T, body: B}
`)
	require.NoError(t, err)
	assert.Equal(t, []string{
		"echolab.yaml:2:26: rol is taken for a field of your own; did you mean role?",
		`echolab.yaml:2:44: clients: there is no 9 among the clients`,
		`echolab.yaml:8:26: client_id: there is no "5" among the clients`,
		`echolab.yaml:8:40: user_id: there is no 2 among the users`,
		`echolab.yaml:8:56: category_id: there is no 3 among the categories`,
		`echolab.yaml:10:3: recipient of w: there is no 8 among the users`,
		`echolab.yaml:11:3: recipient of r: no user has the role boss`,
	}, cfg.Warnings)

	cfg, err = described(t, "entities: {clients: [], projects: ["+strings.TrimSuffix(strings.Repeat("{id: X, client_id: 1},", 1), ",")+"]}")
	require.NoError(t, err)
	assert.Len(t, cfg.Warnings, 1, "rows of the seed's other sections are left alone: %s", cfg.Warnings)

	var many strings.Builder
	for i := range 50 {
		fmt.Fprintf(&many, "{id: %d, client_id: 1},", i)
	}
	cfg, err = described(t, "entities: {clients: [], projects: ["+many.String()+"]}")
	require.NoError(t, err)
	assert.Len(t, cfg.Warnings, 21)
	assert.Equal(t, "echolab.yaml: 30 more that point nowhere", cfg.Warnings[20])
}

// refusals are files that are no application. structure: the JSON Schema refuses them too.
var refusals = []struct {
	name, file, message string
	structure           bool
}{
	{"users that are no list", "users: {id: 1}", "1:8: users must be a list, not a mapping", true},
	{"a user without an id", "users: [{name: A}]", "1:9: an entry of users needs id", true},
	{"a user's name that is a number", "users: [{id: 1, name: 5}]", "1:23: name must be a text, not a number; put quotes around it", true},
	{"an id with a fraction", "users: [{id: 1.5, name: A}]", "1:14: id must be a text or a whole number, not a number; put quotes around it", true},
	{"an id that is yes", "users: [{id: true, name: A}]", "1:14: id must be a text or a whole number, not yes or no; put quotes around it", true},
	{"an empty id", "users: [{id: '', name: A}]", `1:14: id: "" must be a number or a text that is not empty`, true},
	{"an id that is a list", "users: [{id: [1], name: A}]", "1:14: id must be a text or a whole number, not a list", true},
	{"two users with one id", "users: [{id: 7, name: A}, {id: '7', name: B}]", "1:32: id: 7 is also that of the user at echolab.yaml:1:14; every user needs their own", false},
	{"two users with one token", "users: [{id: 1, name: A, token: t}, {id: 2, name: B, token: t}]", "1:61: token: is also that of the user at echolab.yaml:1:33; every user needs their own", false},
	{"a token that is another's id", "users: [{id: 1, name: A, token: '2'}, {id: 2, name: B}]", "1:33: token: is the id of the user at echolab.yaml:1:44, who would be taken for this one; choose another", false},
	{"entities that are a list", "entities: [{id: 1}]", "1:11: entities must be a mapping of keys and values, not a list", true},
	{"a type in capitals", "entities: {Clients: []}", "1:12: entities: Clients must be a name in lower case, such as time_entries", true},
	{"a row without an id", "entities: {clients: [{name: A}]}", "1:22: an entry of clients needs id", true},
	{"two rows with one id", "entities: {clients: [{id: 1}, {id: 1}]}", "1:36: id: 1 is also that of the row at echolab.yaml:1:27; every one of the clients needs its own", false},
	{"a channel without a rule", "channels: [{pattern: a}]", "1:12: an entry of channels needs rule", true},
	{"a misspelt key", "channels: [{patern: a, rule: true}]", "1:13: patern is no key of an entry of channels; did you mean pattern?", true},
	{"a malformed rule", "channels: [{pattern: a, rule: 'user.id =='}]", "1:41: unexpected token EOF", false},
	{"a rule in a block", "channels:\n  - pattern: a.{id}\n    rule: |\n      user.isAdmin or\n        nothing == id\n", "5:9: unknown name nothing", false},
	{"rules that ask each other", "channels: [{pattern: a, rule: allows(\"b\")}, {pattern: b, rule: allows(\"a\")}]", "a cyclic reference: a → b → a", false},
	{"a placeholder's unknown type", "channels: [{pattern: 'a.{id}', params: {id: intt}, rule: true}]", `"intt" is no type`, false},
	{"a member that is a list", "channels: [{pattern: a, rule: true, member: [id]}]", "1:45: member must be a mapping of keys and values, not a list", true},
	{"an event's channels as one text", "events: {A: {channels: portal}}", "1:24: channels must be a list, not a text", true},
	{"an event with a blank", "events: {'a b': {}}", `1:10: events: "a b" must be the name of a class, such as InvoiceCreated`, true},
	{"an unknown key of an event", "events: {A: {channel: [a]}}", "1:14: channel is no key of A; did you mean channels?", true},
	{"a workflow without a recipient", "workflows: {a: {title: T, body: B}}", "1:16: a needs recipient_type or to", true},
	{"a workflow without words", "workflows: {a: {title: T, to: admin}}", "1:16: a needs message or body", true},
	{"a kind of recipient", "workflows: {a: {recipient_type: rol, recipient_role: x, title: T, body: B}}", "1:33: recipient_type: rol must be role or user or client; did you mean role?", true},
	{"a recipient without its key", "workflows: {a: {recipient_type: user, recipient_role: x, title: T, body: B}}", "1:33: a: recipient_id is missing, which recipient_type: user asks for", false},
	{"a recipient of no kind", "workflows: {a: {to: 'team:7', title: T, body: B}}", "1:21: a: to is \"team:7\"; write admin, user:7, client:5 or role:admin", false},
	{"a workflow with an empty title", "workflows: {a: {to: admin, title: '', body: B}}", "1:35: a: title must be a text that is not empty", false},
	{"nobody as default user", "auth: {default_user: 99}", "1:22: default_user: there is no user with the id 99; there are 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12", false},
	{"the same id as a text", "auth: {default_user: '1'}", `1:22: default_user: there is no user with the id "1"; there are 1,`, false},
	{"a default user that is a list", "auth: {default_user: [1]}", "1:22: default_user must be a text or a whole number or nothing, not a list", true},
	{"an origin with a path", "auth: {origins: ['http://localhost/x']}", "1:18: origins: http://localhost/x must be an origin as a browser sends it, such as http://localhost:5173, without a path", false},
	{"a short key", "auth: {encryption_key: abcd}", "1:24: encryption_key: abcd must be base64 of 32 bytes", false},
	{"a length of time without a unit", "presence: {ttl: 120}", "1:17: ttl must be a text, not a number; put quotes around it", true},
	{"a length of time that is none", "presence: {ttl: soon}", "1:17: ttl: soon must be a duration with its unit, such as 500ms, 30s or 2m", true},
	{"too short a time", "presence: {ttl: 1ms}", "1:17: ttl: 1ms must be at least 1s", false},
	{"too long a time", "presence: {ttl: 999999999h}", "1:17: ttl: 999999999h must be at most 2562047h", false},
	{"too long a time for a lock", "documents: {lock_ttl: 999999999h}", "1:23: lock_ttl: 999999999h must be at most 2562047h", false},
	{"a seed that is a text", "seed: abc", "1:7: seed must be a whole number, not a text", true},
	{"a seed below zero", "seed: -1", "1:7: seed must be at least 0", true},
	{"an unknown section", "user: []", "1:1: user is no key of the file; did you mean users?", true},
	{"an alias of nothing", "users: *u", "1:8: *u is used here, but &u is nowhere", false},
	{"an alias within itself", "entities: {a: &a [{id: 1, x: *a}]}", "1:30: this alias stands for something that it is itself a part of", false},
	{"an alias of itself", "entities: &e {a: *e}", "1:18: this alias stands for something that it is itself a part of", false},
	{"a number beyond 64 bits", "seed: 99999999999999999999", "seed", false},
	{"a key twice", "users: []\nusers: []", `2:1: mapping key "users" already defined at [1:1]`, false},
	{"brackets without end", "users: " + strings.Repeat("[", 50_000), "echolab.yaml:1:72: more than 64 values within each other", false},
	{"dashes without end", "users:\n " + strings.Repeat("- ", 50_000), "echolab.yaml:2:130: more than 64 values within each other", false},
	{"anchors without end", "users: " + strings.Repeat("&a ", 50_000), "more than 64 values within each other", false},
	{"aliases that swell", "entities:\n  a:\n    - {id: 1, x: &a [0,0,0,0,0,0,0,0,0]}\n    - {id: 2, x: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]}\n    - {id: 3, x: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]}\n    - {id: 4, x: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]}\n    - {id: 5, x: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]}\n    - {id: 6, x: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e]}\n",
		"more than 500000 values; aliases count as often as they are used", false},
	{"ten megabytes", "# " + strings.Repeat("x", 10<<20), "echolab.yaml: cannot be read: it has more than 4 MiB, which is all that is read; keep fewer rows in it", false},
}

func TestApplication_RefusesWithThePlace(t *testing.T) {
	for _, row := range refusals {
		t.Run(row.name, func(t *testing.T) {
			_, err := described(t, row.file)
			require.Error(t, err)
			var failure *app.Error
			require.ErrorAs(t, err, &failure)
			assert.Equal(t, app.Invalid, failure.Code)
			assert.Contains(t, err.Error(), row.message)
			assert.True(t, strings.HasPrefix(err.Error(), "echolab.yaml:"), err.Error())
		})
	}
}

func TestApplication_TellsEveryMistakeAtOnce(t *testing.T) {
	_, err := described(t, "prot: 1\nusers: [{name: A}]\nauth: {origns: []}\n")
	assert.EqualError(t, err, "echolab.yaml:1:1: prot is no key of the file; did you mean port?\n"+
		"echolab.yaml:2:9: an entry of users needs id\n"+
		"echolab.yaml:3:8: origns is no key of auth; did you mean origins?")
}

func TestApplication_UserOfTheCommandLine(t *testing.T) {
	_, err := described(t, "", "user", "99")
	assert.EqualError(t, err, "flag --user: there is no user with the id 99; there are 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12")
}

func TestConfig_BackendAddr(t *testing.T) {
	for given, want := range map[string]string{"8000": "127.0.0.1:8000", ":8000": "127.0.0.1:8000", "localhost:0": "localhost:0", "[::1]:80": "[::1]:80"} {
		cfg, err := described(t, "", "backend-addr", given)
		require.NoError(t, err)
		assert.Equal(t, want, cfg.BackendAddr, given)
		assert.Empty(t, cfg.Warnings)
	}
	for _, given := range []string{"localhost", "127.0.0.1:x", "127.0.0.1:70000", "http://127.0.0.1:8000", "-1"} {
		_, err := described(t, "", "backend-addr", given)
		assert.EqualError(t, err, "--backend-addr "+given+": must be an address and a port, such as 127.0.0.1:8000")
	}
	cfg, err := described(t, "backend_addr: 8000\nbackend: off\n")
	require.NoError(t, err)
	assert.Equal(t, []string{"backend_addr (echolab.yaml:1:15) has no effect: backend is off (echolab.yaml:2:10)"}, cfg.Warnings)
	cfg, err = described(t, "", "backend-addr", "0.0.0.0:8000")
	require.NoError(t, err)
	assert.Equal(t, []string{"the emulated application can be reached from the network: backend_addr is 0.0.0.0 (flag --backend-addr)"}, cfg.Warnings)
}
