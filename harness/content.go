package harness

import (
	"encoding/json"
	"hash/crc32"
)

// content is what a payload says, as two checksums: of its bytes (the upper half), and of its meaning, which stays when an
// honest server decodes and encodes it, as Reverb does with whispers: spaces, the order of members, how characters are
// escaped, 1 and 1.0; and PHP does not tell {} from []. 0: nothing is known.
type content uint64

var castagnoli = crc32.MakeTable(crc32.Castagnoli) // processors have an instruction for it

func checksum(b []byte) uint32 { return crc32.Checksum(b, castagnoli) }

// contentOf reads a payload, or the JSON string that holds one.
func contentOf(data []byte) content {
	data = inside(data)
	exact := checksum(data)
	meaning := exact
	var v any
	if json.Unmarshal(data, &v) == nil {
		if text, err := json.Marshal(unlisted(v)); err == nil {
			meaning = checksum(text)
		}
	}
	return content(exact)<<32 | content(meaning)
}

// says tells whether a payload that came says what was sent.
func (c content) says(data []byte) bool {
	if c == 0 || uint32(c>>32) == checksum(inside(data)) {
		return true
	}
	return uint32(c) == uint32(contentOf(data))
}

// inside is what a JSON string holds; any other value as it is.
func inside(data []byte) []byte {
	var text string
	if len(data) > 0 && data[0] == '"' && json.Unmarshal(data, &text) == nil {
		return []byte(text)
	}
	return data
}

// unlisted makes empty lists of a decoded value empty objects.
func unlisted(v any) any {
	switch v := v.(type) {
	case []any:
		if len(v) == 0 {
			return map[string]any{}
		}
		for i := range v {
			v[i] = unlisted(v[i])
		}
	case map[string]any:
		for key := range v {
			v[key] = unlisted(v[key])
		}
	}
	return v
}
