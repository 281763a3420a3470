"""What the amounts of a file rest on: documents, revision, digest, versions, what is not known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cotton.inspection.v1 import summary_pb2

from cotton_client.export.about import About, Line
from cotton_client.render import confidence, names, schedules
from cotton_client.render.json_parts import instant_us
from cotton_client.render.parts import UNKNOWN
from cotton_client.render.settlement import filters_text
from cotton_client.render.values import china_time, shortest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cotton.inspection.v1 import settlement_pb2

_ROUNDING: Final = (
    "Every amount is computed exactly and rounded once, by the rounding of its document; so a"
    " total need not be the sum of the printed lines: columns that end with of_lines have that sum"
    " 每个金额各修约一次，合计与行合计可有差额."
)
_DIGEST: Final = (
    "SHA-256 of the manifest of the settlement's canonical content; `cotton run export ID"
    " --output DIR` writes that of a run, `cotton run verify ID` computes it anew."
)


def about_settlement(
    header: settlement_pb2.SettlementHeader, run: settlement_pb2.StoredRun | None = None
) -> About:
    """What the tables of a settlement rest on; `run` where they are those of a frozen one."""
    received = header.received_at_us
    lines = [
        *_run_lines(run),
        Line("revision", "Revision 版本", str(header.revision)),
        Line(
            "received_at",
            "The revision was received 版本时间",
            f"{instant_us(received)} ({china_time(received // 1_000_000)})"
            if received
            else UNKNOWN,
        ),
        *_term_lines(header.terms, header.unit),
        *_document_lines(header),
        Line("unverified", "Not verified 未核实", ", ".join(header.unverified) or "nothing"),
        Line("not_checked", "Not checked 未核查", ", ".join(header.not_checked) or "nothing"),
        Line("currency", "Currency 币种", header.currency or UNKNOWN),
        Line("unit", "Unit of prices 价格单位", header.unit or UNKNOWN),
        Line("standards", "Standards 标准", ", ".join(header.standards) or UNKNOWN),
        Line("charts", "Colour charts 颜色图", ", ".join(header.charts) or "none"),
        Line(
            "organisation_revision",
            "Organisation of revision 机构版本",
            str(header.organisation_revision or "as each lot was registered"),
        ),
        Line("settlement_version", "Settlement rules 结算版本", header.settlement_version),
        Line("grading_version", "Grading rules 规则版本", header.grading_version or UNKNOWN),
        Line("rounding", "Rounding 修约", _ROUNDING),
        Line("digest", "Digest 摘要", header.digest or "not computed"),
        Line("digest_is", "What the digest is 摘要说明", _DIGEST),
    ]
    if run is None:
        return About("Settlement trial", "结算试算", tuple(lines))
    return About("Settlement run", "结算批次", tuple(lines))


def _run_lines(run: settlement_pb2.StoredRun | None) -> Iterator[Line]:
    if run is None:
        yield Line("run", "Run 结算批次", "none: a trial, of which nothing is stored 试算")
        return
    yield Line("run", "Run 结算批次", f"{run.run.id} {run.run.title}".strip())
    yield Line("stored_revision", "Frozen at revision 冻结版本", str(run.revision))
    yield Line("decided_by", "Decided by 决定人", run.run.decided_by or UNKNOWN)
    yield Line("predecessor", "Predecessor 前一批次", run.run.predecessor or "none")
    yield Line("successor", "Successor 后一批次", run.successor or "none")
    if run.run.note:
        yield Line("note", "Note 备注", run.run.note)


def _term_lines(terms: settlement_pb2.SettlementTerms, unit: str) -> Iterator[Line]:
    yield Line("season", "Season 年度", str(terms.season or "all"))
    yield Line("filters", "Filters 筛选", filters_text(terms) or "none: everything")
    basis = terms.basis or summary_pb2.BASIS_IN_FORCE
    yield Line("basis", "Readings that count 数据口径", names.BASES.get(basis, str(basis)))
    if terms.HasField("base_price"):
        base = f"{shortest(terms.base_price)} {unit}"
        if terms.base_price_series:
            base += f" ({terms.base_price_series}, {terms.base_price_day})"
        yield Line("base_price", "Base price 基准价", base)
    if terms.HasField("eligible_output"):
        eligible = f"{shortest(terms.eligible_output)} kg"
        yield Line("eligible_output", "Eligible output 计补产量", eligible)


def _document_lines(header: settlement_pb2.SettlementHeader) -> Iterator[Line]:
    for each in header.documents:
        kind = names.reference_kind(each.kind) or UNKNOWN
        said = [
            f"{each.id}, revision {each.revision}, SHA-256 {each.sha256}",
            schedules.title(each.head),
            f"confidence 可信度 {confidence.mark(each.head.confidence)}",
            each.head.source,
            each.head.note,
        ]
        yield Line(f"{kind} {each.id}", schedules.kind(each.kind), "; ".join(filter(None, said)))
