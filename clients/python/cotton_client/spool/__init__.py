"""The spool: batches on this machine's disk until the service has answered that they are stored.

`Spool` keeps them, `Feed` reads files into it, `CottonClient.send_spooled` sends from it.
"""

from __future__ import annotations

from cotton_client.spool.feed import Feed, Source
from cotton_client.spool.places import default_root, directory_of
from cotton_client.spool.store import FileState, NewBatch, Spool, SpooledBatch, Standing

__all__ = [
    "Feed",
    "FileState",
    "NewBatch",
    "Source",
    "Spool",
    "SpooledBatch",
    "Standing",
    "default_root",
    "directory_of",
]
