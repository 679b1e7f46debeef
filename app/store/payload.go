package store

import (
	"bytes"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"unicode/utf8"
)

// What stands in payload_encoding.
const (
	asText   = "text"
	asBase64 = "base64"
)

// encodePayload makes a payload into what the columns payload and payload_encoding hold, as SQL values. Whatever was
// received, payload is valid JSON (for SQLite's own functions too) or NULL, and decodePayload gets the original back
// byte for byte.
func encodePayload(data []byte) (payload, encoding any) {
	switch {
	case data == nil:
		return nil, nil
	case !utf8.Valid(data):
		return `"` + base64.StdEncoding.EncodeToString(data) + `"`, asBase64
	case json.Valid(data) && shallow(data):
		return string(data), nil
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(string(data)) // a string always encodes
	return string(bytes.TrimSuffix(b.Bytes(), []byte("\n"))), asText
}

// decodePayload is the inverse of encodePayload.
func decodePayload(payload, encoding sql.NullString) ([]byte, error) {
	if !payload.Valid {
		return nil, nil
	}
	if !encoding.Valid {
		return []byte(payload.String), nil
	}
	var text string
	if err := json.Unmarshal([]byte(payload.String), &text); err != nil {
		return nil, fmt.Errorf("payload of encoding %s: %w", encoding.String, err)
	}
	if encoding.String == asBase64 {
		return base64.StdEncoding.DecodeString(text)
	}
	return []byte(text), nil
}

// maxDepth is how deeply nested JSON may be for SQLite (sqlite.org/json1.html; Go takes ten times as much).
const maxDepth = 1000

// shallow tells whether valid JSON is within maxDepth.
func shallow(data []byte) bool {
	if len(data) <= 2*maxDepth {
		return true
	}
	depth, inString := 0, false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case inString && c == '\\':
			i++
		case c == '"':
			inString = !inString
		case inString:
		case c == '{' || c == '[':
			if depth++; depth >= maxDepth {
				return false
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return true
}
