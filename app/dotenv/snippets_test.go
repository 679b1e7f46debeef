package dotenv_test

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"echolab/app/dotenv"
)

// The page writes .env lines for whatever ids, keys and secrets there are; its own test keeps the file fresh.
func TestParse_ThePagesSnippetsComeBackAsTheyWere(t *testing.T) {
	raw, err := os.ReadFile("../../testdata/snippets/dotenv.json")
	require.NoError(t, err)
	var rows []struct{ ID, Key, Secret, Text string }
	require.NoError(t, json.Unmarshal(raw, &rows))
	require.NotEmpty(t, rows)
	for _, row := range rows {
		file, err := dotenv.Parse(".env", []byte(row.Text))
		if !assert.NoError(t, err, row.Text) {
			continue
		}
		values := dotenv.Resolve(file, nil)
		for name, want := range map[string]string{
			"REVERB_APP_ID": row.ID, "REVERB_APP_KEY": row.Key, "REVERB_APP_SECRET": row.Secret,
			"REVERB_HOST": "127.0.0.1", "REVERB_PORT": "8080", "VITE_REVERB_HOST": "127.0.0.1",
		} {
			got, _ := values.Env(name)
			assert.Equal(t, want, got, "%s in\n%s", name, row.Text)
		}
	}
}
