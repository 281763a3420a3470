"""Documents of money as they are decided: outcomes, order in a request, limits, and replay."""

from __future__ import annotations

import time
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from cotton.inspection.v1 import lots_pb2, reference_pb2
from cotton_server.intake.references import DOCUMENTS_MAX
from cotton_server.intake.replay import ReplayDiffersError
from cotton_server.reference.money import PATCHES_MAX, MoneyDocuments
from cotton_server.settlement.describe import described
from cotton_server.settlement.library import shipped
from cotton_server.settlement.toml_lines import BYTES_MAX

from tests.intake.test_references import load_into, replayed
from tests.support.committing import committing
from tests.support.deciding import Deciding
from tests.support.entries import rewrite, with_outcomes
from tests.support.money_documents import (
    RULE_SET,
    SCHEDULE,
    TARGET_PRICE,
    document,
    patch,
    rule_set,
    schedule,
    target_price,
)
from tests.support.organisations import load

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from cotton_server.registry.registry import Registry

KINDS = (SCHEDULE, RULE_SET, TARGET_PRICE)
MADE: Mapping[int, Callable[..., str]] = {
    SCHEDULE: schedule,
    RULE_SET: rule_set,
    TARGET_PRICE: target_price,
}
MORE = {"21": "310", "31": "0"}


def sent(decided: Deciding, *documents: reference_pb2.Reference) -> list[tuple[str, int, str]]:
    """Outcome, stored revision and message of every document of one request."""
    outcome: reference_pb2.ReferencesOutcome = decided.request(load(*documents))
    found = [("CREATED", 0, "")] * len(documents)
    for each in outcome.results:
        name = lots_pb2.LotOutcome.Name(each.outcome).removeprefix("LOT_OUTCOME_")
        found[each.row] = (name, each.stored_revision, each.message)
    return found


def outcomes(decided: Deciding, *documents: reference_pb2.Reference) -> list[str]:
    """The outcome of every document of one request."""
    return [name for name, *_ in sent(decided, *documents)]


def refusal(decided: Deciding, one: reference_pb2.Reference) -> str:
    """Why a document was rejected; nothing is stored of it."""
    book = decided.registry.references
    before = len(book), book.size_bytes
    ((name, _, message),) = sent(decided, one)
    assert name == "REJECTED"
    assert (len(book), book.size_bytes) == before
    return message


def rate(registry: Registry, name: str, revision: int, colour: str = "21") -> str:
    """The rate of a colour in a schedule at a revision."""
    loaded = MoneyDocuments(registry.references, revision).schedule(name)
    return described(loaded.value)[f"factors.colour.{colour}"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_document_is_kept_repeated_contradicted_corrected_and_overtaken(
    kind: reference_pb2.ReferenceKind.ValueType,
) -> None:
    """Every outcome of a document, each with the revision that it met."""
    decided = Deciding()
    one = MADE[kind]("a")
    other = one.replace("Made up", "Corrected")
    documents = [
        document("a", one, kind),
        document("a", one, kind),
        document("a", other, kind),
        document("a", other, kind, supersedes=7),
        document("a", other, kind, supersedes=1),
        document("a", one, kind),
        document("a", one, kind, supersedes=1),
    ]
    assert [sent(decided, each)[0][:2] for each in documents] == [
        ("CREATED", 0),
        ("EXISTS", 1),
        ("EXISTS_WITH_DIFFERENT", 1),
        ("REJECTED", 1),
        ("CORRECTED", 1),
        ("SUPERSEDED", 5),
        ("REJECTED", 5),
    ]
    versions = decided.registry.references.of_kind(kind)["a"].all
    assert [each.position for each in versions] == [1, 5]


def test_a_name_that_one_kind_has_is_free_in_another() -> None:
    """So is a series: only documents of one kind take turns."""
    documents = [document("a", MADE[kind]("a"), kind) for kind in KINDS]
    assert outcomes(Deciding(), *documents) == ["CREATED"] * 3


@pytest.mark.parametrize("kind", KINDS)
def test_documents_of_every_kind_take_turns(kind: reference_pb2.ReferenceKind.ValueType) -> None:
    """Ending the first makes room for the second, and then may not be taken back."""
    decided = Deciding()
    year = {"effective_from": "2016-09-01", "effective_through": "2017-08-31"}
    ended = {**year, "effective_through": "2017-07-31"}
    one, other = MADE[kind]("a", **year), MADE[kind]("b", effective_from="2017-08-01")
    assert outcomes(decided, document("a", one, kind)) == ["CREATED"]
    told = refusal(decided, document("b", other, kind))
    for part in ("a (2016-09-01 to 2017-08-31)", "b (2017-08-01 and later)", "of the series s"):
        assert part in told
    assert "would both be in force: 2017-08-01 to 2017-08-31" in told
    assert outcomes(
        decided,
        document("a", MADE[kind]("a", **ended), kind, supersedes=1),
        document("b", other, kind),
    ) == ["CORRECTED", "CREATED"]
    again = document("a", one, kind, supersedes=3)
    assert "would both be in force" in refusal(decided, again)
    newer = MADE[kind]("b", effective_from="2017-08-01", supersedes="a")
    assert outcomes(decided, document("b", newer, kind, supersedes=3), again) == ["CORRECTED"] * 2


@pytest.mark.parametrize(
    ("one", "told"),
    [
        (
            document("b", schedule("a")),
            'Line 2: id: It is "a", and the document is sent as "b". Give both the same id.',
        ),
        (document("a", schedule("a"), RULE_SET), 'Line 1: kind: It is "schedule". Write "rule set'),
        (document("a", target_price("a")), 'Line 1: kind: It is "target price". Write "schedule'),
        (document("a", schedule("a", rates={"21": "3e2"})), "Line 23: factors[1].rates.21: "),
        (document("a", "x = ="), "Line 1: TOML: "),
        (document("a", f"# {'x' * BYTES_MAX}"), "Line 1: TOML: "),
        (document("a", schedule("a", patch_of="a")), "Line 8: patch_of: "),
    ],
)
def test_a_faulty_file_is_rejected_with_its_line_and_what_to_do(
    one: reference_pb2.Reference, told: str
) -> None:
    assert refusal(Deciding(), one).startswith(told)


def test_a_message_that_quotes_a_document_is_short() -> None:
    long = schedule("a", rates={"21": "9" * 5000})
    assert len(refusal(Deciding(), document("a", long))) < 1000


def test_a_faulty_document_of_a_request_changes_nothing_and_the_others_stand() -> None:
    """Each has its own outcome; a patch of the faulty one has no base."""
    decided = Deciding()
    found = sent(
        decided,
        document("a", schedule("a", series="x")),
        document("b", schedule("b", series="y", rates={"21": "much"})),
        document("c", patch("c", "b")),
        document("d", patch("d", "a")),
    )
    assert [name for name, *_ in found] == ["CREATED", "REJECTED", "REJECTED", "CREATED"]
    assert "There is no schedule b." in found[2][2]
    there = decided.registry.references.in_force(SCHEDULE, 1)
    assert [each.record.id for each in there] == ["a", "d"]
    assert rate(decided.registry, "d", 1) == "310"


def test_a_patch_may_come_behind_its_base_in_one_request_and_not_before() -> None:
    decided = Deciding()
    both = document("b", patch("b", "a", series="t")), document("a", schedule("a"))
    assert outcomes(decided, *both) == ["REJECTED", "CREATED"]
    assert outcomes(Deciding(), *reversed(both)) == ["CREATED", "CREATED"]
    assert outcomes(decided, both[0]) == ["CREATED"]


def test_a_base_and_its_patch_are_amended_in_one_request() -> None:
    """In the order in which each step leaves every document whole."""
    decided = Deciding()
    change = '[[factors]]\nname = "colour"\nrates = { "31" = "5" }\n'
    assert (
        outcomes(
            decided,
            document("a", schedule("a")),
            document("b", patch("b", "a", change, series="t")),
        )
        == ["CREATED"] * 2
    )
    renamed = schedule("a").replace('name = "colour"', 'name = "shade"')
    base = document("a", renamed, supersedes=1)
    assert "b is a patch that stands on this one" in refusal(decided, base)
    whole = document("b", schedule("b", series="t"), supersedes=1)
    assert outcomes(decided, base, whole, base) == ["REJECTED", "CORRECTED", "CORRECTED"]
    assert rate(decided.registry, "b", 1, "31") == "5"
    assert rate(decided.registry, "b", decided.revision, "31") == "0"


def test_what_others_stand_on_becomes_no_patch_that_makes_them_too_many() -> None:
    decided = Deciding()
    names = [f"p{place}" for place in range(PATCHES_MAX + 1)]
    chain = [document("p0", schedule("p0", series="p0")), document("q", schedule("q", series="q"))]
    chain += [document(name, patch(name, below, series=name)) for below, name in pairwise(names)]
    assert set(outcomes(decided, *chain)) == {"CREATED"}
    told = refusal(decided, document("p0", patch("p0", "q", series="p0"), supersedes=1))
    assert told.startswith(f"{names[-1]} is a patch that stands on this one and would be wrong")


def test_documents_of_one_kind_are_limited() -> None:
    decided = Deciding()
    many = [document(f"d{n}", schedule(f"d{n}", series=f"s{n}")) for n in range(DOCUMENTS_MAX)]
    assert set(outcomes(decided, *many)) == {"CREATED"}
    told = refusal(decided, document("more", schedule("more", series="more")))
    assert told.startswith(f"{DOCUMENTS_MAX} documents of the kind are held")
    assert outcomes(decided, document("a", rule_set("a"), RULE_SET)) == ["CREATED"]
    corrected = document("d0", schedule("d0", series="s0", rates=MORE), supersedes=1)
    assert outcomes(decided, corrected) == ["CORRECTED"]


DECIDED_S_MAX = 5.0
"""Many times what it takes."""


def test_a_base_that_all_others_are_patches_of_is_decided_soon() -> None:
    decided = Deciding()
    assert outcomes(decided, document("a", schedule("a"))) == ["CREATED"]
    patches = [
        document(f"p{n}", patch(f"p{n}", "a", series=f"s{n}")) for n in range(DOCUMENTS_MAX - 1)
    ]
    assert set(outcomes(decided, *patches)) == {"CREATED"}
    began_s = time.perf_counter()
    assert outcomes(decided, document("a", schedule("a", rates=MORE), supersedes=1)) == [
        "CORRECTED"
    ]
    assert time.perf_counter() - began_s < DECIDED_S_MAX


def contents(registry: Registry) -> list[Any]:
    """All that a registry holds of documents of money, and what they say at every revision."""
    found: list[Any] = []
    for kind in KINDS:
        for name, versions in registry.references.of_kind(kind).items():
            for each in versions.all:
                record = each.record
                amendment = record.amendment and record.amendment.SerializeToString()
                found.append((name, each.position, each.received_at_us, record.content))
                found.append((amendment, record.sha256, record.size_bytes, record.rows))
        for revision in range(registry.revision + 1):
            documents = MoneyDocuments(registry.references, revision)
            for version in registry.references.in_force(kind, revision):
                loaded = documents.loaded(kind, version.record.id)
                found.append((loaded.superseded_by, described(loaded.value)))
    return found


async def write(directory: Path) -> Registry:
    """A ledger with documents of all outcomes; its registry."""
    kinds = {"schedule": SCHEDULE, "rule set": RULE_SET, "target price": TARGET_PRICE}
    documents = [
        [document(each.id, each.text, kinds[each.kind]) for each in shipped()],
        [document("a", schedule("a")), document("b", patch("b", "a", series="t"))],
        [document("c", patch("c", "gone")), document("d", schedule("d"))],
        [document("a", schedule("a", rates=MORE), supersedes=2)],
        [document("d", schedule("d", supersedes="a")), document("a", schedule("a"))],
    ]
    async with committing(directory) as running:
        for number, each in enumerate(documents):
            await load_into(running, load(*each, request_id=str(number)))
        return running.registry


async def test_replay_gives_the_same_documents(tmp_path: Path) -> None:
    written = await write(tmp_path)
    assert contents(replayed(tmp_path)) == contents(written)
    found = [rate(written, "a", revision) for revision in (2, 3, 4)]
    assert found == ["300", "300", "310"]
    assert MoneyDocuments(written.references, 5).schedule("a").superseded_by == "d"
    assert MoneyDocuments(written.references, 4).schedule("a").superseded_by == ""


async def test_replay_stops_at_what_is_decided_otherwise(tmp_path: Path) -> None:
    await write(tmp_path)

    def changed(stored: bytes) -> bytes:
        outcome = reference_pb2.ReferencesOutcome.FromString(stored)
        outcome.results[0].message = "another reason"
        return outcome.SerializeToString()

    rewrite(tmp_path, with_outcomes(3, changed))
    with pytest.raises(ReplayDiffersError) as refused:
        replayed(tmp_path)
    assert refused.value.position == 3
