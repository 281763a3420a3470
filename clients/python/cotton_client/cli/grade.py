"""`cotton grade`: files of readings graded by the service, and not stored."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
from cotton.inspection.v1 import common_pb2

from cotton_client import grading
from cotton_client.cli.exits import Exit
from cotton_client.cli.files import reading_file
from cotton_client.cli.options import revision_option, talks_to_server
from cotton_client.cli.output import TABLE_WIDTH_MAX, emit
from cotton_client.cli.parameters import Word
from cotton_client.cli.row_progress import row_progress
from cotton_client.cli.spooled import Manner
from cotton_client.export.drafts import check_free, drafts
from cotton_client.readers import FORMATS, detect_format, read_readings
from cotton_client.readers.options import STRENGTH_UNITS
from cotton_client.render import json_grades
from cotton_client.render.grades import BALES_SHOWN, GradesPage
from cotton_client.upload import BATCH_BALES_DEFAULT

if TYPE_CHECKING:
    from cotton_client.cli.options import Connection
    from cotton_client.client import CottonClient

_USDA_RECORDS: Final = "usda67"


@click.command(name="grade")
@click.argument("files", metavar="FILE…", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--standard", metavar="ID", default="", help="Standard of readings that name none.")
@click.option(
    "--cotton-type",
    type=Word(common_pb2.CottonType, "COTTON_TYPE_"),
    metavar="WORD",
    help="What the cotton is, where no standard is named: it follows with the season.",
)
@click.option(
    "--season",
    type=click.IntRange(1980, 2100),
    metavar="YEAR",
    help="Season of readings whose lot number and crop year say none.",
)
@click.option("--lot", metavar="LOT_NO", help="Lot of lines that name none.")
@click.option(
    "--crop-year", type=click.IntRange(1901, 2999), metavar="YEAR", help="Crop year of USDA bales."
)
@click.option(
    "--bale-codes",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE",
    help="CSV of sample, bale_code and maybe lot_no: the bales of an Uster report.",
)
@click.option(
    "--strength-unit",
    type=click.Choice(STRENGTH_UNITS),
    help="Unit of strength of an Uster report that states none.",
)
@click.option(
    "--instrument-colour-is-grade",
    is_flag=True,
    help="The instrument of an Uster report works by the colour chart of the bales' standard.",
)
@click.option(
    "--format",
    "file_format",
    type=click.Choice(list(FORMATS)),
    help="Format of the files; told from each file when left out.",
)
@click.option(
    "--limit",
    type=click.IntRange(min=0),
    default=BALES_SHOWN,
    show_default=True,
    metavar="N",
    help="Bales of each file that the page lists; --csv and --json have all.",
)
@click.option(
    "--csv",
    "csv_file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write the grades of all bales as CSV.",
)
@click.option("--force", is_flag=True, help="Replace a file that is there.")
@revision_option
@talks_to_server
def command(
    connection: Connection,
    files: tuple[Path, ...],
    standard: str,
    cotton_type: common_pb2.CottonType.ValueType | None,
    season: int | None,
    lot: str | None,
    crop_year: int | None,
    bale_codes: Path | None,
    strength_unit: str | None,
    instrument_colour_is_grade: bool,
    file_format: str | None,
    limit: int,
    csv_file: Path | None,
    force: bool,
    revision: int,
    as_json: bool,
) -> Exit:
    """Grade files of readings without storing them.

    Formats are those of `cotton send`. Readings that the service would not take are listed
    with the reason, and the command exits 6. Readings are graded by the standard that they
    name, else by --standard, else by the one that --cotton-type and their season lead to; USDA
    records are imported upland unless told otherwise. Colour charts are those in force at the
    revision.
    """
    if standard and cotton_type is not None:
        raise click.UsageError("--standard and --cotton-type say both what to grade by; give one.")
    paths = [] if csv_file is None else [csv_file]
    check_free(paths, force=force)
    for path in files:
        with reading_file(path):
            read_readings(path, format=file_format, bale_codes=bale_codes)
    manner = Manner(
        file_format=file_format,
        lot=lot,
        laboratory=None,
        standard=None,
        crop_year=crop_year,
        batch_bales=BATCH_BALES_DEFAULT,
        rows=False,
        sequenced=False,
        bale_codes=bale_codes,
        strength_unit=strength_unit,
        instrument_colour_is_grade=instrument_colour_is_grade,
        as_json=as_json,
    )

    async def grade(client: CottonClient) -> grading.Graded:
        graded = grading.Graded((), revision, "", ())
        with row_progress(as_json=as_json) as progress:
            for path in files:
                known = cotton_type or _cotton_type(path, file_format)
                heard = progress.step(path.name)
                done = 0
                frames = []
                for readings in manner.frames(path):
                    answer = await client.grade_readings(
                        readings,
                        standard=standard,
                        cotton_type=common_pb2.COTTON_TYPE_UNSPECIFIED if standard else known,
                        season=season or 0,
                        # All by the charts of one revision, though others are loaded meanwhile.
                        revision=graded.revision,
                    )
                    frames.append(grading.grades_frame(readings, answer))
                    graded = graded.after(answer)
                    done += readings.height
                    heard(done, 0)
                graded = graded.with_file(str(path), frames)
        return graded

    graded = connection.ask(grade)
    with drafts(paths, force=force) as made:
        for draft in made:
            grading.csv_frame(graded).write_csv(draft)
    emit(
        GradesPage(graded, limit, csv_file),
        json_grades.grades(graded, csv_file) if as_json else None,
        as_json=as_json,
        width_max=TABLE_WIDTH_MAX,
    )
    return Exit.INCOMPLETE if any(each.rejected for each in graded.files) else Exit.OK


def _cotton_type(path: Path, file_format: str | None) -> common_pb2.CottonType.ValueType:
    """What the format of a file says of the cotton: no record of Pima is read as USDA's upland."""
    if (file_format or detect_format(path)) == _USDA_RECORDS:
        return common_pb2.COTTON_TYPE_IMPORTED_UPLAND
    return common_pb2.COTTON_TYPE_UNSPECIFIED
