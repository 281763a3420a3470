"""Services of settlement and of documents of money with fixed answers, broken where told to."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

import grpc
from cotton.inspection.v1 import (
    lots_pb2,
    reference_pb2,
    reference_pb2_grpc,
    settlement_pb2,
    settlement_pb2_grpc,
    summary_pb2,
)
from google.protobuf import any_pb2
from google.rpc import code_pb2, error_details_pb2, status_pb2

from tests.support.tables import STANDARD, encode_page, figure_column

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    Value = str | int | None

REVISION: Final = 812
RECEIVED_AT_US: Final = 1_733_046_615_123_456
FROZEN_AT: Final = 820

LOTS: Final = settlement_pb2.SETTLEMENT_TABLE_LOTS
UNITS: Final = settlement_pb2.SETTLEMENT_TABLE_UNITS
REGIMENTS: Final = settlement_pb2.SETTLEMENT_TABLE_REGIMENTS
TOTALS: Final = settlement_pb2.SETTLEMENT_TABLE_TOTALS

SCHEDULE_KIND: Final = reference_pb2.REFERENCE_KIND_SCHEDULE
RULE_SET_KIND: Final = reference_pb2.REFERENCE_KIND_RULE_SET

NOTE: Final = "shares are taken as printed"


def document_head(confidence: str, **more: str) -> reference_pb2.DocumentHead:
    """What a document says of itself."""
    return reference_pb2.DocumentHead(
        title="Table A",
        title_zh="价表甲",
        series="table",
        effective_from="2016-09-01",
        source="a trade circular",
        confidence=confidence,
        unit="yuan/t",
        **more,
    )


def version(
    kind: reference_pb2.ReferenceKind.ValueType, id_: str, head: reference_pb2.DocumentHead
) -> reference_pb2.ReferenceVersion:
    """A document that is loaded."""
    return reference_pb2.ReferenceVersion(
        kind=kind,
        id=id_,
        revision=len(id_),
        received_at_us=RECEIVED_AT_US,
        sha256=sha256(id_.encode()).hexdigest(),
        size_bytes=100,
        rows=12,
        in_force=True,
        head=head,
    )


LOADED: Final = (
    version(SCHEDULE_KIND, "base", document_head("H", superseded_by="patch")),
    version(SCHEDULE_KIND, "patch", document_head("M", patch_of="base", note=NOTE)),
    version(RULE_SET_KIND, "pilot", document_head("H")),
    version(RULE_SET_KIND, "base", document_head("H")),
    reference_pb2.ReferenceVersion(
        kind=reference_pb2.REFERENCE_KIND_ORGANISATION, id="xpcc", revision=3, in_force=True
    ),
)

SHIPPED: Final = tuple(
    reference_pb2.ShippedDocument(
        kind=SCHEDULE_KIND,
        id=id_,
        head=document_head("L", patch_of=base, note=NOTE),
        content=f'kind = "schedule"\nid = "{id_}"\n',
    )
    for id_, base in (("november", "october"), ("october", ""), ("base", ""))
)

COLUMNS: Final[dict[int, tuple[summary_pb2.FigureColumn, ...]]] = {
    LOTS: (
        *(
            figure_column(name, is_text=True)
            for name in ("lot_no", "season", "division", "state", "status", "reasons")
        ),
        figure_column("bales", unit="bales"),
        figure_column("quantity", unit="kg", decimals=2),
        figure_column("factor.colour", unit="yuan/t", decimals=2),
        figure_column("premium", unit="yuan/t", decimals=2),
        figure_column("premium_amount", unit="CNY", decimals=2),
    ),
    UNITS: (
        *(figure_column(n, is_text=True) for n in ("traceability_unit", "status", "reasons")),
        figure_column("lots", unit="lots"),
        figure_column("pay.pilot.grade_a.amount", unit="CNY", decimals=2),
        figure_column("pay_amount", unit="CNY", decimals=2),
    ),
    REGIMENTS: (
        *(
            figure_column(name, is_text=True)
            for name in ("regiment", "division", "region", "status", "reasons")
        ),
        figure_column("pay_amount", unit="CNY", decimals=2),
    ),
    TOTALS: (
        figure_column("lots", unit="lots"),
        figure_column("lots_held", unit="lots"),
        figure_column("quantity", unit="kg", decimals=2),
        figure_column("premium", unit="yuan/t", decimals=2),
        figure_column("premium_amount", unit="CNY", decimals=2),
        figure_column("premium_amount_of_lines", unit="CNY", decimals=2),
        figure_column("amount", unit="CNY", decimals=2),
        figure_column("amount_of_lines", unit="CNY", decimals=2),
    ),
}

LINES: Final[dict[int, tuple[tuple[Value, ...], ...]]] = {
    LOTS: (
        (
            "65140161077",
            "2016",
            "第八师",
            "FINAL",
            "PAYABLE",
            None,
            186,
            4257900,
            8065,
            8065,
            343_399,
        ),
        ("65140161078", "2016", "第一师, 甲", "FINAL", "PAYABLE", None, 185, 4200001, -5, -5, -21),
        (
            "65140161079",
            "2016",
            "第八师",
            "READ",
            "HELD",
            "NOT_FINAL;NOT_WEIGHED;UNGRADED:colour",
            12,
            None,
            None,
            None,
            None,
        ),
    ),
    UNITS: (
        ("U-1", "PAYABLE", None, 2, 100_050, 100_050),
        ("U-2", "HELD", "LOTS_HELD:1;NO_DELIVERIES", 1, None, None),
    ),
    REGIMENTS: (("一四九团", "第八师", "兵团", "PAYABLE", None, 2500),),
}
"""Lines in the order of what names them."""

TOTAL: Final = (3, 1, 8_457_901, 4060, 343_379, 343_378, None, None)
BY_DIVISION: Final = {
    "第八师": (2, 1, 4_257_900, 8065, 343_400, 343_399, None, None),
    "第一师, 甲": (1, 0, 4_200_001, -5, -21, -21, None, None),
}

TERMS: Final = settlement_pb2.SettlementTerms(
    revision=REVISION,
    season=2016,
    filters=[
        summary_pb2.KeyFilter(key=summary_pb2.SUMMARY_KEY_DIVISION, values=["第八师", "第一师, 甲"])
    ],
    basis=summary_pb2.BASIS_IN_FORCE,
    schedule="patch",
    rule_sets=["pilot"],
    base_price=1_500_000,
)

TARGET: Final = settlement_pb2.TargetPriceResult(
    target=1_860_000,
    market=1_423_456,
    market_by="days",
    market_prices=61,
    fund=4_365_440_000,
    rate=57_900,
    rate_decimals=5,
    rate_by="computed",
)


def _text(value: Value, decimals: int, *, is_text: bool) -> str:
    """A cell of a canonical file."""
    if value is None:
        return ""
    if not is_text:
        return f"{Decimal(value).scaleb(-decimals):.{decimals}f}"
    text = str(value)
    return '"' + text.replace('"', '""') + '"' if set(text) & set(',"\r\n') else text


def canonical_file(kind: int) -> str:
    """A canonical file, written cell by cell."""
    columns = COLUMNS[kind]
    lines = [",".join(each.name for each in columns)]
    lines += [
        ",".join(
            _text(value, each.decimals, is_text=each.is_text)
            for value, each in zip(row, columns, strict=True)
        )
        for row in LINES[kind]
    ]
    return "".join(f"{line}\n" for line in lines)


def canonical_manifest() -> str:
    """The manifest of what the service answers."""

    def table(name: str, kind: int) -> str:
        digest = sha256(canonical_file(kind).encode()).hexdigest()
        return f"table {name}.csv {len(LINES[kind])} {digest}"

    def document(kind: str, id_: str) -> str:
        return f"document {kind} {id_} {len(id_)} {sha256(id_.encode()).hexdigest()}"

    lines = [
        "cotton settlement 1",
        "settlement_version 1",
        "grading_version 4",
        "revision 812",
        "term base_price=1500000",
        "term basis=IN_FORCE",
        "term filter.division=第一师, 甲",
        "term filter.division=第八师",
        "term rule_sets=pilot",
        "term schedule=patch",
        "term season=2016",
        document("SCHEDULE", "patch"),
        document("SCHEDULE", "base"),
        document("RULE_SET", "pilot"),
        "target target=1860000",
        "target market=1423456",
        "target output=",
        "target cap=",
        "target eligible_output=",
        "target fund=4365440000",
        "target delivered=",
        "target rate=57900",
        "target market_by=days",
        "target market_prices=61",
        "target rate_by=computed",
        "target rate_decimals=5",
        "target problem=",
        table("lots", LOTS),
        table("units", UNITS),
        table("regiments", REGIMENTS),
    ]
    return "".join(f"{line}\n" for line in lines)


DIGEST: Final = sha256(canonical_manifest().encode()).hexdigest()


def header(*, digest: str = DIGEST) -> settlement_pb2.SettlementHeader:
    """What stands beside every answer."""
    return settlement_pb2.SettlementHeader(
        revision=REVISION,
        received_at_us=RECEIVED_AT_US,
        terms=TERMS,
        documents=[
            settlement_pb2.SettlementDocument(
                kind=each.kind,
                id=each.id,
                revision=each.revision,
                sha256=each.sha256,
                head=each.head,
            )
            for each in LOADED[1:3]
        ],
        settlement_version="1",
        grading_version="4",
        standards=[STANDARD],
        unverified=["patch: confidence M"],
        not_checked=["bale_regain"],
        currency="CNY",
        unit="yuan/t",
        charts=["xinjiang@700"],
        organisation_revision=650,
        digest=digest,
        lots=3,
        units=2,
        regiments=1,
        lots_held=1,
        units_held=1,
        target_price=TARGET,
    )


def stored_run(
    id_: str = "2016-1", *, digest: str = DIGEST, predecessor: str = "", successor: str = ""
) -> settlement_pb2.StoredRun:
    """A run."""
    return settlement_pb2.StoredRun(
        run=settlement_pb2.Run(
            id=id_,
            title="First",
            terms=TERMS,
            digest=digest,
            predecessor=predecessor,
            decided_by="finance",
            note="as agreed",
        ),
        revision=FROZEN_AT,
        received_at_us=RECEIVED_AT_US,
        successor=successor,
    )


DIFFERENCES: Final = tuple(
    settlement_pb2.LineDifference(table=table, line=line, column=column, before=one, after=other)
    for table, line, column, one, other in (
        (LOTS, "65140161077", "premium", "80.65", "80.64"),
        (LOTS, "65140161077", "premium_amount", "3433.99", "3433.57"),
        (LOTS, "65140161080", "", "", "present"),
        (UNITS, "U-1", "pay_amount", "1000.50", ""),
        (REGIMENTS, "兵团/第八师/一四九团", "", "present", ""),
    )
)


def page(kind: int, rows: Sequence[Sequence[Value]], **more: Any) -> summary_pb2.TablePage:
    """Some of the rows."""
    columns = list(zip(*rows, strict=True)) or [() for _ in COLUMNS[kind]]
    pairs = list(zip(columns, COLUMNS[kind], strict=True))
    return encode_page(
        len(rows),
        texts=[values for values, each in pairs if each.is_text],
        figures=[values for values, each in pairs if not each.is_text],
        **more,
    )


@dataclass
class SettlementService(
    settlement_pb2_grpc.SettlementServiceServicer, reference_pb2_grpc.ReferenceServiceServicer
):
    """A row a message; the calls of `break_after` end after so many messages, counted from 1."""

    break_after: dict[int, int] = field(default_factory=dict)
    requests: list[Any] = field(default_factory=list)
    freeze_outcome: lots_pb2.LotOutcome.ValueType = lots_pb2.LOT_OUTCOME_CREATED
    digest: str = DIGEST
    verified: str = DIGEST
    runs: tuple[settlement_pb2.StoredRun, ...] = (stored_run(successor="2016-2"),)
    differences: tuple[settlement_pb2.LineDifference, ...] = DIFFERENCES
    with_regiments: bool = True
    kept: bool = True
    """Whether the lines of runs can be told as they were frozen."""
    load_message: str = ""

    def PriceLots(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Any table."""
        self._heard(request)
        digest = "" if request.without_digest else self.digest
        yield from self._table(settlement_pb2.PriceLotsResponse, request, digest, context)

    def TabulateRun(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Any table."""
        self._heard(request)
        if request.table == REGIMENTS and not self.with_regiments:
            _abort_invalid(context, "table")
        if not self.kept:
            _abort(context, code_pb2.FAILED_PRECONDITION, "RUN_DIFFERS", "Its archive is gone.")
        yield from self._table(settlement_pb2.TabulateRunResponse, request, self.digest, context)

    def FreezeRun(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002
        """What becomes of any run."""
        self._heard(request)
        answer = settlement_pb2.FreezeRunResponse(revision=FROZEN_AT)
        answer.outcome.received = 1
        if self.freeze_outcome == lots_pb2.LOT_OUTCOME_CREATED:
            answer.outcome.created = 1
            return answer
        if self.freeze_outcome == lots_pb2.LOT_OUTCOME_REJECTED:
            answer.outcome.rejected = 1
        else:
            answer.outcome.conflicting = 1
        answer.outcome.results.add(
            id=request.runs[0].id,
            outcome=self.freeze_outcome,
            message="Another run has this id; give another.",
            stored_revision=700,
        )
        return answer

    def ListRuns(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002
        """All runs."""
        self._heard(request)
        return settlement_pb2.ListRunsResponse(revision=FROZEN_AT, runs=self.runs)

    def GetRun(self, request: Any, context: Any) -> Any:  # noqa: N802
        """The first run."""
        self._heard(request)
        if not self.runs:
            context.abort(grpc.StatusCode.NOT_FOUND, f"No run {request.id} is stored.")
        return settlement_pb2.GetRunResponse(
            revision=FROZEN_AT,
            run=self.runs[0],
            header=header(digest=self.digest),
            columns=COLUMNS[TOTALS],
            total=page(TOTALS, [TOTAL]),
            lots_changed_since=2,
        )

    def CompareRuns(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Two differences a message; the first message has none."""
        self._heard(request)
        first = settlement_pb2.CompareRunsResponse(
            before=self.runs[0],
            after=stored_run("2016-2", predecessor="2016-1"),
            lines_differing=2,
            lines_only_before=1,
            lines_only_after=1,
        )
        messages = [
            first,
            *(
                settlement_pb2.CompareRunsResponse(differences=self.differences[start : start + 2])
                for start in range(0, len(self.differences), 2)
            ),
        ]
        yield from self._until_broken(messages, context)

    def VerifyRun(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002
        """Whether it holds is as told."""
        self._heard(request)
        return settlement_pb2.VerifyRunResponse(
            run=self.runs[0],
            digest=self.verified,
            holds=self.verified == self.runs[0].run.digest,
            settlement_version="1",
            grading_version="4",
        )

    def ListReferences(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002
        """All documents."""
        self._heard(request)
        return reference_pb2.ListReferencesResponse(revision=REVISION, references=LOADED)

    def ListShipped(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002
        """All documents that come along."""
        self._heard(request)
        return reference_pb2.ListShippedResponse(documents=SHIPPED)

    def DescribeReference(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002
        """Two entries, beside another where there is one."""
        self._heard(request)
        answer = reference_pb2.DescribeReferenceResponse(
            revision=request.revision or REVISION,
            document=version(request.kind, request.id, document_head("M", note=NOTE)),
        )
        if request.content:
            answer.document.revision = 0
        answer.entries.add(name="factors.colour.21", value="300")
        answer.entries.add(name="rounding.mode", value="half even")
        if request.other_id:
            answer.other.CopyFrom(version(request.kind, request.other_id, document_head("H")))
            answer.entries[0].other_value = "150"
        return answer

    def LoadReferences(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002
        """All are created, or the first is rejected with `load_message`."""
        self._heard(request)
        number = len(request.references)
        answer = reference_pb2.LoadReferencesResponse(revision=REVISION + 1)
        answer.outcome.received = number
        if not self.load_message:
            answer.outcome.created = number
            return answer
        answer.outcome.created, answer.outcome.rejected = number - 1, 1
        answer.outcome.results.add(
            kind=request.references[0].kind,
            id=request.references[0].id,
            outcome=lots_pb2.LOT_OUTCOME_REJECTED,
            message=self.load_message,
        )
        return answer

    def _table(self, message: Any, request: Any, digest: str, context: Any) -> Iterator[Any]:
        kind = request.table
        rows = [TOTAL] if kind == TOTALS else list(LINES[kind])
        keys: list[str] = []
        if request.keys:
            keys, rows = list(BY_DIVISION), list(BY_DIVISION.values())

        def messages() -> Iterator[Any]:
            for place, row in enumerate(rows):
                more = {"keys": [[keys[place]]]} if keys else {}
                answer = message(page=page(kind, [row], **more))
                if not place:
                    answer.header.CopyFrom(header(digest=digest))
                    answer.keys.extend(request.keys)
                    answer.columns.extend(COLUMNS[kind])
                yield answer

        yield from self._until_broken(messages(), context)

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


def _abort_invalid(context: Any, name: str) -> None:
    """Ends a call as the server refuses a field."""
    violation = error_details_pb2.BadRequest.FieldViolation(field=name, description="not made")
    _abort(
        context,
        code_pb2.INVALID_ARGUMENT,
        "INVALID_FIELD",
        "The terms make no such table.",
        error_details_pb2.BadRequest(field_violations=[violation]),
    )


def _abort(context: Any, code: int, reason: str, message: str, *more: Any) -> None:
    """Ends a call with a typed error."""
    packed = []
    for each in (error_details_pb2.ErrorInfo(reason=reason, domain="cotton"), *more):
        packed.append(any_pb2.Any())
        packed[-1].Pack(each)
    status = status_pb2.Status(code=code, message=message, details=packed)
    context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
    (of_code,) = (each for each in grpc.StatusCode if each.value[0] == code)
    context.abort(of_code, message)
