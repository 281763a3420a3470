"""Random histories of everything at once: every answer, and every earlier revision, is right."""

from __future__ import annotations

from hypothesis import settings

from tests.machine.machine import CoreMachine

TestCore = CoreMachine.TestCase
TestCore.settings = settings(max_examples=20, stateful_step_count=30)
