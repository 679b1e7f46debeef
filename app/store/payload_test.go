package store_test

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"echolab/app/store"
)

func FuzzPayload(f *testing.F) {
	for _, e := range samples() {
		if len(e.Data) < 10_000 {
			f.Add([]byte(e.Data))
		}
	}
	for _, seed := range []string{"{}", `{"a":"<&>"}`, " 1 ", "-0", "1e999", `"\u0000"`, "\ufeff{}", "\f1", "nul", `{"a":1,}`, "'x'", "0x1F",
		strings.Repeat("[", 999) + strings.Repeat("]", 999), strings.Repeat(`{"a":[`, 600) + strings.Repeat("]}", 600),
		`["` + strings.Repeat("[", 3000) + `\""]`} {
		f.Add([]byte(seed))
	}
	db, err := sql.Open("sqlite", ":memory:")
	require.NoError(f, err)
	f.Cleanup(func() { _ = db.Close() })
	db.SetMaxOpenConns(1)
	f.Fuzz(func(t *testing.T, data []byte) {
		payload, encoding := store.EncodePayload(data)
		var column, how sql.NullString
		require.NoError(t, column.Scan(payload))
		require.NoError(t, how.Scan(encoding))

		back, err := store.DecodePayload(column, how)
		require.NoError(t, err)
		require.True(t, bytes.Equal(data, back) && (data == nil) == (back == nil), "%q came back as %q", data, back)

		var valid sql.NullBool
		require.NoError(t, db.QueryRow("SELECT json_valid(?)", payload).Scan(&valid))
		require.True(t, valid.Bool || data == nil, "SQLite refuses %q", column.String)
		if !how.Valid && data != nil {
			require.True(t, json.Valid(data))
		}
	})
}
