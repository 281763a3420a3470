"""`cotton serve`: runs the service until it is told to stop."""

from __future__ import annotations

import os
from importlib import import_module
from pathlib import Path
from typing import Any

import click
from cotton_server.config import ConfigError, FieldDescription, describe_fields, load_config
from cotton_server.errors import StartError

from cotton_client.errors import ConfigurationError, CottonError


def _option(setting: FieldDescription) -> click.Option:
    """The flag of a setting; what it takes is checked where all sources of it are."""
    default = setting.default.strip('"').replace("_", " ")
    if setting.unit and setting.unit != "bytes":
        default += f" {setting.unit}"
    return click.Option(
        [setting.flag, setting.name],
        metavar=_metavar(setting),
        is_flag=setting.default == "false",
        flag_value="true" if setting.default == "false" else None,
        default=None,
        help=f"{setting.summary.replace('`', '')}  [default: {default}]",
    )


def _metavar(setting: FieldDescription) -> str:
    """What stands after the flag: a choice in full, otherwise what kind of value it is."""
    if setting.name.endswith("_dir"):
        return "DIR"
    if setting.name.endswith("listen"):
        return "HOST:PORT"
    if setting.unit:
        return "SIZE" if setting.unit == "bytes" else "N"
    return setting.allowed.replace('"', "").replace(" or ", "|")


@click.command(name="serve")
@click.option(
    "--config",
    "file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Settings in TOML; variables COTTON_… and flags come before it.",
)
def command(file: Path | None, **flags: Any) -> int:
    """Run the service.

    It listens on this machine only unless told otherwise, keeps its ledger below the
    data directory, and stops in order on Ctrl-C or SIGTERM: what was received is stored
    and acknowledged first.
    """
    try:
        config = load_config(file=file, environ=os.environ, flags=flags)
        status: int = import_module("cotton_server.main").serve(config)
    except ConfigError as error:
        raise ConfigurationError(
            str(error), reason="INVALID_SETTING", remedy="Correct it; see docs/configuration.md."
        ) from None
    except StartError as error:
        raise CottonError(
            f"The server cannot start. {error}",
            reason="START_FAILED",
            remedy="Do what is said above, then start the server again.",
        ) from None
    return status


command.params.extend(_option(setting) for setting in describe_fields())
