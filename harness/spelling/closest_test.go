package spelling_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"echolab/harness/spelling"
)

func TestClosest_IsWhatAPersonMeant(t *testing.T) {
	known := []string{"connect", "channel", "private", "join", "leave", "disconnect", "think"}
	for word, want := range map[string]string{
		"conect": "connect", "Chanel": "channel", "jion": "join", "thinks": "think", "disc": "disconnect", "privat": "private",
		"wholly different": "", "x": "", "": "",
	} {
		assert.Equal(t, want, spelling.Closest(word, known), word)
	}
}

func TestEdits_CountsSwapsAsOne(t *testing.T) {
	for pair, want := range map[[2]string]int{{"", "abc"}: 3, {"abc", "abc"}: 0, {"abc", "acb"}: 1, {"abc", "abxc"}: 1, {"kitten", "sitting"}: 3} {
		assert.Equal(t, want, spelling.Edits(pair[0], pair[1]), pair)
	}
}
