"""Settlement runs as JSON objects."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cotton_client.render import names
from cotton_client.render.json_parts import Json, instant_us
from cotton_client.render.json_settlement import settled, terms

if TYPE_CHECKING:
    from cotton.inspection.v1 import settlement_pb2

    from cotton_client.render.settlement import Settled


def stored(run: settlement_pb2.StoredRun) -> Json:
    """A run as it was frozen; `revision` is the one that stored it."""
    return {
        "revision": run.revision,
        "received_at": instant_us(run.received_at_us),
        "id": run.run.id,
        "title": run.run.title or None,
        "digest": run.run.digest,
        "predecessor": run.run.predecessor or None,
        "successor": run.successor or None,
        "decided_by": run.run.decided_by or None,
        "note": run.run.note or None,
        "terms": terms(run.run.terms),
    }


def runs(answer: settlement_pb2.ListRunsResponse) -> Json:
    """The runs up to a revision."""
    return {"revision": answer.revision, "runs": [stored(each) for each in answer.runs]}


def shown(answer: settlement_pb2.GetRunResponse, found: Settled) -> Json:
    """One run with what it came to."""
    return {
        **settled(found),
        "revision": answer.revision,
        "run": stored(answer.run),
        "lots_changed_since": answer.lots_changed_since,
    }


def verified(answer: settlement_pb2.VerifyRunResponse, client_digest: str) -> Json:
    """The digest of a run beside those computed anew, by the server and by the client.

    The client has none where the server has not kept the lines.
    """
    digest = answer.run.run.digest
    return {
        "revision": answer.run.run.terms.revision,
        "id": answer.run.run.id,
        "digest": digest,
        "server": {
            "digest": answer.digest,
            "holds": answer.holds,
            "settlement_version": answer.settlement_version or None,
            "grading_version": answer.grading_version or None,
        },
        "client": {"digest": client_digest or None, "holds": client_digest == digest},
    }


def compared(first: settlement_pb2.CompareRunsResponse) -> Json:
    """Two runs, and how many lines differ."""
    return {
        "revision": first.after.revision,
        "before": stored(first.before),
        "after": stored(first.after),
        "lines_differing": first.lines_differing,
        "lines_only_before": first.lines_only_before,
        "lines_only_after": first.lines_only_after,
    }


def difference(found: settlement_pb2.LineDifference) -> Json:
    """A figure or text in which a line differs; `column` is null for a line that one run has."""
    return {
        "table": names.settlement_table(found.table),
        "line": found.line,
        "column": found.column or None,
        "before": found.before or None,
        "after": found.after or None,
    }
