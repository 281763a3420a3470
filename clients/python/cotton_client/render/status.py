"""Where a lot stands, as parts of its certificate: banners, steps, objections."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.text import Text

from cotton_client.render import names
from cotton_client.render.decisions import why
from cotton_client.render.parts import fields
from cotton_client.render.values import china_time, count, counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cotton.inspection.v1 import summary_pb2
    from rich.console import RenderableType

_OUTSTANDING: Final = "bold yellow"
_WRONG: Final = "bold red"
_HOUR_S: Final = 3600
_DAY_S: Final = 24 * _HOUR_S


def age(seconds: int) -> str:
    """Such as "3 d 4 h"; below a day in hours."""
    days, rest = divmod(seconds, _DAY_S)
    hours = rest // _HOUR_S
    return f"{days} d {hours} h" if days else f"{hours} h"


def banners(status: summary_pb2.LotStatus) -> Iterator[Text]:
    """What must not be overlooked: withdrawn, held, in conflict, an objection overdue."""
    if status.withdrawn_at_us:
        line = f"WITHDRAWN 已撤销 {_step(status.withdrawn_at_us)}: {why(status.withdrawal)}"
        yield Text(line, style=_WRONG)
    for each in status.holds:
        text = names.LOT_HOLDS.get(each, names.lot_hold(each) or "")
        yield Text(f"Held 暂缓: {text}{_counts(status)}", style=_WRONG)
    if status.bales_withdrawn:
        bales = counted(status.bales_withdrawn, "bale")
        yield Text(f"{bales} of the lot withdrawn one by one 单包撤销", style=_OUTSTANDING)
    if status.open_conflicts:
        conflicts = counted(status.open_conflicts, "open conflict")
        yield Text(
            f"{conflicts} 未处理冲突: `cotton conflicts --lot {status.lot_no}` lists them",
            style=_OUTSTANDING,
        )


def course(status: summary_pb2.LotStatus, width: int) -> Iterator[RenderableType]:
    """Times of each step, who tested, certificates, and every objection."""
    yield fields(_steps(status), width)
    for each in status.objections:
        yield _objection(each)


def _steps(status: summary_pb2.LotStatus) -> Iterator[tuple[str, str]]:
    """The steps that were made, by when the service heard of them."""
    closure = status.closure
    yield "Gate-in 入库", china_time(status.gate_in_at_s)
    yield "Registered 登记", _step(status.registered_at_us)
    yield "First read 首包检验", _step(status.first_read_at_us)
    yield "Last read 末包检验", _step(status.last_read_at_us)
    yield "Weighed 检重", _step(status.weighed_at_us)
    yield "Tested 检验完毕", _step(status.tested_at_us)
    if status.HasField("closure"):
        by = f" by {closure.laboratory}" if closure.laboratory else ""
        numbers = f"{count(closure.bales_received)} received, {count(closure.bales_tested)} tested"
        yield "Closed 结批", f"{numbers}{by}"
    yield "Final 完成", _at_revision(status.final_at_us, status.final_revision)
    yield "Revised 变更", _at_revision(status.revised_at_us, status.revised_revision)
    yield "Quality cert. 质量证书", status.certificates.quality_certificate_no
    yield "Weight cert. 重量证书", status.certificates.weight_certificate_no
    yield "Issued 签发", china_time(status.certified_at_s)
    if status.HasField("age_s"):
        label = "Took 历时" if status.certified_at_s else "Age 在检时长"
        yield label, age(status.age_s)
    yield "Objections until 异议截止", status.objection_until


def _objection(status: summary_pb2.ObjectionStatus) -> Text:
    """One objection: who, when, what was decided or until when it has to be."""
    objection = status.objection
    raised = " ".join(
        filter(None, (china_time(objection.raised_at_s), f"by {objection.raised_by}"))
    )
    line = Text(f"Objection 异议 {objection.objection_no}: raised {raised}")
    if status.late:
        line.append(" after the last day for objections 逾期提出", style=_OUTSTANDING)
    if word := names.decision(objection.decision):
        decided = " ".join(filter(None, (word, china_time(objection.decided_at_s))))
        by = f" by {objection.decided_by}" if objection.decided_by else ""
        line.append(f"; {decided}{by}", style="bold")
        if status.overdue:
            line.append(f", due {status.decision_until} 逾期裁定", style=_OUTSTANDING)
    elif status.overdue:
        line.append(f"; OVERDUE: decision was due {status.decision_until} 逾期", style=_WRONG)
    else:
        line.append(f"; decision until {status.decision_until} 待裁定", style=_OUTSTANDING)
    if objection.note:
        line.append(f"; “{objection.note}”", style="dim")
    return line


def _counts(status: summary_pb2.LotStatus) -> str:
    """The numbers that do not agree."""
    parts = [f"declared {count(status.declared_bales)}"] if status.declared_bales else []
    if status.HasField("closure"):
        parts.append(f"received {count(status.closure.bales_received)}")
        parts.append(f"tested {count(status.closure.bales_tested)}")
    parts.append(f"stored {count(status.bales)}")
    return f" ({', '.join(parts)})"


def _step(microseconds: int) -> str:
    """The minute of a step in China; "" while it has not been made."""
    return china_time(microseconds // 1_000_000)


def _at_revision(microseconds: int, revision: int) -> str:
    """The minute of a step, and the revision that made it."""
    return f"{_step(microseconds)}, revision {revision}" if microseconds else ""
