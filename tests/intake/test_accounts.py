"""Deliveries, areas, market prices and weights of bales: each outcome of a record, and replay."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from cotton.inspection.v1 import accounts_pb2, common_pb2, lots_pb2
from cotton_server.errors import Reason, ServiceError
from cotton_server.intake.committer import Receipt, Submission
from cotton_server.intake.content import REQUESTS, kind_of
from cotton_server.intake.replay import replay
from cotton_server.intake.versions import VERSIONS_MAX
from cotton_server.ledger import Ledger
from cotton_server.registry.registry import Registry

from tests.support.accounts import area, bale_weight, delivery, held, price, request_of
from tests.support.bales import LOT, bale
from tests.support.committing import BOUNDS, Committing, answer, committing
from tests.support.deciding import Deciding
from tests.support.histories import amendment

if TYPE_CHECKING:
    from pathlib import Path

    from cotton_server.intake.committer import Stored

ONE_AND_OTHER: list[tuple[Any, dict[str, Any], str, tuple[str, str, str]]] = [
    (delivery(), {"weight": 300_001}, "2024/D-1", ("weight", "3000.01", "3000.00")),
    (delivery(), {"regiment": ""}, "2024/D-1", ("regiment", "", "121团")),
    (area(), {"area": 4_999}, "2024/U-1", ("area", "49.99", "50.00")),
    (
        price(mark="3128B"),
        {"basis": accounts_pb2.PRICE_BASIS_SEED_COTTON},
        "xinjiang-purchase/2024-10-05/3128B",
        ("basis", "PRICE_BASIS_SEED_COTTON", "PRICE_BASIS_LINT"),
    ),
    (
        price(lot_no=LOT),
        {"volume": 100},
        f"xinjiang-purchase/2024-10-05//{LOT}",
        ("volume", "1.00", "0.00"),
    ),
    (bale_weight(), {"net": 22_800}, bale(1).code, ("net", "228.00", "227.00")),
    (
        bale_weight(bale="2016/000000000001"),
        {"unit": accounts_pb2.MASS_UNIT_POUND},
        "2016/000000000001",
        ("unit", "MASS_UNIT_POUND", "MASS_UNIT_KILOGRAM"),
    ),
]


def but(record: Any, **changed: Any) -> Any:
    """A record with other values."""
    made = type(record)()
    made.CopyFrom(record)
    for name, value in changed.items():
        setattr(made, name, value)
    return made


def amended(record: Any, revision: int, **changed: Any) -> Any:
    """A record that takes the place of what was stored at a revision."""
    made = but(record, **changed)
    made.amendment.CopyFrom(amendment(revision))
    return made


def sent(decided: Deciding, record: Any) -> tuple[str, int, accounts_pb2.AccountResult]:
    """Outcome, stored revision and result of one record."""
    (result,) = told(decided, record)
    return result


def told(decided: Deciding, *records: Any) -> list[tuple[str, int, accounts_pb2.AccountResult]]:
    """Outcome, stored revision and result of each record of one request."""
    outcome = decided.request(request_of(*records))
    counts = "created", "existing", "conflicting", "rejected", "corrected", "superseded"
    assert sum(getattr(outcome, name) for name in counts) == outcome.received == len(records)
    by_row = {result.row: result for result in outcome.results}
    assert outcome.created == len(records) - len(by_row)
    answers = []
    for row in range(len(records)):
        result = by_row.get(row, accounts_pb2.AccountResult(outcome=lots_pb2.LOT_OUTCOME_CREATED))
        name = lots_pb2.LotOutcome.Name(result.outcome).removeprefix("LOT_OUTCOME_")
        answers.append((name, result.stored_revision, result))
    return answers


@pytest.mark.parametrize(("one", "changed", "label", "field"), ONE_AND_OTHER)
def test_a_record_is_kept_repeated_contradicted_corrected_and_overtaken(
    one: Any, changed: dict[str, Any], label: str, field: tuple[str, str, str]
) -> None:
    """Every outcome of a kind of record, each with the revision that it met."""
    decided, other = Deciding(), but(one, **changed)
    outcomes = [
        sent(decided, record)
        for record in (
            one,
            one,
            other,
            amended(other, 7),
            amended(other, 1),
            amended(other, 1),
            other,
            one,
            amended(one, 1),
            amended(one, 5),
            amended(other, 1),
        )
    ]
    assert [(name, revision) for name, revision, _ in outcomes] == [
        ("CREATED", 0),
        ("EXISTS", 1),
        ("EXISTS_WITH_DIFFERENT", 1),
        ("REJECTED", 1),
        ("CORRECTED", 1),
        ("EXISTS", 5),
        ("EXISTS", 5),
        ("SUPERSEDED", 5),
        ("REJECTED", 5),
        ("CORRECTED", 5),
        ("SUPERSEDED", 10),
    ]
    assert {result.key for _, _, result in outcomes[1:]} == {label}
    differs, aimed = outcomes[2][2], outcomes[3][2]
    assert (differs.field, differs.received, differs.stored) == field
    assert "amendment that names the stored revision" in differs.message
    assert (aimed.field, aimed.received, aimed.stored) == ("supersedes_revision", "7", "1")


def test_records_of_one_request_are_decided_in_order() -> None:
    """Later ones meet the earlier, which are stored at the revision of the request."""
    decided = Deciding()
    outcomes = told(
        decided,
        delivery(1),
        delivery(1),
        delivery(1, weight=1),
        amended(delivery(1), 1, weight=2),
        delivery(1, weight=2),
        delivery(1),
        delivery(2),
        delivery(1, season=2023),
        delivery("bad no"),
    )
    assert [(name, revision) for name, revision, _ in outcomes] == [
        ("CREATED", 0),
        ("EXISTS", 1),
        ("EXISTS_WITH_DIFFERENT", 1),
        ("CORRECTED", 1),
        ("EXISTS", 1),
        ("SUPERSEDED", 1),
        ("CREATED", 0),
        ("CREATED", 0),
        ("REJECTED", 0),
    ]
    book = decided.registry.accounts
    stored = book.deliveries(1, 2024).select("delivery_no", "weight").rows()
    assert stored == [("D-1", 2), ("D-2", 300_000)]
    assert book.deliveries(1, 2023)["weight"].to_list() == [300_000]


def test_an_amendment_needs_something_to_amend_a_reason_and_who_decided() -> None:
    decided = Deciding()
    name, _, result = sent(decided, amended(area(), 1))
    assert (name, result.field) == ("REJECTED", "supersedes_revision")
    sent(decided, area())
    for field in ("reason", "decided_by"):
        record = amended(area(), 2, area=1)
        record.amendment.ClearField(field)
        name, _, result = sent(decided, record)
        assert (name, result.field) == ("REJECTED", field)
    record = amended(area(), 2, area=1)
    record.amendment.reason = common_pb2.AMENDMENT_REASON_OTHER
    assert sent(decided, record)[2].field == "note"


def test_the_versions_of_a_record_are_bounded() -> None:
    decided = Deciding()
    sent(decided, area(area=1))
    for number in range(1, VERSIONS_MAX):
        assert sent(decided, amended(area(), number, area=1 + number))[0] == "CORRECTED"
    name, _, result = sent(decided, amended(area(), VERSIONS_MAX, area=9_999))
    assert name == "REJECTED"
    assert f"{VERSIONS_MAX} versions" in result.message


@pytest.mark.parametrize(
    ("record", "field"),
    [
        (delivery(season=0), "season"),
        (delivery(season=1979), "season"),
        (delivery(season=2101), "season"),
        (delivery(""), None),
        (delivery(delivery_no=""), "delivery_no"),
        (delivery(delivery_no="D 1"), "delivery_no"),
        (delivery(delivery_no="D" * 65), "delivery_no"),
        (delivery(traceability_unit=""), "traceability_unit"),
        (delivery(traceability_unit="U\n1"), "traceability_unit"),
        (delivery(regiment="团" * 65), "regiment"),
        (delivery(gin_code="6514"), "gin_code"),
        (delivery(gin_code=""), None),
        (delivery(weight=0), "weight"),
        (delivery(weight=-1), "weight"),
        (delivery(weight=1_000_000_000), None),
        (delivery(weight=1_000_000_001), "weight"),
        (delivery(delivered_at_s=-1), "delivered_at_s"),
        (delivery(delivered_at_s=1_730_000_000_000), "delivered_at_s"),
        (area(season=20_240), "season"),
        (area(unit=""), "traceability_unit"),
        (area(area=0), "area"),
        (area(area=1_000_000_001), "area"),
        (price(series=""), "series"),
        (price(series="a/b"), "series"),
        (price(day=""), "day"),
        (price(day="20241005"), "day"),
        (price(day="2024-02-30"), "day"),
        (price(day="2024-W40-6"), "day"),
        (price(day="1979-12-31"), "day"),
        (price(day="２０２４-10-05"), "day"),
        (price(mark="3128B/1"), "mark"),
        (price(mark="3128\u202eB"), "mark"),
        (price(lot_no="6514016107"), "lot_no"),
        (price(basis=0), "basis"),
        (price(basis=3), "basis"),
        (price(price=0), "price"),
        (price(price=100_000_001), "price"),
        (price(volume=-1), "volume"),
        (price(volume=1_000_000_000_001), "volume"),
        (bale_weight(bale=""), "bale"),
        (bale_weight(bale="1" * 31), "bale"),
        (bale_weight(bale="2016/1"), "bale"),
        (bale_weight(bale="1979/000000000001"), "bale"),
        (bale_weight(bale="０016/000000000001"), "bale"),
        (bale_weight(unit=0), "unit"),
        (bale_weight(unit=3), "unit"),
        (bale_weight(net=0), "net"),
        (bale_weight(net=100_001), "net"),
    ],
)
def test_what_is_wrong_with_a_record_is_named(record: Any, field: str | None) -> None:
    """A rejected record leaves nothing, and says what to do; None: it is taken."""
    decided = Deciding()
    name, revision, result = sent(decided, record)
    assert (name, result.field or None) == ("REJECTED" if field else "CREATED", field)
    if field:
        assert revision == 0
        assert result.message.endswith(".")
        assert not any(held(decided.registry))


async def submitted(running: Committing, request: Any) -> Stored:
    """The answer to a request."""
    kind = REQUESTS[kind_of(request)]
    payload = request.SerializeToString()
    await running.committer.reserve(len(payload))
    submission = Submission(
        kind=kind.kind,
        producer=request.producer_id,
        sequence=None,
        batch_id=request.request_id,
        principal="anonymous",
        message=kind.name,
        payload=payload,
        content=request,
        answer=asyncio.get_running_loop().create_future(),
        receipt=Receipt(),
    )
    running.committer.submit(submission)
    return await answer(submission.answer)


def named(number: int) -> dict[str, str]:
    """Producer and id of a request."""
    return {"producer_id": "p", "request_id": f"r-{number}"}


async def test_a_request_sent_again_has_its_first_answer(tmp_path: Path) -> None:
    """Also where by now something else is in force."""
    request = request_of(delivery(1), delivery("b d"), **named(1))
    async with committing(tmp_path) as running:
        first = await submitted(running, request)
        await submitted(running, request_of(amended(delivery(1), 1, weight=5), **named(2)))
        again = await submitted(running, request)
        assert (again.repeated, again.revision, again.outcome) == (True, 1, first.outcome)
        assert running.ledger.position == 2
        with pytest.raises(ServiceError) as raised:
            await submitted(running, request_of(delivery(3), **named(1)))
        assert raised.value.reason is Reason.BATCH_REUSED


async def test_what_finds_no_room_is_refused_whole(tmp_path: Path) -> None:
    """Each kind has its own room, repeats need none, and lots are not made by prices."""
    async with committing(tmp_path, bounds=replace(BOUNDS, accounts_max=2, lots_max=0)) as running:
        await submitted(running, request_of(delivery(1), **named(1)))
        for request in (
            request_of(delivery(2), delivery(3), **named(2)),
            request_of(delivery(1), delivery(2), amended(delivery(1), 1, weight=1), **named(3)),
        ):
            with pytest.raises(ServiceError) as raised:
                await submitted(running, request)
            assert raised.value.reason is Reason.REGISTRY_FULL
            assert "2 records of the kind deliveries" in raised.value.message
            assert "accounts_max" in str(raised.value)
        assert len(running.registry.accounts.table(accounts_pb2.ACCOUNT_KIND_DELIVERY)) == 1
        repeats = request_of(delivery(1), delivery(1), delivery(1), delivery(2), **named(4))
        assert (await submitted(running, repeats)).outcome.created == 1  # type: ignore[union-attr]
        await submitted(running, request_of(price(lot_no=LOT), price(), **named(5)))
        assert len(running.registry.lots) == 0
        assert running.ledger.position == 3


async def test_a_ledger_of_all_kinds_is_replayed_to_the_same_records(tmp_path: Path) -> None:
    """Every version, its revision and its amendment, and what is answered at each revision."""
    requests = [
        request_of(delivery(1), delivery(2), delivery("b d"), **named(1)),
        request_of(area(), **named(2)),
        request_of(price(), price(mark="3128B"), price(lot_no=LOT, basis=2), **named(3)),
        request_of(bale_weight(1), bale_weight(bale="2016/000000000001", unit=2), **named(4)),
        request_of(amended(delivery(1), 1, weight=1, traceability_unit="U-2"), **named(5)),
        request_of(amended(bale_weight(1), 4, net=1), bale_weight(2), **named(6)),
        lots_pb2.RecordUnitLotsRequest(
            unit_lots=[lots_pb2.UnitLot(lot_no=LOT, traceability_unit="U-1")], **named(7)
        ),
    ]
    async with committing(tmp_path) as running:
        for request in requests:
            await submitted(running, request)
        live = running.registry
    registry, ledger = Registry(bales_max=100), Ledger(tmp_path)
    try:
        replay(ledger.verified(), registry, of=ledger.position)
    finally:
        ledger.close()
    assert registry.revision == len(requests)
    assert held(registry) == held(live)
    assert [len(rows) for rows in held(live)] == [3, 1, 3, 4]
    assert [list(lot.units.all) for lot in registry.lots] == [
        list(lot.units.all) for lot in live.lots
    ]
    for revision in range(len(requests) + 1):
        for one, other in (
            (
                registry.accounts.deliveries(revision, 2024),
                live.accounts.deliveries(revision, 2024),
            ),
            (registry.accounts.areas(revision, 2024), live.accounts.areas(revision, 2024)),
            (registry.accounts.prices(revision), live.accounts.prices(revision)),
            (registry.accounts.bale_weights(revision), live.accounts.bale_weights(revision)),
        ):
            assert one.equals(other)
