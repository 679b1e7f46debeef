package harness_test

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"echolab/harness"
)

func someone() *harness.Env {
	return &harness.Env{
		Vars: map[string]any{"clients": 5, "names": []any{"Ada", "Grace"}, "rate": 2.5, "draft": nil},
		VU:   7, Iteration: 11, User: map[string]any{"id": "7", "info": map[string]any{"name": "Ada"}},
		Rng: rand.New(rand.NewPCG(1, 2)), Now: func() time.Time { return time.Unix(1_700_000_000, 0) },
	}
}

var vars = []string{"clients", "names", "rate", "draft"}

func TestText_FillsInItsTemplates(t *testing.T) {
	for source, want := range map[string]string{
		"":                                      "",
		"plain":                                 "plain",
		"client.{{ 1 + vu % clients }}":         "client.3",
		"{{vu}}-{{iteration}}":                  "7-11",
		"{{ user.info.name }} {{ user.id }}":    "Ada 7",
		"{{ rate }} {{ rate * 2 }}":             "2.5 5",
		"{{ {a: {b: 1}} }}":                     `{"a":{"b":1}}`,
		"{{ '}}' + \"{{\" }}":                   "}}{{",
		"{{ seq() }}{{ seq() }}{{ seq() }}":     "123",
		"{{ now() }}":                           "2023-11-14T22:13:20.000000Z",
		"{{ repeat('ab', 3) }}":                 "ababab",
		"{{ pad(vu, 4) }}":                      "0007",
		"{{ min(vu, clients) }}{{ max(1, 2) }}": "52",
		"{{ vu > 5 ? 'many' : 'few' }}":         "many",
		"{{ json(names) }}":                     `["Ada","Grace"]`,
		"{{ nil }}":                             "",
		"ä {{ 'ö' }} €":                         "ä ö €",
		"{{ int('12') + 1 }}":                   "13",
		"{{ upper(user.info.name) }}":           "ADA",
	} {
		text, err := harness.ParseText(source, vars...)
		require.NoError(t, err, source)
		got, err := text.Eval(someone())
		require.NoError(t, err, source)
		assert.Equal(t, want, got, source)
		assert.Equal(t, !strings.Contains(source, "{{"), text.IsLiteral(), source)
	}
}

func TestText_SaysWhatIsWrongBeforeTheRun(t *testing.T) {
	for source, want := range map[string]string{
		"{{ clinets }}":      "there is no variable or function clinets; did you mean clients?",
		"{{ vu":              "a template begins here and does not end",
		"{{ }}":              "an expression is missing",
		"{{ 1 + }}":          "the expression ends too early",
		"{{ fake('nmae') }}": `there is no such kind; did you mean name?`,
		"{{ int() }}":        "int was given 0 arguments; write int(least, most)",
		"{{ env.NOWHERE }}":  "NOWHERE is not set in the environment",
		"{{ $env }}":         "$env is not there",
		"{{ user.nmae }}":    "unknown field nmae",
		"{{ 'a' - 1 }}":      "invalid operation",
		"{{ join(names) }}":  "there is no variable or function join",
		"{{ " + strings.Repeat("1+", 3000) + "1 }}":          "at most 4096",
		"{{ " + strings.Repeat("(", 3000) + "1" + "1)))) }}": "",
	} {
		_, err := harness.ParseText(source, vars...)
		assert.ErrorContains(t, err, want, source)
	}
}

func TestText_IsBoundedInTimeAndMemory(t *testing.T) {
	for _, source := range []string{
		"{{ repeat('x', 100000000) }}",
		"{{ let a = repeat('x', 1000000); let b = a + a; b }}",
		"{{ map(1..1000, repeat('x', 100000)) }}",
		"{{ count(1..1000000, # > 1) }}",
		"{{ len(map(1..100000, map(1..100000, #))) }}",
		"{{ len(map(1..300, map(1..300, len(map(1..300, #))))) }}",
		"{{ 1 % (vu - 7) }}",
		"{{ draft.x }}",
		"{{ pick(draft) }}",
		"{{ int(5, 1) }}",
	} {
		text, err := harness.ParseText(source, vars...)
		require.NoError(t, err, source)
		began := time.Now()
		_, err = text.Eval(someone())
		assert.Error(t, err, source)
		assert.Less(t, time.Since(began), 5*time.Second, source)
	}
}

// TestText_TheSameStreamGivesTheSameData walks every function and every kind of fake data.
func TestText_TheSameStreamGivesTheSameData(t *testing.T) {
	sources := []string{"{{ pick(1, 2, 3, 4, 5, 6, 7) }}", "{{ pick(names) }}", "{{ int(1, 1000000) }}", "{{ float(0, 1) }}", "{{ money(10, 900) }}", "{{ chance(0.5) }}", "{{ uuid() }}"}
	for _, kind := range harness.FakeKinds() {
		sources = append(sources, "{{ fake('"+kind+"') }}")
	}
	a, b, other := someone(), someone(), someone()
	other.Rng = rand.New(rand.NewPCG(1, 3))
	same := true
	for _, source := range sources {
		text, err := harness.ParseText(source, vars...)
		require.NoError(t, err, source)
		first, err := text.Eval(a)
		require.NoError(t, err, source)
		second, err := text.Eval(b)
		require.NoError(t, err, source)
		third, err := text.Eval(other)
		require.NoError(t, err, source)
		assert.NotEmpty(t, first, source)
		assert.Equal(t, first, second, source)
		same = same && first == third
	}
	assert.False(t, same, "another stream must give other data")
}

func TestExpr_HoldsOrNot(t *testing.T) {
	for source, want := range map[string]bool{
		"data.id == 5": true, "{{ data.id == 6 }}": false, "vu % 2 == 1 and data.total < 10": true, "data.note contains 'ell'": true,
	} {
		x, err := harness.ParseExpr(source, vars...)
		require.NoError(t, err, source)
		held, err := x.Holds(someone(), map[string]any{"id": 5, "total": 9.5, "note": "hello"})
		require.NoError(t, err, source)
		assert.Equal(t, want, held, source)
	}
	x, err := harness.ParseExpr("data.id")
	require.NoError(t, err)
	_, err = x.Holds(someone(), map[string]any{"id": 5})
	assert.ErrorContains(t, err, "a condition gives true or false")
}

func TestWait_IsDrawnFromItsRange(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	w := harness.Wait{Least: 2 * time.Second, Most: 5 * time.Second}
	least, most := w.Most, w.Least
	for range 10_000 {
		d := w.Draw(rng)
		least, most = min(least, d), max(most, d)
	}
	assert.InDelta(t, 2, least.Seconds(), 0.01)
	assert.InDelta(t, 5, most.Seconds(), 0.01)
	assert.Equal(t, 3*time.Second, harness.Wait{Least: 3 * time.Second, Most: 3 * time.Second}.Draw(nil))
}

func FuzzText(f *testing.F) {
	for _, seed := range []string{"a {{ vu }}", "{{ {a: [1, 'x']} }}", "{{ map(1..3, # * vu) }}", "{{ let a = 'x'; a + a }}", "{{ '", "}}{{"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, source string) {
		text, err := harness.ParseText(source, vars...)
		if err != nil {
			return
		}
		if out, err := text.Eval(someone()); err == nil && len(out) > 3<<20+len(source) {
			t.Fatalf("%q gives %d bytes", source, len(out))
		}
	})
}
