"""Options that write an answer to files, and the writing of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from cotton_client.cli.output import emit
from cotton_client.render.labels import LABELS
from cotton_client.render.values import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cotton_client.cli.row_progress import RowProgress
    from cotton_client.export import About
    from cotton_client.render.json_parts import Json
    from cotton_client.render.labels import Labels
    from cotton_client.tables import Table

_FORMATS: Final = ("csv", "parquet", "excel")


@dataclass(frozen=True, slots=True)
class Exports:
    """The files to be written: their paths by format, and how."""

    files: tuple[tuple[str, Path], ...]
    force: bool
    labels: Labels
    columns: tuple[str, ...]

    def __bool__(self) -> bool:
        """Whether there is any."""
        return bool(self.files)

    @property
    def paths(self) -> list[Path]:
        """Where the files are to lie."""
        return [path for _, path in self.files]

    def check(self) -> None:
        """Raises ConfigurationError for a file that cannot be written, before all work."""
        from cotton_client.export.drafts import check_free  # noqa: PLC0415 - loads polars

        check_free(self.paths, force=self.force)

    def write(
        self, table: Table, about: About, progress: RowProgress, *, with_withheld: bool = False
    ) -> list[Json]:
        """Writes every file, or none; says what was written."""
        from cotton_client import export  # noqa: PLC0415 - loads polars and xlsxwriter

        frame = export.plain_frame(table, with_withheld=with_withheld)
        with export.drafts(self.paths, force=self.force) as drafts:
            for (form, path), draft in zip(self.files, drafts, strict=True):
                heard = progress.step(f"Writing {path.name}")
                if form == "csv":
                    export.write_csv(draft, frame)
                elif form == "parquet":
                    export.write_parquet(draft, frame, about)
                else:
                    export.write_excel(draft, table, about, labels=self.labels, on_rows=heard)
                heard(table.frame.height, table.frame.height)
        return [
            {"file": str(path), "format": form, "rows": table.frame.height}
            for form, path in self.files
        ]


def export_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Gives a command the options of files, passed as `exports`."""

    def gathered(*args: Any, **kwargs: Any) -> Any:
        files = tuple((form, path) for form in _FORMATS if (path := kwargs.pop(form)) is not None)
        columns = tuple(
            word for each in kwargs.pop("columns") for word in each.split(",") if word.strip()
        )
        exports = Exports(files, kwargs.pop("force"), kwargs.pop("labels"), columns)
        if columns and not files:
            raise click.UsageError(
                "--columns are those of files: give --csv, --parquet or --excel."
            )
        return function(*args, exports=exports, **kwargs)

    gathered.__doc__ = function.__doc__
    gathered.__name__ = function.__name__
    gathered.__click_params__ = getattr(function, "__click_params__", [])  # type: ignore[attr-defined]  # click's own place
    for option in reversed(_OPTIONS):
        gathered = option(gathered)
    return gathered


def _file_option(form: str, text: str) -> Callable[..., Any]:
    return click.option(
        f"--{form}",
        type=click.Path(path_type=Path, dir_okay=False),
        metavar="FILE",
        help=text,
    )


_OPTIONS: Final = (
    _file_option("csv", "Write all figures as CSV."),
    _file_option("parquet", "Write them as Parquet."),
    _file_option("excel", "Write them as an Excel workbook that says what they rest on."),
    click.option("--force", is_flag=True, help="Replace files that are there."),
    click.option(
        "--columns",
        multiple=True,
        metavar="NAME[,…]",
        help="Only these columns in files, by name or by its first part: bales,length.",
    ),
    click.option(
        "--labels",
        type=click.Choice(LABELS),
        default="both",
        show_default=True,
        help="Language of headings and names, on the page and in Excel.",
    ),
)


def emit_files(files: list[Json], revision: int, header: Json, *, as_json: bool) -> None:
    """Says which files were written."""
    data = {"revision": revision, "header": header, "files": files}
    emit(_lines(files, revision), data, as_json=as_json)


def _lines(files: list[Json], revision: int) -> Iterator[str]:
    for each in files:
        yield f"{each['file']}: {counted(each['rows'], 'row')} of revision {revision}"
