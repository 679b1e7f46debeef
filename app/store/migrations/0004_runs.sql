-- Schema 4: runs of the harness.

CREATE TABLE runs (
  id          TEXT PRIMARY KEY,
  name        TEXT NOT NULL,     -- the scenario's
  file        TEXT NOT NULL,
  verdict     TEXT NOT NULL,
  segment     TEXT NOT NULL,     -- such as 2/5; '' for all of it
  target      TEXT NOT NULL,
  started_us  INTEGER NOT NULL,  -- since 1970
  duration_us INTEGER NOT NULL,
  summary     TEXT NOT NULL CHECK (json_valid(summary)),  -- what a list shows besides
  label       TEXT,              -- why it is kept for good; NULL: retention may delete it
  result      BLOB NOT NULL      -- result.json, gzip
);
CREATE INDEX runs_started ON runs (started_us);
