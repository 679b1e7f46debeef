package store

import (
	"context"
	"errors"
	"io/fs"
	"time"

	"echolab/emulator/journal"
)

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

// RunOnWriter runs SQL on the first file's writing connection, to cause trouble there.
func (s *Store) RunOnWriter(script string) error {
	f := s.files[0]
	f.gate.Lock()
	defer f.gate.Unlock()
	return f.writer.run(script)
}

// Undisturbed runs what while nothing is written to the first file, all is written back from its log, and it has been
// looked at since.
func (s *Store) Undisturbed(what func()) error {
	f := s.files[0]
	f.gate.Lock()
	defer f.gate.Unlock()
	err := errors.Join(f.writer.run("PRAGMA wal_checkpoint(PASSIVE)"), f.witness.check(f.path))
	what()
	return err
}

// SetPage changes how much a page looks through.
func (s *Store) SetPage(d time.Duration, least int) { s.pageTime, s.pageLeast = d, least }

// TakeScanner takes the first file's only reader for searches by text, until it is given back.
func (s *Store) TakeScanner(ctx context.Context) (giveBack func() error, err error) {
	conn, err := s.files[0].scanner.Load().Conn(ctx)
	if err != nil {
		return nil, err
	}
	return conn.Close, nil
}

// EncodePayload and DecodePayload are the payload's way into its columns and back.
var (
	EncodePayload = encodePayload
	DecodePayload = decodePayload
)

// ReadShard reads all of a row of block_sets.
func ReadShard(shard []byte) error {
	return eachNamed(shard, func(_, written []byte) error { return new(set).orFrom(written) })
}

// Indexer makes the search index of blocks.
type Indexer struct{ ix *indexer }

// NewIndexer returns an empty one.
func NewIndexer() Indexer { return Indexer{newIndexer()} }

// Add puts an entry into the block's index.
func (i Indexer) Add(e *journal.Entry) { i.ix.add(e) }

// Take ends the block and tells the size of its index.
func (i Indexer) Take() (size int) {
	for _, s := range i.ix.take() {
		size += len(s.sets)
	}
	return size
}
