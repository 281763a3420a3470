"""Net and conditioned weight (公定重量) in exact integers, rounded once at the end.

conditioned = net x (100 - Z) / (100 - Z0) x (100 + R0) / (100 + R), with trash Z and regain R
of the lot in percent and the standard's Z0 and R0 (GB 1103.1). Weights are in hundredths of
a kilogram, percentages in hundredths of a percent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cotton_server.grading.rounding import half_even

if TYPE_CHECKING:
    from cotton_server.grading.standard import Standard

RESOLUTIONS: Final = (10, 100)
"""Resolutions to which a conditioned weight is stated: 0.1 kg and 1 kg."""

NET_MAX: Final = 10_000_000_000
"""Heaviest net weight, 100 000 t: what is above it is a mistake."""

_WHOLE: Final = 10_000


class WeightError(ValueError):
    """A conditioned weight was asked for values that no lot can have."""


class UnknownConstantError(WeightError):
    """A conditioned weight was asked under a standard whose constants are not known."""

    def __init__(self, standard: Standard) -> None:
        self.standard = standard.id
        super().__init__(
            f"Standard trash or official regain of {standard.id} is not known: lots under it have "
            "no conditioned weight until its file states both, with their source."
        )


def net_weight(gross: int, tare: int) -> int:
    """Net = gross - tare, exact, in hundredths of a kilogram."""
    return gross - tare


def conditioned_weight(
    net: int, *, trash: int, regain: int, resolution: int, standard: Standard
) -> int:
    """The conditioned weight in hundredths of a kilogram, a multiple of `resolution`.

    Raises UnknownConstantError where the standard's constants are not known, and WeightError for a
    net weight outside 0 to NET_MAX, trash or regain outside 0 to below 100 %, or another resolution
    than RESOLUTIONS.
    """
    standard_trash, official_regain = standard.standard_trash, standard.official_regain
    if standard_trash is None or official_regain is None:
        raise UnknownConstantError(standard)
    if not 0 <= net <= NET_MAX:
        raise WeightError(
            f"Net weight {net} is outside 0 to {NET_MAX} hundredths of a kilogram; "
            "check gross and tare."
        )
    for name, value in (("Trash", trash), ("Regain", regain)):
        if not 0 <= value < _WHOLE:
            raise WeightError(
                f"{name} {value} is outside 0 to {_WHOLE - 1} hundredths of a percent; "
                "check the record of the lot's weight."
            )
    if resolution not in RESOLUTIONS:
        raise WeightError(
            f"Resolution {resolution} is neither of {RESOLUTIONS} hundredths of a kilogram; "
            "state the weight to 0.1 kg or 1 kg."
        )
    # One fraction and one rounding: rounded factors would be off by kilograms.
    numerator = net * (_WHOLE - trash) * (_WHOLE + official_regain.value)
    denominator = (_WHOLE - standard_trash.value) * (_WHOLE + regain) * resolution
    return half_even(numerator, denominator) * resolution
