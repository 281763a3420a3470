"""`cotton run export`: a run as files that anybody can check."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from cotton_client import errors
from cotton_client.canonical import MANIFEST
from cotton_client.cli.options import talks_to_server
from cotton_client.cli.output import emit
from cotton_client.cli.row_progress import row_progress
from cotton_client.cli.run_names import run_named
from cotton_client.cli.settled import LINES, SHEETS, TOTALS
from cotton_client.cli.settlement_files import FORMATS, Outputs, told
from cotton_client.render.labels import LABELS
from cotton_client.settlements import settlement_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cotton.inspection.v1 import settlement_pb2

    from cotton_client.cli.options import Connection
    from cotton_client.cli.row_progress import RowProgress
    from cotton_client.client import CottonClient
    from cotton_client.render.json_parts import Json
    from cotton_client.render.labels import Labels
    from cotton_client.settlements import Settlement

SUMS: Final = "SHA256SUMS"
"""The digests of the files of a directory, as `sha256sum --check` takes them."""

_OF_RUNS: Final = [name for name in LINES if name != "bales"]


@click.command(name="export")
@click.argument("run_id", metavar="ID")
@click.option(
    "--output",
    required=True,
    type=click.Path(path_type=Path),
    metavar="DIR|FILE",
    help="A directory, or a file that ends with .csv, .parquet or .xlsx.",
)
@click.option(
    "--lines",
    type=click.Choice(_OF_RUNS),
    default="lots",
    show_default=True,
    help="What a CSV or Parquet file holds; all others hold everything.",
)
@click.option("--force", is_flag=True, help="Replace files that are there.")
@click.option(
    "--labels",
    type=click.Choice(LABELS),
    default="both",
    show_default=True,
    help="Language of headings in Excel.",
)
@talks_to_server
def command(
    connection: Connection,
    run_id: str,
    output: Path,
    lines: str,
    force: bool,
    labels: Labels,
    as_json: bool,
) -> None:
    """Write a run to files that anybody can check.

    A directory gets the canonical content: manifest.txt, whose SHA-256 is the digest of the run,
    lots.csv, units.csv and regiments.csv where the run has them, and SHA256SUMS, so that
    `sha256sum --check SHA256SUMS` checks them all. A workbook has totals, every line, and what
    they rest on.
    """
    with run_named(), row_progress(as_json=as_json) as progress:
        if output.suffix.lower() in FORMATS:
            outputs = Outputs((output,), force, labels)
            outputs.check()
            data = _write_file(connection, run_id, outputs, lines, progress)
        else:
            data = _write_directory(connection, run_id, output, progress, force=force)
    emit(_page(data), data, as_json=as_json)


def _write_file(
    connection: Connection, run_id: str, outputs: Outputs, lines: str, progress: RowProgress
) -> Json:
    """One file of tables."""
    from cotton_client.export import Sheet, about_settlement  # noqa: PLC0415 - loads xlsxwriter

    everything = outputs.paths[0].suffix.lower() == ".xlsx"

    async def ask(
        client: CottonClient,
    ) -> tuple[settlement_pb2.GetRunResponse, list[Settlement]]:
        answer = await client.get_run(run_id)
        if not everything:
            heard = progress.step(f"Asking for {lines}")
            return answer, [await client.tabulate_run(run_id, LINES[lines], on_rows=heard)]
        total = settlement_of(answer.header, TOTALS, answer.columns, answer.total)
        heard = progress.step("Asking for lines")
        return answer, [total, *await client.run_tables(run_id, on_rows=heard)]

    answer, tables = connection.ask(ask)
    sheets = [Sheet(SHEETS[each.kind], each.table) for each in tables]
    files = outputs.write(sheets, about_settlement(answer.header, answer.run), progress)
    return _data(answer.header.revision, run_id, answer.header.digest, files)


def _write_directory(
    connection: Connection, run_id: str, directory: Path, progress: RowProgress, *, force: bool
) -> Json:
    """The canonical content, checked against the digest of the run before anything is written."""
    from cotton_client.export.drafts import check_free, drafts  # noqa: PLC0415 - loads polars

    if directory.exists() and not directory.is_dir():
        raise errors.ConfigurationError(
            f"{directory} is a file.",
            reason="FILE_EXISTS",
            remedy=f"Name a directory, or a file that ends with {', '.join(FORMATS)}.",
        )
    if directory.exists():
        # Every run has these two: what is there is refused before the lines are asked for.
        check_free([directory / MANIFEST, directory / SUMS], force=force)

    async def ask(client: CottonClient) -> tuple[settlement_pb2.GetRunResponse, Any]:
        answer = await client.get_run(run_id)
        heard = progress.step("Asking for lines")
        return answer, await client.run_content(run_id, on_rows=heard)

    answer, content = connection.ask(ask)
    digest = answer.run.run.digest
    if content.digest != digest:
        raise errors.ContractViolation(
            f"The lines of run {run_id} have the digest {content.digest}, not that of the run,"
            f" {digest}.",
            remedy=f"See `cotton run verify {run_id}`.",
        )
    files = dict(content.files) | {SUMS: _sums(content.files)}
    directory.mkdir(parents=True, exist_ok=True)
    paths = [directory / name for name in files]
    with drafts(paths, force=force) as made:
        for draft, written in zip(made, files.values(), strict=True):
            draft.write_bytes(written)
    if force:
        # A table of the run that was there before would stand beside sums that do not name it.
        for name in {f"{each}.csv" for each in _OF_RUNS} - files.keys():
            (directory / name).unlink(missing_ok=True)
    listed = [
        {"file": str(path), "format": "canonical", "rows": content.rows.get(path.name)}
        for path in paths
    ]
    return _data(answer.header.revision, run_id, digest, listed)


def _sums(files: Mapping[str, bytes]) -> bytes:
    lines = (f"{sha256(content).hexdigest()}  {name}\n" for name, content in files.items())
    return "".join(lines).encode()


def _data(revision: int, run_id: str, digest: str, files: list[Json]) -> Json:
    return {"revision": revision, "id": run_id, "digest": digest, "files": files}


def _page(data: Json) -> list[str]:
    return [
        *told(data["files"]),
        f"Run {data['id']} of revision {data['revision']}",
        data["digest"],
    ]
