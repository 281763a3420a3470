"""Services that take what money needs, and list it: in memory, one revision a request."""

from __future__ import annotations

from concurrent import futures
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import grpc
from cotton.inspection.v1 import accounts_pb2, accounts_pb2_grpc, lots_pb2, lots_pb2_grpc

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence


def key_of(message: Any) -> str:
    """What a record is a record of, as the contract writes it."""
    match message:
        case accounts_pb2.Delivery():
            return f"{message.season}/{message.delivery_no}"
        case accounts_pb2.Area():
            return f"{message.season}/{message.traceability_unit}"
        case accounts_pb2.MarketPrice():
            parts = (message.series, message.day, message.mark, message.lot_no)
            return "/".join(part for part in parts if part)
    return str(message.bale)


def without_amendment(message: Any) -> Any:
    """The record alone."""
    bare = type(message)()
    bare.CopyFrom(message)
    bare.ClearField("amendment")
    return bare


@dataclass
class AccountsService(accounts_pb2_grpc.AccountServiceServicer, lots_pb2_grpc.LotServiceServicer):
    """Decides as the contract says: the same exists, another conflicts, an amendment corrects.

    A record whose unit or series is "bad" is rejected. `break_after` ends the first list after
    so many messages, of two records each. `taken` hears of the number of requests so far.
    """

    requests: list[Any] = field(default_factory=list)
    answers: dict[str, Any] = field(default_factory=dict)
    stored: dict[tuple[str, str], list[tuple[int, Any]]] = field(default_factory=dict)
    revision: int = 0
    break_after: int | None = None
    taken: Callable[[int], None] | None = None

    def RecordDeliveries(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002
        """Takes deliveries."""
        return self._record(
            request, request.deliveries, accounts_pb2.RecordDeliveriesResponse, "delivery"
        )

    def RecordAreas(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002
        """Takes areas."""
        return self._record(request, request.areas, accounts_pb2.RecordAreasResponse, "area")

    def RecordMarketPrices(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002
        """Takes prices."""
        return self._record(
            request, request.prices, accounts_pb2.RecordMarketPricesResponse, "price"
        )

    def RecordBaleWeights(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002
        """Takes weights of bales."""
        return self._record(
            request, request.weights, accounts_pb2.RecordBaleWeightsResponse, "weight"
        )

    def RecordUnitLots(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002
        """Takes lots of units, all of them new."""
        self.requests.append(request)
        number = len(request.unit_lots)
        outcome = lots_pb2.LotsOutcome(received=number, created=number)
        return lots_pb2.RecordUnitLotsResponse(revision=3, outcome=outcome)

    def ListAccounts(self, request: Any, context: Any) -> Any:  # noqa: N802
        """The records of a kind at a revision, two a message."""
        asked = accounts_pb2.ListAccountsRequest()
        asked.CopyFrom(request)
        self.requests.append(asked)
        name = ("", "delivery", "area", "price", "weight")[request.kind]
        at = request.revision or self.revision
        records = []
        for (kind, _), versions in sorted(self.stored.items()):
            until = [each for each in versions if each[0] <= at]
            if kind == name and until:
                revision, message = until[-1]
                records.append(
                    accounts_pb2.AccountRecord(
                        **{kind: message}, revision=revision, versions=len(until)
                    )
                )
        listed = records[: request.limit or None]
        for place, first in enumerate(range(0, max(len(listed), 1), 2)):
            if place == self.break_after:
                self.break_after = None
                context.abort(grpc.StatusCode.UNAVAILABLE, "broken")
            yield accounts_pb2.ListAccountsResponse(revision=at, records=listed[first : first + 2])

    def _record(self, request: Any, messages: Sequence[Any], made: Any, kind: str) -> Any:
        """The first answer to a request, and the same again where it comes again."""
        self.requests.append(request)
        if self.taken is not None:
            self.taken(len(self.requests))
        if (known := self.answers.get(request.request_id)) is not None:
            repeat = made()
            repeat.CopyFrom(known)
            repeat.repeated_request = True
            return repeat
        self.revision += 1
        answer = made(revision=self.revision)
        answer.outcome.received = len(messages)
        for row, message in enumerate(messages):
            self._decide(answer.outcome, row, message, kind)
        self.answers[request.request_id] = answer
        return answer

    def _decide(self, outcome: Any, row: int, message: Any, kind: str) -> None:
        key = key_of(message)
        versions = self.stored.setdefault((kind, key), [])
        if "bad" in (getattr(message, "traceability_unit", ""), getattr(message, "series", "")):
            outcome.rejected += 1
            outcome.results.add(
                row=row,
                key=key,
                outcome=lots_pb2.LOT_OUTCOME_REJECTED,
                field="weight",
                message="Is not more than 0.",
            )
        elif not versions:
            versions.append((self.revision, message))
            outcome.created += 1
        else:
            self._meet(outcome, row, message, versions)

    def _meet(self, outcome: Any, row: int, message: Any, versions: list[tuple[int, Any]]) -> None:
        stored_revision, stored = versions[-1]
        result = outcome.results.add(row=row, key=key_of(message))
        if message.amendment.supersedes_revision == stored_revision:
            versions.append((self.revision, message))
            outcome.corrected += 1
            result.outcome = lots_pb2.LOT_OUTCOME_CORRECTED
            result.stored_revision = stored_revision
        elif without_amendment(message) == without_amendment(stored):
            outcome.existing += 1
            result.outcome = lots_pb2.LOT_OUTCOME_EXISTS
        else:
            outcome.conflicting += 1
            result.outcome = lots_pb2.LOT_OUTCOME_EXISTS_WITH_DIFFERENT
            result.field, result.received, result.stored = "weight", "1.00", "2.00"
            result.stored_revision = stored_revision


@contextmanager
def serving(service: AccountsService) -> Iterator[str]:
    """The address of a server of the service."""
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=4))
    accounts_pb2_grpc.add_AccountServiceServicer_to_server(service, server)
    lots_pb2_grpc.add_LotServiceServicer_to_server(service, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield f"127.0.0.1:{port}"
    server.stop(None).wait()
