-- Schema 1: the journal on disk and the projections that are kept from it.
-- Times are microseconds since 1970 (UTC) where a name ends in _us; *_seq columns are values of realtime_events.seq.

-- One row for each journal entry: what happened, never changed afterwards. The events are the rows of kind
-- 'published' and 'whispered'; the others are connections, subscriptions, refusals and so on.
CREATE TABLE realtime_events (
  seq        INTEGER PRIMARY KEY,
  -- UUID version 7, the same that journal.Entry.ID computes: time, then seq. It is unique because seq is, and takes
  -- no space: stored and indexed it would cost 100 bytes and a fifth of the writing time of a row.
  event_id   TEXT GENERATED ALWAYS AS (printf('%08x-%04x-%04x-%04x-%012x',
               at_us / 1000 >> 16, at_us / 1000 & 65535, 28672 | at_us % 1000,
               32768 | (seq >> 48 & 16383), seq & 281474976710655)) VIRTUAL,
  at_us      INTEGER NOT NULL,
  kind       TEXT    NOT NULL,  -- journal.Kinds
  source     TEXT    NOT NULL,  -- http, client, server, replay
  app        TEXT    NOT NULL,  -- app id, '' when it concerns none
  channel    TEXT    NOT NULL,
  event_type TEXT    NOT NULL,  -- event name; for 'refused' what was asked
  delivered  BOOLEAN NOT NULL,  -- at least one subscriber's queue accepted the event
  count      INTEGER NOT NULL,  -- recipients, subscribers or members, as the kind says
  socket     TEXT    NOT NULL,  -- socket id of whoever caused it
  user       TEXT    NOT NULL,
  bytes      INTEGER NOT NULL,  -- size of the payload on the wire
  note       TEXT    NOT NULL,  -- reason, in words
  -- How to get the original out of payload: NULL it is the payload as received, 'text' it is a JSON string of it (the
  -- original is not JSON), 'base64' it is a JSON string of its base64 (the original is not UTF-8).
  payload_encoding TEXT,
  payload    TEXT               -- JSON always; NULL when there was none
);

-- Where to look for a channel: a row says that the channel occurs among the seqs block * 4096 … block * 4096 + 4095.
-- An index on realtime_events(channel) would more than double the cost of a row.
CREATE TABLE channel_blocks (
  channel TEXT    NOT NULL,
  block   INTEGER NOT NULL,
  PRIMARY KEY (channel, block)
) WITHOUT ROWID;

-- The last known presence of each user in each place.
CREATE TABLE user_presence (
  app          TEXT NOT NULL,
  user_id      TEXT NOT NULL,
  location     TEXT NOT NULL,  -- presence channel; '' for being signed in (pusher:signin)
  status       TEXT NOT NULL CHECK (status IN ('online', 'offline')),
  last_seen_at TEXT NOT NULL,  -- UTC, 2026-01-05T09:30:00.000000Z
  PRIMARY KEY (app, user_id, location)
) WITHOUT ROWID;

-- Who was connected when: from_seq ≤ seq < to_seq, to_seq NULL while it lasts.
CREATE TABLE sessions (
  from_seq INTEGER PRIMARY KEY,
  to_seq   INTEGER,
  from_us  INTEGER NOT NULL,
  to_us    INTEGER,
  app      TEXT NOT NULL,
  socket   TEXT NOT NULL,
  user     TEXT NOT NULL,      -- who signed in on it
  reason   TEXT NOT NULL       -- why it ended
);
CREATE UNIQUE INDEX sessions_open ON sessions (app, socket) WHERE to_seq IS NULL;
CREATE INDEX sessions_signed_in ON sessions (app, user) WHERE to_seq IS NULL AND user <> '';

-- Who was in a channel when: from_seq ≤ seq < to_seq, to_seq NULL while it lasts.
CREATE TABLE subscriptions (
  from_seq INTEGER PRIMARY KEY,
  to_seq   INTEGER,
  from_us  INTEGER NOT NULL,
  to_us    INTEGER,
  app      TEXT NOT NULL,
  socket   TEXT NOT NULL,
  channel  TEXT NOT NULL,
  user     TEXT NOT NULL
);
CREATE UNIQUE INDEX subscriptions_open ON subscriptions (app, socket, channel) WHERE to_seq IS NULL;
CREATE INDEX subscriptions_channel ON subscriptions (channel);
