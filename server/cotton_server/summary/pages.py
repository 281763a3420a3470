"""Tokens by which the pages of one answer follow each other, whatever has arrived since."""

from __future__ import annotations

import base64
import hashlib
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cotton_server.summary.errors import PageTokenError

if TYPE_CHECKING:
    from google.protobuf.message import Message

_FORM: Final = struct.Struct(">BQQ16s")
_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class Page:
    """Where a page begins: the revision of the answer, and the first of its rows."""

    revision: int
    first: int


def page_token(page: Page, question: bytes) -> str:
    """The token of a page of the answer to a question (`question_of`)."""
    packed = _FORM.pack(_VERSION, page.revision, page.first, question)
    return base64.urlsafe_b64encode(packed).decode("ascii")


def page_of(token: str, question: bytes) -> Page:
    """The page that a token is for.

    Raises PageTokenError for what is no token of this service, and for one of another question.
    """
    try:
        version, revision, first, asked = _FORM.unpack(base64.urlsafe_b64decode(token))
    except (ValueError, struct.error) as error:
        raise PageTokenError(
            "The page token is none that this service gave; pass on `next_page_token` as it came."
        ) from error
    if version != _VERSION:
        raise PageTokenError(
            "The page token is of another version of the service; ask for the first page again."
        )
    if asked != question:
        raise PageTokenError(
            "The page token belongs to another question; keep keys, filters, days and all else of"
            " the request as they were, or ask for the first page."
        )
    return Page(revision, first)


def question_of(request: Message, *, without: tuple[str, ...]) -> bytes:
    """What tells a question from others: a digest of its request but for these fields."""
    bare = type(request)()
    bare.CopyFrom(request)
    for name in without:
        bare.ClearField(name)
    # Within one version of protobuf equal messages without maps have equal bytes; a token that
    # comes from another is refused, never taken for another question's.
    return hashlib.sha256(bare.SerializeToString(deterministic=True)).digest()[:16]
