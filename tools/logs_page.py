"""Writes docs/logs.md from the table of events."""

from __future__ import annotations

from typing import Final

from cotton_server.observability.events import EVENTS, UNBOUNDED, Event
from cotton_server.observability.flood import WINDOW_S
from cotton_server.observability.lines import EXCEPTION_CHARACTERS_MAX, TEXT_CHARACTERS_MAX

_HEAD: Final = f"""\
# Logs

<!-- Written by `make docs` from server/cotton_server/observability/events.py. -->

The service writes one line an event to standard error: for people by default, one JSON object a
line with `--log-format json`. `--log-level` says from which level on. What stands in every line:

| field | meaning |
|---|---|
| `time` | UTC, with milliseconds |
| `level` | `debug`, `info`, `warning`, `error` or `critical` |
| `logger` | the module that says it (JSON alone) |
| `event` | what happened, one of those below; texts are stable |
| `request_id`, `traceparent` | of the call that the line belongs to, where it belongs to one |
| `exception` | the traceback of a fault of the service |

**Whose call.** A caller names a call with the metadata `x-request-id` (1 to 64 letters, digits,
`.`, `_`, `:`, `-`) and `traceparent` (W3C Trace Context); the clients here do. What is missing or
has another form is replaced by a name made by the service. The request id comes back in the
trailing metadata of the call, whatever became of it, and in the errors of the clients.

**What is never in them.** No value of a bale, a lot or a weight stands in a line of level `info` or
above (a traceback of a fault of the service may quote what it stumbled over). Values of fields
named like secrets, bearer and basic credentials, private keys and passwords in addresses are
replaced by `[left out]` at every level.

**How much.** A value has at most {TEXT_CHARACTERS_MAX} characters, a traceback
{EXCEPTION_CHARACTERS_MAX}. Characters that end lines or turn their direction are escaped in both
forms; lines of a traceback are indented on the console. Of one event, with one reason where it has
one, as many lines are written within {WINDOW_S:.0f} seconds as is said below; then
`lines were left out` says how many more there were.

| event | level | lines a minute |
|---|---|---|
"""


def logs_page() -> str:
    """The whole page."""
    rows = "".join(
        f"| [{name}](#{_anchor(name)}) | {each.level} | {_bound(each)} |\n"
        for name, each in EVENTS.items()
    )
    return _HEAD + rows + "\n" + "\n".join(_section(*each) for each in EVENTS.items())


def _section(name: str, event: Event) -> str:
    fields = "".join(f"- `{field}`: {meaning}\n" for field, meaning in event.fields.items())
    return f"## {name}\n\n{event.occurs}\n" + (f"\n{fields}" if fields else "")


def _bound(event: Event) -> str:
    return "all" if event.lines_max >= UNBOUNDED else str(event.lines_max)


def _anchor(name: str) -> str:
    return "".join(each for each in name if each.isalnum() or each in " -_").replace(" ", "-")
