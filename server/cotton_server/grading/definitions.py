"""The definitions that come with the package, and polars expressions of who meets them."""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

import polars as pl

from cotton_server.grading.definition import Condition, Definition
from cotton_server.grading.definition_file import collect_definitions, parse_definitions

if TYPE_CHECKING:
    from cotton_server.grading.standard import Measure, Standard

__all__ = ["Condition", "Definition", "has_items", "load_definitions", "meets"]


@cache
def load_definitions() -> tuple[Definition, ...]:
    """The definitions of the package in the order of the files and in them; read once.

    Raises DefinitionFileError where a file is wrong or an id occurs twice.
    """
    folder = resources.files("cotton_server.grading").joinpath("definitions")
    files = sorted(file.name for file in folder.iterdir() if file.name.endswith(".toml"))
    return collect_definitions(
        (parse_definitions(folder.joinpath(name).read_text("utf-8"), name), name) for name in files
    )


def meets(definition: Definition, standard: Standard) -> pl.Expr:
    """Whether a bale meets a definition that applies to the standard; Boolean, never null.

    Of a frame of official values in hundredths, columns named as the measures and null where
    absent: without one of the values a bale does not meet it.
    """
    conditions = (_holds(each, standard.measures[each.measure]) for each in definition.conditions)
    return pl.all_horizontal(conditions).fill_null(value=False)


def has_items(definition: Definition) -> pl.Expr:
    """Whether a bale has every measure that the definition asks for; Boolean."""
    return pl.all_horizontal(pl.col(name).is_not_null() for name in definition.measures)


def _holds(condition: Condition, measure: Measure) -> pl.Expr:
    value = pl.col(condition.measure)
    holds = [] if condition.at_least is None else [value >= condition.at_least]
    if condition.tiers:
        holds.append(
            pl.any_horizontal(
                _within(value, tier.lower, tier.upper) for tier in condition.allowed(measure)
            )
        )
    return pl.all_horizontal(holds)


def _within(value: pl.Expr, lower: int | None, upper: int | None) -> pl.Expr:
    bounds = []
    if lower is not None:
        bounds.append(value >= lower)
    if upper is not None:
        bounds.append(value <= upper)
    return pl.all_horizontal(bounds) if bounds else value.is_not_null()
