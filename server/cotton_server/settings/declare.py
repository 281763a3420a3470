"""A setting as it is declared, and as it is described in documents and on command lines."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from cotton_server.settings.validators import Validator

T = TypeVar("T")

VARIABLE_PREFIX: Final = "COTTON_"


@dataclass(frozen=True, slots=True)
class Setting:
    """What a field of Config declares beside its name, type and default."""

    validator: Validator
    unit: str
    summary: str
    reason: str


def setting(default: T, validator: Validator, *, unit: str = "", summary: str, reason: str) -> T:
    """A field of Config with its declaration; typed by its default, as dataclasses do."""
    declared = Setting(validator, unit, summary, reason)
    return field(default=default, metadata={"setting": declared})


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


def variable_of(name: str) -> str:
    """The environment variable of a setting."""
    return VARIABLE_PREFIX + name.upper()


def flag_of(name: str) -> str:
    """The flag of a setting on the command line."""
    return "--" + name.replace("_", "-")
