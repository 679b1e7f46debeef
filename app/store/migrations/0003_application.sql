-- Schema 3: the rows of the emulated Laravel application.

-- user_presence holds two independent kinds of presence. source 'socket': who is in which presence channel, kept from
-- the journal, one row for each user and place. source 'heartbeat': who has been heard by the application, one row for
-- each user, location is where they said they are.
ALTER TABLE user_presence RENAME TO user_presence_before;
CREATE TABLE user_presence (
  app          TEXT NOT NULL,
  user_id      NOT NULL,       -- text of a socket's user, as on the wire; an integer or text of a heartbeat's
  location     TEXT,           -- socket: presence channel, '' for being signed in (pusher:signin); heartbeat: NULL when not said
  status       TEXT NOT NULL CHECK (status IN ('online', 'offline')),
  last_seen_at TEXT NOT NULL,  -- UTC, 2026-01-05T09:30:00.000000Z; nine digits where it is a heartbeat
  source       TEXT NOT NULL CHECK (source IN ('socket', 'heartbeat'))
);
CREATE UNIQUE INDEX user_presence_socket ON user_presence (app, user_id, location) WHERE source = 'socket';
CREATE UNIQUE INDEX user_presence_heartbeat ON user_presence (app, user_id) WHERE source = 'heartbeat';
INSERT INTO user_presence SELECT app, user_id, location, status, last_seen_at, 'socket' FROM user_presence_before;
DROP TABLE user_presence_before;

-- In all that follows row is what the application wrote, a JSON object, and the columns before it are read from it.

-- Clients, projects, invoices and so on that were made, changed or deleted; the rest is as the configuration has it.
CREATE TABLE entities (
  type    TEXT    GENERATED ALWAYS AS (row ->> '$.type') VIRTUAL,
  id              GENERATED ALWAYS AS (row ->> '$.id') VIRTUAL,
  version INTEGER GENERATED ALWAYS AS (row ->> '$.version') VIRTUAL,
  deleted BOOLEAN GENERATED ALWAYS AS (coalesce(row ->> '$.deleted', 0)) VIRTUAL,
  data    TEXT    GENERATED ALWAYS AS (row ->> '$.data') VIRTUAL,
  key     TEXT PRIMARY KEY,  -- type/id
  row     TEXT NOT NULL CHECK (json_valid(row))
) WITHOUT ROWID;

CREATE TABLE activities (
  id           INTEGER GENERATED ALWAYS AS (row ->> '$.id') VIRTUAL,
  type         TEXT    GENERATED ALWAYS AS (row ->> '$.type') VIRTUAL,
  description  TEXT    GENERATED ALWAYS AS (row ->> '$.description') VIRTUAL,
  user_id              GENERATED ALWAYS AS (row ->> '$.user.id') VIRTUAL,
  user_name    TEXT    GENERATED ALWAYS AS (row ->> '$.user.name') VIRTUAL,
  subject_type TEXT    GENERATED ALWAYS AS (row ->> '$.subject_type') VIRTUAL,
  subject_id           GENERATED ALWAYS AS (row ->> '$.subject_id') VIRTUAL,
  client_id            GENERATED ALWAYS AS (row ->> '$.metadata.client_id') VIRTUAL,
  metadata     TEXT    GENERATED ALWAYS AS (row ->> '$.metadata') VIRTUAL,
  created_at   TEXT    GENERATED ALWAYS AS (row ->> '$.created_at') VIRTUAL,
  key          TEXT PRIMARY KEY,  -- id, of 20 digits
  row          TEXT NOT NULL CHECK (json_valid(row))
) WITHOUT ROWID;

CREATE TABLE notifications (
  id              TEXT GENERATED ALWAYS AS (row ->> '$.id') VIRTUAL,
  type            TEXT GENERATED ALWAYS AS (row ->> '$.type') VIRTUAL,
  notifiable_type TEXT GENERATED ALWAYS AS (row ->> '$.notifiable_type') VIRTUAL,
  notifiable_id        GENERATED ALWAYS AS (row ->> '$.notifiable_id') VIRTUAL,
  data            TEXT GENERATED ALWAYS AS (row ->> '$.data') VIRTUAL,
  read_at         TEXT GENERATED ALWAYS AS (row ->> '$.read_at') VIRTUAL,
  created_at      TEXT GENERATED ALWAYS AS (row ->> '$.created_at') VIRTUAL,
  key             TEXT PRIMARY KEY,  -- id, a UUID of version 7
  row             TEXT NOT NULL CHECK (json_valid(row))
) WITHOUT ROWID;

-- One row for each change of an entity; version counts over all of them.
CREATE TABLE data_versions (
  version INTEGER GENERATED ALWAYS AS (row ->> '$.version') VIRTUAL,
  type    TEXT    GENERATED ALWAYS AS (row ->> '$.type') VIRTUAL,
  id              GENERATED ALWAYS AS (row ->> '$.id') VIRTUAL,
  action  TEXT    GENERATED ALWAYS AS (row ->> '$.action') VIRTUAL,
  at      TEXT    GENERATED ALWAYS AS (row ->> '$.at') VIRTUAL,
  key     TEXT PRIMARY KEY,  -- version, of 20 digits
  row     TEXT NOT NULL CHECK (json_valid(row))
) WITHOUT ROWID;

-- Who looks at what now.
CREATE TABLE viewers (
  type    TEXT GENERATED ALWAYS AS (row ->> '$.type') VIRTUAL,
  id           GENERATED ALWAYS AS (row ->> '$.id') VIRTUAL,
  user_id      GENERATED ALWAYS AS (row ->> '$.user_id') VIRTUAL,
  since   TEXT GENERATED ALWAYS AS (row ->> '$.since') VIRTUAL,
  key     TEXT PRIMARY KEY,  -- type/id/user
  row     TEXT NOT NULL CHECK (json_valid(row))
) WITHOUT ROWID;

-- Who holds which field of a document.
CREATE TABLE locks (
  document_id      GENERATED ALWAYS AS (row ->> '$.document_id') VIRTUAL,
  field       TEXT GENERATED ALWAYS AS (row ->> '$.field') VIRTUAL,
  user_id          GENERATED ALWAYS AS (row ->> '$.user_id') VIRTUAL,
  user_name   TEXT GENERATED ALWAYS AS (row ->> '$.user_name') VIRTUAL,
  locked_at   TEXT GENERATED ALWAYS AS (row ->> '$.locked_at') VIRTUAL,
  expires_at  TEXT GENERATED ALWAYS AS (row ->> '$.expires_at') VIRTUAL,
  key         TEXT PRIMARY KEY,  -- document/field
  row         TEXT NOT NULL CHECK (json_valid(row))
) WITHOUT ROWID;

-- What the people on a document share, for whoever comes later.
CREATE TABLE documents (
  document_id         GENERATED ALWAYS AS (row ->> '$.document_id') VIRTUAL,
  version     INTEGER GENERATED ALWAYS AS (row ->> '$.version') VIRTUAL,
  state       TEXT    GENERATED ALWAYS AS (row ->> '$.state') VIRTUAL,
  key         TEXT PRIMARY KEY,  -- document id
  row         TEXT NOT NULL CHECK (json_valid(row))
) WITHOUT ROWID;
