package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"echolab/app"
)

// schemas are the formats that a JSON Schema is printed for.
var schemas = []struct {
	name, help string
	schema     func() []byte
}{
	{"config", "echolab.yaml", app.ConfigSchema},
	{"scenario", "a scenario of 'echolab run'", app.ScenarioSchema},
}

func schema(s *shell) *cobra.Command {
	var names, rows []string
	for _, row := range schemas {
		names = append(names, row.name)
		rows = append(rows, fmt.Sprintf("  %-8s %s", row.name, row.help))
	}
	return &cobra.Command{
		Use:   "schema NAME",
		Short: "Print a JSON Schema for editors",
		Long: `Print the JSON Schema (draft 2020-12) of a file that Echolab reads:

` + strings.Join(rows, "\n") + `

An editor with the YAML language server completes and checks the file with it, when the
file's first line is

  # yaml-language-server: $schema=./echolab.schema.json`,
		Example:   `  echolab schema config > echolab.schema.json`,
		ValidArgs: names,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return &usageError{fmt.Sprintf("%s takes one name: %s (see '%s --help')", cmd.CommandPath(), strings.Join(names, " or "), cmd.CommandPath())}
			}
			if !slices.Contains(names, args[0]) {
				return &usageError{fmt.Sprintf("there is no schema %q%s (see '%s --help')", args[0], didYouMean("", args[0], names), cmd.CommandPath())}
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			for _, row := range schemas {
				if row.name == args[0] {
					_, err := s.out.Write(row.schema())
					return err
				}
			}
			return nil
		},
	}
}
