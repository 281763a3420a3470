"""Writes docs/errors.md: from the table of reasons, and from where errors are raised."""

from __future__ import annotations

import pkgutil
from functools import cache
from importlib import import_module
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

import cotton_server
from cotton_client import errors
from cotton_client.cli.failures import exit_of
from cotton_server.api.status import RETRY_AFTER_S, status_of
from cotton_server.errors import DamagedError, Reason, Repeat, ServiceError, StartError
from cotton_server.ledger import LedgerError

from tools.raised import ANYTHING, Raised, raised

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_Kind = TypeVar("_Kind")

_ROOT: Final = Path(__file__).resolve().parent.parent
SERVER: Final = _ROOT / "server" / "cotton_server"
CLIENT: Final = _ROOT / "clients" / "python" / "cotton_client"

_HEAD: Final = """\
# Errors

<!-- Written by `make docs` from server/cotton_server/errors.py and the places that raise. -->

An error says what happened and where, and what to do. On the wire it is a `google.rpc.Status`: the
gRPC code, the message followed by the remedy, and as details an `ErrorInfo` (domain
`inspection.cotton`, the **reason** below, `metadata` for programs with the remedy under `remedy`),
a `BadRequest` where fields are at fault, and a `RetryInfo` where the same may succeed later. A
batch of a stream that is refused is answered with `BatchRefused`, which carries the same status,
and the stream lives on. Reasons are stable; texts are for people and may change. `…` stands for
what depends on the case.

The trailing metadata of a call names it by `x-request-id`, which the clients' errors repeat as
`request_id`; the lines of the server's log about the call have the same ([logs.md](logs.md)).

"""


def errors_page() -> str:
    """The whole page."""
    return _HEAD + "\n".join(chain(_service(), _client(), _start()))


@cache
def service_messages() -> dict[str, list[str]]:
    """What errors of the service say, by the name of their reason."""
    said: dict[str, list[str]] = {}
    for each in raised(SERVER, frozenset({"ServiceError"})):
        for reason in each.arguments.get("0", ()):
            said.setdefault(reason, []).extend(_said(each, "1", "message"))
    return {reason: _distinct(texts) for reason, texts in said.items()}


def client_kinds() -> dict[str, type[errors.CottonError]]:
    """Every class of the client's errors by its name."""
    return {kind.__name__: kind for kind in _family(errors.CottonError)}


def start_kinds() -> frozenset[str]:
    """The names of all classes of errors for which a server does not start."""
    # A class is known to its parents once its module is.
    for module in pkgutil.walk_packages(cotton_server.__path__, "cotton_server."):
        import_module(module.name)
    roots = (StartError, LedgerError, DamagedError)
    return frozenset(kind.__name__ for root in roots for kind in _family(root))


def _service() -> Iterator[str]:
    yield "## Errors of the service\n"
    yield "| reason | gRPC code | repeated by clients |"
    yield "|---|---|---|"
    for reason in Reason:
        short = reason.repeat.value.partition(":")[0].partition(",")[0].partition(";")[0]
        name = reason.name
        yield f"| [`{name}`](#{name.lower()}) | `{reason.code.name}` | {short} |"
    yield ""
    said = service_messages()
    for reason in Reason:
        kind = type(errors.from_status(status_of(ServiceError(reason, ""))))
        yield f"### {reason.name}\n"
        yield f"{reason.occurs}\n"
        code, exits = reason.code.name, exit_of(kind).value
        yield f"- gRPC code: `{code}`; in Python `{kind.__name__}`; `cotton` exits with {exits}"
        yield from _messages(said.get(reason.name, []))
        yield f"- what to do: {reason.remedy}"
        yield f"- clients send the same again: {_repeated(reason.repeat)}\n"


def _repeated(repeat: Repeat) -> str:
    pause = f" ({RETRY_AFTER_S} s)" if repeat is Repeat.LATER else ""
    return f"{repeat.value}{pause}"


def _client() -> Iterator[str]:
    yield "## Errors of the client and of `cotton`\n"
    yield "What is found without the service, or where it gives no reason of its own. `cotton`"
    yield "writes the reason under `--json` and exits with the code beside it ([cli.md](cli.md)).\n"
    yield "| reason | class | exit | repeated by clients |"
    yield "|---|---|---|---|"
    found = dict(sorted(_client_reasons().items()))
    for reason, (kind, *_) in found.items():
        again = "yes" if _is_transient(kind) else "no"
        yield (
            f"| [`{reason}`](#{_anchor(reason)}) | `{kind.__name__}` | {exit_of(kind).value}"
            f" | {again} |"
        )
    yield ""
    for reason, (kind, says, remedies) in found.items():
        yield f"### {_heading(reason)}\n"
        if kind is not errors.CottonError:
            yield f"{(kind.__doc__ or '').splitlines()[0]}\n"
        yield from _messages(says)
        yield f"- what to do: {' — or: '.join(remedies)}\n"


def _client_reasons() -> dict[str, tuple[type[errors.CottonError], list[str], list[str]]]:
    """Class, messages and remedies of every reason that the client gives of itself."""
    kinds = client_kinds()
    found: dict[str, tuple[type[errors.CottonError], list[str], list[str]]] = {
        kind.reason_default: (kind, [], [kind.remedy_default])
        for kind in kinds.values()
        if "reason_default" in vars(kind)
    }
    default_remedies = {reason: list(entry[2]) for reason, entry in found.items()}
    for each in raised(CLIENT, frozenset(kinds)):
        kind = kinds[each.error]
        for reason in each.arguments.get("reason", (kind.reason_default,)):
            if reason == ANYTHING:
                continue
            entry = found.setdefault(reason, (kind, [], []))
            entry[1].extend(_said(each, "0", "message"))
            remedies = [text for text in each.arguments.get("remedy", ()) if text != ANYTHING]
            entry[2].extend(remedies or [kind.remedy_default])
    return {
        reason: (kind, _distinct(says), _distinct(remedies or default_remedies[reason]))
        for reason, (kind, says, remedies) in found.items()
    }


def _start() -> Iterator[str]:
    yield "## A server that does not start\n"
    yield "`cotton serve` exits with 1 (`START_FAILED`) and says one of these, what to do included;"
    yield "a setting that cannot work exits with 2 (`INVALID_SETTING`,"
    yield "[configuration.md](configuration.md)). Nothing was changed.\n"
    names = start_kinds()
    says = _distinct(text for each in raised(SERVER, names) for text in _said(each, "0", "message"))
    yield from (f"- {one_line(text)}" for text in sorted(says) if text.count(" ") > 1)
    yield ""


def _is_transient(kind: type[errors.CottonError]) -> bool:
    """Whether clients repeat by themselves for want of anything else that is known."""
    blank = kind.__new__(kind)
    errors.CottonError.__init__(blank, "")
    return blank.transient


def one_line(text: str) -> str:
    """A text as it stands in a list."""
    return " ".join(text.split())


def _messages(texts: list[str]) -> Iterator[str]:
    if len(texts) == 1:
        yield f"- says: {_code(texts[0])}"
    elif texts:
        yield "- says one of:"
        yield from (f"    - {_code(text)}" for text in texts)


def _said(each: Raised, *names: str) -> list[str]:
    return [
        text
        for name in names
        for text in each.arguments.get(name, ())
        if text.strip(f"{ANYTHING}.: ")
    ]


def _code(text: str) -> str:
    return f"`` {text} ``" if "`" in text else f"`{text}`"


def _heading(reason: str) -> str:
    """A reason of the client; one that the service has too is told apart."""
    return f"{reason} of the client" if reason in Reason.__members__ else reason


def _anchor(reason: str) -> str:
    return _heading(reason).lower().replace(" ", "-")


def _distinct(texts: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(texts))


def _family(root: type[_Kind]) -> Iterator[type[_Kind]]:
    yield root
    for kind in root.__subclasses__():
        yield from _family(kind)
