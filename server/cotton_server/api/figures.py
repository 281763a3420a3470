"""Maps figures, grades and summaries to the messages of the contract; computes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cotton.inspection.v1 import lots_pb2, summary_pb2, trace_pb2

from cotton_server.grading import GRADING_VERSION
from cotton_server.grading.standard import unverified_parts
from cotton_server.summary.basis import Basis
from cotton_server.summary.errors import RepeatedFilterError, UnknownKeyError
from cotton_server.summary.keys import SUMMARY_KEYS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from cotton_server.summary.certificate import LotGrade
    from cotton_server.summary.certificates import Certificate
    from cotton_server.summary.figures import ClassShare, GradeFigures, MeasureSummary
    from cotton_server.summary.summarise import GradeSummary, SummaryRow
    from cotton_server.summary.views import LotView

_NUMBER_OF_KEY = {
    key: summary_pb2.SummaryKey.Value(f"SUMMARY_KEY_{key.upper()}") for key in SUMMARY_KEYS
}
_BASIS = {
    Basis.IN_FORCE: summary_pb2.BASIS_IN_FORCE,
    Basis.FIRST_INSPECTION: summary_pb2.BASIS_FIRST_INSPECTION,
}
_KEY_OF_NUMBER = {number: key for key, number in _NUMBER_OF_KEY.items()}


def summary_key_name(number: int) -> str:
    """The key of a number of the contract's enum SummaryKey; UnknownKeyError for others."""
    try:
        return _KEY_OF_NUMBER[number]  # type: ignore[index]  # any integer may be received
    except KeyError as error:
        raise UnknownKeyError(str(number), SUMMARY_KEYS) from error


def key_filters(filters: Iterable[summary_pb2.KeyFilter]) -> dict[str, list[str]]:
    """The values wanted by key.

    Raises UnknownKeyError, and RepeatedFilterError where two filters are on one key.
    """
    wanted: dict[str, list[str]] = {}
    for each in filters:
        name = summary_key_name(each.key)
        if name in wanted:
            raise RepeatedFilterError(name)
        wanted[name] = list(each.values)
    return wanted


def grade_figures_message(figures: GradeFigures) -> summary_pb2.GradeFigures:
    """Figures of a set of bales."""
    return summary_pb2.GradeFigures(
        bales=figures.bales,
        bales_ungraded_in_colour=figures.bales_ungraded_in_colour,
        colours=_classes(figures.colours),
        length=_measure(figures.length),
        micronaire=_measure(figures.micronaire),
        micronaire_grades=_classes(figures.micronaire_grades),
        strength=_measure(figures.strength),
        uniformity=_measure(figures.uniformity),
        rd=_measure(figures.rd),
        plus_b=_measure(figures.plus_b),
        short_fibre=_measure(figures.short_fibre),
        preparations=_classes(figures.preparations),
        bales_examined_for_foreign_fibre=figures.bales_examined_for_foreign_fibre,
        bales_with_foreign_fibre=figures.bales_with_foreign_fibre,
    )


def set_lot_grade(response: summary_pb2.GetLotCertificateResponse, grade: LotGrade) -> None:
    """Fills in the figures and grades of a certificate, and the version of the grading rules."""
    response.figures.CopyFrom(grade_figures_message(grade.figures))
    response.main_colour = grade.main_colour or ""
    response.length_level = grade.length_level or 0
    response.main_micronaire = grade.main_micronaire or ""
    response.mark = grade.mark or ""
    response.grading_version = GRADING_VERSION


def standing_message(view: LotView) -> summary_pb2.GetLotCertificateResponse:
    """What a lot is and where it stands, without figures."""
    return summary_pb2.GetLotCertificateResponse(
        revision=view.revision,
        state=view.status.state,
        lot=view.lot.registration or lots_pb2.Lot(lot_no=view.lot.lot_no),
        season=view.lot.season,
        status=view.status,
    )


def certificate_message(certificate: Certificate) -> summary_pb2.GetLotCertificateResponse:
    """The certificate of a lot."""
    answer = standing_message(certificate.view)
    answer.basis = _BASIS[certificate.basis]
    if certificate.standard is not None:
        answer.standard = certificate.standard.id
        answer.unverified.extend(unverified_parts([certificate.standard]))
    if certificate.grade is not None:
        set_lot_grade(answer, certificate.grade)
    answer.bales = certificate.bales
    answer.bales_without_standard = certificate.bales_without_standard
    answer.bales_under_other_standards = (
        answer.bales - answer.bales_without_standard - answer.figures.bales
    )
    if certificate.weight is not None and certificate.view.lot.weight is not None:
        answer.weight.CopyFrom(
            certificate_weight_message(
                certificate.view.lot.weight,
                net=certificate.weight.net,
                conditioned=certificate.weight.conditioned,
            )
        )
    answer.first_inspected_on = certificate.first_inspected_on
    answer.last_inspected_on = certificate.last_inspected_on
    answer.laboratories.extend(certificate.laboratories)
    return answer


def certificate_weight_message(
    record: lots_pb2.LotWeight, *, net: int, conditioned: int | None
) -> summary_pb2.CertificateWeight:
    """The weight side of a certificate, in hundredths of a kilogram."""
    return summary_pb2.CertificateWeight(record=record, net=net, conditioned=conditioned)


def summary_message(
    summary: GradeSummary, *, revision: int, basis: Basis
) -> summary_pb2.SummariseGradesResponse:
    """A grade summary as computed at `revision`, of the readings that count on `basis`."""
    return summary_pb2.SummariseGradesResponse(
        revision=revision,
        standards=summary.standards,
        weighting=summary.weighting,
        rows=[_row(row) for row in summary.rows],
        total=_row(summary.total),
        grading_version=GRADING_VERSION,
        unverified=summary.unverified,
        basis=_BASIS[basis],
    )


def bale_grade_message(bale: Mapping[str, Any], standard: str) -> trace_pb2.BaleGrade:
    """The grade of one bale: a row of `grade_bales` as a mapping, and the standard's id."""
    return trace_pb2.BaleGrade(
        standard=standard,
        colour_grade=bale["colour_grade"] or "",
        length_level=bale["length_level"] or "",
        micronaire_tier=bale["micronaire_tier"] or "",
        micronaire_grade=bale["micronaire_grade"] or "",
        strength_tier=bale["strength_tier"] or "",
        uniformity_tier=bale["uniformity_tier"] or "",
        preparation=bale["preparation"] or "",
    )


def _row(row: SummaryRow) -> summary_pb2.SummaryRow:
    return summary_pb2.SummaryRow(
        keys=[
            summary_pb2.KeyValue(key=_NUMBER_OF_KEY[key], value=value) for key, value in row.keys
        ],
        lots=row.lots,
        lots_unregistered=row.lots_unregistered,
        lots_weighed=row.lots_weighed,
        declared_bales=row.declared_bales,
        bales=row.bales,
        bales_unregistered=row.bales_unregistered,
        bales_without_lot=row.bales_without_lot,
        bales_without_standard=row.bales_without_standard,
        gross=row.gross,
        tare=row.tare,
        net=row.net,
        conditioned=row.conditioned,
        lots_with_conditioned_weight=row.lots_with_conditioned_weight,
        lots_withdrawn=row.lots_withdrawn,
        bales_withdrawn=row.bales_withdrawn,
        figures=grade_figures_message(row.figures),
    )


def _measure(measure: MeasureSummary) -> summary_pb2.MeasureSummary:
    return summary_pb2.MeasureSummary(
        bales=measure.bales,
        sum=measure.sum,
        mean_to_hundredths=measure.mean_to_hundredths,
        mean_to_tenths=measure.mean_to_tenths,
        min=measure.min,
        max=measure.max,
        tier=measure.tier or "",
        classes=_classes(measure.classes),
    )


def _classes(classes: Iterable[ClassShare]) -> list[summary_pb2.ClassShare]:
    return [
        summary_pb2.ClassShare(name=each.name, bales=each.bales, share=each.share, mean=each.mean)
        for each in classes
    ]
