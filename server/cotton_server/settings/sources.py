"""What the sources of settings give: a TOML file, the environment and flags, weakest first."""

from __future__ import annotations

import difflib
import tomllib
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple

from cotton_server.settings.declare import VARIABLE_PREFIX, flag_of, variable_of
from cotton_server.settings.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

FILE_VARIABLE: Final = "COTTON_CONFIG"

OTHER_VARIABLES: Final[Mapping[str, str]] = MappingProxyType(
    {
        FILE_VARIABLE: "the configuration file, where no `--config` names one",
        "COTTON_SERVER": "the service that the client's commands talk to, `HOST:PORT`",
        "COTTON_TRACEBACK": "`1` has the commands print the traceback of an unexpected error",
    }
)
"""Variables of the same prefix that are no settings of the server; any other is refused."""

FILE_BYTES_MAX: Final = 1 << 20


class Given(NamedTuple):
    """Values as they were given, by name of the setting, and where each was given."""

    values: Mapping[str, object]
    sources: Mapping[str, str]


def gather(
    names: Collection[str],
    *,
    file: Path | None,
    environ: Mapping[str, str],
    flags: Mapping[str, object],
) -> Given:
    """What is given of the settings `names`, the strongest source of each.

    Raises ConfigError for a file that cannot be read, and for a key, variable or flag that
    no setting has. Values are not checked.
    """
    if file is None and environ.get(FILE_VARIABLE):
        file = Path(environ[FILE_VARIABLE])
    values: dict[str, object] = {}
    sources: dict[str, str] = {}

    def take(name: str, value: object, source: str) -> None:
        values[name] = value
        sources[name] = source

    for key, value in (_read_file(file) if file is not None else {}).items():
        source = f"{file}, key {key}"
        _refuse_unknown(key, value, source, names)
        take(key, value, source)
    by_variable = {variable_of(name): name for name in names}
    for variable, text in environ.items():
        if variable.startswith(VARIABLE_PREFIX) and variable not in OTHER_VARIABLES:
            source = f"environment variable {variable}"
            _refuse_unknown(variable, text, source, (*by_variable, *OTHER_VARIABLES))
            take(by_variable[variable], text, source)
    for name, value in flags.items():
        if value is not None:
            source = f"flag {flag_of(name)}"
            _refuse_unknown(name, value, source, names)
            take(name, value, source)
    return Given(values, sources)


def _read_file(file: Path) -> dict[str, object]:
    """The keys of a TOML file."""
    source, allowed = "configuration file", "a TOML file of at most 1 MiB that can be read"
    try:
        with file.open("rb") as stream:
            content = stream.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise ConfigError(source, file, allowed, f"cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise ConfigError(source, file, allowed, f"cannot be read ({error})") from error
    if len(content) > FILE_BYTES_MAX:
        raise ConfigError(source, file, allowed, "is larger than 1 MiB")
    try:
        return tomllib.loads(content.decode("utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(source, file, allowed, f"is no TOML ({error})") from error
    except RecursionError as error:
        raise ConfigError(source, file, allowed, "is nested too deep") from error


def _refuse_unknown(name: str, value: object, source: str, known: Iterable[str]) -> None:
    """Raises ConfigError unless `name` is known; the error names the nearest one, or all."""
    choices = sorted(known)
    if name not in choices:
        near = difflib.get_close_matches(name, choices, n=1) or choices
        raise ConfigError(source, value, ", ".join(near), "is given to no setting that exists")
