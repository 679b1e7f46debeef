//go:build !desktop && !dev && !bindings

package desktop_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"echolab/app/desktop"
)

func TestWithoutTheWindow_RunSaysHowToGetOne(t *testing.T) {
	assert.False(t, desktop.Available)
	err := desktop.Run(t.Context(), desktop.Options{})
	assert.ErrorIs(t, err, desktop.ErrNoWindow)
	assert.ErrorContains(t, err, "make desktop")
}
