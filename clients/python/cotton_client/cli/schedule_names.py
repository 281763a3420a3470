"""Documents of money as they are named on the command line: ID, ID@REVISION, or a file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from cotton_client import errors
from cotton_client.cli.files import reading_file
from cotton_client.cli.money_files import SUFFIX, kind_and_id
from cotton_client.cli.reference_files import read_text
from cotton_client.cli.reference_kinds import MONEY, ReferenceKind
from cotton_client.render import names

if TYPE_CHECKING:
    from cotton.inspection.v1 import reference_pb2

    from cotton_client.client import CottonClient

kind_option: Final = click.option(
    "--kind",
    type=ReferenceKind(of_money=True),
    metavar="KIND",
    help="schedule, rule-set or target-price; where an id does not tell.",
)


@dataclass(frozen=True, slots=True)
class Named:
    """One document: as it is loaded at a revision, 0 for the latest, or by its content."""

    kind: reference_pb2.ReferenceKind.ValueType
    id: str
    revision: int = 0
    content: str = ""


async def resolve(
    client: CottonClient,
    text: str,
    kind: reference_pb2.ReferenceKind.ValueType | None,
    revision: int = 0,
) -> Named:
    """The document of a name: a file, one that is loaded, else one that comes with the service.

    Raises InputError for a file that is none, NotFound for a name that nothing has.
    """
    path = Path(text)
    if path.suffix.lower() == SUFFIX:
        with reading_file(path):
            content = read_text(path)
        return Named(*kind_and_id(content, path, kind), content=content)
    name, at, digits = text.rpartition("@")
    if at:
        if not digits.isascii() or not digits.isdigit():
            raise click.UsageError(f"{text}: a revision is a number, such as {name}@812.")
        revision = int(digits)
    else:
        name = text
    loaded = await client.references(revision=revision)
    wanted = set(MONEY.values()) if kind is None else {kind}
    kinds = [each.kind for each in loaded.references if each.id == name and each.kind in wanted]
    if kinds:
        return Named(_only(kinds, name), name, revision)
    if not revision:
        shipped = await client.list_shipped()
        found = {
            each.kind: each.content
            for each in shipped.documents
            if each.id == name and each.kind in wanted
        }
        if found:
            one = _only(list(found), name)
            return Named(one, name, content=found[one])
    at_revision = f" at revision {revision}" if revision else ", and none comes with the service"
    raise errors.NotFound(
        f"No document {name} is loaded{at_revision}.",
        remedy="See `cotton schedules list`, and `cotton schedules list --shipped`.",
    )


def _only(
    kinds: list[reference_pb2.ReferenceKind.ValueType], name: str
) -> reference_pb2.ReferenceKind.ValueType:
    if len(kinds) > 1:
        words = ", ".join(str(names.reference_kind(each)).replace("_", "-") for each in kinds)
        raise click.UsageError(f"{name} is the id of several documents: give --kind ({words}).")
    return kinds[0]
