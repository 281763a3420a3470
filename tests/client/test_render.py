"""Pages and JSON of fixed answers: what a person and a program read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from cotton.inspection.v1 import common_pb2, lots_pb2, readings_pb2, summary_pb2, trace_pb2
from cotton_client.errors import CottonError, FieldViolation
from cotton_client.lots import LotsReceipt
from cotton_client.render import json_answers, json_figures, names, receipt, values
from cotton_client.render.bale import Bale
from cotton_client.render.certificate import Certificate
from cotton_client.render.natural_order import chinese_number, natural_key
from cotton_client.render.parts import WIDE, Bar
from cotton_client.render.summary import Summary
from cotton_client.upload import BaleIssue, UploadTotals
from cotton_server.grading.standards import load_standards
from google.protobuf import json_format
from rich.cells import cell_len
from rich.console import Console

if TYPE_CHECKING:
    from rich.console import RenderableType

UNVERIFIED = "GB1103.1-2023: weight.standard_trash"
REAL_LOT = Path(__file__).with_name("test_render_real_lot.json")


@pytest.fixture
def certificate() -> summary_pb2.GetLotCertificateResponse:
    """The certificate of the real lot: published micronaire, strength, colour and weight."""
    return json_format.Parse(
        REAL_LOT.read_text(encoding="utf-8"), summary_pb2.GetLotCertificateResponse()
    )


def page(renderable: RenderableType, width: int = 80) -> str:
    """What a terminal of this width shows."""
    console = Console(width=width, highlight=False, color_system=None)
    with console.capture() as capture:
        console.print(renderable)
    return capture.get()


@pytest.mark.parametrize(
    ("hundredths", "text"),
    [(0, "0"), (5, "0.05"), (-5, "-0.05"), (2820, "28.2"), (4257900, "42579"), (-10, "-0.1")],
)
def test_the_shortest_decimal_is_exact(hundredths: int, text: str) -> None:
    """No digit is lost and none is added."""
    assert values.shortest(hundredths) == text


@pytest.mark.parametrize(
    ("hundredths", "decimals", "text"),
    [(2968, 2, "29.68"), (2970, 2, "29.70"), (2970, 1, "29.7"), (2968, 1, "29.68"), (0, 1, "0.0")],
)
def test_fixed_decimals_never_cut_a_digit(hundredths: int, decimals: int, text: str) -> None:
    """More digits than asked for stay."""
    assert values.fixed(hundredths, decimals) == text


@pytest.mark.parametrize(
    ("hundredths", "text"),
    [
        (4257900, "42.579"),
        (50, "0.000"),
        (150, "0.002"),
        (51, "0.001"),
        (10**14, "1 000 000 000.000"),
    ],
)
def test_tonnes_are_rounded_once_half_to_even(hundredths: int, text: str) -> None:
    """The kilogram is the last digit of a tonne printed to three decimals."""
    assert values.tonnes(hundredths) == text


@pytest.mark.parametrize("width", [80, 120])
def test_the_certificate_of_the_real_lot_reads_as_published(
    certificate: summary_pb2.GetLotCertificateResponse, width: int
) -> None:
    """Weight, means, tiers and shares stand there, and no line is wider than the terminal."""
    text = page(Certificate(certificate), width)
    for expected in (
        "42 579 kg",
        "42 374 kg",
        "none: the lot has no main colour grade 无主体颜色级",
        "(31 73.1 %, 21 26.9 %)",
        "29.68",
        "80.55",
        "0 of 186 bales",
    ):
        assert expected in text
    lines = [" ".join(line.split()) for line in text.splitlines()]
    names_of = {"S1": " 很强", "S2": " 强", "S3": " 中等"} if width >= WIDE else {}
    for expected in (
        f"S1{names_of.get('S1', '')} 8 4.3 %",
        f"S2{names_of.get('S2', '')} 143 76.9 %",
        f"S3{names_of.get('S3', '')} 35 18.8 %",
        "A 7 3.8 %",
        "B2 177 95.2 %",
        "C2 2 1.0 %",
    ):
        assert any(expected in line for line in lines), expected
    assert max(cell_len(line) for line in text.splitlines()) <= width


def test_a_mark_is_shown_where_there_is_one(
    certificate: summary_pb2.GetLotCertificateResponse,
) -> None:
    """The mark stands alone, without a reason."""
    certificate.mark = "3128B"
    text = page(Certificate(certificate))
    assert "3128B" in text
    assert "none: " not in text


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"main_colour": "31"}, "main micronaire grade undefined"),
        ({"main_colour": "31", "length_level": 0}, "no bale has a length"),
    ],
)
def test_a_missing_mark_says_what_is_missing(
    certificate: summary_pb2.GetLotCertificateResponse, changes: dict[str, object], reason: str
) -> None:
    """Colour, length and micronaire are looked at in the order of the mark."""
    for name, value in changes.items():
        setattr(certificate, name, value)
    assert reason in page(Certificate(certificate))


def test_a_lot_that_is_only_registered_has_a_page() -> None:
    """Neither read nor weighed is said in words, and no figure is made up."""
    answer = summary_pb2.GetLotCertificateResponse(
        revision=3,
        state=summary_pb2.LOT_STATE_REGISTERED,
        lot=lots_pb2.Lot(lot_no="65140161077", declared_bales=186),
    )
    text = page(Certificate(answer))
    assert "not weighed yet" in text
    assert "not inspected yet" in text
    assert "0 read of 186" in text
    data = json_answers.certificate(answer)
    assert data["weight"] is None
    assert data["figures"]["length"]["mean"] is None


def test_a_lot_that_is_not_registered_says_so_and_how_many_bales_were_read() -> None:
    """Read and weighed, yet neither graded nor conditioned: nothing is graded on a guess."""
    answer = summary_pb2.GetLotCertificateResponse(
        revision=3,
        state=summary_pb2.LOT_STATE_UNREGISTERED,
        lot=lots_pb2.Lot(lot_no="65140161077"),
        bales=186,
        bales_without_standard=186,
    )
    answer.weight.record.regain = answer.weight.record.trash = 250
    text = page(Certificate(answer), 120)
    assert text.count("186 bales read, none graded: the lot is not registered 未登记") == 2
    assert "无公定重量: the lot is not registered" in text
    assert "186 read" in text
    assert "not inspected yet" not in text
    answer.state = summary_pb2.LOT_STATE_READ_AND_WEIGHED
    text = page(Certificate(answer), 120)
    assert "186 bales read, none graded: no standard that is loaded grades them" in text
    assert "无公定重量: no standard is loaded for this cotton" in text


def test_bales_of_other_standards_and_of_none_are_told_apart(
    certificate: summary_pb2.GetLotCertificateResponse,
) -> None:
    """The bales read are all of them; what is not in the figures is counted and said."""
    certificate.bales = 200
    certificate.bales_under_other_standards, certificate.bales_without_standard = 1, 13
    certificate.unverified.append(UNVERIFIED)
    text = page(Certificate(certificate), 120)
    assert "200 read of 186" in text
    assert "200 bales read, 186 declared: 14 too many" in text
    assert "kg a bale" not in text
    assert "1 bale of this lot graded by another standard" in text
    assert "13 bales of this lot that no standard grades" in text
    assert "未核实: standard trash content 标准含杂率 of GB1103.1-2023" in text
    data = json_answers.certificate(certificate)
    names_of = ("bales", "bales_under_other_standards", "bales_without_standard", "unverified")
    assert [data[name] for name in names_of] == [200, 1, 13, [UNVERIFIED]]


def test_every_part_that_a_server_may_call_unverified_has_words() -> None:
    """And one of a newer server stands as it is."""
    parts = {part for standard in load_standards().values() for part in standard.parts}
    assert len(parts) > 15
    for part in parts:
        assert f": {part} of" not in names.unverified([f"GB1103.1-2023: {part}"])
    assert names.unverified(["X: colour.of.night", "new"]).endswith("colour.of.night of X, new")
    assert names.unverified([]) == ""


def test_a_bale_has_a_weight_only_where_bales_read_and_declared_agree(
    certificate: summary_pb2.GetLotCertificateResponse,
) -> None:
    """42 579 kg of 186 bales is 228.9 kg each; of a lot half read nobody can say."""
    text = page(Certificate(certificate), 120)
    assert "(228.9 kg a bale)" in text
    assert " declared: " not in text
    certificate.bales = 10
    text = page(Certificate(certificate), 120)
    assert "kg a bale" not in text
    assert "10 bales read, 186 declared: 176 not read" in text
    certificate.lot.declared_bales = 0
    text = page(Certificate(certificate), 120)
    assert "kg a bale" not in text
    assert " declared: " not in text


def test_a_certificate_says_how_to_read_its_shares_and_that_it_is_an_extract(
    certificate: summary_pb2.GetLotCertificateResponse,
) -> None:
    """One line where the terminal is wide."""
    assert page(Certificate(certificate), 160).splitlines()[-1] == (
        "Shares are of bales; the last class takes the rest, so that they total 100 %."
        " Printed from the service's ledger; not an official document."
    )


@pytest.mark.parametrize(
    ("bales", "weighed", "state"),
    [
        (0, True, "weighed, not registered 未登记"),
        (3, False, "read, not registered 未登记"),
        (3, True, "read and weighed, not registered 未登记"),
    ],
)
def test_the_state_of_a_lot_that_is_not_registered_says_what_arrived(
    bales: int, weighed: bool, state: str
) -> None:
    """Readings, a weight, or both."""
    answer = summary_pb2.GetLotCertificateResponse(
        state=summary_pb2.LOT_STATE_UNREGISTERED, bales=bales
    )
    if weighed:
        answer.weight.net = 100
    assert f"State 状态 {state} " in " ".join(page(Certificate(answer), 120).split())


def test_a_weight_without_regain_has_no_conditioned_weight(
    certificate: summary_pb2.GetLotCertificateResponse,
) -> None:
    """It is said why, and JSON has null."""
    certificate.weight.ClearField("conditioned")
    certificate.weight.record.ClearField("regain")
    assert "No conditioned weight" in page(Certificate(certificate))
    weight = json_answers.certificate(certificate)["weight"]
    assert (weight["conditioned_kg"], weight["regain_percent"]) == (None, None)


def test_the_certificate_as_json_keeps_its_contract(
    certificate: summary_pb2.GetLotCertificateResponse,
) -> None:
    """Decimals are strings in real units, counts integers, the revision is there."""
    data = json.loads(json.dumps(json_answers.certificate(certificate)))
    assert data["revision"] == 7
    assert data["state"] == "read_and_weighed"
    assert data["mark"] is None
    assert data["weight"]["conditioned_kg"] == "42579"
    assert data["weight"]["regain_percent"] == "8.2"
    strength = data["figures"]["strength"]
    assert (strength["mean"], strength["sum"], strength["tier"]) == ("29.68", "5521.4", "S2")
    assert {each["class"]: each["bales"] for each in strength["classes"]} == {
        "S1": 8,
        "S2": 143,
        "S3": 35,
    }
    assert data["figures"]["colours"] == [
        {"class": "31", "bales": 136, "share_percent": "73.1", "mean": None},
        {"class": "21", "bales": 50, "share_percent": "26.9", "mean": None},
    ]
    assert data["lot"]["picking_mode"] == "machine"
    assert not _floats(data)


def _floats(data: object) -> list[float]:
    """Every floating-point number anywhere in the data."""
    if isinstance(data, dict):
        return [found for value in data.values() for found in _floats(value)]
    if isinstance(data, list):
        return [found for value in data for found in _floats(value)]
    return [data] if isinstance(data, float) else []


@pytest.fixture
def summary(
    certificate: summary_pb2.GetLotCertificateResponse,
) -> summary_pb2.SummariseGradesResponse:
    """Two divisions, one of them not known."""
    answer = summary_pb2.SummariseGradesResponse(
        revision=9, standards=["GB1103.1-2012"], weighting="bales"
    )
    for value, lots in (("", 1), ("第八师", 2)):
        row = answer.rows.add(lots=lots, bales=186 * lots, conditioned=4257900 * lots)
        row.lots_with_conditioned_weight = lots
        row.keys.add(key=summary_pb2.SUMMARY_KEY_DIVISION, value=value)
        row.figures.CopyFrom(certificate.figures)
    answer.total.CopyFrom(answer.rows[1])
    answer.total.lots, answer.total.bales_unregistered = 3, 186
    answer.total.lots_unregistered = 1
    answer.total.bales_unregistered += 3
    answer.total.bales_without_lot = 3
    answer.unverified.append(UNVERIFIED)
    return answer


@pytest.mark.parametrize("width", [80, 100, 120, 160])
def test_a_summary_fits_the_terminal_and_names_what_it_rests_on(
    summary: summary_pb2.SummariseGradesResponse, width: int
) -> None:
    """Groups, total, weighting, revision and what is missing stand there."""
    text = page(Summary(summary), width)
    for expected in (
        "not given",
        "第八师",
        "Total 合计",
        "85.158" if width >= 120 else "85.2",
        "weighted by bales",
        "revision 版本 9",
        "1 of 3 lots have no conditioned weight",
        "186 bales of 1 lot not registered so far",
        "3 bales of imported cotton without a lot",
    ):
        assert expected in text
    assert "未核实: standard trash content 标准含杂率 of GB1103.1-2023" in " ".join(text.split())
    assert max(cell_len(line) for line in text.splitlines()) <= width
    assert "B 95.20 %" in text
    assert ("A 3.80 %" in text) == (width >= 120)


@pytest.mark.parametrize("width", [80, 100, 120, 160])
@pytest.mark.parametrize("keys", [1, 2, 4, 14])
def test_no_key_and_no_figure_of_a_summary_is_ever_cut(
    summary: summary_pb2.SummariseGradesResponse, width: int, keys: int
) -> None:
    """However many keys, and with the figures of a nation: all stands there, on any terminal."""
    row = summary.rows[1]
    del row.keys[:]
    numbers = [number for number in summary_pb2.SummaryKey.values() if number][:keys]
    values = [f"value-of-a-key-{number:02d}" for number in numbers]
    for number, value in zip(numbers, values, strict=True):
        row.keys.add(key=number, value=value)
    del summary.rows[0]
    row.lots, row.bales, row.conditioned = 140_000, 26_000_000, 587_654_321_000
    text = page(Summary(summary), width)
    words = " ".join(text.split())
    for expected in (*values, "140 000", "26 000 000", "29.68", "31 73.10 %", "B 95.20 %"):
        assert expected in words
    for number in numbers:
        assert names.SUMMARY_KEYS[number].rpartition(" ")[0] in words
    assert "…" not in text
    assert max(cell_len(line) for line in text.splitlines()) <= width


@pytest.mark.parametrize(
    ("numerals", "number"),
    [
        ("一", 1),
        ("十", 10),
        ("十四", 14),
        ("二十", 20),
        ("一四九", 149),
        ("一百零二", 102),
        ("两千", 2000),
    ],
)
def test_chinese_numerals_have_a_value(numerals: str, number: int) -> None:
    """With units, and digit by digit as regiments are named."""
    assert chinese_number(numerals) == number


@pytest.mark.parametrize(
    "ordered",
    [
        ["", "第一师", "第二师", "第八师", "第十师", "第十四师"],
        ["一团", "九团", "十团", "二十二团", "一四九团", "一五〇团"],
        ["65140", "65141"],
        ["07", "7", "a", "a9", "a10", "b"],
        ["阿克苏", "阿拉尔"],
    ],
)
def test_names_are_in_the_order_in_which_people_count(ordered: list[str]) -> None:
    """Numbers by value, all else as text; those that lack the key first."""
    backwards = list(reversed(ordered))
    assert sorted(backwards, key=natural_key) == ordered


def test_rows_stand_in_natural_order_on_the_page_and_in_json_as_answered(
    summary: summary_pb2.SummariseGradesResponse,
) -> None:
    """By code point 第十四师 comes before 第八师."""
    summary.rows[0].keys[0].value = "第十四师"
    text = page(Summary(summary))
    assert text.index("第八师") < text.index("第十四师")
    rows = json_figures.summary(summary)["rows"]
    assert [row["keys"]["division"] for row in rows] == ["第十四师", "第八师"]


def test_a_summary_says_when_classes_are_left_out(
    summary: summary_pb2.SummariseGradesResponse,
) -> None:
    """Only where there are more than the page has room for."""
    assert "largest classes only; all with --json" in page(Summary(summary), 80)
    for row in (*summary.rows, summary.total):
        del row.figures.colours[1:], row.figures.micronaire_grades[1:]
    assert "largest classes only" not in page(Summary(summary), 80)


def test_a_summary_that_no_lot_matches_says_so() -> None:
    """An empty table would look like an answer."""
    answer = summary_pb2.SummariseGradesResponse(revision=4)
    text = page(Summary(answer, where=["season=2019/20", "gin=1"]))
    assert text.startswith("No lot matches season=2019/20 and gin=1.\n")
    assert "Total" not in text


def test_a_summary_without_rows_has_its_total() -> None:
    """Nothing stored is a total of nothing, not an error."""
    text = page(Summary(summary_pb2.SummariseGradesResponse(revision=1, weighting="bales")))
    assert "Total 合计" in text


def test_a_summary_as_json_has_keys_by_name(summary: summary_pb2.SummariseGradesResponse) -> None:
    """A lot that lacks the key has null."""
    data = json_figures.summary(summary)
    assert [row["keys"] for row in data["rows"]] == [{"division": None}, {"division": "第八师"}]
    assert data["rows"][1]["conditioned_kg"] == "85158"
    assert (data["total"]["bales_without_lot"], data["unverified"]) == (3, [UNVERIFIED])


def test_words_of_the_contract_as_keys_are_in_lower_case(
    summary: summary_pb2.SummariseGradesResponse,
) -> None:
    """On the page and in JSON alike, as everywhere else."""
    for row in summary.rows:
        row.keys[0].key, row.keys[0].value = summary_pb2.SUMMARY_KEY_PICKING_MODE, "MACHINE"
    assert "machine" in page(Summary(summary))
    assert json_figures.summary(summary)["rows"][0]["keys"] == {"picking_mode": "machine"}


def test_a_bale_shows_its_reading_with_its_grade() -> None:
    """Bale 114104: length 28.2 mm, micronaire 4.6 B2, strength 26.4."""
    answer = trace_pb2.GetBaleResponse(
        revision=5,
        reading=readings_pb2.Reading(
            bale_code="32651401611141221550000121114104",
            lot_no="65140161077",
            length=2820,
            micronaire=460,
            strength=2640,
            colour_grade=31,
            foreign_fibre=False,
            preparation=common_pb2.PREPARATION_P2,
        ),
        grade=trace_pb2.BaleGrade(
            standard="GB1103.1-2012",
            colour_grade="31",
            length_level="28",
            micronaire_tier="B2",
            micronaire_grade="B",
            strength_tier="S3",
            preparation="P2",
        ),
        baled_on="2016-11-14",
        received_at_us=1_479_600_000_123_456,
    )
    lines = [" ".join(line.split()) for line in page(Bale(answer)).splitlines()]
    assert "Length 长度 28.2 mm 28" in lines
    assert "Micronaire 马克隆值 4.6 B2 B" in lines
    assert "Foreign fibre 异性纤维 none 无" in lines
    assert "(not registered" in " ".join(lines)
    data = json_answers.bale(answer)
    assert data["received_at"] == "2016-11-20T00:00:00.123456Z"
    assert data["reading"]["length"] == "28.2"
    assert data["reading"]["foreign_fibre"] is False
    assert data["reading"]["rd"] is None
    assert data["crop_year"] is None


def test_a_bale_that_was_graded_by_eye_shows_its_visual_grade() -> None:
    answer = trace_pb2.GetBaleResponse(
        reading=readings_pb2.Reading(bale_code="32651401611141221550000121114104", visual_grade=3)
    )
    lines = [" ".join(line.split()) for line in page(Bale(answer)).splitlines()]
    assert "Visual grade 品级 3" in lines
    assert json_answers.bale(answer)["reading"]["visual_grade"] == 3


def test_a_usda_bale_is_named_by_year_and_id_in_its_own_units() -> None:
    """Inches and g/tex, nothing converted."""
    answer = trace_pb2.GetBaleResponse(
        reading=readings_pb2.Reading(
            usda_bale=readings_pb2.UsdaBale(bale_id="960891871766", crop_year=2006),
            length=114,
            strength=2820,
        ),
        lot_registered=True,
    )
    text = page(Bale(answer))
    assert "2006/960891871766" in text
    assert "1.14" in text
    assert "g/tex" in text
    assert "ungraded" in text
    assert json_answers.bale(answer)["usda_bale_id"] == "960891871766"


def test_a_receipt_lists_what_was_not_stored_as_sent() -> None:
    """Place, number, outcome and why; the rest is counted."""
    outcome = readings_pb2.BaleOutcome(
        outcome=readings_pb2.OUTCOME_REJECTED,
        bale="1" * 32,
        field=common_pb2.FIELD_MICRONAIRE,
        rule=readings_pb2.RULE_ABOVE,
        received="900",
        limit="800",
    )
    totals = UploadTotals(
        batches=2,
        received=100,
        created=58,
        rejected=42,
        warned=1,
        unregistered=2,
        repeated_batches=1,
        resent_batches=1,
        issues=tuple(BaleIssue(place, outcome) for place in range(1, 43)),
    )
    text = "".join(page(part, 100) for part in receipt.upload("a.csv", totals))
    assert "100 bales received · 58 created · 42 rejected" in text
    assert "received 900, above 800" in text
    assert "and 32 more" in text
    assert "1 of 2 batches sent before" in " ".join(text.split())
    assert f" {'1' * 32} " in text
    again = UploadTotals(batches=1, received=9, created=9, repeated_batches=1)
    assert page(next(receipt.upload("a.csv", again)), 100).startswith(
        "a.csv: sent before; first answer again: 9 bales received"
    )
    assert "no readings" in page(next(receipt.upload("b.csv", UploadTotals())))
    (issue, *_) = json_answers.upload(totals)["issues"]
    assert (issue["record"], issue["rule"], issue["limit"]) == (1, "above", "800")


def test_a_lots_receipt_names_conflicts_only() -> None:
    """An identical repeat needs no line."""
    results = (
        lots_pb2.LotResult(row=0, lot_no="1", outcome=lots_pb2.LOT_OUTCOME_EXISTS),
        lots_pb2.LotResult(
            row=1,
            lot_no="65140161077",
            outcome=lots_pb2.LOT_OUTCOME_EXISTS_WITH_DIFFERENT,
            field=common_pb2.FIELD_DIVISION,
            received="2",
            stored="1",
        ),
    )
    answer = LotsReceipt(4, repeated=True, received=2, existing=1, conflicting=1, results=results)
    text = "".join(page(part) for part in receipt.lots("lots.csv", "lot", answer))
    assert "division: received 2, stored 1" in " ".join(text.split())
    assert text.startswith("lots.csv: sent before; first answer again: 2 lots received")
    assert text.count("conflicts") == 1
    assert [each["outcome"] for each in json_answers.lots_receipt(answer)["results"]] == [
        "exists",
        "exists_with_different",
    ]


def test_moments_that_differ_are_shown_as_time_in_china() -> None:
    """Seconds since 1970 say nothing to a reader; what is no moment stays as it is."""
    results = [
        lots_pb2.LotResult(
            outcome=lots_pb2.LOT_OUTCOME_EXISTS_WITH_DIFFERENT,
            field=common_pb2.FIELD_GATE_IN_AT,
            received=received,
            stored="1479600000",
        )
        for received in ("1479603600", "9" * 30)
    ]
    answer = LotsReceipt(4, repeated=False, received=2, conflicting=2, results=tuple(results))
    text = "".join(page(part, 160) for part in receipt.lots("lots.csv", "lot", answer))
    assert "received 2016-11-20 09:00 +08, stored 2016-11-20 08:00 +08" in text
    assert f"received {'9' * 30}, stored 2016" in text


def test_a_lots_receipt_shows_its_warnings() -> None:
    """A regain of 19 % is stored, and said."""
    warnings = tuple(
        lots_pb2.LotWarning(
            row=row,
            lot_no="65140161077",
            field=common_pb2.FIELD_REGAIN,
            rule=readings_pb2.RULE_ABOVE,
            received="19.00",
            limit="10.00",
        )
        for row in range(12)
    )
    answer = LotsReceipt(4, repeated=False, received=12, created=12, warned=12, warnings=warnings)
    text = "".join(page(part) for part in receipt.lots("w.csv", "weight", answer))
    assert "12 weights accepted with a warning" in text
    assert "65140161077 regain: received 19.00, above 10.00" in text
    assert "and 2 more" in text
    data = json_answers.lots_receipt(answer)
    assert data["warned"] == 12
    assert data["warnings"][11] == {
        "record": 12,
        "lot_no": "65140161077",
        "field": "regain",
        "rule": "above",
        "received": "19.00",
        "limit": "10.00",
    }


def test_an_error_as_json_has_reason_message_and_remedy() -> None:
    """Violations and metadata only where there are some."""
    plain = json_answers.error(CottonError("What.", reason="WHY", remedy="Do."))
    assert plain == {"error": {"reason": "WHY", "message": "What.", "remedy": "Do."}}
    full = json_answers.error(
        CottonError("What.", metadata={"line": "3"}, violations=[FieldViolation("a", "b")])
    )
    assert full["error"]["metadata"] == {"line": "3"}
    assert full["error"]["violations"] == [{"field": "a", "description": "b"}]


def test_a_bar_is_as_long_as_its_share_and_never_invisible() -> None:
    """An eighth of a cell is the least stroke; nothing is nothing."""
    assert page(Bar(1, 2), 20) == "█" * 10 + "\n"
    assert page(Bar(1, 10_000), 20) == "▏\n"
    assert page(Bar(0, 10_000), 20) == "\n"
    assert page(Bar(0, 0), 20) == "\n"


def test_an_enum_value_of_a_newer_server_is_its_number() -> None:
    """A client that is older than the server still prints the answer."""
    assert names.cotton_type(99) == "99"
    assert names.cotton_type(0) is None
    assert names.preparation(2) == "P2"
