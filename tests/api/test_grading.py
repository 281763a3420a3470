"""GradingService over real gRPC: readings graded without storing, standards with every table."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from cotton.inspection.v1 import common_pb2, grading_pb2, grading_pb2_grpc, readings_pb2, trace_pb2
from cotton_server.grading import GRADING_VERSION
from cotton_server.grading.charts import load_charts
from cotton_server.grading.standards import load_standards

from tests.support.bales import Bale, bale, columns, rows, usda_bale
from tests.support.calls import CALL_S_MAX, Calls, error_of
from tests.support.server import Servers

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.support.calls import Error

OLD, NEW, ROLLER, USDA = "GB1103.1-2012", "GB1103.1-2023", "GB1103.2-2012", "USDA"
UPLAND = common_pb2.COTTON_TYPE_SAW_GINNED_UPLAND
IMPORTED = common_pb2.COTTON_TYPE_IMPORTED_UPLAND
BATCH_BALES_MAX = 50
MESSAGE_BYTES_MAX = 256 << 10


@pytest.fixture(scope="module")
def calls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Calls]:
    """A server with one stored batch, and small limits."""
    with (
        Servers(tmp_path_factory.mktemp("server")) as servers,
        servers.start(
            batch_bales_max=BATCH_BALES_MAX, message_bytes_max=MESSAGE_BYTES_MAX
        ).channel() as channel,
    ):
        calls = Calls(channel)
        calls.submit([bale(1)])
        yield calls


@pytest.fixture
def service(calls: Calls) -> grading_pb2_grpc.GradingServiceStub:
    """The stub."""
    return grading_pb2_grpc.GradingServiceStub(calls.channel)


def request(bales: Sequence[Bale], *, as_rows: bool = True, **more: Any) -> Any:
    """A request for grades, in either shape."""
    if as_rows:
        return grading_pb2.GradeReadingsRequest(rows=rows(bales), **more)
    return grading_pb2.GradeReadingsRequest(columns=columns(bales), **more)


def refusal(call: Any, message: Any) -> Error:
    """The typed error of a call that must be refused."""
    with pytest.raises(grpc.RpcError) as error:
        call(message, timeout=CALL_S_MAX)
    return error_of(error.value)


@pytest.mark.parametrize("as_rows", [True, False])
def test_readings_are_graded_in_order_and_none_is_stored(
    calls: Calls, service: grading_pb2_grpc.GradingServiceStub, as_rows: bool
) -> None:
    """The grade of a stored bale is the same; the revision does not move."""
    latest = service.GradeReadings(request([bale(1)]), timeout=CALL_S_MAX).revision
    plain = bale(1)
    other = bale(2, colour_grade=21, length=2895, micronaire=370, strength=2900)
    answer = service.GradeReadings(
        request([other, plain], as_rows=as_rows, cotton_type=UPLAND), timeout=CALL_S_MAX
    )
    assert [each.rejected for each in answer.readings] == ["", ""]
    first, second = (each.grade for each in answer.readings)
    assert (first.standard, first.colour_grade, first.length_level) == (OLD, "21", "29")
    assert (first.micronaire_tier, first.micronaire_grade, first.strength_tier) == ("A", "A", "S2")
    assert "double_29a" in first.definitions
    assert "double_29" not in second.definitions
    assert (answer.grading_version, [*answer.unverified]) == (GRADING_VERSION, [])
    assert answer.revision == latest
    result = calls.submit([other] if as_rows else [bale(3)], f"stored-{as_rows}")
    assert (result.revision, result.outcome.created) == (latest + 1, 1)


def test_a_stored_bale_has_the_same_grade(
    calls: Calls, service: grading_pb2_grpc.GradingServiceStub
) -> None:
    """As it is told by TraceService."""
    reading = replace(usda_bale(77, rd=7700, plus_b=800).but(colour_grade=None), standard=USDA)
    calls.submit([reading], "imported")
    (graded,) = service.GradeReadings(request([reading]), timeout=CALL_S_MAX).readings
    stored = calls.trace.GetBale(
        trace_pb2.GetBaleRequest(
            usda_bale=readings_pb2.UsdaBale(bale_id=reading.code, crop_year=reading.crop_year)
        ),
        timeout=CALL_S_MAX,
    )
    assert stored.grade == graded.grade
    assert (stored.grade.colour_grade, stored.grade.colour_from_chart) == ("31", True)
    assert (stored.grade.length_level, stored.grade.leaf_grade) == ("37", "3")


@pytest.mark.parametrize(
    ("reading", "more", "standard"),
    [
        (bale(1), {}, ""),
        (bale(1), {"cotton_type": UPLAND}, OLD),
        (bale(1, "65140241077"), {"cotton_type": UPLAND}, NEW),
        (bale(1), {"standard": NEW}, NEW),
        (bale(1), {"standard": ROLLER}, ROLLER),
        (replace(bale(1), standard=OLD), {"standard": NEW}, OLD),
        (replace(bale(1), standard="GB1103.1-2007"), {"standard": NEW}, ""),
        (bale(1), {"standard": USDA}, ""),
        (bale(1), {"cotton_type": common_pb2.COTTON_TYPE_EXTRA_LONG_STAPLE}, ""),
        (usda_bale(1), {"cotton_type": IMPORTED}, USDA),
        (usda_bale(1), {"standard": USDA}, USDA),
        (usda_bale(1), {"standard": NEW}, ""),
        (usda_bale(1), {"cotton_type": UPLAND, "season": 2024}, ""),
    ],
)
def test_what_grades_a_reading(
    service: grading_pb2_grpc.GradingServiceStub,
    reading: Bale,
    more: dict[str, Any],
    standard: str,
) -> None:
    """What it names, else what is named, else cotton type and season; and never other units."""
    (graded,) = service.GradeReadings(request([reading], **more), timeout=CALL_S_MAX).readings
    assert (graded.grade.standard, graded.rejected) == (standard, "")
    assert graded.HasField("grade") == bool(standard)


def test_unverified_parts_are_those_of_the_standards_that_graded(
    service: grading_pb2_grpc.GradingServiceStub,
) -> None:
    answer = service.GradeReadings(request([bale(1)], standard=NEW), timeout=CALL_S_MAX)
    assert [*answer.unverified] == [f"{NEW}: weight.standard_trash"]


def test_the_chart_grades_what_the_laboratory_did_not(
    service: grading_pb2_grpc.GradingServiceStub,
) -> None:
    """A grade of the laboratory stands, with the chart's beside it; an unknown cell has none."""
    silent = usda_bale(1, rd=7700, plus_b=800).but(colour_grade=None)
    graded = service.GradeReadings(
        request(
            [silent, usda_bale(2, rd=7700, plus_b=800, colour_grade=21),
             usda_bale(3, rd=9000, plus_b=800).but(colour_grade=None)],
            standard=USDA,
        ),
        timeout=CALL_S_MAX,
    ).readings  # fmt: skip
    assert [
        (each.grade.colour_grade, each.grade.chart_colour_grade, each.grade.colour_from_chart)
        for each in graded
    ] == [("31", "31", True), ("21", "31", False), ("", "", False)]


@pytest.mark.parametrize(
    ("reading", "why"),
    [
        (bale(1, length=9900), "length 99.00 is above 45.00: check the value and its unit."),
        (bale(1, micronaire=-5), "micronaire -0.05 is below 1.50: check the value and its unit."),
        (bale(1, colour_grade=61), "colour_grade 61 is no code that is known: correct it."),
        (bale(1, trash_count=900), "trash_count 900 is above 500: check the value and its unit."),
        (bale(1, "x"), 'lot_no "x" has not its form: correct it.'),
        (bale(1, ""), "lot_no is missing: give it."),
        (Bale("12"), 'bale_code "12" has not its form: correct it.'),
        (Bale(bale(1).code), "The reading has no value: give at least one."),
        (replace(bale(1), decided_by="x"), "decided_by belongs to corrections: leave it out."),
        (replace(bale(1), kind=9), "kind 9 is no code that is known: correct it."),
    ],
)
def test_what_would_be_rejected_is_told_and_not_graded(
    service: grading_pb2_grpc.GradingServiceStub, reading: Bale, why: str
) -> None:
    """The others are graded all the same."""
    answer = service.GradeReadings(
        request([bale(7), reading, bale(8)], standard=NEW), timeout=CALL_S_MAX
    )
    assert [each.rejected for each in answer.readings] == ["", why, ""]
    assert [each.HasField("grade") for each in answer.readings] == [True, False, True]


@pytest.mark.parametrize(
    ("message", "reason", "fields"),
    [
        (grading_pb2.GradeReadingsRequest(), "MISSING_FIELD", ["batch.readings"]),
        (grading_pb2.GradeReadingsRequest(rows=readings_pb2.ReadingRows()), "EMPTY_BATCH", []),
        (request([bale(n) for n in range(BATCH_BALES_MAX + 1)]), "BATCH_TOO_LARGE", ["batch.rows"]),
        (request([bale(1)], standard="GB1"), "UNKNOWN_STANDARD", ["standard"]),
        (request([bale(1)], standard="x" * 5000), "UNKNOWN_STANDARD", ["standard"]),
        (request([bale(1)], season=24), "INVALID_FIELD", ["season"]),
        (request([bale(1)], season=-1), "INVALID_FIELD", ["season"]),
        (request([bale(1)], cotton_type=99), "INVALID_FIELD", ["cotton_type"]),
        (request([bale(1)], revision=1 << 40), "FUTURE_REVISION", ["revision"]),
        (grading_pb2.GradeReadingsRequest(
            columns=readings_pb2.ReadingColumns(count=2, bale_code_high=[1], bale_code_low=[1, 2])
         ), "UNEQUAL_COLUMNS", ["batch.columns.bale_code_high"]),
        (request([replace(bale(1), laboratory="x" * 300_000)]), "MESSAGE_TOO_LARGE", []),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_bad_requests_get_typed_errors(
    service: grading_pb2_grpc.GradingServiceStub,
    message: grading_pb2.GradeReadingsRequest,
    reason: str,
    fields: list[str],
) -> None:
    error = refusal(service.GradeReadings, message)
    assert (error.reason, error.fields) == (reason, fields)
    assert len(error.message) < 1000


def test_bytes_that_are_no_request_are_refused(calls: Calls) -> None:
    """And so are fields that the contract does not have."""
    for method in ("GradeReadings", "ListStandards", "GetStandard"):
        call = calls.channel.unary_unary(
            f"/cotton.inspection.v1.GradingService/{method}", bytes, bytes
        )
        for payload, reason in (
            (b"\xff", "MALFORMED_MESSAGE"),
            (b"\xf8\x07\x01", "UNKNOWN_FIELDS"),
        ):
            assert refusal(call, payload).reason == reason


def test_an_older_revision_has_the_charts_of_then(
    calls: Calls, service: grading_pb2_grpc.GradingServiceStub
) -> None:
    """It is named in the answer."""
    calls.submit([bale(50)], "one-more")
    answer = service.GradeReadings(request([bale(1)], revision=1), timeout=CALL_S_MAX)
    assert answer.revision == 1


def test_standards_are_listed_oldest_first(service: grading_pb2_grpc.GradingServiceStub) -> None:
    """What is not known is named, and open ends are empty."""
    answer = service.ListStandards(grading_pb2.ListStandardsRequest(), timeout=CALL_S_MAX)
    assert answer.grading_version == GRADING_VERSION
    by_id = {each.id: each for each in answer.standards}
    assert list(by_id) == list(load_standards())
    new = by_id[NEW]
    assert (new.in_force_from, new.in_force_to, new.first_season, new.last_season) == (
        "2024-09-01",
        "",
        2024,
        0,
    )
    assert ([*new.unknown], [*new.unverified]) == (
        ["measures.short_fibre"],
        ["weight.standard_trash"],
    )
    assert new.provenance.confidence == "H"
    assert (by_id[USDA].units, by_id[USDA].in_force_from) == ("usda", "")
    assert [*by_id["GB/T19635-2024"].cotton_types] == ["EXTRA_LONG_STAPLE"]


@pytest.mark.parametrize("standard", load_standards())
def test_a_standard_is_told_with_every_table(
    service: grading_pb2_grpc.GradingServiceStub, standard: str
) -> None:
    """Nothing that is in its file is left out, and nothing that is not known is filled in."""
    answer = service.GetStandard(grading_pb2.GetStandardRequest(id=standard), timeout=CALL_S_MAX)
    loaded = load_standards()[standard]
    assert [*answer.summary.unknown] == [*loaded.unknown]
    assert answer.rounding == "half-even"
    for told, measure in zip(answer.measures, loaded.measures.values(), strict=True):
        assert (told.name, told.title_zh, told.unit) == (
            measure.name,
            measure.title_zh,
            measure.unit,
        )
        assert (told.tiering, told.standard) == (measure.tiering.value, measure.standard or "")
        assert [
            (
                each.name,
                each.lower if each.HasField("lower") else None,
                each.upper if each.HasField("upper") else None,
                each.grade or None,
            )
            for each in told.tiers
        ] == [(each.name, each.lower, each.upper, each.grade) for each in measure.tiers]
    items = {each.name: each for each in answer.items}
    assert set(items) == {*loaded.items, *(["colour"] if loaded.colour else [])}
    for name, item in loaded.items.items():
        assert [each.name for each in items[name].classes] == [each.name for each in item.classes]
        assert items[name].title_zh == item.title_zh
    constants = {each.name: each for each in answer.constants}
    for name, constant in (
        ("standard_trash", loaded.standard_trash),
        ("official_regain", loaded.official_regain),
    ):
        assert constants[name].HasField("value") == (constant is not None)
        assert constants[name].value == (0 if constant is None else constant.value)
    chart = load_charts().get(standard)
    assert answer.chart == ("" if chart is None else chart.id)
    assert answer.HasField("chart_provenance") == (chart is not None)


def test_colour_of_a_standard_has_types_neighbours_and_the_rule_of_the_main_grade(
    service: grading_pb2_grpc.GradingServiceStub,
) -> None:
    answer = service.GetStandard(grading_pb2.GetStandardRequest(id=NEW), timeout=CALL_S_MAX)
    (colour,) = [each for each in answer.items if each.name == "colour"]
    assert (colour.main_share, colour.standard, colour.title_zh) == (8000, "31", "颜色级")
    assert colour.neighbours_provenance.confidence == "M"
    by_name = {each.name: each for each in colour.classes}
    assert [*by_name["22"].neighbours] == ["31", "41", "12", "32"]
    assert by_name["22"].type == "light_spotted"
    assert [each.condition for each in answer.definitions if each.name == "double_29b2"] == [
        "length >= 29.0 mm and strength >= 29.0 cN/tex and micronaire B2"
    ]
    usda = service.GetStandard(grading_pb2.GetStandardRequest(id=USDA), timeout=CALL_S_MAX)
    (colour,) = [each for each in usda.items if each.name == "colour"]
    assert (colour.main_share, colour.HasField("main_provenance")) == (0, False)
    assert [*usda.definitions] == []


@pytest.mark.parametrize("standard", ["", "GB", "gb1103.1-2023", "x" * 100_000])
def test_a_standard_that_is_not_there(
    service: grading_pb2_grpc.GradingServiceStub, standard: str
) -> None:
    """The error names those that are."""
    error = refusal(service.GetStandard, grading_pb2.GetStandardRequest(id=standard))
    assert (error.reason, error.code) == ("UNKNOWN_STANDARD", grpc.StatusCode.NOT_FOUND.value[0])
    assert error.metadata["standards"].split(",") == list(load_standards())
    assert len(error.message) < 500
