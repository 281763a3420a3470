"""Certificate, summary and trace agree on the standard of a lot, what it graded and weighs."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from cotton.inspection.v1 import common_pb2, summary_pb2

from tests.support.bales import bale, usda_bale
from tests.support.calls import CALL_S_MAX, Calls, refused
from tests.support.server import Servers

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

OLD, NEW = "GB1103.1-2012", "GB1103.1-2023"
UNREGISTERED, NAMING, ROLLER, ORDINARY, UNREAD, MIXED, WEIGHED = (
    f"6514016100{number}" for number in range(1, 8)
)
CONDITIONED = 4257900


@pytest.fixture(scope="module")
def calls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Calls]:
    """A server that knows a lot of each kind, all of them weighed."""
    directory: Path = tmp_path_factory.mktemp("server")
    with Servers(directory) as servers, servers.start().channel() as channel:
        calls = Calls(channel)
        for lot_no in (ORDINARY, UNREAD, MIXED):
            calls.register(lot_no, lot_no)
        roller = common_pb2.COTTON_TYPE_ROLLER_GINNED_UPLAND
        calls.register(ROLLER, ROLLER, cotton_type=roller)
        by_name = {NAMING: NEW, ROLLER: NEW, ORDINARY: "", UNREGISTERED: ""}
        for place, (lot_no, standard) in enumerate(by_name.items()):
            bales = [replace(bale(10 * place + n, lot_no), standard=standard) for n in range(3)]
            calls.submit(bales, f"readings-{lot_no}")
        mixed = [
            bale(90, MIXED, length=2800),
            usda_bale(1, lot_no=MIXED, length=114),
            replace(usda_bale(2, lot_no=MIXED, length=114), standard=OLD),
            replace(bale(91, MIXED), standard=NEW),
            replace(bale(92, MIXED), standard="GB19635-2005"),
            replace(bale(93, MIXED, length=2800), standard=OLD),
        ]
        calls.submit(mixed, "mixed")
        calls.submit([usda_bale(number) for number in (7, 8, 9)], "without-a-lot")
        for lot_no in (UNREGISTERED, NAMING, ROLLER, ORDINARY, UNREAD, MIXED, WEIGHED):
            calls.weigh(f"w{lot_no}", lot_no)
        yield calls


@pytest.mark.parametrize(
    ("lot_no", "standard", "bales", "graded", "others", "without"),
    [
        (UNREGISTERED, "", 3, 0, 0, 3),
        (NAMING, NEW, 3, 3, 0, 0),
        (ROLLER, NEW, 3, 3, 0, 0),
        (ORDINARY, OLD, 3, 3, 0, 0),
        (UNREAD, OLD, 0, 0, 0, 0),
        (MIXED, OLD, 6, 2, 1, 3),
        (WEIGHED, "", 0, 0, 0, 0),
    ],
)
def test_certificate_and_summary_of_a_lot_agree(
    calls: Calls, lot_no: str, standard: str, bales: int, graded: int, others: int, without: int
) -> None:
    """The same standard, the same bales, the same conditioned weight."""
    certificate = calls.certificate(lot_no)
    assert (certificate.standard, certificate.bales) == (standard, bales)
    assert certificate.figures.bales == graded
    assert certificate.bales_under_other_standards == others
    assert certificate.bales_without_standard == without
    conditioned = CONDITIONED if standard else 0
    assert certificate.weight.conditioned == conditioned
    assert certificate.weight.HasField("conditioned") == bool(standard)
    assert list(certificate.unverified) == (
        [f"{NEW}: weight.standard_trash"] if standard == NEW else []
    )
    rows = calls.summarise(summary_pb2.SUMMARY_KEY_LOT).rows
    (row,) = (row for row in rows if row.keys[0].value == lot_no)
    assert (row.bales, row.figures.bales, row.conditioned) == (bales, graded + others, conditioned)
    assert (row.bales_without_standard, row.lots_with_conditioned_weight) == (
        without,
        bool(standard),
    )


def test_a_summary_by_standard_weighs_a_lot_where_its_certificate_stands(calls: Calls) -> None:
    rows = {
        row.keys[0].value: row for row in calls.summarise(summary_pb2.SUMMARY_KEY_STANDARD).rows
    }
    assert {name: (row.lots, row.conditioned) for name, row in rows.items()} == {
        "": (2, 0),
        OLD: (3, 3 * CONDITIONED),
        NEW: (2, 2 * CONDITIONED),
    }


def test_a_usda_bale_in_a_lot_of_gb_is_never_graded(calls: Calls) -> None:
    """28.00 mm twice and 1.14 in twice: the mean is that of the millimetres."""
    certificate = calls.certificate(MIXED)
    assert certificate.figures.length.mean_to_hundredths == 2800
    for number in (1, 2):
        assert calls.bale(usda_bale(number)).grade.standard == ""
    assert calls.bale(bale(90)).grade.standard == OLD


def test_bales_without_a_lot_are_counted_and_are_no_lot(calls: Calls) -> None:
    total = calls.summarise().total
    assert (total.lots, total.lots_unregistered, total.lots_weighed) == (7, 3, 7)
    assert (total.bales_without_lot, total.bales_unregistered) == (3, 3 + 3 + 3)
    (row,) = (
        row for row in calls.summarise(summary_pb2.SUMMARY_KEY_LOT).rows if row.keys[0].value == ""
    )
    assert (row.lots, row.lots_unregistered, row.bales, row.bales_without_lot) == (0, 0, 3, 3)


def test_what_is_not_verified_is_said_beside_the_figures(calls: Calls) -> None:
    answer = calls.summarise()
    assert list(answer.standards) == [OLD, NEW]
    assert list(answer.unverified) == [f"{NEW}: weight.standard_trash"]


@pytest.mark.parametrize("lot_no", [ORDINARY, UNREGISTERED, WEIGHED])
@pytest.mark.parametrize("decimals", [-1, 3, 7])
def test_other_decimals_are_refused_whatever_there_is_to_print(
    calls: Calls, lot_no: str, decimals: int
) -> None:
    certificate = summary_pb2.GetLotCertificateRequest(lot_no=lot_no, share_decimals=decimals)
    summary = summary_pb2.SummariseGradesRequest(share_decimals=decimals)
    for error in (
        refused(calls.summary.GetLotCertificate, certificate, timeout=CALL_S_MAX),
        refused(calls.summary.SummariseGrades, summary, timeout=CALL_S_MAX),
    ):
        assert (error.reason, error.fields) == ("INVALID_FIELD", ["share_decimals"])
