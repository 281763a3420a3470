"""Summaries and certificates as streams of table pages; computes nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from cotton.inspection.v1 import summary_pb2

from cotton_server.api.figures import BASIS
from cotton_server.api.tables import (
    bits,
    chosen_columns,
    column_message,
    figure_values,
    text_column,
)
from cotton_server.grading import GRADING_VERSION
from cotton_server.grading.families import families
from cotton_server.grading.rollup import applying
from cotton_server.grading.standard import unverified_parts
from cotton_server.summary.catalogue import grade_columns, row_columns, year_on_year_columns
from cotton_server.summary.key_numbers import NUMBER_OF_KEY
from cotton_server.summary.keys import key_column

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from cotton_server.summary.basis import Basis
    from cotton_server.summary.catalogue import Column
    from cotton_server.summary.certificate_table import CertificateTable
    from cotton_server.summary.printing import Printed
    from cotton_server.summary.standing import GradingBasis
    from cotton_server.summary.summarise import Answer, Side, Summary
    from cotton_server.summary.withholding import BoolArray


def table_messages(
    summary: Summary,
    header: summary_pb2.SummaryHeader,
    wanted: Sequence[str],
    *,
    first: int,
    rows_of: Callable[[int], int],
    token: Callable[[int], str],
) -> Iterator[summary_pb2.TabulateGradesResponse]:
    """A summary as columns; `rows_of` a number of columns are in a message.

    Raises UnknownColumnError at once.
    """
    every = [
        *row_columns(),
        *(
            column
            for family, definitions in summary.blocks
            for column in grade_columns(family.standards, definitions)
        ),
    ]
    if summary.query.with_last_season:
        every += [replace(column, last_season=True) for column in every]
        every += year_on_year_columns()
    columns = chosen_columns(every, wanted, lambda: _of_any_standard(summary.lots.grading.basis))
    rows = rows_of(len(columns))

    def messages() -> Iterator[summary_pb2.TabulateGradesResponse]:
        start = first
        while start == first or start < summary.rows:
            message = summary_pb2.TabulateGradesResponse(next_page_token=token(start + rows))
            total, part = summary.total_and_part(start, rows)
            if start == first:
                message.header.CopyFrom(header)
                message.keys.extend(NUMBER_OF_KEY[key] for key in summary.query.keys)
                message.columns.extend(column_message(each) for each in columns)
                message.total.CopyFrom(_page(total, columns))
            message.page.CopyFrom(_page(part, columns))
            yield message
            start += rows

    return messages()


def certificate_messages(
    table: CertificateTable,
    wanted: Sequence[str],
    *,
    rows_of: Callable[[int], int],
    basis: Basis,
    received_at_us: int,
) -> Iterator[summary_pb2.TabulateCertificatesResponse]:
    """Certificates as columns; `rows_of` a number of columns are in a message.

    Raises UnknownColumnError at once. The lot number is always the first of the texts.
    """
    columns = chosen_columns(
        table.columns,
        [*wanted, "lot_no"] if wanted else (),
        lambda: _of_any_standard(table.lots.grading.basis),
    )
    rows = rows_of(len(columns))
    grading = table.lots.grading
    header = summary_pb2.SummaryHeader(
        revision=table.lots.revision,
        standards=table.standards,
        grading_version=GRADING_VERSION,
        unverified=unverified_parts(grading.basis.standards[name] for name in table.standards),
        basis=BASIS[basis],
        charts=grading.charts_of(table.standards),
        organisation_revision=grading.organisation_revision,
        rows=table.rows_in_all,
        received_at_us=received_at_us,
    )

    def messages() -> Iterator[summary_pb2.TabulateCertificatesResponse]:
        start = 0
        while start == 0 or start < table.rows:
            message = summary_pb2.TabulateCertificatesResponse()
            if start == 0:
                message.header.CopyFrom(header)
                message.columns.extend(column_message(each) for each in columns)
            page = table.page(start, rows)
            message.page.rows = page.facts.rows
            printed = {(): page.facts} | {
                tuple(each.id for each in family.standards): block
                for family, block in zip(table.families, page.blocks, strict=True)
            }
            _fill(message.page, [(printed[each.standards], each, None) for each in columns])
            yield message
            start += rows

    return messages()


def _of_any_standard(basis: GradingBasis) -> Iterator[Column]:
    """The columns that a table has when every standard has graded bales."""
    yield from year_on_year_columns()
    for family in families(basis.standards.values()):
        newest = family.standards[-1]
        yield from grade_columns(family.standards, applying(basis.definitions, newest))


def _page(answer: Answer, columns: Sequence[Column]) -> summary_pb2.TablePage:
    page = summary_pb2.TablePage(rows=answer.rows)
    if answer.groups.width:
        page.keys.extend(
            text_column(answer.groups[key_column(key)].to_list()) for key in answer.query.keys
        )
    sides: dict[bool, Side] = {False: answer.side}
    if answer.last is not None:
        sides[True] = answer.last
    printed = {
        (last, standards): (part, _hidden(side, last=last))
        for last, side in sides.items()
        for standards, part in [
            ((), side.row),
            *((tuple(e.id for e in b.family.standards), b.printed) for b in side.blocks),
        ]
    }
    _fill(
        page,
        [
            (part, column, hidden)
            for column in columns
            for part, hidden in [printed[column.last_season, column.standards]]
        ],
    )
    if answer.side.withheld.any():
        page.withheld = bits(answer.side.withheld)
    return page


def _hidden(side: Side, *, last: bool) -> BoolArray | None:
    """The rows whose figures are not told: those withheld, and of last season those not there."""
    hidden = side.withheld | ~side.there if last else side.withheld
    return hidden if hidden.any() else None


def _fill(
    page: summary_pb2.TablePage,
    columns: Sequence[tuple[Printed, Column, BoolArray | None]],
) -> None:
    for printed, column, hidden in columns:
        if column.is_text:
            texts = printed.texts[column.name]
            if hidden is not None:
                texts = ["" if each else text for each, text in zip(hidden, texts, strict=True)]
            page.texts.append(text_column(texts))
        else:
            page.figures.append(figure_values(printed.figures[column.name], hidden))
