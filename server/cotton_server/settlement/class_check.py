"""Checks the classes that a document of money names against those of its standards."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from cotton_server.grading.standards import load_standards
from cotton_server.settlement.classes import PricingError, elements_of, partition
from cotton_server.settlement.fault import Fault

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from cotton_server.grading.standard import Measure, Standard
    from cotton_server.settlement.document import Band
    from cotton_server.settlement.schedule import Classes
    from cotton_server.settlement.toml_lines import Step


def standard_faults(names: Sequence[str]) -> Iterator[Fault]:
    """Names of standards that the service does not have."""
    known = load_standards()
    for place, name in enumerate(names, start=1):
        if name not in known:
            yield Fault(
                ("standards", place),
                f"The service has no standard {name}.",
                f"Its standards are {', '.join(known)}.",
            )


def class_names(item: str, standard: Standard) -> tuple[str, ...]:
    """What classes of an item may be named under a standard; empty where it has none.

    Colour grades, classes that are judged, or tiers and the grades of tiers.
    """
    try:
        names = elements_of(item, standard, "")
    except PricingError:
        return ()
    measure = standard.measures.get(item)
    return names if measure is None else (*dict.fromkeys((*names, *measure.grades)),)


def item_faults(item: str, standards: Iterable[Standard], step: Step) -> Iterator[Fault]:
    """An item that a standard neither measures nor sorts into classes."""
    for standard in standards:
        if item not in standard.measures and not class_names(item, standard):
            graded = [*standard.measures, *(["colour"] if standard.colour else [])]
            yield Fault(
                (step,),
                f"{standard.id} has no {item}.",
                f"Its items are {', '.join([*graded, *standard.items])}.",
            )


def class_faults(
    classes: Classes, standards: Sequence[Standard], key: str, *, counted: bool
) -> Iterator[Fault]:
    """What is wrong with classes: their names, what they cover, or their bands.

    `key` is the entry that lists names. Bales that are `counted` are so by whole tiers, which no
    band may part. Steps begin below what has the classes.
    """
    faults = [*item_faults(classes.item, standards, "item")]
    if faults:
        yield faults[0]
        return
    if classes.bands:
        yield from _band_faults(classes, standards, counted=counted)
        return
    for standard in standards:
        yield from _name_faults(classes, standard, key)
        yield from _cover_faults(classes, standard)


def named_fault(name: str, item: str, standard: Standard, steps: tuple[Step, ...]) -> Fault | None:
    """A class that the standard does not have."""
    known = class_names(item, standard)
    if name in known:
        return None
    return Fault(
        steps,
        f'{standard.id} has no class "{name}" of {item}.',
        f"Its classes are {', '.join(known)}."
        if known
        else f"It sorts {item} into none: write bands of values.",
    )


def _name_faults(classes: Classes, standard: Standard, key: str) -> Iterator[Fault]:
    for place, name in enumerate(classes.names, start=1):
        if name not in classes.covers:
            step: Step = name if key == "rates" else place
            fault = named_fault(name, classes.item, standard, (key, step))
            if fault is not None:
                yield fault


def _cover_faults(classes: Classes, standard: Standard) -> Iterator[Fault]:
    covered: dict[str, str] = {}
    measure = standard.measures.get(classes.item)
    tiers = [] if measure is None else [tier.name for tier in measure.tiers]
    for name, members in classes.covers.items():
        if name not in classes.names:
            yield Fault(
                ("covers", name),
                f'"{name}" is none of the classes.',
                f"The classes are {', '.join(classes.names)}.",
            )
        if name in tiers and name not in members:
            yield Fault(
                ("covers", name),
                f'"{name}" is a tier of {standard.id}, and the class of this name lacks it.',
                f'List "{name}" among what it covers, or call the class something else.',
            )
        for place, member in enumerate(members, start=1):
            steps = ("covers", name, place)
            if member not in tiers:
                yield Fault(
                    steps,
                    f'{standard.id} has no tier "{member}" of {classes.item}.',
                    f"Its tiers are {', '.join(tiers)}." if tiers else "Leave covers out.",
                )
            elif member in covered or (member in classes.names and member != name):
                other = covered.get(member, member)
                yield Fault(
                    steps, f'"{member}" is in class "{other}" too.', "Let one class have it."
                )
            covered[member] = name


def _band_faults(
    classes: Classes, standards: Sequence[Standard], *, counted: bool
) -> Iterator[Fault]:
    for standard in standards:
        measure = standard.measures.get(classes.item)
        if measure is None:
            yield Fault(
                ("bands",),
                f"{standard.id} does not measure {classes.item}.",
                "Name its classes instead of bands.",
            )
            return
        faults = [*_ends(classes.bands, measure), *_gaps(classes.bands, measure)]
        yield from faults
        if faults or not counted:
            continue
        try:
            partition(classes, standard, "")
        except PricingError as error:
            yield Fault(
                ("bands",),
                error.problem,
                f"Let each band have whole tiers of {standard.id}, or name the tiers.",
            )


def _ends(bands: Sequence[Band], measure: Measure) -> Iterator[Fault]:
    """Ends that are no official values, or that are exchanged."""
    for band in bands:
        for key, bound in (("from", band.lower), ("to", band.upper)):
            if bound is not None and bound % measure.resolution:
                yield Fault(
                    ("bands", band.name, key),
                    f"{in_units(bound)} is no official value: {measure.name} is stated to"
                    f" {in_units(measure.resolution)}.",
                    f"Write a multiple of {in_units(measure.resolution)}.",
                )
        if band.lower is not None and band.upper is not None and band.upper < band.lower:
            yield Fault(("bands", band.name, "to"), "It lies below from.", "Exchange the two.")


def _gaps(bands: Sequence[Band], measure: Measure) -> Iterator[Fault]:
    """Neighbours that are not in order, overlap, or leave values between them."""
    step = measure.resolution
    for below, above in pairwise(bands):
        steps = ("bands", above.name, "from")
        if below.upper is None or above.lower is None:
            yield Fault(
                ("bands", below.name, "to") if below.upper is None else steps,
                f"{below.name} and {above.name} overlap: only the first band may be open downwards"
                " and only the last one upwards.",
                "Write the bands from the lowest to the highest, with both ends between two bands.",
            )
        elif above.lower <= below.upper:
            yield Fault(
                steps,
                f"{above.name} begins at {in_units(above.lower)}, and {below.name} goes to"
                f" {in_units(below.upper)}: they overlap or stand in the wrong order.",
                f"Write the bands from the lowest to the highest; here from ="
                f' "{in_units(below.upper + step)}".',
            )
        elif above.lower != below.upper + step:
            gap = f"from {in_units(below.upper + step)} to {in_units(above.lower - step)}"
            yield Fault(
                steps,
                f"Values {gap} lie between {below.name} and {above.name} and are in no band.",
                f'Write from = "{in_units(below.upper + step)}", or a band for them.',
            )


def in_units(hundredths: int) -> str:
    """A value in real units: 29.0."""
    whole, rest = divmod(hundredths, 100)
    text = f"{whole}.{rest:02d}"
    return text.removesuffix("0")
