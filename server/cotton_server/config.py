"""The configuration of the server: every setting, its limits, and where its value came from.

`Config` is one frozen object. Each field declares unit, default, validator and the reason
for the default; the reference page, the example file and the error messages are made from
these declarations. `load_config` puts it together from a TOML file, the environment
(`COTTON_*`) and flags, weakest first.
"""

from __future__ import annotations

import difflib
import ipaddress
import re
import tomllib
from dataclasses import dataclass, field, fields
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol, TypeVar, cast

from cotton_server.errors import StartError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

T = TypeVar("T")

VARIABLE_PREFIX: Final = "COTTON_"
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

_KIB: Final = 1 << 10
_MIB: Final = 1 << 20
_GIB: Final = 1 << 30
_BYTE_UNITS: Final[Mapping[str, int]] = MappingProxyType(
    {"B": 1, "KiB": _KIB, "MiB": _MIB, "GiB": _GIB}
)
_WHOLE: Final = re.compile(r"[0-9]{1,18}", re.ASCII)
_SIZE: Final = re.compile(r"([0-9]{1,18}) ?(B|KiB|MiB|GiB)", re.ASCII)
_HOST_NAME: Final = re.compile(
    r"(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*",
    re.ASCII | re.IGNORECASE,
)
_PORT_MAX: Final = 65_535


class ConfigError(StartError):
    """A setting that the server does not start with.

    `source` is where it was given (file and key, variable, flag, or the setting itself),
    `value` what was given, `problem` what is wrong with it, `allowed` what to give instead.
    """

    def __init__(
        self, source: str, value: object, allowed: str, problem: str = "is not allowed"
    ) -> None:
        super().__init__(source, value, allowed, problem)
        self.source = source
        self.value = value
        self.allowed = allowed
        self.problem = problem

    def __str__(self) -> str:
        """Source, value, what is wrong and what is allowed, in one line."""
        shown = str(self.value) if isinstance(self.value, Path) else self.value
        return f"{self.source}: {shown!r} {self.problem}; allowed: {self.allowed}."


class _Refused(Exception):  # noqa: N818  # never leaves this module: becomes a ConfigError
    """A validator does not take a value."""


class Validator(Protocol):
    """Takes a value as given (text, or what TOML and flags hold) and gives it as stored."""

    @property
    def allowed(self) -> str:
        """What is taken, in words for messages and documents."""

    def show(self, value: object) -> str:
        """A stored value, as it is written in TOML."""

    def __call__(self, value: object) -> object:
        """The value as stored; raises _Refused for any that is not taken."""


def _quoted(value: object) -> str:
    """A text without quotes, backslashes or control characters as TOML."""
    return f'"{value}"'


@dataclass(frozen=True, slots=True)
class _WholeNumber:
    """A whole number between two limits, both allowed."""

    least: int
    most: int

    @property
    def allowed(self) -> str:
        return f"a whole number from {self.show(self.least)} to {self.show(self.most)}"

    def show(self, value: object) -> str:
        return f"{value:_}"

    def __call__(self, value: object) -> int:
        number = self._number(value)
        if not self.least <= number <= self.most:
            raise _Refused
        return number

    def _number(self, value: object) -> int:
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        if isinstance(value, str) and _WHOLE.fullmatch(value):
            return int(value)
        raise _Refused


@dataclass(frozen=True, slots=True)
class _Bytes(_WholeNumber):
    """A size in bytes: a number, or a text with a binary unit."""

    @property
    def allowed(self) -> str:
        return (
            f"a number of bytes from {self._text(self.least)} to {self._text(self.most)}, "
            'such as 65536 or "64 KiB"'
        )

    def show(self, value: object) -> str:
        return _quoted(self._text(cast("int", value)))

    def _text(self, value: int) -> str:
        unit = max(
            (unit for unit, size in _BYTE_UNITS.items() if value % size == 0),
            key=_BYTE_UNITS.__getitem__,
        )
        return f"{value // _BYTE_UNITS[unit]} {unit}"

    def _number(self, value: object) -> int:
        if isinstance(value, str) and (size := _SIZE.fullmatch(value)):
            return int(size[1]) * _BYTE_UNITS[size[2]]
        # The bare form: `super()` finds no class in a dataclass that is made anew for slots.
        return _WholeNumber._number(self, value)  # noqa: SLF001


@dataclass(frozen=True, slots=True)
class _PageBytes(_Bytes):
    """A page size that SQLite has: a power of two."""

    @property
    def allowed(self) -> str:
        return f"a power of two from {self.least} to {self.most} bytes"

    def __call__(self, value: object) -> int:
        number = _Bytes.__call__(self, value)
        if number.bit_count() != 1:
            raise _Refused
        return number


@dataclass(frozen=True, slots=True)
class _Switch:
    """Yes or no."""

    allowed: str = "true or false"

    def show(self, value: object) -> str:
        return str(value).lower()

    def __call__(self, value: object) -> bool:
        if isinstance(value, bool):
            return value
        if value in ("true", "false"):
            return value == "true"
        raise _Refused


@dataclass(frozen=True, slots=True)
class _Choice:
    """One of a few words."""

    words: tuple[str, ...]

    @property
    def allowed(self) -> str:
        return " or ".join(_quoted(word) for word in self.words)

    def show(self, value: object) -> str:
        return _quoted(value)

    def __call__(self, value: object) -> str:
        if isinstance(value, str) and value in self.words:
            return value
        raise _Refused


@dataclass(frozen=True, slots=True)
class _Directory:
    """A directory, which need not be there yet."""

    allowed: str = "the path of a directory; a relative one starts at the working directory"

    def show(self, value: object) -> str:
        return _quoted(value)

    def __call__(self, value: object) -> Path:
        if not isinstance(value, str | Path) or not str(value) or "\0" in str(value):
            raise _Refused
        path = Path(value)
        try:
            in_the_way = path.exists() and not path.is_dir()
        except OSError as error:
            raise _Refused from error
        if in_the_way:
            raise _Refused
        return path


class Address(NamedTuple):
    """Where a server listens: host without brackets, and port, 0 for any free one."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class _Listen:
    """A host and port to listen on, and where it says so, nothing at all."""

    may_be_off: bool

    @property
    def allowed(self) -> str:
        form = (
            "HOST:PORT with an IPv4 address, an IPv6 address in brackets or a host name, and a "
            "port from 0 (any free one) to 65535, such as 127.0.0.1:7410 or [::1]:7410"
        )
        return f'{form}; or "off"' if self.may_be_off else form

    def show(self, value: object) -> str:
        return _quoted(value or "off")

    def __call__(self, value: object) -> str:
        if self.may_be_off and value in ("", "off"):
            return ""
        if not isinstance(value, str) or _split(value) is None:
            raise _Refused
        return value


def _split(listen: str) -> Address | None:
    """Host and port of "HOST:PORT", or None when it is not of that form."""
    host, colon, port = listen.rpartition(":")
    if not colon or not _WHOLE.fullmatch(port) or int(port) > _PORT_MAX:
        return None
    bracketed = host.startswith("[") and host.endswith("]")
    bare = host[1:-1] if bracketed else host
    try:
        address = ipaddress.ip_address(bare)
    except ValueError:
        # Digits and dots alone are a mistyped address, never a name.
        is_name = _HOST_NAME.fullmatch(bare) and not bare.replace(".", "").isdigit()
        return Address(bare, int(port)) if is_name and not bracketed else None
    return Address(bare, int(port)) if bracketed == (address.version == 6) else None  # noqa: PLR2004  # IPv6


def split_listen(listen: str) -> Address:
    """Host and port of a listen address that a Config holds; ValueError for any other text."""
    address = _split(listen)
    if address is None:
        raise ValueError(f"{listen!r} is no HOST:PORT.")
    return address


def is_loopback(listen: str) -> bool:
    """Whether only this machine can reach `listen` ("HOST:PORT").

    A name other than localhost is taken as reachable from elsewhere: what it stands for can
    change after the check. Raises ValueError for a text that is no HOST:PORT.
    """
    host = split_listen(listen).host
    if host.lower() == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback


@dataclass(frozen=True, slots=True)
class _Setting:
    """What a field of Config declares beside its name, type and default."""

    validator: Validator
    unit: str
    summary: str
    reason: str


def _setting(default: T, validator: Validator, *, unit: str = "", summary: str, reason: str) -> T:
    """A field of Config with its declaration; typed by its default, as dataclasses do."""
    declared = _Setting(validator, unit, summary, reason)
    return field(default=default, metadata={"setting": declared})


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """Every setting of a server.

    A value of any source is checked and brought into the form stored here, also when a
    Config is made directly; what is not allowed raises ConfigError. What each setting means,
    its limits and the reason for its default are given by `describe_fields`.
    """

    data_dir: Path = _setting(  # noqa: RUF009  # a declaration, made once
        Path("cotton-data"),
        _Directory(),
        summary="Where the ledger lies. One server at a time opens it; made when it is not there.",
        reason="Below the working directory, so that a first try needs no rights and leaves no "
        "trace elsewhere.",
    )
    listen: str = _setting(
        "127.0.0.1:7410",
        _Listen(may_be_off=False),
        summary="Where the gRPC services are offered.",
        reason="Only this machine reaches it until somebody decides otherwise.",
    )
    metrics_listen: str = _setting(
        "127.0.0.1:7411",
        _Listen(may_be_off=True),
        summary="Where `/metrics` is offered to Prometheus; `off` closes it.",
        reason="Apart from the services, so that a network rule can open one and not the other.",
    )
    allow_plaintext: bool = _setting(
        default=False,
        validator=_Switch(),
        summary="Whether an address that other machines reach may be listened on without "
        "encryption. Without it the server refuses to start on one.",
        reason="Readings decide payments: that they cross a network unprotected is a decision, "
        "taken where a proxy or a closed network protects them.",
    )
    message_bytes_max: int = _setting(
        4 * _MIB,
        _Bytes(_KIB, 256 * _MIB),
        unit="bytes",
        summary="Largest gRPC message taken; a larger one is refused with RESOURCE_EXHAUSTED.",
        reason="The default of gRPC itself. Throughput is level from 256 KiB on, and a batch of "
        "16 384 bales as columns takes about 1 MiB.",
    )
    batch_bales_max: int = _setting(
        16_384,
        _WholeNumber(1, 1 << 16),
        unit="bales",
        summary="Most bales in one batch of readings.",
        reason="Bulk is fastest with 1 000 to 8 000 bales a message; twice that leaves room, and "
        "bounds what one answer can list.",
    )
    lots_per_request_max: int = _setting(
        5_000,
        _WholeNumber(1, 100_000),
        unit="lots",
        summary="Most lots, or lot weights, in one request.",
        reason="About a tenth of the lots of the whole XPCC (兵团) in a season; the message stays "
        "well below `message_bytes_max`.",
    )
    concurrent_calls_max: int = _setting(
        600,
        _WholeNumber(1, 100_000),
        unit="calls",
        summary="Most calls open at once, streams included; further ones are refused with "
        "RESOURCE_EXHAUSTED.",
        reason="gRPC buffers about 5 MB for a stream that is not read: 600 are 3 GB at worst, "
        "and three times the 200 instruments that the service is measured with.",
    )
    stream_batches_in_flight_max: int = _setting(
        16,
        _WholeNumber(1, 1_024),
        unit="batches",
        summary="Most batches of one stream that wait for their acknowledgement; the stream is "
        "not read further until one is answered.",
        reason="A few commits' worth keeps a fast producer busy, and one producer cannot fill "
        "the queue for all.",
    )
    queued_bytes_max: int = _setting(
        64 * _MIB,
        _Bytes(_KIB, 16 * _GIB),
        unit="bytes",
        summary="Most bytes of batches that wait for their commit, over all streams; no further "
        "batch is read until some are stored.",
        reason="Sixteen group commits: under a second of work, so that waiting stays short and "
        "memory bounded.",
    )
    group_bytes_max: int = _setting(
        4 * _MIB,
        _Bytes(_KIB, 256 * _MIB),
        unit="bytes",
        summary="Most bytes that are committed together; a single batch may exceed it.",
        reason="24 to 37 ms at the 113 to 178 MB/s measured; uncapped commits of a backfill took "
        "80 to 150 ms, for which a single reading then waits.",
    )
    bales_max: int = _setting(
        64_000_000,
        _WholeNumber(1, 2_000_000_000),
        unit="bales",
        summary="Most bales that the registry holds; further new ones are refused.",
        reason="Two national seasons of 26 million bales with room to spare; at 100 bytes a bale "
        "6.4 GB of memory.",
    )
    lots_max: int = _setting(
        1_000_000,
        _WholeNumber(1, 100_000_000),
        unit="lots",
        summary="Most lots that the registry holds; further new ones are refused.",
        reason="A national season has about 140 000.",
    )
    reader_threads: int = _setting(
        2,
        _WholeNumber(1, 64),
        unit="threads",
        summary="Threads that answer certificates, summaries and traces, beside the one writer.",
        reason="One a core of the smallest machine that is supported.",
    )
    drain_grace_s: int = _setting(
        10,
        _WholeNumber(0, 3_600),
        unit="seconds",
        summary="How long open calls may take to end after SIGTERM or SIGINT. What was received "
        "is committed and acknowledged within it.",
        reason="The queue drains in under a second; the rest is for clients on slow lines, and "
        "below the 30 seconds that service managers commonly wait.",
    )
    sqlite_page_bytes: int = _setting(
        16 * _KIB,
        _PageBytes(512, 64 * _KIB),
        unit="bytes",
        summary="Page size of a ledger that is made anew; one that exists keeps its own.",
        reason="Entries are batches of tens to hundreds of kilobytes: fewer, larger pages a "
        "batch, and single readings still do not waste much.",
    )
    log_format: str = _setting(
        "console",
        _Choice(("console", "json")),
        summary="How log lines are written: for people, or one JSON object a line.",
        reason="A person starts it first; collectors ask for JSON.",
    )
    log_level: str = _setting(
        "info",
        _Choice(("debug", "info", "warning", "error")),
        summary="Least severity that is logged.",
        reason="Start, stop and faults, and nothing for each batch.",
    )
    reflection: bool = _setting(
        default=True,
        validator=_Switch(),
        summary="Whether gRPC server reflection is offered.",
        reason="The contract is public, and tools can then call the services without its files.",
    )
    summary_rows_max: int = _setting(
        5_000,
        _WholeNumber(1, 100_000),
        unit="rows",
        summary="Most rows in one grade summary; one that would have more is refused.",
        reason="Every key but the lot makes fewer groups by far (a season has 1 050 gins); a row "
        "takes about 0.2 ms and 2 KB. Whoever needs every lot asks part by part, with filters.",
    )
    replay_progress_interval_s: int = _setting(
        5,
        _WholeNumber(1, 3_600),
        unit="seconds",
        summary="How often the replay at start logs how far it has come.",
        reason="A national season replays in seconds; a line every few shows that it lives.",
    )

    def __post_init__(self) -> None:
        """Checks every value and puts it into the form stored."""
        given = {each.name: getattr(self, each.name) for each in fields(self)}
        for name, value in _checked(given, {}).items():
            object.__setattr__(self, name, value)


@dataclass(frozen=True, slots=True)
class FieldDescription:
    """One setting in words: `default` as it is written in TOML, `unit` empty where it has none."""

    name: str
    default: str
    unit: str
    allowed: str
    summary: str
    reason: str
    variable: str
    flag: str


def _variable(name: str) -> str:
    return VARIABLE_PREFIX + name.upper()


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


_DECLARED: Final[Mapping[str, _Setting]] = MappingProxyType(
    {each.name: each.metadata["setting"] for each in fields(Config)}
)
_DEFAULTS: Final[Mapping[str, object]] = MappingProxyType(
    {each.name: each.default for each in fields(Config)}
)


def describe_fields() -> tuple[FieldDescription, ...]:
    """Every setting in the order of Config, for documents and command lines."""
    return tuple(
        FieldDescription(
            name=name,
            default=declared.validator.show(_DEFAULTS[name]),
            unit=declared.unit,
            allowed=declared.validator.allowed,
            summary=declared.summary,
            reason=declared.reason,
            variable=_variable(name),
            flag=_flag(name),
        )
        for name, declared in _DECLARED.items()
    )


def load_config(
    *, file: Path | None, environ: Mapping[str, str], flags: Mapping[str, object]
) -> Config:
    """The configuration out of all sources: file, then environment, then flags, weakest first.

    `flags` has field names as keys; None stands for a flag that was not given. Without
    `file`, the variable COTTON_CONFIG may name one. Raises ConfigError for a file that cannot
    be read, an unknown key or variable, and a value that is not allowed.
    """
    if file is None and environ.get(FILE_VARIABLE):
        file = Path(environ[FILE_VARIABLE])
    given = dict(_DEFAULTS)
    sources: dict[str, str] = {}

    def take(name: str, value: object, source: str) -> None:
        given[name] = value
        sources[name] = source

    for key, value in (_read_file(file) if file is not None else {}).items():
        source = f"{file}, key {key}"
        _refuse_unknown(key, value, source, _DECLARED)
        take(key, value, source)
    names = {_variable(name): name for name in _DECLARED}
    for variable, text in environ.items():
        if variable.startswith(VARIABLE_PREFIX) and variable not in OTHER_VARIABLES:
            source = f"environment variable {variable}"
            _refuse_unknown(variable, text, source, (*names, *OTHER_VARIABLES))
            take(names[variable], text, source)
    for name, value in flags.items():
        if value is not None:
            source = f"flag {_flag(name)}"
            _refuse_unknown(name, value, source, _DECLARED)
            take(name, value, source)
    return Config(**_checked(given, sources))  # type: ignore[arg-type]  # checked by name


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


def _checked(given: Mapping[str, object], sources: Mapping[str, str]) -> dict[str, object]:
    """All values as stored; each alone first, then those that must fit each other."""

    def refuse(name: str, allowed: str) -> ConfigError:
        return ConfigError(sources.get(name, f"setting {name}"), given[name], allowed)

    checked: dict[str, object] = {}
    for name, declared in _DECLARED.items():
        try:
            checked[name] = declared.validator(given[name])
        except _Refused:
            raise refuse(name, declared.validator.allowed) from None

    for name in ("listen", "metrics_listen"):
        listen = cast("str", checked[name])
        if listen and not is_loopback(listen) and not checked["allow_plaintext"]:
            raise refuse(
                name,
                "an address that only this machine reaches, such as 127.0.0.1 or [::1], or any "
                "other together with allow_plaintext = true: what is sent there is not encrypted",
            )
    listen = cast("str", checked["listen"])
    if checked["metrics_listen"] == listen and split_listen(listen).port:
        raise refuse("metrics_listen", f"another address than listen, which is {listen}")
    if cast("int", checked["message_bytes_max"]) > cast("int", checked["queued_bytes_max"]):
        raise refuse(
            "message_bytes_max",
            "at most queued_bytes_max, since a larger message would never find room",
        )
    return checked
