package cli

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// release is set by the linker in released builds: -ldflags '-X echolab/app/cli.release=1.2.3'.
var release string

// Version is what this program is.
type Version struct {
	Version  string `json:"version"` // "dev" where neither the linker nor the module says
	Revision string `json:"revision,omitempty"`
	Modified bool   `json:"modified,omitempty"` // built from changed files
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func version(s *shell) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print which Echolab this is",
		Example: `  echolab version
  echolab version --json`,
		Args: noArguments,
		RunE: func(*cobra.Command, []string) error {
			v := readVersion()
			if s.json {
				return s.encode(v)
			}
			_, err := fmt.Fprintln(s.out, v)
			return err
		},
	}
	cmd.Flags().BoolVar(&s.json, "json", false, "print JSON")
	return cmd
}

func (v Version) String() string {
	out := "echolab " + v.Version
	if v.Revision != "" {
		out += " (" + v.Revision[:min(12, len(v.Revision))]
		if v.Modified {
			out += ", modified"
		}
		out += ")"
	}
	return out + " " + v.Go + " " + v.Platform
}

func readVersion() Version {
	v := Version{Version: release, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if ok && v.Version == "" && info.Main.Version != "" && info.Main.Version != "(devel)" {
		v.Version = info.Main.Version
	}
	if v.Version == "" {
		v.Version = "dev"
	}
	if ok {
		for _, setting := range info.Settings {
			switch setting.Key {
			case "vcs.revision":
				v.Revision = setting.Value
			case "vcs.modified":
				v.Modified = setting.Value == "true"
			}
		}
	}
	return v
}
