"""A service of summaries with fixed answers, that breaks off where it is told to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import grpc
from cotton.inspection.v1 import summary_pb2, summary_pb2_grpc

from tests.support.tables import STANDARD, encode_page, figure_column

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

REVISION: Final = 812
RECEIVED_AT_US: Final = 1_733_046_615_123_456

DIVISIONS: Final = ("第一师", "第二师", "第三师", "第八师", "第十四师", "=1+1")
LABELS_EN: Final = {"第一师": "First Division", "第八师": "Eighth Division"}
LOT_NOS: Final = tuple(f"6514024100{number}" for number in range(1, 6))

KEYS: Final = (summary_pb2.SUMMARY_KEY_DIVISION, summary_pb2.SUMMARY_KEY_STATE)

COLUMNS: Final = (
    figure_column(
        "main_colour",
        title="Main colour grade",
        title_zh="主体颜色级",
        standards=[STANDARD],
        is_text=True,
    ),
    figure_column("bales", title="Bales", title_zh="包数", unit="bales"),
    figure_column(
        "conditioned", title="Conditioned weight", title_zh="公定重量", unit="kg", decimals=2
    ),
    figure_column(
        "length.mean_to_hundredths",
        title="Length: mean by bales",
        title_zh="长度：包平均",
        unit="mm",
        decimals=2,
        standards=[STANDARD],
    ),
    figure_column(
        "colour.31.share",
        title="Colour 31: share",
        title_zh="颜色级31：占比",
        unit="%",
        decimals=2,
        standards=[STANDARD],
    ),
    figure_column("bales", title="Bales", title_zh="包数", unit="bales", last_season=True),
)

MAIN_COLOURS: Final[Sequence[str | None]] = ("31", None, "21", "=cmd|x", "31", "31")
WITHHELD: Final[Sequence[bool]] = (False, True, False, False, False, False)
BALES: Final[Sequence[int | None]] = (1200, None, 3_000_000_000, 7, 8, 9)
CONDITIONED: Final[Sequence[int | None]] = (27_240_051, None, 68_123_456_789, 895, None, 5)
LENGTHS: Final[Sequence[int | None]] = (2968, None, 2871, 2900, -5, 2)
SHARES: Final[Sequence[int | None]] = (7312, None, 2688, 10_000, 0, 1)
LAST_BALES: Final[Sequence[int | None]] = (1000, None, None, None, 5, 9)

TOTAL: Final = (["21"], [3_000_001_234], [68_150_698_740], [2899], [2700], [1014])


def header() -> summary_pb2.SummaryHeader:
    """What stands beside every answer."""
    return summary_pb2.SummaryHeader(
        revision=REVISION,
        standards=[STANDARD],
        grading_version="4",
        unverified=["GB1103.1-2023: weight.standard_trash"],
        basis=summary_pb2.BASIS_IN_FORCE,
        charts=["xinjiang@700"],
        organisation_revision=650,
        rows=len(DIVISIONS),
        rows_withheld=1,
        inspected_from="2024-10-01",
        inspected_through="2024-12-01",
        last_inspected_from="2023-10-01",
        last_inspected_through="2023-12-01",
        received_at_us=RECEIVED_AT_US,
        labels=[
            summary_pb2.KeyLabel(key=KEYS[0], value=value, label_en=name)
            for value, name in LABELS_EN.items()
        ],
    )


def grades_page(first: int, last: int) -> summary_pb2.TablePage:
    """Some of the rows."""
    rows = slice(first, last)
    number = len(DIVISIONS[rows])
    return encode_page(
        number,
        keys=[DIVISIONS[rows], ["FINAL"] * number],
        texts=[MAIN_COLOURS[rows]],
        figures=[each[rows] for each in (BALES, CONDITIONED, LENGTHS, SHARES, LAST_BALES)],
        withheld=WITHHELD[rows],
    )


CERTIFICATE_COLUMNS: Final = (
    *(
        figure_column(name, is_text=True)
        for name in (
            "lot_no",
            "state",
            "standard",
            "division",
            "main_colour",
            "main_micronaire",
            "strength_tier",
            "uniformity_tier",
            "mark",
        )
    ),
    figure_column("bales", unit="bales"),
    figure_column("conditioned", unit="kg", decimals=2),
    *(
        figure_column(f"{name}.mean_to_hundredths", decimals=2, standards=[STANDARD])
        for name in ("length", "micronaire", "strength", "uniformity")
    ),
)


def certificates_page(lot_nos: Iterable[str]) -> summary_pb2.TablePage:
    """Some of the lots: the second has been weighed only."""
    lots = list(lot_nos)
    read = [lot_no != LOT_NOS[1] for lot_no in lots]
    said = [
        ("FINAL", "WEIGHED"),
        (STANDARD, STANDARD),
        ("第八师", "第八师"),
        ("31", None),
        ("B2", None),
        ("S2", None),
        ("U3", None),
        ("3128B", None),
    ]
    figures = [
        (186, 0),
        (4_257_900, 4_258_000),
        (2869, None),
        (441, None),
        (2968, None),
        (8255, None),
    ]
    return encode_page(
        len(lots),
        texts=[
            lots,
            *([there if each else not_there for each in read] for there, not_there in said),
        ],
        figures=[[there if each else not_there for each in read] for there, not_there in figures],
    )


BALES_LISTED: Final = tuple(
    summary_pb2.ListedBale(
        bale=f"3265140241114122155000012100000{number}",
        lot_no=LOT_NOS[0],
        causes=[summary_pb2.BALE_CAUSE_CHART_DIFFERS]
        if number % 2
        else [summary_pb2.BALE_CAUSE_UNREGISTERED, summary_pb2.BALE_CAUSE_WITHOUT_STANDARD],
        laboratory="L1",
        instrument="H7",
        inspected_at_s=1_733_046_615,
        standard=STANDARD if number % 2 else "",
        colour_grade=31,
        chart_colour_grade=21 if number % 2 else 0,
        stored_at_revision=700 + number,
    )
    for number in range(5)
)


@dataclass
class GradesService(summary_pb2_grpc.SummaryServiceServicer):
    """Two rows, lots or bales a message; the calls of `break_after` end after so many messages.

    `break_after` counts calls from 1. `rows_a_call` bounds the rows of one call for grades.
    """

    break_after: dict[int, int] = field(default_factory=dict)
    rows_a_call: int = 100
    revision: int = REVISION
    requests: list[Any] = field(default_factory=list)
    pages: list[summary_pb2.SummariseGradesResponse] = field(default_factory=list)
    columns: tuple[summary_pb2.FigureColumn, ...] = COLUMNS
    listed: tuple[summary_pb2.ListedBale, ...] = BALES_LISTED

    def SummariseGrades(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002
        """The page of the token, which is its number."""
        self._heard(request)
        return self.pages[int(request.page_token or 0)]

    def TabulateGrades(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Two rows a message; the token is the number of the next row."""
        self._heard(request)
        start = int(request.query.page_token or 0)
        last = min(len(DIVISIONS), start + self.rows_a_call)

        def messages() -> Iterator[summary_pb2.TabulateGradesResponse]:
            for first in range(start, last, 2):
                behind = min(first + 2, last)
                message = summary_pb2.TabulateGradesResponse(
                    page=grades_page(first, behind),
                    next_page_token=str(behind) if behind < len(DIVISIONS) else "",
                )
                if first == start:
                    message.header.CopyFrom(header())
                    message.keys.extend(KEYS)
                    message.columns.extend(self.columns)
                    texts, *figures = TOTAL
                    message.total.CopyFrom(
                        encode_page(1, keys=[[""], [""]], texts=[texts], figures=figures)
                    )
                yield message

        yield from self._until_broken(messages(), context)

    def TabulateCertificates(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Two lots a message."""
        self._heard(request)
        lot_nos = [each for each in LOT_NOS if each > request.after_lot_no]

        def messages() -> Iterator[summary_pb2.TabulateCertificatesResponse]:
            for first in range(0, max(len(lot_nos), 1), 2):
                message = summary_pb2.TabulateCertificatesResponse(
                    page=certificates_page(lot_nos[first : first + 2])
                )
                if not first:
                    message.header.CopyFrom(header())
                    message.header.rows = len(LOT_NOS)
                    message.header.revision = self.revision
                    message.columns.extend(CERTIFICATE_COLUMNS)
                yield message

        yield from self._until_broken(messages(), context)

    def ListBales(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Two bales a message."""
        self._heard(request)
        messages = (
            summary_pb2.ListBalesResponse(
                revision=self.revision, bales=self.listed[first : first + 2]
            )
            for first in range(0, max(len(self.listed), 1), 2)
        )
        yield from self._until_broken(messages, context)

    def _heard(self, request: Any) -> None:
        """Keeps what was asked; what is kept does not change with the client's request."""
        kept = type(request)()
        kept.CopyFrom(request)
        self.requests.append(kept)

    def _until_broken(self, messages: Iterable[Any], context: Any) -> Iterator[Any]:
        """The messages of the call, up to where it breaks."""
        number = len(self.requests)
        for place, message in enumerate(messages):
            if place == self.break_after.get(number):
                context.abort(grpc.StatusCode.UNAVAILABLE, "broken")
            yield message
        if number in self.break_after:
            context.abort(grpc.StatusCode.UNAVAILABLE, "broken")


def class_shares(*classes: tuple[str, int, int]) -> list[summary_pb2.ClassShare]:
    """Classes by name, bales and share in hundredths of a percent."""
    return [
        summary_pb2.ClassShare(name=name, bales=bales, share=share)
        for name, bales, share in classes
    ]


def measure(
    mean: int, *classes: tuple[str, int, int], weighted: int | None = None, tier: str = ""
) -> summary_pb2.MeasureSummary:
    """A measure of a thousand bales in ten lots."""
    return summary_pb2.MeasureSummary(
        bales=1000,
        sum=mean * 1000,
        mean_to_hundredths=mean,
        mean_to_tenths=(mean + 5) // 10 * 10,
        min=mean - 300,
        max=mean + 300,
        tier=tier,
        classes=class_shares(*classes),
        weighted_mean_to_hundredths=weighted,
        weighted_mean_to_tenths=None if weighted is None else (weighted + 5) // 10 * 10,
        lots_weighted=0 if weighted is None else 8,
        standard_deviation=78,
    )


def grade_figures(*, shift: int = 0) -> summary_pb2.GradeFigures:
    """Figures with something in every item of upland cotton; `shift` moves means and shares."""
    return summary_pb2.GradeFigures(
        bales=1000,
        bales_ungraded_in_colour=3,
        colours=class_shares(("21", 270 + shift, 2700 + shift), ("31", 730 - shift, 7300 - shift)),
        length=measure(
            2901 + shift,
            ("28", 400, 4000),
            ("29", 600, 6000),
            weighted=2871 + shift,
            tier="29",
        ),
        micronaire=measure(
            441, ("A", 150, 1499), ("B1", 7, 65), ("B2", 643, 6436), ("C2", 200, 2000), weighted=440
        ),
        micronaire_grades=class_shares(("A", 150, 1499), ("B", 650, 6501), ("C", 200, 2000)),
        strength=measure(2804, ("S2", 284, 2837), ("S3", 716, 7163), weighted=2810, tier="S3"),
        uniformity=measure(8250, ("U2", 341, 3413), ("U3", 659, 6587), tier="U3"),
        preparations=class_shares(("P1", 34, 343), ("P2", 953, 9531), ("P3", 13, 126)),
        bales_examined_for_foreign_fibre=1000,
        bales_with_foreign_fibre=2,
        standards=[STANDARD],
        colour_types=class_shares(("white", 1000, 10_000)),
        bales_graded_by_chart=12,
        bales_compared_with_chart=900,
        bales_chart_differs=41,
        joint=[
            summary_pb2.JointShare(name="double_29", bales=123, of_bales=999, share=1231 + shift)
        ],
        main_colour="31",
        main_micronaire="B",
    )


def summary_row(*values: str, last_season: bool = False, shift: int = 0) -> summary_pb2.SummaryRow:
    """A group by division, of ten lots."""
    row = summary_pb2.SummaryRow(
        keys=[
            summary_pb2.KeyValue(key=summary_pb2.SUMMARY_KEY_DIVISION, value=value)
            for value in values
        ],
        lots=10 - shift,
        lots_weighed=9,
        declared_bales=1020,
        bales=1000 - shift,
        gross=23_000_000,
        tare=200_000,
        net=22_800_000,
        conditioned=22_700_050,
        lots_with_conditioned_weight=8,
        figures=grade_figures(shift=shift),
        gins=3,
        lots_by_state=[
            summary_pb2.LotStateCount(state=summary_pb2.LOT_STATE_FINAL, lots=8),
            summary_pb2.LotStateCount(state=summary_pb2.LOT_STATE_HELD, lots=2),
        ],
        coverage=9804,
        share_of_total=5000,
        conditioned_per_bale=22_705,
        regain_mean_by_lots=820,
        regain_mean_by_net=819,
        trash_mean_by_lots=230,
        trash_mean_by_net=231,
        lots_organisation_differs=2,
    )
    if last_season:
        row.last_season.CopyFrom(summary_row(*values, shift=10))
        row.bales_on_last_season = 101
        row.conditioned_on_last_season = -3
    return row


def summary_answer(
    *divisions: str, last_season: bool = False
) -> summary_pb2.SummariseGradesResponse:
    """A summary by division, its second group withheld where there are three."""
    answer = summary_pb2.SummariseGradesResponse(
        revision=REVISION,
        standards=[STANDARD],
        weighting="bales",
        rows=[summary_row(each, last_season=last_season) for each in divisions],
        total=summary_row(last_season=last_season),
        grading_version="4",
        basis=summary_pb2.BASIS_IN_FORCE,
        header=header(),
    )
    if len(divisions) > 2:
        answer.rows[1].CopyFrom(summary_pb2.SummaryRow(keys=answer.rows[1].keys, withheld=True))
    return answer
