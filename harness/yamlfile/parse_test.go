package yamlfile_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"echolab/harness/yamlfile"
)

func TestParse_LimitsNesting(t *testing.T) {
	for _, text := range []string{strings.Repeat("[", 50_000), strings.Repeat("- ", 65) + "a", "a: " + strings.Repeat("{b: ", 65)} {
		_, err := yamlfile.Parse([]byte(text))
		var deep *yamlfile.DepthError
		require.ErrorAs(t, err, &deep, "%.40s", text)
		assert.Equal(t, 1, deep.Token.Position.Line)
	}
	_, err := yamlfile.Parse([]byte(strings.Repeat("[", 64) + strings.Repeat("]", 64)))
	assert.NoError(t, err)
}

func TestAnchors_AreThoseOfTheWholeFile(t *testing.T) {
	file, err := yamlfile.Parse([]byte("a: &one 1\nb: [{c: &two [2]}, *one]\n"))
	require.NoError(t, err)
	found := yamlfile.Anchors(file.Docs[0].Body)
	require.Len(t, found, 2)
	assert.Equal(t, "1", found["one"].String())
	assert.Equal(t, "[2]", found["two"].String())
}
