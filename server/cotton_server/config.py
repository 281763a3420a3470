"""The configuration of the server: every setting with its unit, default, limits and reasons.

`Config` is one frozen object. Each field declares unit, default, validator and the reason
for the default; the reference page, the example file and the error messages are made from
these declarations. `load_config` puts it together from a TOML file, the environment
(`COTTON_*`) and flags, weakest first.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, cast

from cotton_server.settings.addresses import Address, is_loopback, split_listen
from cotton_server.settings.declare import (
    FieldDescription,
    Setting,
    flag_of,
    setting,
    variable_of,
)
from cotton_server.settings.errors import ConfigError
from cotton_server.settings.sources import FILE_BYTES_MAX, OTHER_VARIABLES, gather
from cotton_server.settings.validators import (
    GIB,
    KIB,
    MIB,
    Bytes,
    Choice,
    Directory,
    Listen,
    PageBytes,
    Refused,
    Switch,
    WholeNumber,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "FILE_BYTES_MAX",
    "OTHER_VARIABLES",
    "Address",
    "Config",
    "ConfigError",
    "FieldDescription",
    "changed_settings",
    "describe_fields",
    "is_loopback",
    "load_config",
    "split_listen",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """Every setting of a server.

    A value of any source is checked and brought into the form stored here, also when a
    Config is made directly; what is not allowed raises ConfigError. What each setting means,
    its limits and the reason for its default are given by `describe_fields`.
    """

    data_dir: Path = setting(  # noqa: RUF009  # a declaration, made once
        Path("cotton-data"),
        Directory(),
        summary="Where the ledger lies. One server at a time opens it; made when it is not there.",
        reason="Below the working directory, so that a first try needs no rights and leaves no "
        "trace elsewhere.",
    )
    listen: str = setting(
        "127.0.0.1:7410",
        Listen(may_be_off=False),
        summary="Where the gRPC services are offered.",
        reason="Only this machine reaches it until somebody decides otherwise.",
    )
    metrics_listen: str = setting(
        "127.0.0.1:7411",
        Listen(may_be_off=True),
        summary="Where `/metrics` is offered to Prometheus; `off` closes it.",
        reason="Apart from the services, so that a network rule can open one and not the other.",
    )
    allow_plaintext: bool = setting(
        default=False,
        validator=Switch(),
        summary="Whether an address that other machines reach may be listened on without "
        "encryption. Without it the server refuses to start on one.",
        reason="Readings decide payments: that they cross a network unprotected is a decision, "
        "taken where a proxy or a closed network protects them.",
    )
    message_bytes_max: int = setting(
        4 * MIB,
        Bytes(KIB, 256 * MIB),
        unit="bytes",
        summary="Largest gRPC message taken; a larger one is refused with RESOURCE_EXHAUSTED.",
        reason="The default of gRPC itself. Throughput is level from 256 KiB on, and a batch of "
        "16 384 bales as columns takes about 1 MiB.",
    )
    batch_bales_max: int = setting(
        16_384,
        WholeNumber(1, 1 << 16),
        unit="bales",
        summary="Most bales in one batch of readings.",
        reason="Bulk is fastest with 1 000 to 8 000 bales a message; twice that leaves room, and "
        "bounds what one answer can list.",
    )
    lots_per_request_max: int = setting(
        5_000,
        WholeNumber(1, 100_000),
        unit="records",
        summary="Most lots, lot weights, deliveries, weights of bales or other records in one "
        "request.",
        reason="About a tenth of the lots of the whole XPCC (兵团) in a season; the message stays "
        "well below `message_bytes_max`.",
    )
    concurrent_calls_max: int = setting(
        600,
        WholeNumber(1, 100_000),
        unit="calls",
        summary="Most calls open at once, streams included; further ones are refused with "
        "RESOURCE_EXHAUSTED.",
        reason="Three times the 200 instruments that the service is measured with. A stream that "
        "is not read holds half a megabyte and at most one message: 600 take about 1 GiB.",
    )
    stream_batches_in_flight_max: int = setting(
        16,
        WholeNumber(1, 1_024),
        unit="batches",
        summary="Most batches of one stream that wait for their acknowledgement; the stream is "
        "not read further until one is answered.",
        reason="A few commits' worth keeps a fast producer busy, and one producer cannot fill "
        "the queue for all.",
    )
    queued_bytes_max: int = setting(
        64 * MIB,
        Bytes(KIB, 16 * GIB),
        unit="bytes",
        summary="Most bytes of batches that wait for their commit, over all streams; no further "
        "batch is read until some are stored.",
        reason="Sixteen group commits: under a second of work, so that waiting stays short and "
        "memory bounded.",
    )
    group_bytes_max: int = setting(
        4 * MIB,
        Bytes(KIB, 256 * MIB),
        unit="bytes",
        summary="Most bytes that are committed together; a single batch may exceed it.",
        reason="24 to 37 ms at the 113 to 178 MB/s measured; uncapped commits of a backfill took "
        "80 to 150 ms, for which a single reading then waits.",
    )
    bales_max: int = setting(
        400_000_000,
        WholeNumber(1, 2_000_000_000),
        unit="bales",
        summary="Most readings that the registry holds, in memory and on disk: of every bale the "
        "first, and corrections, re-tests and conflicts; further ones are refused.",
        reason="Fifteen national seasons of 26 million bales. Memory is bounded by "
        "`resident_bales_max` once they are sealed.",
    )
    resident_bales_max: int = setting(
        30_000_000,
        WholeNumber(0, 2_000_000_000),
        unit="bales",
        summary="Sealed readings that stay in memory, the newest first; older ones lie on disk and "
        "are read when somebody asks for them.",
        reason="A national season of 26 million bales with room to spare: what is asked every day "
        "is answered from memory, and the seasons before cost none.",
    )
    cold_bytes_max: int = setting(
        GIB,
        Bytes(MIB, 1024 * GIB),
        unit="bytes",
        summary="Memory for readings that were read back from disk, half of it for their keys "
        "alone; those that were not asked for longest go first.",
        reason="Some twenty million readings of an old season at a time.",
    )
    seal_bales: int = setting(
        2_000_000,
        WholeNumber(0, 100_000_000),
        unit="bales",
        summary="How many readings are sealed together: their entries move into files that never "
        "change again. 0: never.",
        reason="A start replays what is not sealed, two million readings in about two seconds, and "
        "files of some 40 MB are read quickly and are not many.",
    )
    seal_after_s: int = setting(
        7 * 86_400,
        WholeNumber(1, 31_536_000),
        unit="seconds",
        summary="After how long anything is sealed, however little it is.",
        reason="In season two million readings come in some twelve days, and after it few: a day "
        "would make hundreds of small files a season. Other programs read what is sealed.",
    )
    lots_max: int = setting(
        1_000_000,
        WholeNumber(1, 100_000_000),
        unit="lots",
        summary="Most lots that the registry holds; further new ones are refused.",
        reason="A national season has about 140 000.",
    )
    conflicts_max: int = setting(
        1_000_000,
        WholeNumber(1, 100_000_000),
        unit="conflicts",
        summary="Most readings that are held because they differ from the stored one; once there "
        "are as many, no further readings are taken.",
        reason="One bale in 26 of a national season: something is wrong long before, and "
        "somebody has to look. About 300 bytes each.",
    )
    accounts_max: int = setting(
        2_000_000,
        WholeNumber(1, 100_000_000),
        unit="records",
        summary="Most deliveries that are held, with all their versions, and as many areas, market "
        "prices and weights of bales each; further new ones are refused.",
        reason="Half a million deliveries a season for four seasons. About 300 bytes a delivery, "
        "and 200 a weight of a bale.",
    )
    reader_threads: int = setting(
        2,
        WholeNumber(1, 64),
        unit="threads",
        summary="Threads that answer certificates, summaries and traces, beside the one writer.",
        reason="One a core of the smallest machine that is supported.",
    )
    drain_grace_s: int = setting(
        10,
        WholeNumber(0, 3_600),
        unit="seconds",
        summary="How long open calls may take to end after SIGTERM or SIGINT. What was received "
        "is committed and acknowledged within it.",
        reason="The queue drains in under a second; the rest is for clients on slow lines, and "
        "below the 30 seconds that service managers commonly wait.",
    )
    sqlite_page_bytes: int = setting(
        16 * KIB,
        PageBytes(512, 64 * KIB),
        unit="bytes",
        summary="Page size of a ledger that is made anew; one that exists keeps its own.",
        reason="Entries are batches of tens to hundreds of kilobytes: fewer, larger pages a "
        "batch, and single readings still do not waste much.",
    )
    log_format: str = setting(
        "console",
        Choice(("console", "json")),
        summary="How log lines are written: for people, or one JSON object a line.",
        reason="A person starts it first; collectors ask for JSON.",
    )
    log_level: str = setting(
        "info",
        Choice(("debug", "info", "warning", "error")),
        summary="Least severity that is logged.",
        reason="Start, stop and faults, and nothing for each batch.",
    )
    reflection: bool = setting(
        default=True,
        validator=Switch(),
        summary="Whether gRPC server reflection is offered.",
        reason="The contract is public, and tools can then call the services without its files.",
    )
    summary_rows_max: int = setting(
        1_000,
        WholeNumber(1, 100_000),
        unit="rows",
        summary="Most rows in one page of a grade summary, a message a row.",
        reason="A row takes 0.2 ms and 2 KB, and clients in any language take 4 MiB untold; a page "
        "is followed by the next. Tables of columns have pages of their own.",
    )
    tables_open_max: int = setting(
        8,
        WholeNumber(1, 1_000),
        unit="streams",
        summary="Most tables of grades, certificates, bales or settlements that are being read at "
        "once.",
        reason="A table by lot of a season holds up to 170 MB until its reader has taken it all, "
        "and a reader may be slow; few settlement systems read at once, and two cores serve two.",
    )
    replay_progress_interval_s: int = setting(
        5,
        WholeNumber(1, 3_600),
        unit="seconds",
        summary="How often the replay at start logs how far it has come.",
        reason="A national season replays in seconds; a line every few shows that it lives.",
    )

    def __post_init__(self) -> None:
        """Checks every value and puts it into the form stored."""
        given = {each.name: getattr(self, each.name) for each in fields(self)}
        for name, value in _checked(given, {}).items():
            object.__setattr__(self, name, value)


_DECLARED: Final[Mapping[str, Setting]] = MappingProxyType(
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
            variable=variable_of(name),
            flag=flag_of(name),
        )
        for name, declared in _DECLARED.items()
    )


def changed_settings(config: Config) -> dict[str, str]:
    """The settings that differ from their defaults, by name, as they are written in TOML."""
    return {
        name: declared.validator.show(getattr(config, name))
        for name, declared in _DECLARED.items()
        if getattr(config, name) != _DEFAULTS[name]
    }


def load_config(
    *, file: Path | None, environ: Mapping[str, str], flags: Mapping[str, object]
) -> Config:
    """The configuration out of all sources: file, then environment, then flags, weakest first.

    `flags` has field names as keys; None stands for a flag that was not given. Without
    `file`, the variable COTTON_CONFIG may name one. Raises ConfigError for a file that cannot
    be read, an unknown key or variable, and a value that is not allowed.
    """
    given = gather(_DECLARED, file=file, environ=environ, flags=flags)
    checked = _checked({**_DEFAULTS, **given.values}, given.sources)
    return Config(**checked)  # type: ignore[arg-type]  # checked by name


def _checked(given: Mapping[str, object], sources: Mapping[str, str]) -> dict[str, object]:
    """All values as stored; each alone first, then those that must fit each other."""

    def refuse(name: str, allowed: str) -> ConfigError:
        return ConfigError(sources.get(name, f"setting {name}"), given[name], allowed)

    checked: dict[str, object] = {}
    for name, declared in _DECLARED.items():
        try:
            checked[name] = declared.validator(given[name])
        except Refused:
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
