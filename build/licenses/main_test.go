package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestText_HoldsEveryNoticeOnce(t *testing.T) {
	dir := t.TempDir()
	put := func(module string, files map[string]string) string {
		folder := filepath.Join(dir, module)
		require.NoError(t, os.MkdirAll(folder, 0o700))
		for name, content := range files {
			require.NoError(t, os.WriteFile(filepath.Join(folder, name), []byte(content), 0o600))
		}
		return folder
	}
	got, err := text(map[string]string{
		"b v2": put("b", map[string]string{"LICENSE.txt": "MIT\r\nB\n\n", "NOTICE": "notice of B", "licenses.go": "package b", "README.md": "about"}),
		"a v1": put("a", map[string]string{"Licence-MIT": "A", "COPYING": "copying of A"}),
	})
	require.NoError(t, err)
	const line = "----------------------------------------"
	assert.Equal(t, "Echolab contains the following works of others.\n\n"+
		line+"\na v1\n\ncopying of A\n\nA\n\n"+line+"\nb v2\n\nMIT\nB\n\nnotice of B\n", string(got))

	_, err = text(map[string]string{"c v3": put("c", map[string]string{"LICENSE": " \n", "README.md": "MIT"})})
	assert.ErrorContains(t, err, "c v3: there is no licence file in")
}
