"""Logs in both forms, and metrics that start at zero and follow the records of intake."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING
from urllib.request import urlopen

import pytest
from cotton_server.errors import Reason
from cotton_server.intake.records import BatchAnswered, ReplayProgress
from cotton_server.observability.logs import ConsoleFormatter, JsonFormatter, configure_logs
from cotton_server.observability.metrics import Metrics

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    """The service's logger, put back as it was."""
    root = logging.getLogger("cotton_server")
    handlers, level, propagate = root.handlers[:], root.level, root.propagate
    yield logging.getLogger("cotton_server.test")
    root.handlers[:], root.propagate = handlers, propagate
    root.setLevel(level)


def record(error: Exception | None = None) -> logging.LogRecord:
    """A log record with extra values, and with an exception if one is given."""
    made = logging.LogRecord(
        "cotton_server.x",
        logging.WARNING,
        "x.py",
        1,
        "the %s",
        ("event",),
        None if error is None else (type(error), error, error.__traceback__),
    )
    made.created = 1_700_000_000.5
    vars(made)["revision"] = 7
    vars(made)["place"] = "兵团"
    return made


def test_a_json_line_is_one_object_with_all_that_was_said() -> None:
    line = JsonFormatter().format(record(ValueError("broken\nin two")))
    assert "\n" not in line
    said = json.loads(line)
    assert "ValueError: broken" in said.pop("exception")
    assert said == {
        "time": "2023-11-14T22:13:20.500+00:00",
        "level": "warning",
        "logger": "cotton_server.x",
        "event": "the event",
        "revision": 7,
        "place": "兵团",
    }


def test_a_console_line_is_for_people() -> None:
    line = ConsoleFormatter().format(record())
    assert line == "2023-11-14T22:13:20.500+00:00 warning the event revision=7 place=兵团"
    assert "ValueError: x" in ConsoleFormatter().format(record(ValueError("x")))


@pytest.mark.parametrize("form", ["json", "console"])
def test_logs_go_to_stderr_from_the_level_asked_for(
    logger: logging.Logger, capsys: pytest.CaptureFixture[str], form: str
) -> None:
    configure_logs(form, "warning")
    logger.info("quiet")
    logger.warning("loud")
    out, err = capsys.readouterr()
    assert out == ""
    assert "loud" in err
    assert "quiet" not in err
    assert err.startswith("{") == (form == "json")


def sample(metrics: Metrics, name: str, **labels: str) -> float | None:
    """A sample by name and labels."""
    return metrics.registry.get_sample_value(name, labels)


def test_every_series_of_answers_is_there_from_the_start_with_zero() -> None:
    """So that the first of its kind is seen as an increase."""
    metrics = Metrics()
    for kind in ("readings", "lots", "weights"):
        for result in ("stored", "repeated", *(reason.name for reason in Reason)):
            assert sample(metrics, "cotton_batches_total", kind=kind, result=result) == 0
    for outcome in ("created", "existing", "conflicting", "rejected"):
        assert sample(metrics, "cotton_bales_total", outcome=outcome) == 0
    assert sample(metrics, "cotton_serving") == 0


def test_summaries_are_counted_by_method_with_their_time() -> None:
    metrics = Metrics()
    name = "cotton_summary_seconds"
    for method in ("GetLotCertificate", "SummariseGrades", "TabulateGrades", "ListBales"):
        assert sample(metrics, f"{name}_count", method=method) == 0
    metrics.summary_answered("TabulateGrades", 0.03)
    assert sample(metrics, f"{name}_sum", method="TabulateGrades") == 0.03
    assert sample(metrics, f"{name}_bucket", method="TabulateGrades", le="0.025") == 0
    assert sample(metrics, f"{name}_bucket", method="TabulateGrades", le="0.05") == 1


def test_answers_replay_and_serving_are_shown() -> None:
    metrics = Metrics()
    metrics.batch_answered(BatchAnswered("lots", "REGISTRY_FULL"))
    metrics.replay_progress(ReplayProgress(3, 9, 100))
    metrics.serving(serving=True)
    metrics.in_flight(2, 30)
    metrics.recovered(9, 1795380813.5)
    assert sample(metrics, "cotton_batches_total", kind="lots", result="REGISTRY_FULL") == 1
    assert sample(metrics, "cotton_replay_position") == 3
    assert sample(metrics, "cotton_replay_target_position") == 9
    assert sample(metrics, "cotton_serving") == 1
    assert sample(metrics, "cotton_in_flight_batches") == 2
    assert sample(metrics, "cotton_in_flight_bytes") == 30
    assert sample(metrics, "cotton_durable_revision") == 9
    assert sample(metrics, "cotton_durable_revision_timestamp_seconds") == 1795380813.5


def test_metrics_are_served_with_versions_and_what_is_read_when_scraped() -> None:
    metrics = Metrics()
    values = iter([1.0, 2.0])
    metrics.observe("cotton_test_value", "A value.", lambda: next(values))
    port, close = metrics.serve("127.0.0.1", 0)
    try:
        texts = [urlopen(f"http://127.0.0.1:{port}/metrics").read().decode() for _ in range(2)]
    finally:
        close()
    assert "cotton_test_value 1.0" in texts[0]
    assert "cotton_test_value 2.0" in texts[1]
    assert "cotton_build_info{" in texts[0]
    assert "process_resident_memory_bytes" in texts[0]
