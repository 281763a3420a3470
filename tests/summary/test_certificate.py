"""Certificates of published lots through the whole path, to the printed digit."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from cotton.inspection.v1 import lots_pb2, summary_pb2
from cotton_server.api.figures import certificate_weight_message
from cotton_server.errors import Reason, ServiceError
from cotton_server.grading import GRADING_VERSION
from cotton_server.grading.standards import load_standards
from cotton_server.summary.basis import Basis
from cotton_server.summary.certificates import certificates

from tests.golden.lots import (
    LOT186_WEIGHT,
    LOT65079161001,
    LOT65079161001_WEIGHT,
    Weight,
    lot186,
)
from tests.support.bales import LOT, OTHER_LOT, Bale, bale, code
from tests.support.chronicles import Reader
from tests.support.histories import History

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

STANDARD = load_standards()["GB1103.1-2012"]

# A value (hundredths) of each class, chosen as the published class mean where there is one.
CODES = {"P1": 1, "P2": 2, "P3": 3}
COLUMNS = {"colours": "colour_grade", "preparations": "preparation"}


def history_of(
    values: Sequence[Mapping[str, int]], lot_no: str = LOT, weight: Weight | None = None
) -> History:
    """A registered lot that is read in two laboratories in turn, and weighed."""
    history = History()
    history.register(lot_no, declared_bales=len(values))
    bales = [
        Bale(code(number, gin=lot_no[:5]), lot_no, values=each, laboratory=f"L{number % 2}")
        for number, each in enumerate(values)
    ]
    if bales:
        history.read(bales)
    if weight is not None:
        names = ("gross", "tare", "trash", "regain", "resolution")
        history.weigh(lot_no, **{name: getattr(weight, name) for name in names})
    return history


def certificate(
    history: History, lot_no: str = LOT, **fields: Any
) -> summary_pb2.GetLotCertificateResponse:
    """The certificate of a lot."""
    request = summary_pb2.GetLotCertificateRequest(lot_no=lot_no, **fields)
    return Reader(history).certificate(request)


def golden186() -> History:
    """The 186 bales of a trading client, with the weight of its lot."""
    names = ("micronaire", "strength", "colour_grade")
    rows = lot186().select(names).rows(named=True)
    return history_of(rows, weight=LOT186_WEIGHT)


def test_lot186() -> None:
    """186 real values: means, tiers and shares as published; 29.68, not 29.69."""
    made = certificate(golden186())
    strength, micronaire = made.figures.strength, made.figures.micronaire
    assert (strength.bales, strength.sum) == (186, 552140)
    assert (strength.mean_to_hundredths, strength.mean_to_tenths) == (2968, 2970)
    assert (strength.min, strength.max, strength.tier) == (2760, 3150, "S2")
    assert [(c.name, c.bales) for c in strength.classes] == [("S1", 8), ("S2", 143), ("S3", 35)]
    assert [(c.name, c.bales, c.share) for c in micronaire.classes] == [
        ("A", 7, 380), ("B2", 177, 9520), ("C2", 2, 100),
    ]  # fmt: skip
    # Within one real lot: 0.20 and 0.78.
    assert (micronaire.standard_deviation, strength.standard_deviation) == (20, 78)
    assert [(c.name, c.share) for c in made.figures.micronaire_grades] == [
        ("A", 380), ("B", 9520), ("C", 100),
    ]  # fmt: skip
    assert [(c.name, c.share) for c in made.figures.colours] == [("21", 2690), ("31", 7310)]
    assert (made.main_colour, made.main_micronaire) == ("", "B")
    assert (made.length_level, made.mark) == (0, "")
    assert (made.weight.net, made.weight.conditioned) == (
        LOT186_WEIGHT.net,
        LOT186_WEIGHT.conditioned,
    )
    assert (made.standard, made.grading_version) == (STANDARD.id, GRADING_VERSION)
    assert list(made.laboratories) == ["L0", "L1"]


def test_lot186_shares_at_two_decimals() -> None:
    made = certificate(golden186(), share_decimals=2)
    assert [(c.name, c.share) for c in made.figures.colours] == [("21", 2688), ("31", 7312)]


def test_lot186_in_a_summary() -> None:
    """By largest remainder, and a mean by weight of one lot is its mean by bales."""
    history = golden186()
    answer = Reader(history).summarise(summary_pb2.SummariseGradesRequest())
    (row,) = answer.rows
    micronaire, strength = row.figures.micronaire, row.figures.strength
    assert [(c.name, c.share) for c in micronaire.classes] == [
        ("A", 376), ("B2", 9516), ("C2", 108),
    ]  # fmt: skip
    assert (strength.mean_to_hundredths, strength.weighted_mean_to_hundredths) == (2968, 2968)
    assert strength.weighted_mean_to_tenths == 2970
    assert (row.conditioned, row.net) == (LOT186_WEIGHT.conditioned, LOT186_WEIGHT.net)
    # 42 579 kg over 186 bales are 228.919… kg.
    assert (row.conditioned_per_bale, row.coverage) == (22892, 10_000)
    assert (row.regain_mean_by_net, row.trash_mean_by_lots) == (820, 230)


def test_lot65079161001() -> None:
    """Printed shares, class means and weight of a published certificate, from counts of 186."""
    values: list[dict[str, int]] = [{} for _ in range(186)]
    for item, published in LOT65079161001.items():
        unit = 1 if item == "colours" else 100
        column = [
            CODES.get(name) or published.means.get(name) or int(name) * unit
            for name, bales in published.bales.items()
            for _ in range(bales)
        ]
        for each, value in zip(values, column, strict=True):
            each[COLUMNS.get(item, item)] = value
    lot_no = "65079161001"
    history = history_of(values, lot_no, LOT65079161001_WEIGHT)
    made = certificate(history, lot_no)
    figures = made.figures
    printed = {
        "colours": figures.colours,
        "length": figures.length.classes,
        "micronaire": figures.micronaire.classes,
        "strength": figures.strength.classes,
        "uniformity": figures.uniformity.classes,
        "preparations": figures.preparations,
    }
    for item, published in LOT65079161001.items():
        assert {c.name: c.bales for c in printed[item]} == published.bales
        assert {c.name: c.share for c in printed[item]} == published.shares
        assert {c.name: c.mean for c in printed[item] if c.name in published.means} == (
            published.means
        )
        assert sum(c.share for c in printed[item]) == 10_000
    assert (figures.strength.mean_to_tenths, figures.strength.tier) == (2870, "S3")
    assert (figures.uniformity.mean_to_tenths, figures.uniformity.tier) == (8190, "U3")
    assert figures.micronaire.mean_to_tenths == 460
    assert (made.main_colour, made.main_micronaire) == ("31", "B")
    assert (made.weight.net, made.weight.conditioned) == (
        LOT65079161001_WEIGHT.net,
        LOT65079161001_WEIGHT.conditioned,
    )


@pytest.mark.parametrize(
    ("colours", "main"),
    [
        ({21: 186}, "21"),
        ({31: 4, 21: 1}, "31"),
        ({31: 136, 21: 50}, ""),
        ({31: 79, 21: 21}, ""),
        ({31: 9, 51: 1}, ""),
        ({31: 8, 21: 1, 41: 1}, "31"),
        ({}, ""),
    ],
)
def test_main_colour_of_a_lot_and_of_a_summary(colours: dict[int, int], main: str) -> None:
    """At least 80 %, exactly 80.00 % counts, and all others are adjacent."""
    values = [{"colour_grade": code} for code, bales in colours.items() for _ in range(bales)]
    history = history_of(values)
    assert certificate(history).main_colour == main
    total = Reader(history).summarise(summary_pb2.SummariseGradesRequest()).total
    assert total.figures.main_colour == main


def test_mark_3129b() -> None:
    values = [{"colour_grade": code, "length": 2930, "micronaire": 460} for code in [31] * 4 + [21]]
    made = certificate(history_of(values))
    assert (made.main_colour, made.length_level, made.main_micronaire) == ("31", 29, "B")
    assert (made.mark, made.figures.bales) == ("3129B", 5)
    assert [(c.name, c.bales, c.share) for c in made.figures.colours] == [
        ("21", 1, 2000), ("31", 4, 8000),
    ]  # fmt: skip
    assert made.figures.length.classes[0].mean == 2930
    assert not made.figures.colours[0].HasField("mean")


def test_a_lot_without_bales() -> None:
    """Figures are zero, means absent, grades undefined; the message says so."""
    made = certificate(history_of([]))
    assert (made.main_colour, made.length_level, made.main_micronaire, made.mark) == ("", 0, "", "")
    assert (made.standard, made.bales, made.figures.bales) == (STANDARD.id, 0, 0)
    assert made.figures.length.classes == []
    assert not made.figures.length.HasField("mean_to_hundredths")
    assert (made.first_inspected_on, list(made.laboratories)) == ("", [])


def test_each_view_is_a_lot_by_itself() -> None:
    """One lot at several revisions and another between them come to certificates in that order."""
    history = History()
    history.register(declared_bales=2)
    history.read([replace(bale(1), values={"length": 2930})])
    history.read([replace(bale(2, OTHER_LOT), values={"length": 2810})])
    history.read([replace(bale(3), values={"length": 2810})])
    views, reader = history.views(), Reader(history)
    at = [(LOT, 1), (LOT, 4), (OTHER_LOT, 4), (LOT, 2), (LOT, 4)]
    shown = [views.view(history.number(lot), views.at_entry(revision)) for lot, revision in at]
    made = certificates(
        [view for view in shown if view is not None],
        history.registry,
        reader.gradings,
        share_decimals=1,
        basis=Basis.IN_FORCE,
    )
    found = [
        (each.view.lot.lot_no, each.view.revision, each.bales, each.bales_without_standard)
        for each in made
    ]
    assert found == [(LOT, 1, 0, 0), (LOT, 4, 2, 0), (OTHER_LOT, 4, 1, 1), (LOT, 2, 1, 0),
                     (LOT, 4, 2, 0)]  # fmt: skip
    levels = [
        each.grade and each.grade.printed.texts["length_level"][each.grade.row] for each in made
    ]
    assert levels == ["", "28", None, "29", "28"]
    assert certificates([], history.registry, reader.gradings, share_decimals=1) == []


@pytest.mark.parametrize("decimals", [-1, 3])
def test_other_decimals_are_refused(decimals: int) -> None:
    with pytest.raises(ServiceError) as refused:
        certificate(golden186(), share_decimals=decimals)
    assert refused.value.reason is Reason.INVALID_FIELD


def test_lots_that_nothing_is_known_of() -> None:
    """A number that is none is another mistake than a lot that is not there, or not yet."""
    history = history_of([{"length": 2930}])
    history.read([bale(900, OTHER_LOT)])
    for lot_no, revision, reason in (
        ("123", 0, Reason.INVALID_FIELD),
        ("65140161999", 0, Reason.NOT_FOUND),
        (OTHER_LOT, 2, Reason.NOT_FOUND),
        (LOT, 99, Reason.FUTURE_REVISION),
    ):
        with pytest.raises(ServiceError) as refused:
            certificate(history, lot_no, revision=revision)
        assert refused.value.reason is reason


def test_a_weight_that_is_not_conditioned_is_told_apart_from_none() -> None:
    record = lots_pb2.LotWeight(lot_no="65079161001")
    weight = certificate_weight_message(record, net=1, conditioned=None)
    assert weight.record == record
    assert not weight.HasField("conditioned")
    assert certificate_weight_message(record, net=1, conditioned=0).HasField("conditioned")
