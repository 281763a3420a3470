"""What a submission is told that is not stored: each reason in its words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cotton_server.errors import DamagedError, Reason, ServiceError
from cotton_server.ledger import LedgerDamagedError

if TYPE_CHECKING:
    from cotton_server.intake.committer import Submission


def unwanted(submission: Submission, now_s: float) -> ServiceError | None:
    """Why nobody waits for the answer any more; None while somebody does."""
    if submission.deadline_s is not None and submission.deadline_s <= now_s:
        return ServiceError(
            Reason.DEADLINE_PASSED, "The call's deadline passed before the batch was decided."
        )
    if submission.answer.cancelled():
        return ServiceError(Reason.CALLER_GONE, "The caller went before the batch was decided.")
    return None


def gap(submission: Submission, expected: int) -> ServiceError:
    """A sequence is not the next one of its producer."""
    return ServiceError(
        Reason.SEQUENCE_GAP,
        f"Sequence {submission.sequence} of producer {submission.producer} came where"
        f" {expected} was expected.",
        {"batch.sequence": f"expected {expected}"},
        {"next_sequence": str(expected)},
    )


def reused(submission: Submission, position: int) -> ServiceError:
    """A sequence or an id is stored with other content."""
    what = (
        f"Sequence {submission.sequence}"
        if submission.sequence is not None
        else f"The id {submission.batch_id!r}"
    )
    return ServiceError(
        Reason.BATCH_REUSED,
        f"{what} of producer {submission.producer} is stored at revision {position} with"
        " other content.",
        {},
        {"revision": str(position)},
    )


def storage_failed() -> ServiceError:
    """Nothing can be written any more."""
    return ServiceError(Reason.STORAGE_FAILED, "The ledger could not be written.")


def undecidable(error: Exception) -> ServiceError:
    """Deciding failed; nothing was kept."""
    if isinstance(error, DamagedError | LedgerDamagedError):
        return ServiceError(
            Reason.STORAGE_DAMAGED,
            "What the batch has to be compared with is damaged; nothing of the batch was kept.",
        )
    return ServiceError(Reason.INTERNAL, f"{type(error).__name__} while deciding the batch.")
