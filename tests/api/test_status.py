"""Errors on the wire, and what a handler makes of a fault in the server itself."""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path
from urllib.parse import quote

import grpc
import pytest
from cotton.inspection.v1 import ingest_pb2
from cotton_server.api.ingest import IngestHandlers
from cotton_server.api.requests import Admission
from cotton_server.api.status import internal_error, status_of
from cotton_server.errors import Reason, Repeat, ServiceError
from cotton_server.intake.decode import BatchLimits
from cotton_server.ledger import EvidenceDamagedError
from cotton_server.registry.image import ImageDamagedError
from cotton_server.registry.registry import Registry
from cotton_server.sealing.files import SealedFileError
from cotton_server.summary.kept_cells import KeptStandingError

from tests.support.bales import append_request, bale
from tests.support.calls import Error
from tests.support.committing import Notes, committing
from tests.support.streaming import Call


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_travels_with_code_remedy_and_details(reason: Reason) -> None:
    made = ServiceError(reason, "It went wrong.", {"a.b": "c"}, {"next_sequence": "7"})
    error = Error(status_of(made))
    assert (error.reason, error.code) == (reason.name, reason.code.value[0])
    assert error.message == f"It went wrong. {reason.remedy}"
    assert error.fields == ["a.b"]
    assert error.metadata["next_sequence"] == "7"
    assert error.retry == (reason.repeat is Repeat.LATER)
    assert reason.code is not grpc.StatusCode.OK
    assert reason.remedy.endswith(".")


@pytest.mark.parametrize(
    "error",
    [
        SealedFileError(Path("/data/a.parquet"), "was cut"),
        ImageDamagedError(Path("/data/a.parquet"), "was cut"),
        KeptStandingError(Path("/data/a.parquet"), "was cut"),
        EvidenceDamagedError(7, Path("/data/a.parquet"), "was cut"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_damage_is_told_as_such_without_saying_where_files_lie(error: Exception) -> None:
    told = internal_error(error)
    assert told.reason is Reason.STORAGE_DAMAGED
    assert told.reason.code is grpc.StatusCode.DATA_LOSS
    assert "a.parquet" in str(error)
    assert "a.parquet" not in str(told)
    assert internal_error(OSError("a bug")).reason is Reason.INTERNAL


@pytest.mark.parametrize("letter", ["x", "种"])
def test_what_an_error_repeats_is_cut_and_its_remedy_is_not(letter: str) -> None:
    """The message travels escaped, and again in the details: both fit in what peers take."""
    status = status_of(ServiceError(Reason.INVALID_FIELD, letter * 10_000, {"a": letter * 10_000}))
    assert status.message.startswith(letter)
    assert status.message.endswith(f"… {Reason.INVALID_FIELD.remedy}")
    assert len(quote(status.message)) + len(b64encode(status.SerializeToString())) < 8 << 10


async def test_a_fault_of_the_server_in_a_stream_never_ends_it_as_if_all_were_well(
    tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client must not take the end of its stream for the end of its work."""

    def decode(*_arguments: object) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr("cotton_server.api.ingest.decode", decode)
    async with committing(tmp_path) as running:  # type: ignore[arg-type]  # a path
        handlers = IngestHandlers(
            running.committer,
            Registry(bales_max=10),
            BatchLimits(10),
            Admission(running.committer, Notes(), message_bytes_max=1 << 20),
            batches_in_flight_max=4,
        )

        async def requests() -> object:
            opening = ingest_pb2.AppendReadingsRequest(open=ingest_pb2.OpenStream(producer_id="p"))
            yield opening.SerializeToString()
            yield append_request([bale(1)]).SerializeToString()

        context = Call()
        answers: list[ingest_pb2.AppendReadingsResponse] = []
        stream = handlers.append_readings(requests(), context)  # type: ignore[arg-type]  # as gRPC does
        answers.append(await anext(stream))
        with pytest.raises(grpc.aio.AbortError):
            await anext(stream)
    assert [answer.WhichOneof("response") for answer in answers] == ["opened"]
    assert context.code is grpc.StatusCode.INTERNAL
