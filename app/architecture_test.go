package app_test

import (
	"bufio"
	"encoding/json"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// module is what all our packages' paths begin with.
const module = "echolab"

// mayImport says which of our packages each of them may import, directly. A row may name packages that do not exist
// yet; a package without a row may import nothing of ours and be imported by nobody but tests.
var mayImport = map[string][]string{
	"":            {"app/cli"},                                                                                   // main
	"app/cli":     {"app", "app/api", "app/certificate", "app/desktop", "frontend", "harness", "harness/report"}, // a run's result goes from app to report
	"app/api":     {"app", "app/store", "app/diagnosis", "emulator/journal", "emulator/pusher", "harness", "harness/recording", "frontend"},
	"app/desktop": {"app/api"},
	"app": {
		"app/store", "app/certificate", "app/metrics", "app/diagnosis", "app/dotenv", "emulator", "emulator/journal", "emulator/pusher", "emulator/fault",
		"emulator/proxy", "emulator/laravel", "harness", "harness/echo", "harness/recording", "harness/spelling", "harness/yamlfile",
	},
	"app/store":             {"emulator/journal", "emulator/pusher"},
	"app/diagnosis":         {"emulator/journal", "emulator/pusher", "harness/echo"}, // how Echo names what it listens to
	"app/dotenv":            {},
	"app/certificate":       {},
	"app/metrics":           {"emulator/journal"},
	"emulator":              {"emulator/fault", "emulator/framing", "emulator/journal", "emulator/pusher"},
	"emulator/proxy":        {"emulator/fault", "emulator/journal", "emulator/pusher"},
	"emulator/laravel":      {"emulator/journal", "emulator/pusher"},
	"emulator/conversation": {"emulator/pusher"}, // plays files against any server
	"emulator/pusher":       {"emulator/rawjson"},
	"emulator/framing":      {},
	"emulator/rawjson":      {},
	"emulator/journal":      {},
	"emulator/fault":        {},
	"harness":               {"harness/echo", "harness/recording", "harness/spelling", "harness/yamlfile", "testdata/scenarios", "emulator/fault", "emulator/pusher"},
	"harness/spelling":      {},
	"harness/yamlfile":      {},
	"harness/echo":          {"emulator/framing", "emulator/pusher", "emulator/rawjson"},
	"harness/recording":     {"emulator/journal", "emulator/pusher"},
	"harness/report":        {"harness"},
	"frontend":              {},
}

// mayUse says who alone may reach a library that is heavy or that decides something, be it through others.
var mayUse = map[string][]string{
	"modernc.org/sqlite":           {"app/store", "app", "app/api", "app/cli", "app/desktop", ""},
	"github.com/wailsapp/wails/v2": {"app/desktop", "app/cli", ""},
	"github.com/spf13/cobra":       {"app/cli", ""},
	"github.com/prometheus":        {"app/metrics", "app", "app/api", "app/cli", "app/desktop", ""},
	"github.com/expr-lang/expr":    {"emulator/laravel", "harness", "harness/report", "app", "app/api", "app/cli", "app/desktop", ""},
	"github.com/gorilla/websocket": {
		"emulator", "emulator/conversation", "emulator/proxy", "harness/echo", "harness", "harness/report", "app", "app/diagnosis", "app/api", "app/cli", "app/desktop", "",
	},
}

// pkg is one package as `go list -json` prints it.
type pkg struct {
	ImportPath string
	Imports    []string
	Deps       []string
}

func packages(t *testing.T, tags string) []pkg {
	t.Helper()
	command := exec.Command("go", "list", "-json=ImportPath,Imports,Deps", "-tags", tags, "./...")
	command.Dir = ".."
	out, err := command.StdoutPipe()
	require.NoError(t, err)
	var trouble strings.Builder
	command.Stderr = &trouble
	require.NoError(t, command.Start())
	var all []pkg
	for d := json.NewDecoder(bufio.NewReader(out)); ; {
		var p pkg
		err := d.Decode(&p)
		if err == io.EOF {
			break
		}
		require.NoError(t, err, trouble.String())
		all = append(all, p)
	}
	require.NoError(t, command.Wait(), trouble.String())
	require.NotEmpty(t, all)
	return all
}

// ours is a package's path within the module.
func ours(path string) (short string, ok bool) {
	if path == module {
		return "", true
	}
	return strings.CutPrefix(path, module+"/")
}

// TestArchitecture_ImportsPointOneWay holds who imports whom, so that no arrow turns round unnoticed.
func TestArchitecture_ImportsPointOneWay(t *testing.T) {
	for _, tags := range []string{"", "desktop"} {
		for _, p := range packages(t, tags) {
			name, _ := ours(p.ImportPath)
			if strings.HasPrefix(name, "testdata/") || strings.HasPrefix(name, "build/") {
				continue // programs that only tests and the build run; nobody can import them
			}
			allowed, known := mayImport[name]
			if !assert.True(t, known, "package %s has no row in mayImport: say what it may import", p.ImportPath) {
				continue
			}
			for _, imported := range p.Imports {
				if short, own := ours(imported); own {
					assert.True(t, slices.Contains(allowed, short), "%s must not import %s", p.ImportPath, imported)
				}
			}
			for _, reached := range p.Deps {
				for library, users := range mayUse {
					if reached == library || strings.HasPrefix(reached, library+"/") {
						assert.True(t, slices.Contains(users, name), "%s must not depend on %s", p.ImportPath, reached)
					}
				}
			}
		}
	}
}

// TestArchitecture_TheTableHasNoCircle: a row that would let an arrow turn round is wrong before any code uses it.
func TestArchitecture_TheTableHasNoCircle(t *testing.T) {
	var visit func(name string, path []string)
	visit = func(name string, path []string) {
		require.False(t, slices.Contains(path, name), "a circle: %s", strings.Join(append(path, name), " → "))
		for _, next := range mayImport[name] {
			visit(next, append(slices.Clone(path), name))
		}
	}
	for name := range mayImport {
		visit(name, nil)
	}
}
