"""Certificates of published lots, to the printed digit."""

import pytest
from cotton.inspection.v1 import lots_pb2, summary_pb2
from cotton_server.api.figures import (
    bale_grade_message,
    certificate_weight_message,
    grade_figures_message,
    set_lot_grade,
)
from cotton_server.grading import GRADING_VERSION
from cotton_server.grading.bales import grade_bales
from cotton_server.grading.rollup import roll_up
from cotton_server.grading.shares import ShareDecimalsError
from cotton_server.grading.standards import load_standards
from cotton_server.summary.certificate import grade_each, grade_nothing

from tests.golden.lots import BALE_114104, LOT65079161001, bale_frame, lot186

STANDARD = load_standards()["GB1103.1-2012"]

# A value (hundredths) of each class, chosen as the published class mean where there is one.
CODES = {"P1": 1, "P2": 2, "P3": 3}
COLUMNS = {"colours": "colour_grade", "preparations": "preparation"}


def test_lot186() -> None:
    """186 real values: means, tiers and shares as published; 29.68, not 29.69."""
    (grade,) = grade_each(roll_up(lot186(), STANDARD), STANDARD, share_decimals=1)
    strength, micronaire = grade.figures.strength, grade.figures.micronaire
    assert (strength.bales, strength.sum) == (186, 552140)
    assert (strength.mean_to_hundredths, strength.mean_to_tenths) == (2968, 2970)
    assert (strength.min, strength.max, strength.tier) == (2760, 3150, "S2")
    assert [(c.name, c.bales) for c in strength.classes] == [("S1", 8), ("S2", 143), ("S3", 35)]
    assert [(c.name, c.bales, c.share) for c in micronaire.classes] == [
        ("A", 7, 380), ("B2", 177, 9520), ("C2", 2, 100),
    ]  # fmt: skip
    assert [(c.name, c.share) for c in grade.figures.micronaire_grades] == [
        ("A", 380), ("B", 9520), ("C", 100),
    ]  # fmt: skip
    assert [(c.name, c.share) for c in grade.figures.colours] == [("21", 2690), ("31", 7310)]
    assert (grade.main_colour, grade.main_micronaire) == (None, "B")
    assert (grade.length_level, grade.mark) == (None, None)


def test_lot186_shares_at_two_decimals() -> None:
    (grade,) = grade_each(roll_up(lot186(), STANDARD), STANDARD, share_decimals=2)
    assert [(c.name, c.share) for c in grade.figures.colours] == [("21", 2688), ("31", 7312)]


def test_lot65079161001() -> None:
    """Printed shares and class means of a published certificate, from counts of 186 bales."""
    columns: dict[str, list[int]] = {}
    for item, published in LOT65079161001.items():
        unit = 1 if item == "colours" else 100
        columns[COLUMNS.get(item, item)] = [
            CODES.get(name) or published.means.get(name) or int(name) * unit
            for name, bales in published.bales.items()
            for _ in range(bales)
        ]
    (grade,) = grade_each(roll_up(bale_frame(**columns), STANDARD), STANDARD, share_decimals=1)
    figures = grade.figures
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
    assert (grade.main_colour, grade.main_micronaire) == ("31", "B")


def test_mark_3129b_and_its_message() -> None:
    frame = bale_frame(colour_grade=[31] * 4 + [21], length=[2930] * 5, micronaire=[460] * 5)
    (grade,) = grade_each(roll_up(frame, STANDARD), STANDARD, share_decimals=1)
    assert (grade.length_level, grade.mark) == (29, "3129B")
    response = summary_pb2.GetLotCertificateResponse()
    set_lot_grade(response, grade)
    assert (response.main_colour, response.length_level, response.main_micronaire) == (
        "31", 29, "B",
    )  # fmt: skip
    assert (response.mark, response.grading_version) == ("3129B", GRADING_VERSION)
    assert response.figures.bales == 5
    assert [(c.name, c.bales, c.share) for c in response.figures.colours] == [
        ("21", 1, 2000), ("31", 4, 8000),
    ]  # fmt: skip
    assert response.figures.length.classes[0].mean == 2930
    assert not response.figures.colours[0].HasField("mean")


def test_a_lot_without_bales() -> None:
    """Figures are zero, means absent, grades undefined; the message says so."""
    grade = grade_nothing(STANDARD, share_decimals=1)
    assert (grade.main_colour, grade.length_level, grade.main_micronaire, grade.mark) == (
        None, None, None, None,
    )  # fmt: skip
    message = grade_figures_message(grade.figures)
    assert message.bales == 0
    assert message.length.classes == []
    assert not message.length.HasField("mean_to_hundredths")
    response = summary_pb2.GetLotCertificateResponse()
    set_lot_grade(response, grade)
    assert (response.mark, response.length_level) == ("", 0)


def test_each_row_is_a_lot_by_itself() -> None:
    """Several rows come to several certificates, in order; none to none."""
    frame = bale_frame(lot=[1, 2, 2], length=[2930, 2810, 2890])
    rollup = roll_up(frame, STANDARD)
    first, second = grade_each(rollup, STANDARD, share_decimals=1)
    assert (first.length_level, second.length_level) == (29, 28)
    assert (first.figures.bales, second.figures.bales) == (1, 2)
    alone = grade_each(rollup.tail(1), STANDARD, share_decimals=1)
    assert alone == [second]
    assert grade_each(rollup.clear(), STANDARD, share_decimals=1) == []


def test_other_decimals_are_refused() -> None:
    with pytest.raises(ShareDecimalsError):
        grade_each(roll_up(lot186(), STANDARD), STANDARD, share_decimals=3)
    with pytest.raises(ShareDecimalsError):
        grade_nothing(STANDARD, share_decimals=0)


def test_bale_grade_and_weight_messages() -> None:
    frame = bale_frame(**{name: [value] for name, value in BALE_114104.items()})
    row = grade_bales(frame, STANDARD).row(0, named=True)
    message = bale_grade_message(row, STANDARD.id)
    assert (message.length_level, message.micronaire_tier, message.micronaire_grade) == (
        "28", "B2", "B",
    )  # fmt: skip
    nothing = grade_bales(bale_frame(rd=[None]), STANDARD).row(0, named=True)
    assert bale_grade_message(nothing, "x").ListFields()[0][1] == "x"
    assert len(bale_grade_message(nothing, "x").ListFields()) == 1
    record = lots_pb2.LotWeight(lot_no="65079161001")
    weight = certificate_weight_message(record, net=1, conditioned=None)
    assert weight.record == record
    assert not weight.HasField("conditioned")
    assert certificate_weight_message(record, net=1, conditioned=0).HasField("conditioned")
