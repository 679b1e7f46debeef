-- Schema 2: what makes reading a big file fast, filled in the background; what retention must not touch.

-- A block is the seqs block * 4096 … block * 4096 + 4095. It gets its row, and its rows in block_sets, once all of
-- them are written. Seqs above the last row's block are searched without an index.
CREATE TABLE blocks (
  block         INTEGER PRIMARY KEY,
  rows          INTEGER NOT NULL,  -- entries left of it in realtime_events
  min_us        INTEGER NOT NULL,
  max_us        INTEGER NOT NULL,
  -- from_seq of what was open just before the block, as differences in varints
  -- (encoding/binary): the state at a moment is found from there.
  sessions      BLOB NOT NULL,
  subscriptions BLOB NOT NULL
);

-- Which entries of a block have which value: field and shard as index.go numbers them; sets is a list of values, each
-- with its set of places in the block. An index on realtime_events instead would cost more than the row itself.
CREATE TABLE block_sets (
  block INTEGER NOT NULL,
  field INTEGER NOT NULL,
  shard INTEGER NOT NULL,
  sets  BLOB    NOT NULL,
  PRIMARY KEY (block, field, shard)
) WITHOUT ROWID;

-- What retention leaves alone: from_seq ≤ seq ≤ to_seq.
CREATE TABLE keeps (
  name     TEXT PRIMARY KEY,
  from_seq INTEGER NOT NULL,
  to_seq   INTEGER NOT NULL
) WITHOUT ROWID;

-- Member info, once the entry that has it is gone; encoded as realtime_events.payload is.
ALTER TABLE subscriptions ADD COLUMN info TEXT;
ALTER TABLE subscriptions ADD COLUMN info_encoding TEXT;

-- Both were kept on the way of every entry; block_sets and blocks do their work.
DROP TABLE channel_blocks;
DROP INDEX subscriptions_channel;
