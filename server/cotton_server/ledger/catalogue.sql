-- One row a seal: a range of entries that also lies in files that never change. Payloads up to
-- position `freed` (0: none of this seal) are empty in the table of entries and lie in those alone.
CREATE TABLE seal (
    number INTEGER PRIMARY KEY,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    stop_row INTEGER NOT NULL,
    digest BLOB NOT NULL,
    manifest_digest BLOB NOT NULL,
    sealed_at_us INTEGER NOT NULL,
    freed INTEGER NOT NULL
) STRICT;
