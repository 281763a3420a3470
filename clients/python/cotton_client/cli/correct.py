"""`cotton correct`: the reading in force of a bale, with some of its values put right."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click
from rich.text import Text

from cotton_client.amendments import CORRECTABLE_FIELDS, corrected_reading
from cotton_client.cli.amending import decision, decision_options
from cotton_client.cli.exits import Exit
from cotton_client.cli.options import SEND_RETRY, talks_to_server
from cotton_client.cli.output import emit, note_console
from cotton_client.cli.parameters import bale_name, bale_options
from cotton_client.fields import COUNT_FIELDS, HUNDREDTHS_FIELDS
from cotton_client.identity import check_producer_id
from cotton_client.render import json_decisions, receipt
from cotton_client.render.changes import side_by_side
from cotton_client.render.differences import between_readings

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cotton.inspection.v1 import common_pb2, readings_pb2

    from cotton_client.cli.options import Connection

_TEXTS = frozenset({"lot_no", "standard", "laboratory", "instrument"})
_WORDS = tuple(name.removesuffix("_s") for name in CORRECTABLE_FIELDS)


@click.command(name="correct")
@bale_options
@click.argument("changes", metavar="FIELD=VALUE…", nargs=-1, required=True)
@click.option(
    "--revision-in-force",
    type=click.IntRange(min=1),
    required=True,
    metavar="N",
    help="Revision of the reading that is corrected, as `cotton bale` shows it.",
)
@decision_options
@click.option("--yes", is_flag=True, help="Send it without asking.")
@click.option(
    "--producer",
    metavar="ID",
    default="cotton-correct",
    show_default=True,
    help="Who sends: a laboratory, a bureau.",
)
@talks_to_server
def command(
    connection: Connection,
    code: str,
    crop_year: int | None,
    changes: tuple[str, ...],
    revision_in_force: int,
    reason: common_pb2.AmendmentReason.ValueType,
    by: str,
    note: str,
    yes: bool,
    producer: str,
    as_json: bool,
) -> Exit:
    """Correct the reading in force of a bale.

    CODE is the 32-digit bar code (条码), or YEAR/ID, or with --crop-year the 12-digit id of
    a USDA bale. FIELD= takes a value away. What changes is shown and asked about first. The
    earlier reading stays in the history; a correction of a reading that is no longer in
    force is refused.

    Fields: lot_no, length, uniformity, short_fibre, strength, elongation, micronaire,
    maturity, rd, plus_b, trash_area, trash_count, moisture, spinning_consistency,
    colour_grade, instrument_colour_grade, colour_quadrant, leaf_grade, extraneous_matter,
    visual_grade, preparation, foreign_fibre, standard, laboratory, instrument, inspected_at.
    Values are as in a CSV file of readings: in real units, such as length=28.2.
    """
    check_producer_id(producer)
    if not yes and (as_json or not _at_terminal()):
        when = "--json" if as_json else "A run without a terminal"
        raise click.UsageError(f"{when} needs --yes: nobody can be asked.")
    code, crop_year = bale_name(code, crop_year)
    values = parse_changes(changes)
    amendment = decision(reason, by, note, supersedes_revision=revision_in_force)
    bale = connection.ask(lambda client: client.bale(code, crop_year=crop_year))
    reading = corrected_reading(bale, values, amendment)
    if not yes and not _confirmed(code, bale.reading, reading):
        note_console().print(Text("Nothing was changed.", style="yellow"))
        return Exit.INTERRUPTED
    totals = connection.ask(
        lambda client: client.submit_correction(reading, producer_id=producer), SEND_RETRY
    )
    data = json_decisions.correction(bale.reading, reading, totals)
    emit(receipt.upload(code, totals), data, as_json=as_json)
    return Exit.OK if totals.complete else Exit.INCOMPLETE


def parse_changes(texts: Iterable[str]) -> dict[str, int | str | None]:
    """Values of texts such as "length=28.2" in the integers of the contract; "length=" is None."""
    changes: dict[str, int | str | None] = {}
    for text in texts:
        word, equals, value = text.partition("=")
        word = word.strip().replace("-", "_")
        if not equals or word not in _WORDS:
            raise click.UsageError(
                f"{text!r} is not FIELD=VALUE of a reading. Fields: {', '.join(_WORDS)}."
            )
        name = "inspected_at_s" if word == "inspected_at" else word
        if name in changes:
            raise click.UsageError(f"{word} is given twice.")
        changes[name] = _value(word, value.strip())
    return changes


def _value(word: str, text: str) -> int | str | None:
    """A value as the contract has it."""
    # The readers load polars, for which only this part of the command has a use.
    from cotton_client.readers import values  # noqa: PLC0415 - see above

    if not text:
        return None
    if word in _TEXTS:
        return text
    parsers = {
        **dict.fromkeys(HUNDREDTHS_FIELDS, values.parse_hundredths),
        **dict.fromkeys(COUNT_FIELDS, values.parse_whole),
        "preparation": values.parse_preparation,
        "foreign_fibre": values.parse_foreign_fibre,
        "inspected_at": values.parse_seconds,
    }
    try:
        return parsers.get(word, values.parse_whole)(text)
    except values.ValueTextError as error:
        raise click.UsageError(f"{word}={text}: {error}.") from None


def _at_terminal() -> bool:
    """Whether somebody can be asked."""
    return sys.stdin.isatty()


def _confirmed(name: str, before: readings_pb2.Reading, after: readings_pb2.Reading) -> bool:
    """Shows what would change, and asks."""
    console = note_console()
    console.print(Text(f"Bale {name}", style="bold"))
    console.print(side_by_side(between_readings(before, after)))
    return click.confirm("Send this correction?", err=True)
