package dotenv_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"echolab/app/dotenv"
)

func requireReadBack(t *testing.T, value string) {
	t.Helper()
	quoted := dotenv.Quote(value)
	require.NotContains(t, quoted, "\n")
	file, err := dotenv.Parse(".env", []byte("BEFORE=1\nVALUE="+quoted+"\nAFTER=2\n"))
	require.NoError(t, err, quoted)
	values := dotenv.Resolve(file, nil)
	for _, warning := range values.Warnings {
		require.Contains(t, warning.Text, "takes off the second pair of quotes too", "%s: nothing is lost", quoted)
	}
	for name, want := range map[string]string{"BEFORE": "1", "VALUE": value, "AFTER": "2"} {
		got, ok := values.Env(name)
		require.True(t, ok, quoted)
		require.Equal(t, want, got, quoted)
	}
}

func TestQuote_IsReadBackAsItWas(t *testing.T) {
	for _, value := range []string{
		"", "plain-1.2_3", "base64:AAAA+/==", "two words", " padded ", "a#b", "#", "#a", `say "hi"`, "it's", "'", `"`, `"quoted"`, "'quoted'", `\`, `\\`, `a\`, `\"`,
		"$HOME", "${BEFORE}", "true", "NULL", "(empty)", "null ", "line\nline", "\r\n", "tab\t", "=", `="`, `a="b`, "\x00", "ü€😀", "\u2028", `"` + "\n" + `"`, "\uFEFF",
	} {
		requireReadBack(t, value)
	}
	assert.Equal(t, "plain-1.2_3", dotenv.Quote("plain-1.2_3"))
	assert.Equal(t, `"a#b"`, dotenv.Quote("a#b"))
}

func FuzzQuote(f *testing.F) {
	for _, seed := range []string{`a\"$'#b`, "true", "\n", strings.Repeat(`\`, 5) + `"`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		if utf8.ValidString(value) {
			requireReadBack(t, value)
		}
	})
}
