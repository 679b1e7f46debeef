package report_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"echolab/harness/report"
)

func TestLook(t *testing.T) {
	dir := os.Getenv("LOOK")
	for name, r := range results(t) {
		_, err := report.WriteDir(filepath.Join(dir, name), r, append(report.InFolder(), "markdown")...)
		require.NoError(t, err)
	}
}
