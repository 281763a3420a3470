"""The questions in SQL, as each peer says it best."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cotton_server.grading.standards import load_standards

from benchmarks.national.plan import tables_path
from benchmarks.national.tables import BALES, LOTS, MEASURES, WEIGHTS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from benchmarks.national.questions import Question

DUCKDB: Final = "DuckDB"
CHDB: Final = "chDB"
PEERS: Final = (DUCKDB, CHDB)

STANDARD: Final = "GB1103.1-2023"
"""The standard of the season; its tiers are the bounds that the peers count by."""

_PREPARATIONS: Final = {"P1": 1, "P2": 2, "P3": 3}
_CHINA_S: Final = 8 * 3600
_DAY_S: Final = 86_400


@dataclass(frozen=True, slots=True)
class Statements:
    """A question as SQL: of the bales, and of the lots where it is of lots."""

    bales: str
    lots: str | None


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a peer counts on a condition, divides whole numbers, reads files, and names a month.

    `once` begins a part of a statement that is computed once for all who read it.
    """

    count_if: str
    divide: str
    files: str
    month: str
    wide: str
    once: str

    def count(self, condition: str) -> str:
        """How many rows meet a condition."""
        return self.wide.format(self.count_if.format(condition))


DIALECTS: Final = {
    DUCKDB: Dialect(
        count_if="count(*) FILTER (WHERE {})",
        divide="({} // {})",
        files="read_parquet([{}])",
        month="date_trunc('month', DATE '1970-01-01' + CAST({} AS INTEGER))",
        wide="CAST({} AS BIGINT)",
        once="AS MATERIALIZED",
    ),
    CHDB: Dialect(
        count_if="countIf({})",
        divide="intDiv({}, {})",
        files="file({}, Parquet)",
        month="toStartOfMonth(toDate({}))",
        wide="toInt64({})",
        once="AS",
    ),
}


def statements(peer: str, question: Question, directory: Path, levels: int) -> Statements:
    """A question about the first levels, for a peer."""
    dialect = DIALECTS[peer]
    of_bales = [named(name, figure) for name, figure in figures(dialect)]
    if question.columns:
        of_bales = [
            named(name, figure) for name, figure in figures(dialect) if name in question.columns
        ]
    bales = _select(question, of_bales, dialect, files(peer, directory, levels, BALES))
    if not question.of_lots or question.columns:
        return Statements(bales, None)
    of_lots = [named("lots", dialect.wide.format("count(*)"))]
    of_lots += [named(name, dialect.wide.format(f"sum({name})")) for name in WEIGHTS]
    return Statements(
        bales, _select(question, of_lots, dialect, files(peer, directory, levels, LOTS))
    )


def _select(question: Question, selected: list[str], dialect: Dialect, source: str) -> str:
    keys = [named(f"key.{key}", _key(key, dialect)) for key in question.keys]
    wanted = " AND ".join(
        f"{key} IN ({', '.join(_text(value) for value in values)})"
        for key, values in question.filters.items()
    )
    return " ".join(
        (
            f"SELECT {', '.join([*keys, *selected])} FROM {source}",  # noqa: S608 - all are ours
            f"WHERE {wanted}" if wanted else "",
            f"GROUP BY {', '.join(_key(key, dialect) for key in question.keys)}"
            if question.keys
            else "",
        )
    ).strip()


def files(peer: str, directory: Path, levels: int, what: str) -> str:
    """What a peer reads the bales or lots of the first levels from."""
    patterns = [f"{tables_path(directory, level, what)}/*.parquet" for level in range(levels)]
    if peer == DUCKDB:
        return DIALECTS[peer].files.format(", ".join(_text(pattern) for pattern in patterns))
    within = ",".join(str(level) for level in range(levels))
    one = f"{tables_path(directory, 0, what).parent}/{{{within}}}/*.parquet"
    return DIALECTS[peer].files.format(_text(patterns[0] if levels == 1 else one))


def _key(key: str, dialect: Dialect) -> str:
    day = dialect.divide.format(f"(inspected_at_s + {_CHINA_S})", _DAY_S)
    if key == "day":
        return day
    if key == "month":
        return dialect.month.format(day)
    return key


def figures(dialect: Dialect) -> Iterator[tuple[str, str]]:
    """Names as the service has them, and what they are in SQL."""
    standard = load_standards()[STANDARD]
    yield "bales", dialect.wide.format("count(*)")
    for name in MEASURES:
        for what, function in (("bales", "count"), ("sum", "sum"), ("min", "min"), ("max", "max")):
            yield f"{name}.{what}", dialect.wide.format(f"{function}({name})")
        for tier in standard.measures[name].tiers:
            bounds = [
                f"{name} {sign} {bound}"
                for sign, bound in ((">=", tier.lower), ("<=", tier.upper))
                if bound is not None
            ]
            yield f"{name}.{tier.name}.bales", dialect.count(" AND ".join(bounds))
    if standard.colour is None:
        raise AssertionError(f"{STANDARD} grades colour")
    for grade in standard.colour.grades:
        yield f"colour.{grade.name}.bales", dialect.count(f"colour_grade = {grade.code}")
    for name, code in _PREPARATIONS.items():
        yield f"preparation.{name}.bales", dialect.count(f"preparation = {code}")
    yield "foreign_fibre.bales", dialect.wide.format("count(foreign_fibre)")
    yield "foreign_fibre.found", dialect.count("foreign_fibre > 0")


def named(name: str, figure: str) -> str:
    """A figure under a name."""
    return f'{figure} AS "{name}"'


def _text(text: str) -> str:
    quoted = text.replace("'", "''")
    return f"'{quoted}'"
