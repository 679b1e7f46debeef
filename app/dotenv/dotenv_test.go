package dotenv_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"echolab/app/dotenv"
)

// parseCase is one row of testdata/laravel/env.json: what a running Laravel 12 made of a .env file.
type parseCase struct {
	ID, Name        string
	Env             *string
	EnvBase64       []byte            `json:"env_base64"`
	OtherFiles      map[string]string `json:"other_files"`
	RealEnvironment map[string]string `json:"real_environment"`
	Raw             map[string]*string
	Laravel         map[string]any
	Error           *struct {
		ExitCode int `json:"exit_code"`
		Stderr   []string
	}
}

func recorded(t *testing.T) []parseCase {
	t.Helper()
	content, err := os.ReadFile("../../testdata/laravel/env.json")
	require.NoError(t, err)
	var file struct{ Parse []parseCase }
	require.NoError(t, json.Unmarshal(content, &file))
	require.Len(t, file.Parse, 59)
	return file.Parse
}

func TestLoad_GivesWhatLaravelGives(t *testing.T) {
	for _, c := range recorded(t) {
		t.Run(c.ID+" "+c.Name, func(t *testing.T) {
			dir := t.TempDir()
			write := func(name, content string) {
				require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600))
			}
			if c.Env != nil {
				write(".env", *c.Env)
			} else if c.EnvBase64 != nil {
				write(".env", string(c.EnvBase64))
			}
			for name, content := range c.OtherFiles {
				write(name, content)
			}
			var environ []string
			for name, value := range c.RealEnvironment {
				environ = append(environ, name+"="+value)
			}

			values, err := dotenv.Load(dotenv.Choose(dir, environ), ".env", environ)

			if c.Error != nil {
				var refused *dotenv.Error
				require.ErrorAs(t, err, &refused, "%s", deref(c.Env))
				assert.Equal(t, c.Error.Stderr, []string{"The environment file is invalid!", refused.Message}, "%s", deref(c.Env))
				assert.Positive(t, refused.Line)
				assert.Positive(t, refused.Column)
				return
			}
			require.NoError(t, err, "%s", deref(c.Env))
			raw := map[string]*string{}
			for name := range c.Raw {
				raw[name] = nil
				if found, ok := values.Lookup(name); ok {
					raw[name] = &found.Raw
				}
			}
			assert.Equal(t, c.Raw, raw, "raw values of %q", deref(c.Env))
			laravel := map[string]any{}
			for name := range c.Laravel {
				laravel[name] = "(default)"
				if value, ok := values.Env(name); ok {
					laravel[name] = value
				}
			}
			assert.Equal(t, c.Laravel, laravel, "env() of %q", deref(c.Env))
		})
	}
}

func deref(s *string) string {
	if s == nil {
		return "(no file)"
	}
	return *s
}

func TestResolve_SaysWhatLaravelLosesOrChanges(t *testing.T) {
	real := []string{"OUTSIDE=x"}
	for _, c := range []struct {
		name, env string
		want      []string
	}{
		{"nothing lost", "A=b # comment\nB=\"c # d\"\nC= # comment\nD=${A}\nE=true\n# it's fine\n", nil},
		{"unclosed double quote", "Z=z\nA=\"b\nB=c\n\nC=d\n", []string{
			".env:2: a double quote is opened here and never closed: Laravel drops everything from here on without a word (lines 2–5: A, B, C are lost)"}},
		{"unclosed on the last line", "A=\"b", []string{
			".env:1: a double quote is opened here and never closed: Laravel drops everything from here on without a word (line 1: A is lost)"}},
		{"unclosed in a comment", "# A=\"b\nB=c\n", []string{
			".env:1: a double quote is opened here and never closed: Laravel drops everything from here on without a word (line 2: B is lost)"}},
		{"comment that swallows lines", "# A=\"b\nB=c\nC=\"d\"\nD=e\n", []string{
			".env:1: a quote in this comment is not closed on its line: the comment goes on, and lines 2–3: B, C are lost"}},
		{"comment behind a value that swallows lines", "A=b # B=\"c\nC=d\nD=\"e\"\n", []string{
			".env:1: a quote after ='s is opened on this line: the comment goes on to line 3, and what stands on lines 2–3 is lost"}},
		{"cut at a hash", "SECRET=ab#cde\n", []string{".env:1: SECRET is cut at '#': 2 characters kept, 4 characters lost; put quotes around the value"}},
		{"nothing but a hash", "A=#c\n", []string{".env:1: A is cut at '#': 0 characters kept, 2 characters lost; put quotes around the value"}},
		{"undefined reference", "A=${NOPE}\n", []string{".env:1: A: ${NOPE} is not defined above this line, so it stays as it is, braces and all"}},
		{"forward reference in a multi-line value", "A=\"x\n${B}\"\nB=c\n", []string{
			".env:2: A: ${B} is not defined above this line, so it stays as it is, braces and all"}},
		{"default as in a shell", "A=${NOPE:-x}\n", []string{".env:1: A: Laravel knows no defaults in ${NOPE…}, so it stays as it is"}},
		{"reference without braces", "A=$OUTSIDE\n", []string{".env:1: A: $OUTSIDE stays as it is; only ${OUTSIDE} is replaced"}},
		{"dollar in a password", "A=pa$word\n", nil},
		{"words in quotes", "A=\"true\"\nB='(NULL)'\nC=\"empty\"\n", []string{
			".env:1: A: Laravel turns true into a value although it is in quotes",
			".env:2: B: Laravel turns (null) into a value although it is in quotes",
			".env:3: C: Laravel turns empty into a value although it is in quotes"}},
		{"quotes in quotes", "A=\"'b'\"\n", []string{".env:1: A: Laravel takes off the second pair of quotes too"}},
		{"same name twice", "A=first\nB=b\nA=second\n", []string{".env:3: A is set again: the value of line 1 is lost"}},
		{"no equals sign", "A=first\nA\n", []string{".env:2: A has no '=': it is not set, and the value of line 1 is lost"}},
		{"set outside", "OUTSIDE=1\nOUTSIDE=2\n", nil},
		{"not UTF-8", "A=b\nB=\xff\n", []string{".env:2: the file is not UTF-8 here: Laravel reads each invalid byte as '?'; save the file as UTF-8"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			file, err := dotenv.Parse(".env", []byte(c.env))
			require.NoError(t, err)
			var got []string
			for _, w := range dotenv.Resolve(file, real).Warnings {
				got = append(got, w.String())
			}
			assert.Equal(t, c.want, got, "%s", c.env)
		})
	}
}

func TestResolve_EndsWhereReferencesGrowWithoutBound(t *testing.T) {
	env := "A0=0123456789\n"
	for i := 1; i < 40; i++ {
		env += fmt.Sprintf("A%d=${A%d}${A%d}\n", i, i-1, i-1)
	}
	file, err := dotenv.Parse(".env", []byte(env))
	require.NoError(t, err)
	values := dotenv.Resolve(file, nil)
	last, _ := values.Lookup("A39")
	assert.LessOrEqual(t, len(last.Raw), 1<<20)
	require.NotEmpty(t, values.Warnings)
	assert.Contains(t, values.Warnings[0].Text, "longer than 1 MiB")
}

func TestResolve_RemembersWhereAValueStands(t *testing.T) {
	file, err := dotenv.Parse(".env", []byte("# c\n\nA=\"1\n2\"\n  export LONG=x\nREAL=y\n"))
	require.NoError(t, err)
	values := dotenv.Resolve(file, []string{"REAL=z"})
	places := map[string]dotenv.Variable{}
	for _, name := range values.Names() {
		places[name], _ = values.Lookup(name)
	}
	assert.Equal(t, map[string]dotenv.Variable{
		"A":    {Raw: "1\n2", Place: dotenv.Place{File: ".env", Line: 3, Column: 1}},
		"LONG": {Raw: "x", Place: dotenv.Place{File: ".env", Line: 5, Column: 10}},
		"REAL": {Raw: "z"},
	}, places)
}

func TestParse_ErrorsAreOneLineWithPlaceAndWayOut(t *testing.T) {
	for _, c := range []struct{ env, want string }{
		{"A=b\nB=c d\n", `.env:2:5: Failed to parse dotenv file. Encountered unexpected whitespace at [c d]. Put double quotes around a value with blanks or quotes in it.`},
		{"REVERB_APP_SECRET=top secret\n", `.env:1:23: Failed to parse dotenv file. Encountered unexpected whitespace in REVERB_APP_SECRET. Put double quotes around a value with blanks or quotes in it.`},
		{"A=\"b\nB=\"c\"\n", `.env:2:4: Failed to parse dotenv file. Encountered unexpected whitespace at ["b]. Put double quotes around a value with blanks or quotes in it.`},
		{"A='b\nB=c\n", `.env:1:3: Failed to parse dotenv file. Encountered a missing closing quote at ['b]. The single quote opened on line 1, column 3 must be closed on its line; a value over several lines needs double quotes. What follows is not read: line 2: B.`},
		{"\n A = 'b # not a comment\n\nB=c\n# D\nC=1\n\n", `.env:2:6: Failed to parse dotenv file. Encountered a missing closing quote at ['b # not a comment]. The single quote opened on line 2, column 6 must be closed on its line; a value over several lines needs double quotes. What follows is not read: lines 3–6: B, C.`},
		{"A='", `.env:1:3: Failed to parse dotenv file. Encountered a missing closing quote at [']. The single quote opened on line 1, column 3 must be closed on its line; a value over several lines needs double quotes.`},
		{"A=\"App\\Models\"\n", `.env:1:7: Failed to parse dotenv file. Encountered an unexpected escape sequence at ["App\Models"]. Double quotes know \f \n \r \t \v \" \\ and \$; write \\ for a backslash, or use single quotes.`},
		{"é\n  ä ö=1\n", `.env:2:3: Failed to parse dotenv file. Encountered an invalid name at [ä ö]. Names have letters, digits, '_' and '.' only.`},
		{"A \nB=1", `.env:1:1: Failed to parse dotenv file. Encountered an invalid name at [A ]. Names have letters, digits, '_' and '.' only.`},
		{"  =b\n", `.env:1:1: Failed to parse dotenv file. Encountered an unexpected equals at [  =b]. Write a name before the '='.`},
	} {
		_, err := dotenv.Parse(".env", []byte(c.env))
		assert.EqualError(t, err, c.want, "%s", c.env)
	}
}

func TestChoose_TakesTheFileOfTheEnvironment(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{".env.staging", ".env.1", ".env.0"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), nil, 0o600))
	}
	for appEnv, want := range map[string]string{
		"staging": ".env.staging", "'staging'": ".env.staging", "true": ".env.1",
		"production": ".env", "": ".env", "0": ".env", "null": ".env", "false": ".env",
	} {
		assert.Equal(t, filepath.Join(dir, want), dotenv.Choose(dir, []string{"APP_ENV=" + appEnv}), "APP_ENV=%s", appEnv)
	}
	assert.Equal(t, filepath.Join(dir, ".env"), dotenv.Choose(dir, nil))
}

func TestLoad_AFileThatCannotBeReadIsAnError(t *testing.T) {
	_, err := dotenv.Load(t.TempDir(), ".env", nil) // a folder
	require.Error(t, err)
	values, err := dotenv.Load(filepath.Join(t.TempDir(), ".env"), ".env", []string{"A=b"})
	require.NoError(t, err)
	assert.Empty(t, values.File)
	assert.Equal(t, []string{"A"}, values.Names())
}

func FuzzParse(f *testing.F) {
	content, err := os.ReadFile("../../testdata/laravel/env.json")
	require.NoError(f, err)
	var file struct{ Parse []parseCase }
	require.NoError(f, json.Unmarshal(content, &file))
	for _, c := range file.Parse {
		f.Add([]byte(deref(c.Env)))
	}
	f.Add([]byte("# A=\"\n\"A'=\"\\"))
	f.Fuzz(func(t *testing.T, content []byte) {
		parsed, err := dotenv.Parse(".env", content)
		if err != nil {
			assert.NotContains(t, err.Error(), "\n")
			return
		}
		values := dotenv.Resolve(parsed, []string{"A=1"})
		for _, name := range values.Names() {
			_, ok := values.Env(name)
			assert.True(t, ok)
		}
		for _, w := range values.Warnings {
			assert.NotContains(t, w.String(), "\n")
			assert.Positive(t, w.Line)
			assert.Positive(t, w.Column)
		}
	})
}
