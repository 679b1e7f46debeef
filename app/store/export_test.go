package store

import "io/fs"

// OpenWith is Open with other migrations than the embedded ones.
func OpenWith(opt Options, migrations fs.FS) (*Store, error) {
	steps, err := migrationsIn(migrations)
	if err != nil {
		return nil, err
	}
	return open(opt, steps)
}

// Migrations are the embedded ones.
var Migrations fs.FS = embedded

// RunOnWriter runs SQL on the first file's writing connection, to cause trouble there. Not while entries arrive.
func (s *Store) RunOnWriter(script string) error { return s.files[0].writer.run(script) }

// Plan is how SQLite would answer a query.
func (q Query) Plan() (query string, args []any) { return q.sql() }

// EncodePayload and DecodePayload are the payload's way into its columns and back.
var (
	EncodePayload = encodePayload
	DecodePayload = decodePayload
)
