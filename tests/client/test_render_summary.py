"""Pages of summaries, certificates of many lots and listed bales: bars, both seasons, languages."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from cotton.inspection.v1 import summary_pb2
from cotton_client.render import bale_list, json_answers, json_figures
from cotton_client.render.certificate import Certificate
from cotton_client.render.certificate_table import CertificateTable
from cotton_client.render.compared import change, difference
from cotton_client.render.joint_names import joint_name
from cotton_client.render.labels import in_language
from cotton_client.render.summary import GROUPS_SHOWN_MAX, Summary
from cotton_client.tables import Table, decode_page
from rich.cells import cell_len
from rich.console import Console

from tests.support.grades_service import (
    BALES_LISTED,
    CERTIFICATE_COLUMNS,
    LOT_NOS,
    certificates_page,
    class_shares,
    grade_figures,
    header,
    summary_answer,
)
from tests.support.tables import encode_page, figure_column

if TYPE_CHECKING:
    from cotton_client.render.labels import Labels
    from rich.console import RenderableType


def page(renderable: RenderableType, width: int = 120) -> str:
    """What a terminal of this width shows."""
    console = Console(width=width, highlight=False, color_system=None)
    with console.capture() as capture:
        console.print(renderable)
    return capture.get()


def lines_of(text: str) -> list[str]:
    """Lines with single blanks."""
    return [" ".join(line.split()) for line in text.splitlines()]


@pytest.mark.parametrize("width", [40, 60, 80, 100, 120, 160, 240])
@pytest.mark.parametrize("last_season", [False, True])
@pytest.mark.parametrize("labels", ["both", "en", "zh"])
def test_a_summary_fits_any_terminal(width: int, last_season: bool, labels: str) -> None:
    """No line is wider, and nothing is cut off."""
    answer = summary_answer("第一师", "第二师", "第八师", last_season=last_season)
    text = page(Summary(answer, labels=labels), width)  # type: ignore[arg-type]  # of LABELS
    assert max(cell_len(line) for line in text.splitlines()) <= width
    assert "…" not in text
    for share in ("73.00 %", "64.36 %", "95.31 %", "0.65 %", "12.31 %"):
        assert share in text


def test_every_item_has_a_bar_a_class() -> None:
    """With the code, both names and the share; the longest bar is that of the largest share."""
    lines = lines_of(page(Summary(summary_answer()), 80))
    for expected in (
        "31 white 3 白棉三级 73.00 % █",
        "29 mm 毫米级 60.00 % █",
        "B2 64.36 % █",
        "S3 medium 中等 71.63 % █",
        "U2 high 高 34.13 % █",
        "P1 good 好 3.43 % █",
        "white 白棉 100.00 % █",
    ):
        assert any(line.startswith(expected) for line in lines), expected
    bars = {line.split()[0]: line.count("█") for line in lines if "█" in line}
    assert bars["P2"] > bars["S3"] > bars["S2"] > bars["P1"]


def test_both_means_are_named() -> None:
    """By bales and by weight beside each other, and the spread of single bales."""
    lines = lines_of(page(Summary(summary_answer()), 120))
    assert any(line.startswith("By bales By weight SD Min Max Tier") for line in lines)
    assert "Length 长度 mm 29.01 28.71 0.78 26.01 32.01 29" in lines
    assert "Uniformity 长度整齐度 % 82.50 — 0.78 79.5 85.5 U3" in lines


def test_conditions_charts_weights_and_lots_are_told() -> None:
    """Each with what it is a share of."""
    text = "\n".join(lines_of(page(Summary(summary_answer()))))
    for expected in (
        "length and strength 29 双29: 12.31 % (123 of 999 bales)",
        "Without colour 颜色未定级: 3 bales",
        "Colour by the chart 按颜色图定级: 12 bales",
        "Laboratory and chart disagree 与颜色图不符: 41 of 900 bales",
        "Foreign fibre 异性纤维: 2 of 1 000 bales examined",
        "Conditioned a bale 每包公定重量 kg 227.05",
        "Regain, mean by lots 回潮率按批平均 % 8.20",
        "Regain, mean by net weight 回潮率按净重平均 % 8.19",
        "Coverage of declared bales 检验覆盖率 % 98.04",
        "Share of the total 占总量 % 50.00",
        "Lots registered elsewhere 归属与登记不符批 2",
        "Lots by state 批次状态 final 8 · held 2",
        "2 of 10 lots registered in another division or region than the organisation",
    ):
        assert expected in text
    words = " ".join(text.split())
    assert "revision 版本 812 of 2024-12-01 17:50 +08" in words
    assert "charts 颜色图 xinjiang@700 · organisation 机构 of revision 650" in words
    assert "inspected 检验日期 2024-10-01 to 2024-12-01" in words


def test_last_season_stands_beside_this_one() -> None:
    """Below each group of the table, and beside means, classes, conditions and weights."""
    answer = summary_answer("第八师", last_season=True)
    answer.rows[0].last_season.figures.colours.extend(class_shares(("41", 1, 5)))
    answer.total.last_season.figures.colours.extend(class_shares(("41", 1, 5)))
    lines = lines_of(page(Summary(answer)))
    assert any(line.startswith("last season 上年度 0 990 227.0 29.11") for line in lines)
    assert any(line.startswith("change 增减 — +1.01 % -0.03 % -0.10") for line in lines)
    assert "Length 长度 mm 29.01 28.71 0.78 26.01 32.01 29 29.11 -0.10" in lines
    assert any("31 white 3 白棉三级 73.00 % +0.10" in line for line in lines)
    assert any("41 white 4 白棉四级 0.00 % -0.05" in line for line in lines)
    assert any("last season 上年度 12.41 %, -0.10" in line for line in lines)
    assert "Bales read 检验包数 1 000 990 +1.01 %" in lines
    assert "Last season 上年度: inspected from 2023-10-01 through 2023-12-01." in lines


def test_seasons_are_compared_under_the_same_standards() -> None:
    """Also over an edition; never millimetres with inches, or colours with other colours."""
    answer = summary_answer(last_season=True)
    last = answer.total.last_season.figures
    last.standards[:] = ["GB1103.1-2012"]
    assert "12.41 %, -0.10" in page(Summary(answer))
    last.standards[:] = ["GB1103.2-2012"]
    text = page(Summary(answer))
    assert "12.41 %, -0.10" not in text
    assert "length and strength 29 双29: 12.31 %" in text


def test_a_season_before_that_is_not_there_is_left_out() -> None:
    """A group may be new."""
    answer = summary_answer("第一师", "第八师", last_season=True)
    answer.rows[0].ClearField("last_season")
    assert page(Summary(answer)).count("last season 上年度 12.41 %") == 2


def test_the_change_of_an_older_service_is_worked_out() -> None:
    """One that says nothing of it sends what it is of."""
    answer = summary_answer("第八师", last_season=True)
    for row in (answer.rows[0], answer.total):
        row.ClearField("bales_on_last_season")
        row.ClearField("conditioned_on_last_season")
    lines = lines_of(page(Summary(answer)))
    assert any(line.startswith("change 增减 — +1.01 % 0.00 % -0.10") for line in lines)


@pytest.mark.parametrize("labels", ["both", "en", "zh"])
@pytest.mark.parametrize("width", [80, 160])
def test_values_have_their_english_names(labels: Labels, width: int) -> None:
    """Those that the service knows, in the table and above the blocks; none in Chinese alone."""
    text = page(Summary(summary_answer("第一师", "第二师", "第八师"), labels=labels), width)
    times = 0 if labels == "zh" else 2
    assert text.count("第一师 (First Division)") == times
    assert text.count("第八师 (Eighth Division)") == times
    assert text.count("第一师") == 2
    assert "第二师 (" not in text


@pytest.mark.parametrize(("groups", "blocks"), [(1, 1), (GROUPS_SHOWN_MAX, 5), (5, 1)])
def test_blocks_are_of_few_groups_or_of_the_total(groups: int, blocks: int) -> None:
    """One group is the total; of many nobody looks through the bars, and it is said."""
    answer = summary_answer(*(f"第{number}师" for number in "一二三四五"[:groups]))
    for row in answer.rows:
        row.CopyFrom(answer.total)
        row.keys.add(key=summary_pb2.SUMMARY_KEY_DIVISION, value="x")
    text = page(Summary(answer))
    assert text.count("轧工质量") == blocks
    assert ("the total of 5 groups" in text) == (groups == 5)


def test_withheld_groups_are_said_to_be() -> None:
    """With their keys and no figure; so is a total that would give one away."""
    answer = summary_answer("第一师", "第二师", "第八师")
    text = page(Summary(answer))
    assert "第二师 withheld 不公布" in lines_of(text)
    assert "cannot be told from the total" in " ".join(text.split())
    assert "1 group withheld 不公布" in text
    answer.total.CopyFrom(summary_pb2.SummaryRow(withheld=True))
    text = page(Summary(answer, where=["season=2024"]))
    assert "Total 合计 withheld 不公布" in lines_of(text)


def test_several_families_of_standards_are_shown_each() -> None:
    """Their classes and units are not the same, so neither are their bars."""
    answer = summary_answer()
    other = answer.total.other_figures.add()
    other.CopyFrom(grade_figures())
    other.standards[:] = ["USDA"]
    text = page(Summary(answer))
    assert "USDA · 1 000 bales" in text
    assert "g/tex" in text
    assert "Length 长度 in" in text
    assert text.count("白棉三级") == 1


def test_json_has_everything_of_a_row() -> None:
    """By name, decimals as texts; the season before has the same fields."""
    answer = summary_answer("第八师", last_season=True)
    data = json.loads(json.dumps(json_figures.summary(answer)))
    row = data["rows"][0]
    assert row["lots_by_state"] == {"final": 8, "held": 2}
    assert row["coverage_percent"] == "98.04"
    assert row["conditioned_per_bale_kg"] == "227.05"
    assert row["trash_mean_by_net_percent"] == "2.31"
    assert row["lots_organisation_differs"] == 2
    assert row["bales_on_last_season_percent"] == "1.01"
    assert row["conditioned_on_last_season_percent"] == "-0.03"
    assert data["total"]["bales_on_last_season_percent"] == "1.01"
    assert set(row["last_season"]) == set(row)
    assert row["last_season"]["bales_on_last_season_percent"] is None
    assert row["last_season"]["bales"] == 990
    assert row["last_season"]["last_season"] is None
    figures = row["figures"]
    assert figures["joint"] == [
        {"definition": "double_29", "bales": 123, "of_bales": 999, "share_percent": "12.31"}
    ]
    assert figures["length"]["weighted_mean"] == "28.71"
    assert figures["length"]["lots_weighted"] == 8
    assert figures["uniformity"]["weighted_mean"] is None
    assert figures["strength"]["standard_deviation"] == "0.78"
    assert (figures["main_colour"], figures["bales_chart_differs"]) == ("31", 41)
    assert data["header"]["received_at"] == "2024-12-01T09:50:15.123456Z"
    assert data["header"]["organisation_revision"] == 650
    assert data["header"]["labels"][0] == {
        "key": "division",
        "value": "第一师",
        "label_en": "First Division",
    }


def test_json_of_a_withheld_row_is_null() -> None:
    """Zeros would be figures; every field is there all the same."""
    answer = summary_answer("第一师", "第二师", "第八师")
    first, second, _ = json_figures.summary(answer)["rows"]
    assert set(second) == set(first)
    assert second["keys"] == {"division": "第二师"}
    assert second["withheld"] is True
    assert {name for name, value in second.items() if value is not None} == {"keys", "withheld"}


def test_every_field_of_a_row_is_in_its_json() -> None:
    """One that is added to the contract is not forgotten here."""
    row = json_figures.summary_row(summary_answer("x").rows[0])
    figures, measure = row["figures"], row["figures"]["length"]
    renamed = {"mean_to_hundredths": "mean", "weighted_mean_to_hundredths": "weighted_mean"}
    for message, data in (
        (summary_pb2.SummaryRow, row),
        (summary_pb2.GradeFigures, figures),
        (summary_pb2.MeasureSummary, measure),
        (summary_pb2.SummaryHeader, json_figures.header(header())),
    ):
        for name in message.DESCRIPTOR.fields_by_name:
            called = renamed.get(name, name).removesuffix("_us")
            assert {called, f"{called}_kg", f"{called}_percent"} & set(data), name


@pytest.mark.parametrize("width", [72, 80, 120])
def test_a_certificate_shows_what_else_was_found(width: int) -> None:
    """Spread, types of colour, conditions, visual and leaf grades, and what a chart says."""
    figures = grade_figures()
    figures.visual_grades.extend(class_shares(("3", 1000, 10_000)))
    figures.leaf_grades.extend(class_shares(("4", 1000, 10_000)))
    answer = summary_pb2.GetLotCertificateResponse(
        revision=9, standard="GB1103.1-2023", bales=1000, figures=figures
    )
    text = page(Certificate(answer), width)
    words = " ".join(text.split())
    for expected in (
        "SD 标准差",
        "0.78",
        "Colour type 颜色类型",
        "Visual grade 品级",
        "Leaf grade 叶屑级",
        "length and strength 29 双29: 12.31 %",
        "41 of 900 bales",
    ):
        assert expected in words
    assert ("31 白棉三级" in words) == (width == 120)


@pytest.mark.parametrize(
    ("registered", "differs", "expected"),
    [
        (
            "第七师",
            True,
            "Counted in 统计归属: 兵团 · 第八师, by the organisation 机构 of revision 650;",
        ),
        ("", False, "Counted in 统计归属: 兵团 · 第八师, by the organisation 机构 of revision 650"),
        ("第八师", False, ""),
    ],
)
def test_a_certificate_says_where_its_lot_is_counted(
    registered: str, differs: bool, expected: str
) -> None:
    """Where that is not as it was registered; and by which charts colours were graded."""
    answer = summary_pb2.GetLotCertificateResponse(
        revision=9,
        region="兵团",
        division="第八师",
        organisation_differs=differs,
        organisation_revision=650,
        charts=["xinjiang@700"],
    )
    answer.lot.region, answer.lot.division = "兵团", registered
    text = page(Certificate(answer), 160)
    assert ("Counted in" in text) == bool(expected)
    assert expected in text
    assert ("registered in another division or region 归属与登记不符" in text) == differs
    assert "charts 颜色图 xinjiang@700" in text
    data = json_answers.certificate(answer)
    assert (data["region"], data["division"], data["county"]) == ("兵团", "第八师", None)
    assert data["lot"]["division"] == (registered or None)
    assert (data["organisation_differs"], data["organisation_revision"]) == (differs, 650)
    assert data["charts"] == ["xinjiang@700"]


def test_every_field_of_a_certificate_is_in_its_json() -> None:
    """One that is added to the contract is not forgotten here."""
    data = json_answers.certificate(summary_pb2.GetLotCertificateResponse())
    fields = set(summary_pb2.GetLotCertificateResponse.DESCRIPTOR.fields_by_name)
    assert fields - set(data) == set()


def certificates() -> Table:
    """Certificates of five lots, the second not read."""
    frame, withheld = decode_page(certificates_page(LOT_NOS), (), CERTIFICATE_COLUMNS)
    return Table(header(), (), CERTIFICATE_COLUMNS, frame, withheld)


def test_certificates_are_a_line_a_lot() -> None:
    """What a lot does not have is not 0."""
    lines = lines_of(page(CertificateTable(certificates())))
    assert f"{LOT_NOS[0]} final 3128B 31 B2 S2 U3 186 42 579 28.69 4.41 29.68 82.55" in lines
    assert f"{LOT_NOS[1]} weighed — — — — — 0 42 580 — — — —" in lines
    assert any(line.startswith("5 lots · means by bales") for line in lines)
    chinese = page(CertificateTable(certificates(), labels="zh"))
    assert "批号" in chinese
    assert "Weight" not in chinese


def test_certificates_of_several_families_stand_in_one_table() -> None:
    """Each lot has figures under its own standard only."""
    columns = (
        figure_column("lot_no", is_text=True),
        figure_column("mark", is_text=True, standards=["A"]),
        figure_column("mark", is_text=True, standards=["B"]),
    )
    texts: list[list[str | None]] = [["1", "2"], ["3128B", None], [None, "4130C"]]
    frame, withheld = decode_page(encode_page(2, texts=texts), (), columns)
    lines = lines_of(page(CertificateTable(Table(header(), (), columns, frame, withheld))))
    assert any(line.startswith("1 — 3128B") for line in lines)
    assert any(line.startswith("2 — 4130C") for line in lines)


def test_no_certificate_is_said() -> None:
    """With the filters that nothing passed."""
    frame, withheld = decode_page(certificates_page([]), (), CERTIFICATE_COLUMNS)
    table = Table(header(), (), CERTIFICATE_COLUMNS, frame, withheld)
    assert "No lot matches gin=1." in page(CertificateTable(table, where=["gin=1"]))


def test_a_listed_bale_is_a_line() -> None:
    """Its name in full, its lot, its day, and every cause."""
    console = Console(width=200, highlight=False, color_system=None)
    with console.capture() as capture:
        console.print(bale_list.line(BALES_LISTED[0]))
    (line,) = lines_of(capture.get())
    assert line == (
        f"{BALES_LISTED[0].bale} {LOT_NOS[0]} 2024-12-01 lot not registered 批次未登记;"
        " no standard grades it 无适用标准 · L1"
    )


@pytest.mark.parametrize(
    ("now", "before", "by", "percent"),
    [
        (2901, 2911, "-0.10", "-0.34 %"),
        (2911, 2901, "+0.10", "+0.34 %"),
        (5, 5, "0.00", "0.00 %"),
        (5, 0, "+0.05", "—"),
        (None, 5, "—", "—"),
        (0, 8, "-0.08", "-100.00 %"),
        (20_001, 20_000, "+0.01", "0.00 %"),
        (20_003, 20_000, "+0.03", "+0.02 %"),
        (19_997, 20_000, "-0.03", "-0.02 %"),
    ],
)
def test_changes_are_exact_or_rounded_once(
    now: int | None, before: int | None, by: str, percent: str
) -> None:
    """Half to even, as every figure; nothing is a share of nothing."""
    assert difference(now, before) == by
    assert change(now, before) == percent


@pytest.mark.parametrize(
    ("label", "english", "chinese"),
    [
        ("Reflectance 反射率 Rd", "Reflectance", "反射率 Rd"),
        ("Total 合计", "Total", "合计"),
        ("Mean", "Mean", "Mean"),
        (
            "quality cotton, XPCC 2023 兵团优质棉（2023年）",
            "quality cotton, XPCC 2023",
            "兵团优质棉（2023年）",
        ),
    ],
)
def test_labels_are_in_the_language_that_is_asked_for(
    label: str, english: str, chinese: str
) -> None:
    """Or in the one that there is."""
    assert in_language(label, "en") == english
    assert in_language(label, "zh") == chinese
    assert in_language(label, "both") == label


def test_a_definition_of_a_newer_service_is_its_id() -> None:
    """Rather than nothing."""
    assert joint_name("double_31") == "double_31"
