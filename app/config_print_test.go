package app_test

import (
	"bytes"
	"encoding/json"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"echolab/app"
)

func TestPrint_MasksSecretsAndNamesOrigins(t *testing.T) {
	src := folder(t, map[string]string{"echolab.yaml": twoApps, ".env": "REVERB_APP_ID=one\nREVERB_APP_KEY=k1\nREVERB_APP_SECRET=local-reverb-secret\nREVERB_HOST=localhost\n"})
	src.Flags["port"] = "9000"
	cfg := load(t, src)
	for _, asJSON := range []bool{false, true} {
		var out bytes.Buffer
		require.NoError(t, cfg.Print(&out, asJSON))
		assert.NotContains(t, out.String(), "local-reverb-secret")
		assert.NotContains(t, out.String(), "yaml-secret")
		assert.NotContains(t, out.String(), "u:p@")
		assert.NotContains(t, out.String(), "token=x")
		if !asJSON {
			for _, line := range []string{
				`(?m)^port +9000 +flag --port$`,
				`(?m)^hostname +localhost +\.env:4$`,
				`(?m)^  secret +loc…ret \(19 characters\) +\.env:3$`,
				`(?m)^  secret +… \(15 characters\) +echolab.yaml:14:13$`,
				`(?m)^  max_connections +5 +echolab.yaml:5:22$`,
				`(?m)^  max_connections +no limit +default$`,
				`(?m)^  webhooks\[0\] +http://127.0.0.1:8000/hook\?… \(member_added\) batched for 1s +echolab.yaml:9:9$`,
				`(?m)^Laravel publishes to https://localhost:443$`,
			} {
				assert.Regexp(t, line, out.String())
			}
			continue
		}
		var got struct {
			Settings    map[string]app.Printed
			Apps        []map[string]app.Printed
			PublishesTo string `json:"publishes_to"`
			Warnings    []string
		}
		require.NoError(t, json.Unmarshal(out.Bytes(), &got))
		assert.Len(t, got.Settings, len(app.Settings()))
		assert.Equal(t, app.Printed{Value: 9000.0, From: "flag --port"}, got.Settings["port"])
		assert.Equal(t, app.Printed{Value: "loc…ret (19 characters)", From: ".env:3"}, got.Apps[0]["secret"])
		assert.Equal(t, app.Printed{Value: nil, From: "default"}, got.Apps[1]["max_connections"])
		assert.Equal(t, cfg.Warnings, got.Warnings)
	}
}

func TestMask(t *testing.T) {
	assert.Equal(t, "loc…ret (19 characters)", app.Mask("local-reverb-secret"))
	assert.Equal(t, "… (6 characters)", app.Mask("secret"))
	assert.Equal(t, "… (12 characters)", app.Mask("äöüäöüäöüäöü"))
	assert.Equal(t, "äöü…äöx (16 characters)", app.Mask("äöüäöüäöüäöüöäöx"))
	assert.Empty(t, app.Mask(""))
}

func TestSettings_DefaultsAreWhatIsShown(t *testing.T) {
	cfg := load(t, folder(t, nil))
	var out bytes.Buffer
	require.NoError(t, cfg.Print(&out, true))
	var got struct {
		Settings map[string]app.Printed
		Apps     []map[string]app.Printed
	}
	require.NoError(t, json.Unmarshal(out.Bytes(), &got))
	text := func(v any) string {
		switch v := v.(type) {
		case nil:
			return "no limit"
		case float64:
			return strconv.FormatFloat(v, 'f', -1, 64)
		case bool:
			return strconv.FormatBool(v)
		case []any:
			return v[0].(string)
		}
		if d, err := time.ParseDuration(v.(string)); err == nil {
			return strconv.FormatFloat(d.Seconds(), 'f', -1, 64) + "s"
		}
		return v.(string)
	}
	for _, row := range append(app.Settings(), app.AppSettings()...) {
		shown, ok := got.Settings[row.Name]
		if !ok {
			shown, ok = got.Apps[0][row.Name]
		}
		require.True(t, ok, row.Name)
		if row.Default != "" {
			assert.Equal(t, row.Default, text(shown.Value), row.Name)
		}
		assert.NotEmpty(t, row.Help, row.Name)
	}
}
