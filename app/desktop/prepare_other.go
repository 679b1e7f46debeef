//go:build (desktop || dev || bindings) && !linux

package desktop

func prepare() error { return nil }
