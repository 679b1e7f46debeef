package store

import (
	"encoding/binary"
	"errors"
	"math/bits"
)

// set is a set of entries of one block, by their place in it.
type set [blockSize / 64]uint64

func (s *set) add(i int) { s[i/64] |= 1 << (i % 64) }

func (s *set) or(other *set) {
	for i := range s {
		s[i] |= other[i]
	}
}

// and keeps what is in both and tells how many that is.
func (s *set) and(other *set) (n int) {
	for i := range s {
		s[i] &= other[i]
		n += bits.OnesCount64(s[i])
	}
	return n
}

func (s *set) count() (n int) {
	for _, word := range s {
		n += bits.OnesCount64(word)
	}
	return n
}

// fill adds from ≤ i < to.
func (s *set) fill(from, to int) {
	for i := from; i < to; i++ {
		s.add(i)
	}
}

// places appends the places in the set to dst, ascending.
func (s *set) places(dst []int) []int {
	for i, word := range s {
		for word != 0 {
			dst = append(dst, i*64+bits.TrailingZeros64(word))
			word &= word - 1
		}
	}
	return dst
}

// How a set is written: the shortest of a bitmap, its members, or what it lacks of all.
const (
	asBitmap = iota
	asMembers
	asLacking
)

// appendTo writes the set after dst.
func (s *set) appendTo(dst []byte) []byte {
	shape, listed := byte(asMembers), *s
	if s.count() > blockSize/2 {
		shape = asLacking
		for i := range listed {
			listed[i] = ^listed[i]
		}
	}
	start := len(dst)
	dst = append(dst, shape)
	last := -1
	for i, word := range listed {
		for word != 0 {
			place := i*64 + bits.TrailingZeros64(word)
			dst = binary.AppendUvarint(dst, uint64(place-last))
			last = place
			word &= word - 1
		}
		if len(dst)-start > blockSize/8 {
			dst = append(dst[:start], asBitmap)
			for _, word := range s {
				dst = binary.LittleEndian.AppendUint64(dst, word)
			}
			return dst
		}
	}
	return dst
}

var errSet = errors.New("the search index is damaged")

// orFrom adds the members of a written set.
func (s *set) orFrom(b []byte) error {
	if len(b) == 0 {
		return errSet
	}
	shape, b := b[0], b[1:]
	var listed set
	switch shape {
	case asBitmap:
		if len(b) != blockSize/8 {
			return errSet
		}
		for i := range listed {
			listed[i] = binary.LittleEndian.Uint64(b[i*8:])
		}
	case asMembers, asLacking:
		for place := -1; len(b) > 0; {
			step, n := binary.Uvarint(b)
			if n <= 0 || step == 0 || step > blockSize {
				return errSet
			}
			if place += int(step); place >= blockSize {
				return errSet
			}
			listed.add(place)
			b = b[n:]
		}
	default:
		return errSet
	}
	if shape == asLacking {
		for i := range listed {
			listed[i] = ^listed[i]
		}
	}
	s.or(&listed)
	return nil
}

// appendNamed writes a value and its set into a shard.
func appendNamed(dst []byte, value string, s *set) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(value)))
	dst = append(dst, value...)
	written := s.appendTo(nil)
	dst = binary.AppendUvarint(dst, uint64(len(written)))
	return append(dst, written...)
}

// eachNamed calls what with each value of a shard and its written set.
func eachNamed(shard []byte, what func(value, written []byte) error) error {
	for len(shard) > 0 {
		value, rest, ok := cutBytes(shard)
		if !ok {
			return errSet
		}
		var written []byte
		if written, shard, ok = cutBytes(rest); !ok {
			return errSet
		}
		if err := what(value, written); err != nil {
			return err
		}
	}
	return nil
}

func cutBytes(b []byte) (first, rest []byte, ok bool) {
	size, n := binary.Uvarint(b)
	if n <= 0 || size > uint64(len(b)-n) {
		return nil, nil, false
	}
	return b[n : n+int(size)], b[n+int(size):], true
}

// appendSeqs writes ascending seqs, decodeSeqs reads them.
func appendSeqs(dst []byte, seqs []int64) []byte {
	last := int64(0)
	for _, seq := range seqs {
		dst = binary.AppendUvarint(dst, uint64(seq-last))
		last = seq
	}
	return dst
}

func decodeSeqs(b []byte) ([]int64, error) {
	var seqs []int64
	last := int64(0)
	for len(b) > 0 {
		step, n := binary.Uvarint(b)
		if n <= 0 {
			return nil, errSet
		}
		last += int64(step)
		seqs = append(seqs, last)
		b = b[n:]
	}
	return seqs, nil
}
