"""Random histories of everything at once: every answer, and every earlier revision, is right."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from cotton.inspection.v1 import readings_pb2
from cotton_server.errors import StartError
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.machine.drafts import NONE, RIGHT, Draft
from tests.machine.machine import CoreMachine
from tests.support.bales import bale
from tests.support.broken import (
    counting_retests_as_first,
    forgetting_conflicts_on_replay,
    without_comparison,
    without_duplicate_check,
    without_sequence_check,
    without_target_check,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

STEPS = 30

CAUGHT = (AssertionError, StartError, KeyError)
"""A broken build gives a wrong answer, or does not start again, or has lost what it must know."""


def test_the_core_does_what_the_contract_says(machine_examples: int) -> None:
    """Appends, repeats, gaps, conflicts, corrections, re-tests, decisions, crashes, as-of reads."""
    run_state_machine_as_test(
        CoreMachine,
        settings=settings(
            max_examples=machine_examples,
            stateful_step_count=STEPS,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


FIRST = Draft(bale(1))
LONGER = Draft(bale(1, length=2900))
REVIEW = Draft(replace(LONGER.bale, kind=readings_pb2.READING_KIND_REVIEW))


def corrected(aim: str) -> Draft:
    """A correction of the first reading."""
    return Draft(bale(1, length=2850).correcting(1), aim)


def repeating(machine: CoreMachine) -> None:
    """The same reading in two batches."""
    machine.append("p", [FIRST], "rows")
    machine.append("p", [FIRST], "columns")


def differing(machine: CoreMachine) -> None:
    """A reading, and another of the same bale."""
    machine.append("p", [FIRST], "rows")
    machine.append("p", [LONGER], "rows")


def skipping(machine: CoreMachine) -> None:
    """A batch after a gap."""
    machine.skip("p", [FIRST], 1)


def correcting_the_wrong_one(machine: CoreMachine) -> None:
    """A correction of what is not in force."""
    machine.append("p", [FIRST], "rows")
    machine.append("p", [corrected("far")], "rows")


def reviewing(machine: CoreMachine) -> None:
    """A review that disagrees, and so is in force."""
    machine.append("p", [FIRST], "rows")
    machine.append("p", [REVIEW], "rows")


def differing_before_a_restart(machine: CoreMachine) -> None:
    """A conflict that is there still after a restart."""
    differing(machine)
    machine.restart()


def run(history: Callable[[CoreMachine], None]) -> None:
    """A history in the machine, with all that it asserts on the way and in the end."""
    machine = CoreMachine()
    try:
        history(machine)
        machine.stands_as_it_should()
    except BaseException:
        machine.is_sound = False
        raise
    finally:
        machine.teardown()


BREAKS = [
    (without_duplicate_check, repeating),
    (without_comparison, differing),
    (without_sequence_check, skipping),
    (without_target_check, correcting_the_wrong_one),
    (counting_retests_as_first, reviewing),
    (forgetting_conflicts_on_replay, differing_before_a_restart),
]


@pytest.mark.parametrize(("broken", "history"), BREAKS)
def test_the_machine_catches_a_broken_build(
    broken: Callable[[], AbstractContextManager[None]], history: Callable[[CoreMachine], None]
) -> None:
    """The history that shows the break passes in the whole build, and fails in the broken one."""
    run(history)
    with broken(), pytest.raises(CAUGHT):
        run(history)


@pytest.mark.parametrize(
    "broken", [without_duplicate_check, without_comparison, without_sequence_check]
)
def test_random_histories_find_a_broken_build(
    broken: Callable[[], AbstractContextManager[None]],
) -> None:
    """Nobody has to think of the history: few random ones are enough."""
    with broken(), pytest.raises(CAUGHT):
        run_state_machine_as_test(
            CoreMachine,
            settings=settings(
                max_examples=30,
                stateful_step_count=STEPS,
                derandomize=True,
                database=None,
                deadline=None,
                phases=[Phase.generate],
                report_multiple_bugs=False,
                suppress_health_check=list(HealthCheck),
            ),
        )


def test_a_right_correction_is_taken_and_an_unnamed_one_refused() -> None:
    """The history of the wrong target fails for its target alone."""

    def history(machine: CoreMachine) -> None:
        machine.append("p", [FIRST], "rows")
        machine.append("p", [corrected(NONE), corrected(RIGHT)], "rows")
        outcome = machine.log[-1][1].outcome
        assert isinstance(outcome, readings_pb2.BatchOutcome)
        assert outcome.corrected == 1

    run(history)
