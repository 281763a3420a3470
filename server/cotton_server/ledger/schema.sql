-- One row an entry. The payload stands last: a header is read without it.
CREATE TABLE entry (
    position INTEGER PRIMARY KEY,
    format INTEGER NOT NULL,
    kind TEXT NOT NULL,
    contract TEXT NOT NULL,
    message TEXT NOT NULL,
    producer TEXT NOT NULL,
    sequence INTEGER,
    batch_id TEXT,
    principal TEXT NOT NULL,
    received_at_us INTEGER NOT NULL,
    rule_set TEXT NOT NULL,
    payload_digest BLOB NOT NULL,
    digest BLOB NOT NULL,
    outcomes BLOB NOT NULL,
    payload BLOB NOT NULL
) STRICT;

-- A batch is stored once. The committer decides; this makes a mistake of its impossible.
CREATE UNIQUE INDEX entry_by_sequence ON entry (producer, sequence) WHERE sequence IS NOT NULL;
CREATE UNIQUE INDEX entry_by_batch_id ON entry (producer, batch_id) WHERE batch_id IS NOT NULL;
