package api

import (
	_ "embed"
	"encoding/json"
	"net/http"
)

// openAPI is written by build/tsgen from Routes and types.go.
//
//go:embed openapi.json
var openAPI []byte

func (h *Handler) document(query, *http.Request) (any, error) { return json.RawMessage(openAPI), nil }
