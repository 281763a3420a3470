"""Writes the sample lot of the client: the real lot, its unpublished measures filled in.

Usage: python tools/make_sample_lot.py [--check]

Real are the 186 micronaire and strength values below, in their order, and what was published of
the lot as a whole: 136 bales of colour grade 31 and 50 of 21, mean Rd 80.55, uniformity from
81.6 to 85.3 %, and its weights. What was not published of the single bales is filled in here,
with a fixed seed, so that every published figure holds. `--check` fails when the committed files
differ from what this script writes.
"""

from __future__ import annotations

import sys
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Final

SAMPLES: Final = (
    Path(__file__).resolve().parent.parent / "clients" / "python" / "cotton_client" / "samples"
)
SEED: Final = 186
BALES: Final = 186

# Published, in tenths of micronaire.
PUBLISHED_MICRONAIRE: Final = """
    44 47 44 44 48 43 43 44 42 47 49 44 43 49 42 43 44 44 43 46 43 44 48 43
    49 44 43 43 43 46 46 47 47 46 49 46 44 44 48 44 45 43 43 46 44 49 45 47
    45 44 45 46 47 43 48 44 45 46 46 45 46 45 45 44 46 48 43 44 48 45 43 48
    43 44 49 44 44 48 46 50 45 49 44 44 44 44 44 47 44 45 44 47 43 47 46 42
    44 44 44 47 48 43 46 44 48 48 43 47 46 44 44 46 49 50 44 46 45 47 47 46
    47 44 49 44 44 48 43 47 46 44 46 44 44 43 44 46 44 48 48 45 49 44 45 45
    42 42 43 49 47 44 44 43 44 45 44 48 48 43 46 43 44 45 44 44 49 49 42 45
    48 48 49 47 46 46 44 46 45 45 48 45 44 42 47 43 44 43
"""

# Published, in tenths of cN/tex.
PUBLISHED_STRENGTH: Final = """
    296 298 309 305 301 294 295 293 283 304 298 302 291 298 292 306 291 310 307 306 306 281 293 288
    291 302 281 298 293 308 301 306 298 298 294 300 306 313 296 314 300 315 293 301 309 297 293 304
    307 298 292 293 292 281 298 286 299 305 297 301 299 306 297 293 305 288 298 286 286 314 297 301
    301 290 284 305 305 285 294 296 291 276 298 288 293 291 294 289 307 297 300 284 292 294 300 285
    301 302 288 295 296 297 295 291 297 286 302 297 308 294 286 293 289 291 298 301 306 286 298 297
    293 308 301 284 301 308 289 289 303 295 296 305 286 298 296 303 297 292 300 296 296 297 308 306
    303 300 292 300 307 303 303 310 300 302 299 286 286 301 296 297 297 293 301 308 298 279 301 312
    288 287 278 296 286 284 288 291 294 310 301 303 292 303 286 299 295 302
"""

MICRONAIRE: Final = tuple(map(int, PUBLISHED_MICRONAIRE.split()))
STRENGTH: Final = tuple(map(int, PUBLISHED_STRENGTH.split()))

BALES_21: Final = 50
# Mean Rd 80.55 in tenths: the one sum of 186 tenths that gives it exactly.
RD_SUM: Final = 8055 * BALES // 10
UNIFORMITY_ENDS: Final = (816, 853)

GIN: Final = "65811"
LOT_NO: Final = f"{GIN}191023"
FIRST_BALED: Final = datetime(2019, 10, 23, 8, 12, 5)  # noqa: DTZ001 (bar codes hold local time)
FIRST_INSPECTED: Final = datetime(2019, 11, 2, 9, 30)  # noqa: DTZ001 (printed with its offset)
FIRST_BALE_NUMBER: Final = 4093

READINGS_HEADER: Final = """\
# One real lot of 186 bales under GB 1103.1-2012.
# Real: micronaire, strength (published values, in their order).
# Filled in once with a fixed seed so that the published aggregates hold (136 bales 31 and 50
# bales 21, mean Rd 80.55, uniformity 81.6-85.3): colour_grade, rd, plus_b, length, uniformity.
# Made up, for they were not published: bale_code, lot_no, preparation, foreign_fibre,
# laboratory, instrument, inspected_at.
bale_code,lot_no,length,uniformity,strength,micronaire,rd,plus_b,colour_grade,preparation,\
foreign_fibre,standard,laboratory,instrument,inspected_at
"""

LOT_FILE: Final = f"""\
# The real lot of 186 bales. Real: the number of bales, the standard. Made up: everything else.
lot_no,gin_code,gin_name,warehouse,region,division,regiment,cotton_type,picking_mode,channel,\
origin,agency,declared_bales,gate_in_at,standard
{LOT_NO},{GIN},样例轧花厂,W-SAMPLE,兵团,第八师,一四九团,SAW_GINNED_UPLAND,MACHINE,WAREHOUSE,\
新疆,AGENCY-SAMPLE,{BALES},2019-10-28T10:15:00+08:00,GB1103.1-2012
"""

WEIGHT_FILE: Final = f"""\
# The real lot of 186 bales. Real: gross, tare, regain, trash and the resolution of 1 kg.
# Made up: lot_no, scale, weighed_at.
lot_no,gross,tare,regain,trash,resolution,scale,weighed_at
{LOT_NO},42620,246,8.2,2.3,1,SCALE-SAMPLE,2019-10-28T10:40:00+08:00
"""


def bell(random: Random, middle: int, spread: int) -> int:
    """A bell-shaped whole number within four spreads: the same with every version of Python."""
    steps = sum(int(random.random() * 1001) for _ in range(12)) - 6000
    return middle + steps * spread // 1000


def settled(numbers: list[int], total: int, random: Random) -> list[int]:
    """The numbers moved by single units, at random places, until they add up to `total`."""
    numbers = list(numbers)
    while (missing := total - sum(numbers)) != 0:
        numbers[int(random.random() * len(numbers))] += 1 if missing > 0 else -1
    return numbers


def uniformities(random: Random) -> list[int]:
    """Tenths of a percent; the lowest and the highest are the published ones."""
    lowest, highest = UNIFORMITY_ENDS
    numbers = [min(max(bell(random, 835, 7), lowest), highest) for _ in range(BALES)]
    numbers[numbers.index(min(numbers))] = lowest
    numbers[numbers.index(max(numbers))] = highest
    return numbers


def colours(rd: list[int], plus_b: list[int]) -> list[int]:
    """Grade 21 for the 50 bales that lie nearest to it, brighter and yellower; 31 for the rest."""
    nearness = [2 * bright + 5 * yellow for bright, yellow in zip(rd, plus_b, strict=True)]
    order = sorted(range(BALES), key=lambda bale: (-nearness[bale], bale))
    best = set(order[:BALES_21])
    return [21 if bale in best else 31 for bale in range(BALES)]


def tenths(number: int) -> str:
    """A number of tenths as a decimal."""
    return f"{number // 10}.{number % 10}"


def readings() -> str:
    """The CSV of the lot's 186 readings."""
    random = Random(SEED)  # noqa: S311 (reproducible, not secret)
    rd = settled([bell(random, 806, 5) for _ in range(BALES)], RD_SUM, random)
    plus_b = [bell(random, 78, 2) for _ in range(BALES)]
    length = [bell(random, 289, 4) for _ in range(BALES)]
    uniformity = uniformities(random)
    colour = colours(rd, plus_b)
    baled = FIRST_BALED
    lines = [READINGS_HEADER]
    for bale in range(BALES):
        code = f"32{GIN}{baled:%y%m%d%H%M%S}0000121{FIRST_BALE_NUMBER + bale:06d}"
        inspected = FIRST_INSPECTED + timedelta(seconds=50 * bale)
        lines.append(
            f"{code},{LOT_NO},{tenths(length[bale])},{tenths(uniformity[bale])},"
            f"{tenths(STRENGTH[bale])},{tenths(MICRONAIRE[bale])},{tenths(rd[bale])},"
            f"{tenths(plus_b[bale])},{colour[bale]},P2,0,GB1103.1-2012,LAB-SAMPLE,HVI-SAMPLE,"
            f"{inspected:%Y-%m-%dT%H:%M:%S}+08:00\n"
        )
        baled += timedelta(seconds=240 + int(random.random() * 60))
    return "".join(lines)


def main() -> int:
    """Writes the files, or compares them with `--check`; the exit code."""
    files = {
        "real_lot/readings.csv": readings(),
        "real_lot/lots.csv": LOT_FILE,
        "real_lot/weights.csv": WEIGHT_FILE,
    }
    check = "--check" in sys.argv[1:]
    stale = []
    for name, text in files.items():
        path = SAMPLES / name
        if not check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        elif not path.exists() or path.read_text(encoding="utf-8") != text:
            stale.append(name)
    for name in stale:
        print(f"{name} differs; run python tools/make_sample_lot.py")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
