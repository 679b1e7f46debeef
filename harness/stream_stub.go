package harness

import (
	"hash/fnv"
	"math/rand/v2"
	"strconv"
)

// Stream is the random stream of one virtual user.
func (p *Plan) Stream(group string, number int) *rand.Rand {
	h := fnv.New64a()
	_, _ = h.Write([]byte(group + "\x00" + strconv.Itoa(number)))
	return rand.New(rand.NewPCG(p.Seed, h.Sum64()))
}
