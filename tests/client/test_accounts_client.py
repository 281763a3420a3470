"""Records of what money needs through the SDK: cut, named by content, accounted for, listed."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

import pytest
from cotton.inspection.v1 import accounts_pb2, lots_pb2
from cotton_client import CottonClient, RetryPolicy, accounts, errors
from cotton_client import lots as lots_module
from cotton_client.accounts import AccountsReceipt, added

from tests.support.accounts_service import AccountsService, serving

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Sequence

T = TypeVar("T")

QUICK = RetryPolicy(patience_s=5.0, patience_first_s=5.0, delay_max_s=0.05)


@pytest.fixture
def service() -> AccountsService:
    """The service that the client talks to."""
    return AccountsService()  # type: ignore[abstract]  # methods that no test calls are inherited


@pytest.fixture
def target(service: AccountsService) -> Iterator[str]:
    """Its address."""
    with serving(service) as address:
        yield address


@pytest.fixture
def of_two(monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests hold two records."""
    monkeypatch.setattr(lots_module, "LOTS_PER_REQUEST_MAX", 2)


def ask(target: str, call: Callable[[CottonClient], Awaitable[T]]) -> T:
    """What a call on a client of its own answers."""

    async def run() -> T:
        async with CottonClient(target, retry=QUICK) as client:
            return await call(client)

    return asyncio.run(run())


def deliveries(numbers: Sequence[int], *, weight: int = 100) -> Iterator[accounts_pb2.Delivery]:
    """Deliveries by their numbers."""
    for number in numbers:
        yield accounts_pb2.Delivery(
            season=2024, delivery_no=f"D-{number}", traceability_unit="U", weight=weight
        )


@pytest.mark.usefixtures("of_two")
def test_many_records_travel_in_several_requests_and_come_to_one_receipt(
    service: AccountsService, target: str
) -> None:
    heard: list[int] = []

    def record(client: CottonClient) -> Awaitable[AccountsReceipt]:
        return client.record_deliveries(
            deliveries(range(5)),
            producer_id="gin",
            on_progress=lambda receipt: heard.append(receipt.received),
        )

    receipt = ask(target, record)
    assert (receipt.requests, receipt.received, receipt.created) == (3, 5, 5)
    assert (receipt.revision, receipt.repeated, receipt.complete) == (3, False, True)
    assert heard == [2, 4, 5]
    assert [len(each.deliveries) for each in service.requests] == [2, 2, 1]
    ids = [each.request_id for each in service.requests]
    again = ask(target, record)
    assert [each.request_id for each in service.requests[3:]] == ids
    assert len(set(ids)) == 3
    assert (again.repeated, again.repeated_requests, again.created) == (True, 3, 5)
    assert len(service.stored) == 5


@pytest.mark.usefixtures("of_two")
def test_records_are_taken_only_as_they_are_sent(service: AccountsService, target: str) -> None:
    """Whatever there is to send, no more than a request and the next record is held."""
    taken = 0
    ahead: list[int] = []

    def counting() -> Iterator[accounts_pb2.Delivery]:
        nonlocal taken
        for each in deliveries(range(9)):
            taken += 1
            yield each

    service.taken = lambda requests: ahead.append(taken - 2 * requests)
    ask(target, lambda client: client.record_deliveries(counting(), producer_id="gin"))
    assert len(ahead) == 5
    assert max(ahead) <= 1


@pytest.mark.usefixtures("of_two")
def test_one_request_id_is_for_one_request(service: AccountsService, target: str) -> None:
    with pytest.raises(errors.InputError, match="2 requests"):
        ask(
            target,
            lambda client: client.record_deliveries(
                deliveries(range(3)), producer_id="gin", request_id="mine"
            ),
        )
    assert not service.requests
    receipt = ask(
        target,
        lambda client: client.record_deliveries(
            deliveries(range(2)), producer_id="gin", request_id="mine"
        ),
    )
    assert receipt.created == 2
    assert service.requests[0].request_id == "mine"


@pytest.mark.usefixtures("of_two")
def test_what_is_not_as_sent_is_listed_by_its_place_in_all_that_was_sent(target: str) -> None:
    ask(target, lambda client: client.record_deliveries(deliveries([0, 1]), producer_id="a"))

    def others() -> Iterator[accounts_pb2.Delivery]:
        yield from deliveries([7, 0])
        yield from deliveries([1], weight=200)
        for each in deliveries([0], weight=200):
            each.amendment.supersedes_revision = 1
            yield each
        for each in deliveries([9]):
            each.traceability_unit = "bad"
            yield each

    receipt = ask(target, lambda client: client.record_deliveries(others(), producer_id="b"))
    assert (receipt.created, receipt.existing, receipt.conflicting) == (1, 1, 1)
    assert (receipt.corrected, receipt.rejected, receipt.received) == (1, 1, 5)
    assert not receipt.complete
    assert [(each.row, each.key) for each in receipt.issues] == [(2, "2024/D-1"), (4, "2024/D-9")]
    assert [(each.row, each.key) for each in receipt.amended] == [(3, "2024/D-0")]


def test_a_receipt_lists_a_bounded_number_and_counts_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """Corrections do not push out what was rejected."""
    monkeypatch.setattr(accounts, "RESULTS_MAX", 3)
    response = accounts_pb2.RecordAreasResponse(revision=4)
    response.outcome.received, response.outcome.corrected = 4, 2
    response.outcome.rejected = 2
    for row in range(4):
        kind = "CORRECTED" if row < 2 else "REJECTED"
        response.outcome.results.add(row=row, outcome=f"LOT_OUTCOME_{kind}")
    receipt = added(added(AccountsReceipt(), response), response)
    assert (receipt.received, receipt.corrected, receipt.rejected) == (8, 4, 4)
    assert [each.row for each in receipt.amended] == [0, 1, 4]
    assert [each.row for each in receipt.issues] == [2, 3, 6]
    assert response.outcome.results[0].row == 0


def test_an_answer_that_does_not_account_for_all_is_no_receipt() -> None:
    response = accounts_pb2.RecordAreasResponse(revision=4)
    response.outcome.received, response.outcome.created = 3, 2
    with pytest.raises(errors.ContractViolation, match="2 of 3"):
        added(AccountsReceipt(), response)


def test_nothing_sent_is_no_repeat(target: str) -> None:
    receipt = ask(target, lambda client: client.record_areas([], producer_id="a"))
    assert receipt == AccountsReceipt()
    assert not receipt.repeated


def test_every_kind_has_its_call(service: AccountsService, target: str) -> None:
    area = accounts_pb2.Area(season=2024, traceability_unit="U", area=5)
    price = accounts_pb2.MarketPrice(series="s", day="2024-10-05", price=1)
    weight = accounts_pb2.BaleWeight(bale="3" * 32, net=1)
    unit = lots_pb2.UnitLot(lot_no="65811191023", traceability_unit="U")

    async def record(client: CottonClient) -> None:
        assert (await client.record_areas([area], producer_id="a")).created == 1
        assert (await client.record_market_prices([price], producer_id="a")).created == 1
        assert (await client.record_bale_weights([weight], producer_id="a")).created == 1
        assert (await client.record_unit_lots([unit], producer_id="a")).created == 1

    ask(target, record)
    areas, prices, weights, units = service.requests
    assert (areas.areas[0], prices.prices[0]) == (area, price)
    assert (weights.weights[0], units.unit_lots[0]) == (weight, unit)


def test_a_list_that_breaks_goes_on_at_its_revision(service: AccountsService, target: str) -> None:
    """No record is given twice, none is missed, and what was stored meanwhile is not in it."""
    sent = deliveries(range(5))
    ask(target, lambda client: client.record_deliveries(sent, producer_id="a"))
    service.break_after = 1

    async def listed(client: CottonClient) -> tuple[int, list[str]]:
        listing = client.list_accounts(
            accounts_pb2.ACCOUNT_KIND_DELIVERY,
            season=2024,
            traceability_unit="U",
            regiment="r",
            series="s",
            limit=5,
        )
        found: list[str] = []
        async for record in listing:
            if not found:
                await client.record_deliveries(deliveries([0, 9], weight=3), producer_id="b")
            found.append(record.delivery.delivery_no)
        return listing.revision, found

    assert ask(target, listed) == (1, [f"D-{number}" for number in range(5)])
    asked = [each for each in service.requests if hasattr(each, "kind")]
    assert [each.revision for each in asked] == [0, 1]
    first = asked[0]
    assert (first.season, first.traceability_unit, first.regiment) == (2024, "U", "r")
    assert (first.series, first.limit) == ("s", 5)
