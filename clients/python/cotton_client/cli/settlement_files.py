"""The option --output of settlements: CSV, Parquet and Excel by the ending of the file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from cotton_client.render.labels import LABELS
from cotton_client.render.values import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from cotton_client.cli.row_progress import RowProgress
    from cotton_client.export import About, Sheet
    from cotton_client.render.json_parts import Json
    from cotton_client.render.labels import Labels

FORMATS: Final = {".csv": "csv", ".parquet": "parquet", ".xlsx": "excel"}
"""What is written, by the ending of the file."""


@dataclass(frozen=True, slots=True)
class Outputs:
    """The files to be written, and how."""

    paths: tuple[Path, ...]
    force: bool
    labels: Labels

    def check(self) -> None:
        """Raises for a file that cannot be written, before all work."""
        from cotton_client.export.drafts import check_free  # noqa: PLC0415 - loads polars

        for path in self.paths:
            if path.suffix.lower() not in FORMATS:
                raise click.UsageError(
                    f"--output {path}: the ending says what is written: {', '.join(FORMATS)}."
                )
        check_free(self.paths, force=self.force)

    def write(self, sheets: Sequence[Sheet], about: About, progress: RowProgress) -> list[Json]:
        """Writes every file, or none: the last table as CSV or Parquet, all in a workbook."""
        from cotton_client import export  # noqa: PLC0415 - loads polars and xlsxwriter

        last = sheets[-1].table
        written = []
        with export.drafts(self.paths, force=self.force) as drafts:
            for path, draft in zip(self.paths, drafts, strict=True):
                form = FORMATS[path.suffix.lower()]
                heard = progress.step(f"Writing {path.name}")
                if form == "csv":
                    export.write_csv(draft, export.plain_frame(last))
                elif form == "parquet":
                    export.write_parquet(draft, export.plain_frame(last), about)
                else:
                    export.write_workbook(draft, sheets, about, labels=self.labels, on_rows=heard)
                rows = sum(each.table.frame.height for each in sheets)
                rows = rows if form == "excel" else last.frame.height
                heard(rows, rows)
                written.append({"file": str(path), "format": form, "rows": rows})
        return written


def output_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Gives a command --output, --force and --labels, passed as `outputs`."""

    def gathered(*args: Any, **kwargs: Any) -> Any:
        outputs = Outputs(kwargs.pop("output"), kwargs.pop("force"), kwargs.pop("labels"))
        return function(*args, outputs=outputs, **kwargs)

    gathered.__doc__ = function.__doc__
    gathered.__name__ = function.__name__
    gathered.__click_params__ = getattr(function, "__click_params__", [])  # type: ignore[attr-defined]  # click's own place
    for option in (
        click.option(
            "--labels",
            type=click.Choice(LABELS),
            default="both",
            show_default=True,
            help="Language of headings, on the page and in Excel.",
        ),
        click.option("--force", is_flag=True, help="Replace files that are there."),
        click.option(
            "--output",
            multiple=True,
            type=click.Path(path_type=Path),
            metavar="FILE",
            help="Write to a file that ends with .csv, .parquet or .xlsx; may be given again.",
        ),
    ):
        gathered = option(gathered)
    return gathered


def told(files: Sequence[Json]) -> Iterator[str]:
    """Which files were written."""
    for each in files:
        rows = each["rows"]
        yield each["file"] if rows is None else f"{each['file']}: {counted(rows, 'row')}"
