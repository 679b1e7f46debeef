package app

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"

	"echolab/app/store"
	"echolab/emulator/journal"
	"echolab/emulator/pusher"
)

// Words of the store that the faces need.
type (
	Query        = store.Query
	Page         = store.Page
	Filter       = store.Filter
	Retention    = store.Retention
	DatabaseInfo = store.Info
)

// Filters lists what entries can be narrowed by, in the order of the documents.
func Filters() []Filter { return store.Filters }

// storeOptions says where the configuration keeps its databases.
func storeOptions(cfg Config, logger *slog.Logger) store.Options {
	options := store.Options{Path: cfg.DB, Logger: logger, Retention: cfg.Retention}
	if cfg.Origin("db") == "default" && cfg.DB != store.Memory { // one file an app, beside each other
		options.Path, options.Dir = "", filepath.Dir(cfg.DB)
		for _, app := range cfg.Apps {
			options.Apps = append(options.Apps, app.ID)
		}
	}
	return options
}

// Database is the databases of a configuration, without a server. A server may be using them meanwhile.
type Database struct {
	store   *store.Store
	profile *pusher.Profile
}

// ReadDatabase opens them for reading. Close lets go of them. Errors are an *Error.
func ReadDatabase(ctx context.Context, cfg Config) (*Database, error) {
	if cfg.DB == store.Memory {
		return nil, inMemory()
	}
	s, err := store.OpenToRead(ctx, storeOptions(cfg, slog.New(slog.DiscardHandler)))
	if err != nil {
		return nil, &Error{Code: Invalid, Message: err.Error(), Err: err}
	}
	profile, err := pusher.ProfileNamed(cfg.Profile)
	if err != nil {
		_ = s.Close()
		return nil, &Error{Code: Invalid, Message: err.Error(), Err: err}
	}
	return &Database{s, profile}, nil
}

func inMemory() error {
	return &Error{Code: Invalid, Message: "the database is in memory: it ends with its server, and nobody else can read it; pass --db PATH"}
}

// Close lets go of the files.
func (d *Database) Close() error { return d.store.Close() }

// Info tells what each file holds.
func (d *Database) Info(ctx context.Context) ([]DatabaseInfo, error) { return d.store.Info(ctx) }

// Entries reads as many as the query's limit says, oldest first whatever its direction, however long that takes.
func (d *Database) Entries(ctx context.Context, q Query) ([]journal.Entry, error) {
	found, err := d.store.Entries(ctx, q)
	if !q.Oldest {
		slices.Reverse(found)
	}
	return found, err
}

// Prunable tells how many entries PruneDatabase would delete; for Retention.Bytes that is an estimate.
func (d *Database) Prunable(ctx context.Context, limit Retention) (int64, error) {
	return d.store.Prunable(ctx, limit)
}

// PruneDatabase deletes the oldest entries beyond limit, gives the space back and tells how many it deleted. It refuses
// (Busy) while a server holds a file.
func PruneDatabase(ctx context.Context, cfg Config, limit Retention, progress func(deleted int64)) (int64, error) {
	// Reading first: a file that is not there is not to be made.
	d, err := ReadDatabase(ctx, cfg)
	if err != nil {
		return 0, err
	}
	paths := d.store.State().Paths
	if err := d.Close(); err != nil {
		return 0, err
	}
	options := storeOptions(cfg, slog.New(slog.DiscardHandler))
	options.Retention = Retention{} // only what was asked for
	total := int64(0)
	for _, path := range paths {
		options.Path, options.Dir, options.Apps = path, "", nil
		n, err := pruneFile(ctx, options, limit, func(n int64) {
			if progress != nil {
				progress(total + n)
			}
		})
		total += n
		if errors.Is(err, store.ErrInUse) {
			return total, &Error{Code: Busy, Err: err, Message: path + " is in use by an Echolab server; stop that one first, " +
				"or let it delete by itself: set ECHOLAB_RETENTION_ROWS, _AGE or _BYTES and start it again"}
		}
		if err != nil {
			return total, &Error{Code: Invalid, Message: err.Error(), Err: err}
		}
	}
	return total, nil
}

func pruneFile(ctx context.Context, options store.Options, limit Retention, progress func(int64)) (int64, error) {
	s, err := store.Open(options)
	if err != nil {
		return 0, err
	}
	n, err := s.Prune(ctx, limit, progress)
	return n, errors.Join(err, s.Close())
}

// ExportFormats are the formats that Export writes.
func ExportFormats() []string {
	names := make([]string, len(exportFormats))
	for i, f := range exportFormats {
		names[i] = f.name
	}
	return names
}

func formatNamed(name string) (exportFormat, error) {
	for _, f := range exportFormats {
		if f.name == name {
			return f, nil
		}
	}
	return exportFormat{}, &Error{Code: Invalid, Message: "--format " + short(name) + ": must be " + strings.Join(ExportFormats(), " or ")}
}
