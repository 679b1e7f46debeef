package store

import (
	"context"
	"database/sql"
	"embed"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strconv"
	"strings"
)

//go:embed migrations/*.sql
var embedded embed.FS

// applicationID marks a SQLite file as Echolab's (PRAGMA application_id): "Echo".
const applicationID = 0x4563686F

// migration is one step from a schema to the next. They are numbered from 1 without gaps, in files NNNN_noun.sql.
type migration struct {
	name, sql string
}

func migrationsIn(fsys fs.FS) ([]migration, error) {
	names, err := fs.Glob(fsys, "migrations/*.sql") // in order of name
	if err != nil {
		return nil, err
	}
	var steps []migration
	for i, name := range names {
		number, _, _ := strings.Cut(path.Base(name), "_")
		if n, err := strconv.Atoi(number); err != nil || n != i+1 {
			return nil, fmt.Errorf("migration %s is not number %d", name, i+1)
		}
		text, err := fs.ReadFile(fsys, name)
		if err != nil {
			return nil, err
		}
		steps = append(steps, migration{path.Base(name), string(text)})
	}
	return steps, nil
}

// inspect refuses a file that is not ours, without changing it, and tells its schema. An empty or missing file is fine
// and has schema 0.
func inspect(ctx context.Context, path string, known int) (schema int, err error) {
	switch ours, err := echolabFile(path); {
	case errors.Is(err, fs.ErrNotExist):
		return 0, nil
	case err != nil:
		return 0, err
	case !ours:
		return 0, fmt.Errorf("%s is not an Echolab database and was left as it is; pass another --db PATH", path)
	}
	// The schema's number may still be in the write-ahead log, so it takes SQLite to read it. A file whose making was cut
	// short by a kill is first put right by SQLite, which has to write for that.
	mode := "mode=ro"
	if _, err := os.Stat(path + "-journal"); err == nil {
		mode = "mode=rw"
	}
	version, err := versionOf(ctx, path, mode)
	if err != nil && ctx.Err() == nil {
		// In a folder where nothing may be made, a reader cannot have the files that SQLite wants beside a database.
		if plain, e := versionOf(ctx, path, "mode=ro&immutable=1"); e == nil {
			version, err = plain, nil
		}
	}
	if err != nil {
		return 0, fmt.Errorf("open store %s: %w", path, err)
	}
	if version > known {
		return 0, fmt.Errorf("%s was written by a newer Echolab (schema %d, this one knows %d); update Echolab or pass --db PATH",
			path, version, known)
	}
	return version, nil
}

func versionOf(ctx context.Context, path, mode string) (version int, err error) {
	db, err := sql.Open("sqlite", uri(path, mode, pragma("busy_timeout(5000)")))
	if err != nil {
		return 0, err
	}
	defer db.Close()
	err = db.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version)
	return version, err
}

// echolabFile reads the header (sqlite.org/fileformat.html, 1.3): the magic string and the application id at byte 68.
// A missing or empty file gives fs.ErrNotExist.
func echolabFile(path string) (bool, error) {
	f, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return false, err
	}
	if info.IsDir() {
		return false, fmt.Errorf("%s is a folder; pass the path of a file to --db", path)
	}
	if info.Size() == 0 {
		return false, fs.ErrNotExist
	}
	header := make([]byte, 100)
	if _, err := io.ReadFull(f, header); err != nil {
		if errors.Is(err, io.ErrUnexpectedEOF) {
			return false, nil
		}
		return false, err
	}
	return string(header[:16]) == "SQLite format 3\x00" && binary.BigEndian.Uint32(header[68:]) == applicationID, nil
}

// migrate brings the file to the newest schema, one transaction a step.
func (w *writer) migrate(steps []migration) error {
	version, err := w.number("PRAGMA user_version")
	if err != nil {
		return err
	}
	for i := int(version); i < len(steps); i++ {
		begin := "BEGIN EXCLUSIVE"
		if i == 0 {
			// Only before the first page is there. Outside of this transaction it would make that page by itself, and
			// a kill just then would leave a file that is nobody's.
			begin = "BEGIN; PRAGMA auto_vacuum=INCREMENTAL"
		}
		script := fmt.Sprintf("%s;\nPRAGMA application_id=%d;\n%s\n;PRAGMA user_version=%d;\nCOMMIT;",
			begin, applicationID, steps[i].sql, i+1)
		if err := w.run(script); err != nil {
			_ = w.run("ROLLBACK")
			return fmt.Errorf("migration %s: %w", steps[i].name, err)
		}
	}
	if version == 0 {
		// Later steps drop tables of earlier ones. In a new file nothing is free; elsewhere upkeep gives it back.
		return w.run("PRAGMA incremental_vacuum")
	}
	return nil
}
