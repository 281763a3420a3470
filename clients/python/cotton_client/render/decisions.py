"""Why something stored was changed, and who decided, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cotton_client.render import names

if TYPE_CHECKING:
    from cotton.inspection.v1 import common_pb2


def why(amendment: common_pb2.Amendment) -> str:
    """Reason, note, and who decided; "" where none of them is given."""
    reason = names.AMENDMENT_REASONS.get(amendment.reason, names.reason(amendment.reason) or "")
    by = f"decided by {amendment.decided_by}" if amendment.decided_by else ""
    note = f"“{amendment.note}”" if amendment.note else ""
    return ", ".join(filter(None, (reason, note, by)))
