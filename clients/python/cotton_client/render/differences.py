"""What differs between two readings of a bale, or between two certificates of a lot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cotton_client.fields import HUNDREDTHS_FIELDS, VALUE_FIELDS
from cotton_client.render import names
from cotton_client.render.values import china_time, shortest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from cotton.inspection.v1 import lifecycle_pb2, readings_pb2, summary_pb2

_MEASURES: Final = (
    "length",
    "micronaire",
    "strength",
    "uniformity",
    "short_fibre",
    "rd",
    "plus_b",
)
_CLASSED: Final = ("length", "micronaire", "strength", "uniformity", "short_fibre")
_CLASS_LISTS: Final = (
    ("colour", "colours"),
    ("micronaire_grade", "micronaire_grades"),
    ("preparation", "preparations"),
    ("visual_grade", "visual_grades"),
    ("leaf", "leaf_grades"),
)
_LOT_TEXTS: Final = (
    "gin_code",
    "gin_name",
    "warehouse",
    "region",
    "division",
    "regiment",
    "county",
    "traceability_unit",
    "origin",
    "agency",
    "quality_certificate_no",
    "production_line",
)


@dataclass(frozen=True, slots=True)
class Difference:
    """One value before and after, as text in real units; None where there is none."""

    name: str
    before: str | None
    after: str | None


def between_readings(before: readings_pb2.Reading, after: readings_pb2.Reading) -> list[Difference]:
    """Fields of a reading that differ, by the names that `cotton correct` takes."""
    return _between(reading_texts(before), reading_texts(after))


def where_readings_differ(
    readings: Sequence[readings_pb2.Reading],
) -> dict[str, tuple[str | None, ...]]:
    """Fields that are not the same in all readings, with the value in each, None where absent."""
    texts = [reading_texts(each) for each in readings]
    rows = {
        name: tuple(each.get(name) for each in texts)
        for name in dict.fromkeys(name for each in texts for name in each)
    }
    return {name: values for name, values in rows.items() if len(set(values)) > 1}


def reading_texts(reading: readings_pb2.Reading) -> dict[str, str]:
    """Every value of a reading that is there, as `cotton correct` takes it."""
    texts = {"lot_no": reading.lot_no}
    there = {field.name for field, _ in reading.ListFields()}
    for name in VALUE_FIELDS:
        if name not in there:
            continue
        value = getattr(reading, name)
        if name == "preparation":
            texts[name] = names.preparation(value) or ""
        else:
            texts[name] = shortest(value) if name in HUNDREDTHS_FIELDS else str(int(value))
    texts["standard"] = reading.standard
    texts["laboratory"] = reading.laboratory
    texts["instrument"] = reading.instrument
    texts["inspected_at"] = china_time(reading.inspected_at_s)
    return {name: text for name, text in texts.items() if text}


def between_certificates(
    before: summary_pb2.GetLotCertificateResponse | None,
    after: summary_pb2.GetLotCertificateResponse | None,
) -> list[Difference]:
    """Figures of a lot that differ: bales, weights, mark, means, shares; then the lot itself.

    Names are such as "bales", "conditioned_kg", "length.mean", "colour.31.share_percent".
    """
    old, new = (dict(_figures(each)) if each is not None else {} for each in (before, after))
    return _between(old, new)


def between_figures(change: lifecycle_pb2.LotChange) -> list[Difference]:
    """What differs between the certificates of a change; all there is of a new lot."""
    return between_certificates(
        change.before if change.HasField("before") else None,
        change.after if change.HasField("after") else None,
    )


def _between(before: Mapping[str, str], after: Mapping[str, str]) -> list[Difference]:
    """Differences in the order of what is after; then what is gone."""
    everything = [*after, *(name for name in before if name not in after)]
    return [
        Difference(name, before.get(name), after.get(name))
        for name in everything
        if before.get(name) != after.get(name)
    ]


def _figures(answer: summary_pb2.GetLotCertificateResponse) -> Iterator[tuple[str, str]]:
    """Every figure of a certificate that is there."""
    for name, value in _plain(answer):
        if value:
            yield name, value
    figures = answer.figures
    for name in _MEASURES:
        measure: summary_pb2.MeasureSummary = getattr(figures, name)
        if measure.HasField("mean_to_hundredths"):
            yield f"{name}.mean", shortest(measure.mean_to_hundredths)
        if measure.tier:
            yield f"{name}.tier", measure.tier
    for name, field in _CLASS_LISTS:
        yield from _shares(name, getattr(figures, field))
    for name in _CLASSED:
        yield from _shares(name, getattr(figures, name).classes)


def _plain(answer: summary_pb2.GetLotCertificateResponse) -> Iterator[tuple[str, str]]:
    """Figures that stand for the whole lot, and the lot's registration."""
    weight, lot, figures = answer.weight, answer.lot, answer.figures
    yield "bales", str(answer.bales)
    yield "bales_graded", str(figures.bales or "")
    yield "bales_withdrawn", str(answer.status.bales_withdrawn or "")
    yield "declared_bales", str(lot.declared_bales or "")
    if answer.HasField("weight"):
        yield "gross_kg", shortest(weight.record.gross)
        yield "tare_kg", shortest(weight.record.tare)
        yield "net_kg", shortest(weight.net)
        for name in ("regain", "trash"):
            if weight.record.HasField(name):
                yield f"{name}_percent", shortest(getattr(weight.record, name))
        if weight.HasField("conditioned"):
            yield "conditioned_kg", shortest(weight.conditioned)
        yield "weight_certificate_no", weight.record.weight_certificate_no
    yield "standard", answer.standard
    yield "mark", answer.mark
    yield "main_colour", answer.main_colour
    yield "length_level", str(answer.length_level or "")
    yield "main_micronaire", answer.main_micronaire
    yield "bales_with_foreign_fibre", str(figures.bales_with_foreign_fibre or "")
    yield "holds", ", ".join(names.lot_hold(each) or "" for each in answer.status.holds)
    yield "cotton_type", names.cotton_type(lot.cotton_type) or ""
    yield "picking_mode", names.picking_mode(lot.picking_mode) or ""
    yield "channel", names.channel(lot.channel) or ""
    for name in _LOT_TEXTS:
        yield name, getattr(lot, name)


def _shares(name: str, classes: Iterable[summary_pb2.ClassShare]) -> Iterator[tuple[str, str]]:
    """Bales and share of every class."""
    for each in classes:
        yield f"{name}.{each.name}.bales", str(each.bales)
        yield f"{name}.{each.name}.share_percent", shortest(each.share)
