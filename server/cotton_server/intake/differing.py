"""Where two messages of one kind differ, in few words, however much they hold."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from google.protobuf.json_format import MessageToDict

if TYPE_CHECKING:
    from collections.abc import Iterator

    from google.protobuf.message import Message

_PLACES_MAX: Final = 8
"""Places that are told; of a repeated field those in its first other element alone."""

_SHOWN_MAX: Final = 120
"""Characters of a value that are told."""


def difference(stored: Message, now: Message) -> str:
    """The first places where two messages of one kind differ, with both values or counts.

    A line a place, of bounded length and number; "" where the messages are equal in all that the
    contract of this version has.
    """
    found = _places(_plain(stored), _plain(now), "")
    lines = list(islice(found, _PLACES_MAX))
    if next(found, None) is not None:
        lines.append("and more")
    return "\n".join(lines)


def _plain(message: Message) -> Any:
    return MessageToDict(message, preserving_proto_field_name=True)


def _places(stored: Any, now: Any, at: str) -> Iterator[str]:
    if isinstance(stored, dict) and isinstance(now, dict):
        for name in dict.fromkeys((*stored, *now)):
            place = f"{at}.{name}" if at else name
            yield from _places(stored.get(name), now.get(name), place)
    elif isinstance(stored, list) or isinstance(now, list):
        before, after = stored or [], now or []
        if len(before) != len(after):
            yield f"{at}: {len(before)} stored, {len(after)} now"
        for place, (one, other) in enumerate(zip(before, after, strict=False)):
            if one != other:
                yield from _places(one, other, f"{at}[{place}]")
                return
    elif stored != now:
        yield f"{at}: {_shown(stored)} stored, {_shown(now)} now"


def _shown(value: Any) -> str:
    said = "nothing" if value is None else repr(value)
    return said if len(said) <= _SHOWN_MAX else f"{said[:_SHOWN_MAX]}…"
