package harness_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"echolab/harness"
)

func parse(t *testing.T, content string) (*harness.Scenario, error) {
	t.Helper()
	return harness.Parse("s.yaml", []byte(content), harness.ParseInput{})
}

// good is a scenario to which mistakes are added.
const good = `name: try
variables: {clients: 5, label: x}
payloads:
  invoice: {id: "{{ seq() }}"}
journeys:
  office:
    setup: [connect]
    steps: [think: 1s]
scenarios:
  staff:
    executor: constant-vus
    vus: 3
    duration: 10s
    journey: office
`

// TestParse_EveryMistakeShowsItsPlace changes or adds to a scenario that is fine. A case is the text that takes the place of
// another (old, new; an old of "" appends), and the whole problem.
func TestParse_EveryMistakeShowsItsPlace(t *testing.T) {
	_, err := parse(t, good)
	require.NoError(t, err)
	for _, c := range []struct{ name, old, new, want string }{
		{"unknown key of the file", "name: try", "nmae: try", `s.yaml:1:1: "nmae" is no key of the file; did you mean name?`},
		{"unknown key of a scenario", "vus: 3", "vsu: 3", `s.yaml:12:5: "vsu" is no key of scenario staff; did you mean vus?`},
		{"unknown executor", "constant-vus", "constant-vu", `s.yaml:11:15: there is no executor "constant-vu"; did you mean constant-vus?`},
		{"no executor", "executor: constant-vus\n    ", "", `s.yaml:11:5: scenario staff needs executor: how users come and what makes an iteration due`},
		{"missing key of the executor", "    duration: 10s\n", "", `s.yaml:11:5: constant-vus needs duration: for how long`},
		{"foreign key of the executor", "duration: 10s", "duration: 10s\n    rate: 5", `s.yaml:14:5: constant-vus has no key rate; it takes vus, duration`},
		{"bad duration", "duration: 10s", "duration: 10 apples", `s.yaml:13:15: duration is "10 apples"; this is no duration; write such as 500ms, 10s or 1m30s`},
		{"duration without a unit", "duration: 10s", "duration: 10", `s.yaml:13:15: duration is "10"; a duration needs a unit: write 10s or 10ms`},
		{"negative duration", "duration: 10s", "duration: -10s", `s.yaml:13:15: duration is "-10s"; a duration cannot be negative`},
		{"duration beyond all", "duration: 10s", "duration: 999999999h", `s.yaml:13:15: duration is "999999999h"; at most 168h, a week`},
		{"duration too long", "duration: 10s", "duration: 1000h", `s.yaml:13:15: duration is "1000h"; at most 168h, a week`},
		{"duration of nothing", "duration: 10s", "duration: 0s", `s.yaml:13:15: duration must be more than 0`},
		{"not a number", "vus: 3", "vus: many", `s.yaml:12:10: vus is "many"; it must be a whole number`},
		{"part of a user", "vus: 3", "vus: 2.5", `s.yaml:12:10: vus is "2.5"; it must be a whole number`},
		{"negative number", "vus: 3", "vus: -3", `s.yaml:12:10: vus is "-3"; it must be a whole number, 0 or more`},
		{"number too large", "vus: 3", "vus: 2000000", `s.yaml:12:10: vus is 2000000; at most 1000000 users fit here`},
		{"no users", "vus: 3", "vus: 0", `s.yaml:12:10: vus must be more than 0`},
		{"number of a variable that is none", "vus: 3", `vus: "{{ label }}"`, `s.yaml:12:10: vus is "{{ label }} (\"x\")"; it must be a whole number`},
		{"chance in a number", "vus: 3", `vus: "{{ int(1, 5) }}"`, `s.yaml:12:14: int() differs from user to user; before the run only variables are known`},
		{"user in a number", "vus: 3", `vus: "{{ vu }}"`, `s.yaml:12:14: there is no variable or function vu here; before the run there are`},
		{"unknown journey", "journey: office", "journey: ofice", `s.yaml:14:14: there is no journey "ofice"; did you mean office?`},
		{"nothing to do", "    journey: office\n", "", `s.yaml:11:5: nothing is done here; add setup:, steps: or journey:`},
		{"unknown step", "[think: 1s]", "[thinks: 1s]", `s.yaml:8:13: there is no step "thinks"; did you mean think?`},
		{"unknown step word", "[connect]", "[conect]", `s.yaml:7:13: there is no step "conect"; did you mean connect?`},
		{"step with two names", "[think: 1s]", "\n      - think: 1s\n        leave: x", `s.yaml:10:9: a step does one thing, and this one is think already; begin a line with a dash for leave`},
		{"step with a stray key", "[think: 1s]", "\n      - think: 1s\n        within: 2s", `s.yaml:10:9: "within" is no key of a step; its own fields stand inside think: {…}`},
		{"step that is a list", "[think: 1s]", "[[think]]", `s.yaml:8:13: a step is a word such as connect`},
		{"steps that are no list", "[think: 1s]", "think", `s.yaml:8:12: steps must be a list of steps, each beginning with a dash`},
		{"step without its value", "[think: 1s]", "[think]", `s.yaml:8:13: think needs more than its name, such as think: 2s..5s`},
		{"unknown field of a step", "[think: 1s]", "[join: {chanel: a}]", `s.yaml:8:20: "chanel" is no key of join; did you mean channel?`},
		{"missing field of a step", "[think: 1s]", "[whisper: {channel: presence-a}]", `s.yaml:8:22: whisper needs event: the name without client-`},
		{"short form with more required", "[think: 1s]", "[listen: x]", `s.yaml:8:21: listen needs channel too`},
		{"fields for a step that has none", "[think: 1s]", "[disconnect: {x: 1}]", `s.yaml:8:25: disconnect takes no fields; write - disconnect`},
		{"value for a step without a short form", "[think: 1s]", "[slow: 5]", `s.yaml:8:19: slow takes fields, such as slow: {bytesPerSecond: 1000, for: 10s}`},
		{"range the wrong way round", "[think: 1s]", "[think: 5s..2s]", `s.yaml:8:20: think is "5s..2s"; the lesser duration comes first`},
		{"half a range", "[think: 1s]", "[think: 5s..]", `s.yaml:8:20`},
		{"unknown payload", "[think: 1s]", "[publish: {channel: a, event: E, payload: invioce}]", `s.yaml:8:54: there is no payload "invioce"; did you mean invoice?`},
		{"publish to nowhere", "[think: 1s]", "[publish: {event: E}]", `publish needs channel, or channels`},
		{"publish twice", "[think: 1s]", "[publish: {event: E, channel: a, channels: [b]}]", `s.yaml:8:55: publish has channel and channels; write one of them`},
		{"request without a method", "[think: 1s]", "[http: {status: 200}]", `a request needs one of get, post`},
		{"request with two methods", "[think: 1s]", "[http: {get: /, post: /}]", `a request has one method`},
		{"status that is none", "[think: 1s]", "[http: {get: /, status: 20}]", `s.yaml:8:36: a status lies between 100 and 599`},
		{"expect nothing at all", "[think: 1s]", "[expect: {channel: a}]", `expect needs event, members, member or nothing: true`},
		{"expect too much", "[think: 1s]", "[expect: {channel: a, event: E, members: 3}]", `members and events are expected by two steps`},
		{"word that is not among those", "[think: 1s]", "[expect: {channel: a, event: E, since: never}]", `s.yaml:8:51: since is "never"; it can be now or begin`},
		{"repeat without steps", "[think: 1s]", "[repeat: {times: 3, steps: []}]", `repeat needs a step to repeat`},
		{"share of more than all", "[think: 1s]", "[reconnect: {share: 20}]", `s.yaml:8:32: share is a part of the users, from 0 to 1`},
		{"name of a variable that is taken", "[think: 1s]", "[set: {user: 1}]", `s.yaml:8:19: user has a meaning in templates already`},
		{"name that is none", "clients: 5", "a-b: 5", `s.yaml:2:13: "a-b" cannot be a variable; write letters, digits and _, a letter first`},
		{"unknown variable", `{{ seq() }}`, `{{ clinets }}`, `s.yaml:4:21: there is no variable or function clinets; did you mean clients?`},
		{"mistake inside a text", `{{ seq() }}`, `no {{ vu }} and {{ vu + }}`, `s.yaml:4:40: the expression ends too early; something is missing`},
		{"template without an end", `{{ seq() }}`, `a {{ seq()`, `s.yaml:4:20: a template begins here and does not end`},
		{"wrong kind of fake data", `{{ seq() }}`, `{{ fake('nmae') }}`, `s.yaml:4:26: fake("nmae"): there is no such kind; did you mean name?`},
		{"environment that is not set", `{{ seq() }}`, `{{ env.TOKEN }}`, `TOKEN is not set in the environment`},
		{"mistake in a block", `{id: "{{ seq() }}"}`, "{}\n  text:\n    body: |\n      first\n      ä {{ vue }}", `s.yaml:8:12: there is no variable or function vue; did you mean vu?`},
		{"condition", "[think: 1s]", "\n      - think: 1s\n        if: vu % 2 = 0", `s.yaml:10:20: unexpected token`},
		{"unquoted template in braces", "[think: 1s]", "[join: {channel: room.{{ vu }}}]", `put quotes around`},
		{"value that begins with a template", "journey: office", "journey: {{ label }}", `put quotes around`},
		{"unknown metric", "", "thresholds: {delivery_latancy: 'p(95)<5'}", `s.yaml:15:14: there is no metric delivery_latancy; did you mean delivery_latency?`},
		{"unknown tag", "", "thresholds:\n  'delivery_latency{evnt:E}': ['p(95)<5']", `s.yaml:16:3: delivery_latency has no tag evnt; did you mean event?`},
		{"unknown scenario in a tag", "", "thresholds:\n  'iterations{scenario:stuff}': ['count>5']", `s.yaml:16:3: there is no scenario "stuff"; did you mean staff?`},
		{"bad condition", "", "thresholds:\n  delivery_latency: ['p(95)<5', 'p(95) under 5']", `s.yaml:16:33: "p(95) under 5" is no threshold; write such as p(95)<50 or count==0`},
		{"condition of another kind", "", "thresholds: {errors: 'p(95)<5'}", `s.yaml:15:22: errors is a counter and has no p(N); it has count, rate`},
		{"unknown key of a threshold", "", "thresholds: {errors: {threshold: count==0, abort: true}}", `s.yaml:15:44: "abort" is no key of a threshold; did you mean abortOnFail?`},
		{"threshold object without a condition", "", "thresholds: {errors: {abortOnFail: true}}", `a threshold needs threshold: the condition, such as p(99)<200`},
		{"list where names belong", "", "thresholds: [a]", `thresholds must have names and values`},
		{"twice the same key", "name: try", "name: try\nname: again", `s.yaml:2:1`},
		{"unknown alias", "journey: office", "journey: *nowhere", `s.yaml:14:14: *nowhere is used here, but &nowhere is nowhere in the file`},
		{"alias of itself", "{id: \"{{ seq() }}\"}", "&a {id: *a}", `stands for something that it is itself a part of`},
		{"broken YAML", "vus: 3", "vus: [3", `this is not YAML`},
		{"two documents", "", "---\nname: b", `only one document is read; remove the line ---`},
		{"no scenarios", "scenarios:", "#", `the file needs scenarios`},
		{"word of another tool", "name: try", "users: []", `users is no key of the file`},
		{"include of nothing", "name: try", "include: [other.yaml]", `s.yaml:1:11: include other.yaml: files cannot be included here`},
		{"include of an unknown preset", "name: try", "include: ['preset:invoice-dya']", `there is no preset "invoice-dya"; did you mean invoice-day?`},
		{"truth that is none", "name: try", "defaultThresholds: maybe", `s.yaml:1:20: defaultThresholds is "maybe"; it must be true or false`},
		{"address without a scheme", "name: try", "target: {url: 'staging.test:443'}", `s.yaml:1:15: "staging.test:443" is no address; write it as wss://staging.test`},
		{"login without a method", "name: try", "target: {auth: {endpoint: http://a.test/a, login: {status: 200}}}", `a request needs one of get, post`},
		{"stages without time", "vus: 3\n    duration: 10s", "stages: [{duration: 0s, target: 5}]", "constant-vus"},
	} {
		t.Run(c.name, func(t *testing.T) {
			content := good + c.new
			if c.old != "" {
				content = strings.Replace(good, c.old, c.new, 1)
			}
			require.NotEqual(t, good, content)
			_, err := parse(t, content)
			var problems *harness.Problems
			require.ErrorAs(t, err, &problems, content)
			assert.Contains(t, problems.Error(), c.want, content)
			for _, p := range problems.List {
				assert.NotZero(t, p.Line, "%s has no place", p)
			}
		})
	}
}

// TestParse_ExecutorsAreConsistent tries what each executor cannot be.
func TestParse_ExecutorsAreConsistent(t *testing.T) {
	for group, want := range map[string]string{
		"{executor: ramping-vus, stages: [], setup: [connect]}":                                                                                          "all stages together take no time",
		"{executor: ramping-vus, stages: [{duration: 0s, target: 3}], setup: [connect]}":                                                                 "all stages together take no time",
		"{executor: ramping-vus, stages: [{duration: 5s, target: 0}], setup: [connect]}":                                                                 "every target is 0",
		"{executor: ramping-vus, stages: [{duration: 5s, target: 2.5}], setup: [connect]}":                                                               "target is 2.5; there are only whole users",
		"{executor: ramping-vus, stages: [{duration: 5s}], setup: [connect]}":                                                                            "stages needs target",
		"{executor: ramping-vus, stages: [{duration: 5s, target: 1, rate: 3}], setup: [connect]}":                                                        `"rate" is no key of stages`,
		"{executor: ramping-vus, stages: {duration: 5s, target: 1}, setup: [connect]}":                                                                   "stages must be a list",
		"{executor: constant-arrival-rate, rate: 0, duration: 5s, steps: [connect]}":                                                                     "rate must be more than 0",
		"{executor: constant-arrival-rate, rate: 5, duration: 5s, setup: [connect]}":                                                                     "repeats steps, and there are none",
		"{executor: constant-arrival-rate, rate: 5, duration: 5s, preAllocatedVUs: 5, maxVUs: 3, steps: [connect]}":                                      "maxVUs is 3, fewer than the 5",
		"{executor: constant-arrival-rate, rate: 5, duration: 5s, vus: 3, steps: [connect]}":                                                             "constant-arrival-rate has no key vus",
		"{executor: per-vu-iterations, vus: 3, iterations: 0, steps: [connect]}":                                                                         "iterations must be more than 0",
		"{executor: per-vu-iterations, vus: 3}":                                                                                                          "repeats steps, and there are none",
		"{executor: ramping-arrival-rate, stages: [{duration: 200h, target: 1}], steps: [connect]}":                                                      "at most 168h",
		"{executor: ramping-arrival-rate, startRate: x, stages: [{duration: 2h, target: 1}], steps: [connect]}":                                          "startRate is \"x\"; it must be a number",
		"{executor: ramping-vus, stages: [" + strings.Repeat("{duration: 1s, target: 1000000}, {duration: 1s, target: 0}, ", 4) + "], setup: [connect]}": "the stages add and take away 8000000 users",
		"5": "scenario a must have keys and values",
		"":  "scenario a must have keys and values",
	} {
		_, err := parse(t, "scenarios:\n  a: "+group+"\n")
		require.Error(t, err, group)
		assert.Contains(t, err.Error(), want, group)
		assert.Regexp(t, `(?m)^s\.yaml:2:\d+: `, err.Error(), group)
	}
}

func TestParse_ReadsEverything(t *testing.T) {
	s, err := parse(t, `
description: all of it
seed: 7
variables: {clients: 5, half: "{{ clients / 2 }}", third: "{{ max(1, int(clients / 3)) }}", rooms: [a, b]}
target:
  url: wss://staging.test
  app: {id: 1, key: k, secret: "{{ 'se' + 'cret' }}"}
  auth: {endpoint: https://staging.test/broadcasting/auth, bearerToken: "token-{{ vu }}", login: {post: /login, form: {email: "u{{ vu }}@a.test"}}}
payloads: {p: {b: [1, "{{ vu }}", null], a: "x {{ vu }}"}}
scenarios:
  b:
    executor: ramping-vus
    startVUs: 1
    startTime: 1s
    stages: [{duration: 1m, target: "{{ clients * 2 }}"}]
    user: {id: "u{{ vu }}", info: {name: Ada}}
    steps:
      - {think: 1s..3s, name: pause, if: vu > 1}
      - repeat: {times: 2, every: 1s, steps: [{publish: {channel: "c.{{ half }}", event: E, payload: p}}]}
      - set: {draft: "{{ int(1, 2) }}"}
      - whisper: {channel: presence-a, event: "e{{ draft }}"}
  a: {executor: constant-arrival-rate, rate: 90, timeUnit: 1m, duration: 10s, steps: [{emit: InvoiceCreated}]}
thresholds:
  delivery_latency: ["p(95)<50", {threshold: "p(99)<2s", abortOnFail: true, delayAbortEval: 10s}]
  deliveries_missing: count<5
lateAfter: 2s
health: {cpu: 0.5}
`)
	require.NoError(t, err)
	assert.Equal(t, "s", s.Name, "the file's name")
	assert.Equal(t, uint64(7), s.Seed)
	assert.Equal(t, map[string]any{"clients": 5, "half": 2.5, "third": 1, "rooms": []any{"a", "b"}}, s.Variables)
	assert.Equal(t, []string{"wss://staging.test", "1", "k", "secret"}, []string{s.Target.URL, s.Target.AppID, s.Target.Key, s.Target.Secret})
	token, err := s.Target.Auth.BearerToken.Eval(someone())
	require.NoError(t, err)
	assert.Equal(t, "token-7", token)
	assert.Equal(t, "/login", s.Target.Auth.Login.Post.String())
	require.Len(t, s.Groups, 2)
	b, a := s.Groups[0], s.Groups[1]
	assert.Equal(t, []string{"b", "a"}, []string{b.Name, a.Name}, "in the order of the file")
	assert.Equal(t, []harness.Stage{{Duration: time.Minute, Target: 10}}, b.Stages)
	assert.Equal(t, 30*time.Second, b.GracefulStop)
	assert.Equal(t, []any{2, 8}, []any{a.PreAllocatedVUs, a.MaxVUs}, "by the rate: 1.5 a second")
	assert.Equal(t, "s.yaml:18:9", b.Steps[0].Place)
	assert.Equal(t, "pause", b.Steps[0].Name)
	assert.Equal(t, harness.Wait{Least: time.Second, Most: 3 * time.Second}, b.Steps[0].Do.(*harness.Think).For)
	holds, err := b.Steps[0].If.Holds(&harness.Env{VU: 1}, nil)
	require.NoError(t, err)
	assert.False(t, holds)
	repeat := b.Steps[1].Do.(*harness.Repeat)
	assert.Equal(t, 2, repeat.Times)
	publish := repeat.Steps[0].Do.(*harness.Publish)
	payload, err := publish.Payload.JSON(someone())
	require.NoError(t, err)
	assert.Equal(t, `{"b":[1,7,null],"a":"x 7"}`, string(payload), "in the order of the file")
	same, err := publish.Payload.Eval(someone())
	require.NoError(t, err)
	assert.Equal(t, map[string]any{"b": []any{1, 7, nil}, "a": "x 7"}, same)
	info, err := b.User.Info.JSON(nil)
	require.NoError(t, err)
	assert.Equal(t, `{"name":"Ada"}`, string(info))
	assert.Equal(t, "InvoiceCreated", a.Steps[0].Do.(*harness.Emit).Event.String())
	assert.Equal(t, []any{2 * time.Second, 5 * time.Second, 0.5}, []any{s.LateAfter, s.Drain, s.Health.CPU})
	assert.True(t, s.Thresholds[1].AbortOnFail)
	assert.Equal(t, 10*time.Second, s.Thresholds[1].DelayAbort)
	assert.Equal(t, "s.yaml:24:22", s.Thresholds[0].Place)
	assert.Equal(t, "s.yaml:24:46", s.Thresholds[1].Place)
}

func TestParse_WhatIsLostFailsByDefault(t *testing.T) {
	count := func(content string) (selectors []string) {
		s, err := parse(t, good+content)
		require.NoError(t, err)
		for _, threshold := range s.Thresholds {
			selectors = append(selectors, threshold.Selector()+" "+threshold.Expression)
		}
		return selectors
	}
	all := count("")
	assert.Contains(t, all, "deliveries_missing count==0")
	assert.Contains(t, all, "dropped_iterations count==0")
	loose := count("thresholds: {deliveries_missing: count<9}")
	assert.Len(t, loose, len(all), "one takes the place of another")
	assert.NotContains(t, loose, "deliveries_missing count==0")
	assert.Empty(t, count("defaultThresholds: false"))
}

func TestParse_VariablesComeFromFlagEnvironmentAndFile(t *testing.T) {
	content := []byte(good + "    user: {id: \"{{ env.WHO }}-{{ clients }}\"}\n")
	for _, c := range []struct {
		flags   map[string]string
		environ []string
		want    any
	}{
		{nil, nil, 5},
		{nil, []string{"ECHOLAB_VAR_clients=6"}, 6},
		{nil, []string{"ECHOLAB_VAR_CLIENTS=7"}, 7},
		{map[string]string{"clients": "8"}, []string{"ECHOLAB_VAR_clients=6"}, 8},
	} {
		s, err := harness.Parse("s.yaml", content, harness.ParseInput{Variables: c.flags, Environ: append(c.environ, "WHO=me")})
		require.NoError(t, err)
		assert.Equal(t, c.want, s.Variables["clients"])
		id, err := s.Groups[0].User.ID.Eval(&harness.Env{Vars: s.Variables})
		require.NoError(t, err)
		assert.Equal(t, fmt.Sprint("me-", c.want), id)
	}
	for want, in := range map[string]harness.ParseInput{
		"-e clinets: the scenario has no variable clinets; did you mean clients?": {Variables: map[string]string{"clinets": "5"}},
		"-e clients=x: it must be a whole number, as it is in the file":           {Variables: map[string]string{"clients": "x"}},
		"ECHOLAB_VAR_CLIENTS=: it must be a whole number, as it is in the file":   {Environ: []string{"ECHOLAB_VAR_CLIENTS="}},
		"s.yaml:2:13: clients has no value; write one, or pass -e clients=…":      {},
	} {
		text := good
		if in.Variables == nil && in.Environ == nil {
			text = strings.Replace(good, "clients: 5", "clients: null", 1)
		}
		_, err := harness.Parse("s.yaml", []byte(text), in)
		assert.EqualError(t, err, want)
	}
}

func TestParse_Includes(t *testing.T) {
	files := map[string]string{
		"dir/common.yaml":      "name: not mine\nvariables: {clients: 9, more: 1}\npayloads: {p: {a: 1}}\nthresholds: {errors: count==0, http_req_duration: 'p(95)<9'}\ninclude: deeper/last.yaml\n",
		"dir/deeper/last.yaml": "journeys: {office: {setup: [connect], steps: [think: 1s]}}\npayloads: {p: {a: 2}, q: {b: 1}}\n",
		"dir/a.yaml":           "include: [b.yaml]\n",
		"dir/b.yaml":           "include: [a.yaml]\n",
		"dir/bad.yaml":         "payloads: {p: \"{{ clinets }}\"}\nnmae: x\n",
	}
	in := harness.ParseInput{Read: func(path string) ([]byte, error) {
		if text, ok := files[path]; ok {
			return []byte(text), nil
		}
		return nil, fs.ErrNotExist
	}}
	own := "name: mine\ninclude: [%s]\nvariables: {clients: 3}\nscenarios:\n  x: {executor: constant-vus, vus: '{{ clients }}', duration: 1s, journey: office}\nthresholds: {errors: count<3}\n"
	s, err := harness.Parse("dir/s.yaml", fmt.Appendf(nil, own, "common.yaml"), in)
	require.NoError(t, err)
	assert.Equal(t, "mine", s.Name)
	assert.Equal(t, map[string]any{"clients": 3, "more": 1}, s.Variables)
	p, err := s.Payloads["p"].JSON(nil)
	require.NoError(t, err)
	assert.Equal(t, `{"a":1}`, string(p), "the includer wins")
	assert.Contains(t, s.Payloads, "q")
	assert.Equal(t, "dir/deeper/last.yaml:1:29", s.Groups[0].Setup[0].Place)
	assert.Equal(t, "count<3", s.Thresholds[0].Expression)

	for include, want := range map[string]string{
		"a.yaml":       "dir/b.yaml:1:11: dir/a.yaml includes itself: dir/a.yaml → dir/b.yaml → dir/a.yaml; remove one of the includes",
		"nowhere.yaml": "dir/s.yaml:2:11: include dir/nowhere.yaml: there is no such file; paths start at the folder of the file that includes",
		"bad.yaml":     `dir/bad.yaml:2:1: "nmae" is no key of the file; did you mean name?`,
		"s.yaml":       "dir/s.yaml:2:11: dir/s.yaml includes itself",
	} {
		_, err := harness.Parse("dir/s.yaml", fmt.Appendf(nil, own, include), in)
		require.Error(t, err, include)
		assert.Contains(t, err.Error(), want)
	}

	s, err = harness.Parse("s.yaml", []byte("include: ['preset:typing-room']\nvariables: {people: 4}\n"), harness.ParseInput{})
	require.NoError(t, err, "a preset with another size")
	assert.Equal(t, 4.0, s.Groups[0].Stages[0].Target)
}

func TestParse_NoFileCanHoldItUp(t *testing.T) {
	bomb := "a0: &a0 [x]\n"
	for i := range 30 {
		bomb += fmt.Sprintf("a%d: &a%d [*a%d, *a%d, *a%d, *a%d]\n", i+1, i+1, i, i, i, i)
	}
	for name, content := range map[string]string{
		"aliases":   "payloads:\n  " + strings.ReplaceAll(bomb, "\n", "\n  ") + "\n",
		"brackets":  strings.Repeat("[", 200_000),
		"dashes":    strings.Repeat("- ", 200_000),
		"keys":      strings.Repeat("? ", 50_000),
		"size":      "name: " + strings.Repeat("x", 2<<20),
		"nothing":   "",
		"templates": good + "description: x\nhealth: {}\n" + strings.Replace("target: {auth: {headers: {a: 'X'}}}\n", "X", strings.Repeat("{{vu}}", 100_000), 1),
		"binary":    "\x00\xff\xfe",
		"comment":   "# only",
		"steps":     strings.Replace(good, "[think: 1s]", strings.Repeat("[{repeat: {times: 1, steps: ", 30)+"[connect]"+strings.Repeat("}}]", 30), 1),
	} {
		t.Run(name, func(t *testing.T) {
			began := time.Now()
			_, err := parse(t, content)
			var problems *harness.Problems
			require.True(t, errors.As(err, &problems), name)
			assert.LessOrEqual(t, len(problems.List), 31)
			assert.Less(t, time.Since(began), time.Minute, "it would go on for ever, or nearly")
		})
	}
}

func TestParse_HintsAtWhatIsProbablyNotMeant(t *testing.T) {
	for steps, want := range map[string]string{
		"[connect, think: 1s]":                                  "connect stands in steps, which constant-vus repeats",
		"[whisper: {channel: presence-a, event: e}, think: 1s]": "whisper comes before any connect",
		"[{whisper: {channel: news, event: e}}]":                "whispers are only allowed on private- and presence- channels; news is public",
		"[{set: {a: 1}}]":                                       "the steps of x never wait",
		"[join: a]":                                             "join comes before any connect",
		"[{join: cache-room}, think: 1s]":                       "lists of members drift by its own doing",
	} {
		s, err := parse(t, "scenarios:\n  x: {executor: constant-vus, vus: 1, duration: 1s, steps: "+steps+"}\n")
		require.NoError(t, err, steps)
		assert.Contains(t, strings.Join(s.Hints, "\n"), want)
		assert.Regexp(t, `^s\.yaml:2:\d+: `, s.Hints[0])
	}
	s, err := parse(t, good)
	require.NoError(t, err)
	assert.Empty(t, s.Hints)
}

// TestSteps_EachExampleIsAStep walks the table that the documents are made from.
func TestSteps_EachExampleIsAStep(t *testing.T) {
	for _, kind := range harness.Steps {
		s, err := parse(t, "scenarios:\n  x:\n    executor: per-vu-iterations\n    vus: 1\n    steps:\n      - "+kind.Example+"\n")
		require.NoError(t, err, kind.Example)
		assert.Same(t, kind, s.Groups[0].Steps[0].Kind)
	}
}

func TestPresets_AreFineAndComplete(t *testing.T) {
	files, err := filepath.Glob("../testdata/scenarios/*.yaml")
	require.NoError(t, err)
	presets := harness.Presets()
	require.Len(t, presets, len(files), "each file has its row in Names")
	for _, p := range presets {
		content, err := os.ReadFile("../testdata/scenarios/" + p.Name + ".yaml")
		require.NoError(t, err)
		assert.Equal(t, string(content), string(p.Content))
		s, err := harness.Parse(p.Name+".yaml", p.Content, harness.ParseInput{})
		require.NoError(t, err)
		assert.Equal(t, p.Name, s.Name)
		assert.NotEmpty(t, p.Help)
		assert.NotZero(t, s.Seed)
		assert.Empty(t, s.Hints, p.Name)
		own := 0
		for _, threshold := range s.Thresholds {
			if threshold.Place != "" {
				own++
			}
		}
		assert.NotZero(t, own, "%s says what must hold", p.Name)
		plan := harness.NewPlan(s, 0, harness.Segment{})
		assert.LessOrEqual(t, plan.Users(), 2500, p.Name)
		assert.LessOrEqual(t, plan.Length(), 4*time.Minute, p.Name)
	}
	_, err = harness.PresetNamed("typing-rom")
	assert.EqualError(t, err, `there is no preset "typing-rom"; did you mean typing-room?`)
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(good))
	for _, p := range harness.Presets() {
		f.Add(p.Content)
	}
	f.Add([]byte("a: &a [*a]\n<<: *a\n? [x]\n: {{ }}"))
	f.Fuzz(func(t *testing.T, content []byte) {
		s, err := harness.Parse("s.yaml", content, harness.ParseInput{})
		if err != nil {
			var problems *harness.Problems
			if !errors.As(err, &problems) || len(problems.List) == 0 || err.Error() == "" {
				t.Fatalf("%v", err)
			}
			return
		}
		plan := harness.NewPlan(s, 0, harness.Segment{})
		if len(plan.Hash) != 16 {
			t.Fatalf("hash %q", plan.Hash)
		}
	})
}
