-- Schema 5: numbers go on after what was cleared, also when nothing is left.

-- The highest seq that was ever cleared; one row at most.
CREATE TABLE cleared (
  up_to INTEGER NOT NULL
);
