package harness_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"echolab/harness"
)

// BenchmarkText is what a step pays for its channel's name, and BenchmarkValue for a payload.
func BenchmarkText(b *testing.B) {
	for _, source := range []string{"private-client.5", "private-client.{{ 1 + vu % clients }}", "{{ fake('name') }}"} {
		b.Run(source, func(b *testing.B) {
			text, err := harness.ParseText(source, vars...)
			require.NoError(b, err)
			env := someone()
			b.ReportAllocs()
			for b.Loop() {
				if _, err := text.Eval(env); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkValue(b *testing.B) {
	preset, err := harness.PresetNamed("invoice-day")
	require.NoError(b, err)
	s, err := harness.Parse("invoice-day.yaml", preset.Content, harness.ParseInput{})
	require.NoError(b, err)
	env := someone()
	env.Vars = s.Variables
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Payloads["invoice"].JSON(env); err != nil {
			b.Fatal(err)
		}
	}
}
