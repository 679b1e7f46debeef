package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"echolab/app/store"
)

// storeOptions says where a configuration keeps its events.
func storeOptions(cfg Config) store.Options {
	options := store.Options{Path: cfg.DB}
	if cfg.Origin("db") == "default" && cfg.DB != store.Memory { // one file an app, beside each other
		options.Path, options.Dir = "", filepath.Dir(cfg.DB)
		for _, app := range cfg.Apps {
			options.Apps = append(options.Apps, app.ID)
		}
	}
	return options
}

// Stored reads entries from the database of a configuration while no Echolab runs on it.
func Stored(ctx context.Context, cfg Config, q EntryQuery) (EntryPage, error) {
	if cfg.DB == store.Memory {
		return EntryPage{}, &Error{Code: NotFound, Message: "there is no database file: the configuration keeps events in memory only"}
	}
	if _, err := os.Stat(cfg.DB); errors.Is(err, fs.ErrNotExist) {
		return EntryPage{}, &Error{Code: NotFound, Message: fmt.Sprintf("there is no database %s yet", cfg.DB)}
	}
	s, err := store.Open(storeOptions(cfg))
	if err != nil {
		return EntryPage{}, &Error{Code: Invalid, Message: err.Error(), Err: err}
	}
	page, err := stored(ctx, s, q)
	return page, errors.Join(err, s.Close())
}
