"""AccountService: requests stored, and records listed, through the handlers and over gRPC."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from cotton.inspection.v1 import accounts_pb2, accounts_pb2_grpc, lots_pb2, lots_pb2_grpc
from cotton_server.api.accounts import AccountHandlers
from cotton_server.errors import Reason, ServiceError
from cotton_server.trace import accounts as listing

from tests.support.accounts import area, bale_weight, delivery, price, request_of
from tests.support.bales import LOT, bale
from tests.support.calls import CALL_S_MAX, Calls, Context, refused
from tests.support.deciding import Deciding
from tests.support.histories import amendment

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.server import Servers

DELIVERY = accounts_pb2.ACCOUNT_KIND_DELIVERY
AREA = accounts_pb2.ACCOUNT_KIND_AREA
MARKET_PRICE = accounts_pb2.ACCOUNT_KIND_MARKET_PRICE
BALE_WEIGHT = accounts_pb2.ACCOUNT_KIND_BALE_WEIGHT


@pytest.fixture(name="readers")
def fixture_readers() -> Iterator[ThreadPoolExecutor]:
    """Threads on which handlers work."""
    with ThreadPoolExecutor(2) as readers:
        yield readers


async def messages(
    decided: Deciding, readers: ThreadPoolExecutor, **asked: Any
) -> list[accounts_pb2.ListAccountsResponse]:
    """The messages of a list."""
    handlers = AccountHandlers(decided.registry, readers)
    payload = accounts_pb2.ListAccountsRequest(**asked).SerializeToString()
    return [each async for each in handlers.list_accounts(payload, Context())]  # type: ignore[arg-type]  # as gRPC does


async def listed(decided: Deciding, readers: ThreadPoolExecutor, **asked: Any) -> list[Any]:
    """The records of a list that is one message."""
    (message,) = await messages(decided, readers, **asked)
    assert message.revision == (asked.get("revision") or decided.revision)
    return list(message.records)


def filled() -> Deciding:
    """Records of all kinds."""
    decided = Deciding()
    decided.request(
        request_of(
            delivery(2, traceability_unit="U-2", delivered_at_s=5),
            delivery(1),
            delivery(3, season=2023, regiment="122团"),
        )
    )
    decided.request(request_of(area("U-2"), area("U-1")))
    decided.request(request_of(price(mark="3128B", volume=9), price(series="a", lot_no=LOT)))
    decided.request(request_of(bale_weight(bale="2016/000000000001", unit=2), bale_weight(1)))
    decided.request(request_of(delivery(1, weight=7, amendment=amendment(1, "typo"))))
    return decided


async def test_a_list_has_the_records_as_they_were_received(readers: ThreadPoolExecutor) -> None:
    """Sorted by what names them, with their amendment, revision and number of versions."""
    decided = filled()
    assert [
        (each.delivery, each.revision, each.versions)
        for each in await listed(decided, readers, kind=DELIVERY)
    ] == [
        (delivery(3, season=2023, regiment="122团"), 1, 1),
        (delivery(1, weight=7, amendment=amendment(1, "typo")), 5, 2),
        (delivery(2, traceability_unit="U-2", delivered_at_s=5), 1, 1),
    ]
    assert [each.area for each in await listed(decided, readers, kind=AREA)] == [
        area("U-1"),
        area("U-2"),
    ]
    assert [each.price for each in await listed(decided, readers, kind=MARKET_PRICE)] == [
        price(series="a", lot_no=LOT),
        price(mark="3128B", volume=9),
    ]
    assert [each.weight for each in await listed(decided, readers, kind=BALE_WEIGHT)] == [
        bale_weight(1),
        bale_weight(bale="2016/000000000001", unit=2),
    ]


async def test_an_older_revision_has_what_was_in_force_then(readers: ThreadPoolExecutor) -> None:
    decided = filled()
    before = await listed(decided, readers, kind=DELIVERY, revision=4)
    assert [(each.delivery.weight, each.revision, each.versions) for each in before] == [
        (300_000, 1, 1)
    ] * 3
    assert await listed(decided, readers, kind=AREA, revision=1) == []


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"season": 2024}, ["D-1", "D-2"]),
        ({"season": 2022}, []),
        ({"season": 99_999}, []),
        ({"season": -(2**31)}, []),
        ({"traceability_unit": "U-2"}, ["D-2"]),
        ({"regiment": "122团"}, ["D-3"]),
        ({"regiment": "121团", "season": 2023}, []),
        ({"series": "a"}, ["D-3", "D-1", "D-2"]),
        ({"limit": 2}, ["D-3", "D-1"]),
        ({"season": 2024, "limit": 1}, ["D-1"]),
    ],
)
async def test_filters_narrow_where_the_kind_has_them(
    asked: dict[str, Any], expected: list[str], readers: ThreadPoolExecutor
) -> None:
    found = await listed(filled(), readers, kind=DELIVERY, **asked)
    assert [each.delivery.delivery_no for each in found] == expected


async def test_a_series_is_one_of_prices(readers: ThreadPoolExecutor) -> None:
    found = await listed(filled(), readers, kind=MARKET_PRICE, series="a", season=1)
    assert [each.price.series for each in found] == ["a"]


@pytest.mark.parametrize(
    ("limit", "sizes"), [(0, [3, 3, 1]), (4, [3, 1]), (3, [3]), (9, [3, 3, 1])]
)
async def test_a_list_comes_in_messages_of_few_records(
    limit: int, sizes: list[int], readers: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """None is empty, and what arrives in between is in none."""
    monkeypatch.setattr(listing, "PAGE_RECORDS_MAX", 3)
    decided = Deciding()
    decided.request(request_of(*(area(f"U-{number}") for number in range(7))))
    handlers = AccountHandlers(decided.registry, readers)
    payload = accounts_pb2.ListAccountsRequest(kind=AREA, limit=limit).SerializeToString()
    found = []
    async for message in handlers.list_accounts(payload, Context()):  # type: ignore[arg-type]  # as gRPC does
        found.append(message)
        decided.request(request_of(area(f"U-9{decided.revision}")))
    assert [len(each.records) for each in found] == sizes
    assert {each.revision for each in found} == {1}
    assert [record.area.traceability_unit for each in found for record in each.records] == [
        f"U-{number}" for number in range(sum(sizes))
    ]


async def test_a_list_needs_a_kind_and_a_revision_that_is_there(
    readers: ThreadPoolExecutor,
) -> None:
    decided = filled()
    for asked, reason in (
        ({}, Reason.INVALID_FIELD),
        ({"kind": 9}, Reason.INVALID_FIELD),
        ({"kind": AREA, "revision": 6}, Reason.FUTURE_REVISION),
    ):
        with pytest.raises(ServiceError) as raised:
            await messages(decided, readers, **asked)
        assert raised.value.reason is reason


def test_records_are_stored_listed_counted_and_outlive_the_server(servers: Servers) -> None:
    """Over gRPC, with metrics, a repeat after a restart, and the unit on a certificate."""
    requests = {
        "RecordDeliveries": request_of(delivery(1), delivery(1), producer_id="p", request_id="1"),
        "RecordAreas": request_of(area(), producer_id="p", request_id="2"),
        "RecordMarketPrices": request_of(price(), producer_id="p", request_id="3"),
        "RecordBaleWeights": request_of(bale_weight(), producer_id="p", request_id="4"),
    }
    unit = lots_pb2.RecordUnitLotsRequest(
        producer_id="p",
        request_id="5",
        unit_lots=[lots_pb2.UnitLot(lot_no=LOT, traceability_unit="U-1")],
    )
    server = servers.start(accounts_max=2)
    with server.channel() as channel:
        stub, calls = accounts_pb2_grpc.AccountServiceStub(channel), Calls(channel)
        for revision, (name, request) in enumerate(requests.items(), 1):
            answer = getattr(stub, name)(request, timeout=CALL_S_MAX)
            assert (answer.revision, answer.outcome.created) == (revision, 1)
        lots = lots_pb2_grpc.LotServiceStub(channel)
        assert lots.RecordUnitLots(unit, timeout=CALL_S_MAX).outcome.created == 1
        calls.submit([bale(1)])
        calls.register("r", traceability_unit="U-0")
        assert calls.certificate().lot.traceability_unit == "U-1"
        more = request_of(area("U-2"), area("U-3"), producer_id="p", request_id="6")
        assert refused(stub.RecordAreas, more).reason == "REGISTRY_FULL"
        none = accounts_pb2.RecordAreasRequest(producer_id="p", request_id="7")
        assert refused(stub.RecordAreas, none).reason == "MISSING_FIELD"
        metrics = server.metrics()
        told = {key: value for key, value in metrics.items() if "deliveries" in str(key) and value}
        assert metrics[("cotton_registry_deliveries",)] == 1
        assert len(told) >= 3
    assert server.end() == 0
    with servers.start(accounts_max=2).channel() as channel:
        stub = accounts_pb2_grpc.AccountServiceStub(channel)
        first: Any = requests["RecordDeliveries"]
        again = stub.RecordDeliveries(first, timeout=CALL_S_MAX)
        assert (again.repeated_request, again.revision, again.outcome.existing) == (True, 1, 1)
        for kind, record in (
            (DELIVERY, delivery(1)),
            (AREA, area()),
            (MARKET_PRICE, price()),
            (BALE_WEIGHT, bale_weight()),
        ):
            asked = accounts_pb2.ListAccountsRequest(kind=kind)
            (message,) = stub.ListAccounts(asked, timeout=CALL_S_MAX)
            (found,) = message.records
            assert getattr(found, str(found.WhichOneof("record"))) == record
