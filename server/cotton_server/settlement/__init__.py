"""From grades to money: schedules, rule sets and target prices as data; exact amounts of lots.

Knows neither gRPC nor storage: takes frames of sums of lots and gives frames of amounts.
"""

from typing import Final

SETTLEMENT_VERSION: Final = "1"
"""Version of the rules by which money is computed; a run names that which made it."""
