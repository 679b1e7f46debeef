package laravel_test

import (
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"echolab/emulator/laravel"
)

func TestAvatar_ShowsInitialsToAnybody(t *testing.T) {
	base := serve(t, laravel.Fixed, &laravel.Application{Users: []laravel.User{
		{ID: laravel.IntID(1), Name: "ada Øster"}, {ID: laravel.TextID("u-2"), Name: "<"},
	}}, io.Discard)
	for path, want := range map[string]string{"1.svg": ">AØ</text>", "u-2.svg": ">&lt;</text>", "3.svg": "", "1": ""} {
		res, err := http.Get(base + "/avatars/" + path)
		require.NoError(t, err)
		text, err := io.ReadAll(res.Body)
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		if want == "" {
			assert.Equal(t, http.StatusNotFound, res.StatusCode, path)
			continue
		}
		assert.Equal(t, http.StatusOK, res.StatusCode, path)
		assert.Equal(t, "image/svg+xml", res.Header.Get("Content-Type"))
		assert.Contains(t, string(text), want)
	}
}
