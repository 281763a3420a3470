CREATE TABLE spool (
    server TEXT NOT NULL,
    producer TEXT NOT NULL
) STRICT;

-- AUTOINCREMENT: an id is never used again, so that "after the last one seen" misses nothing.
CREATE TABLE batch (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    source INTEGER NOT NULL,
    file TEXT NOT NULL,
    place INTEGER NOT NULL,
    bale_first INTEGER NOT NULL,
    bales INTEGER NOT NULL,
    batch_id TEXT NOT NULL,
    sequenced INTEGER NOT NULL,
    sequence INTEGER,
    refused_at_s INTEGER,
    reason TEXT,
    message TEXT,
    remedy TEXT,
    readings BLOB NOT NULL
) STRICT;

CREATE INDEX refused ON batch (batch_id) WHERE refused_at_s IS NOT NULL;

CREATE TABLE file (
    name TEXT PRIMARY KEY,
    size INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    digest BLOB NOT NULL
) STRICT;
