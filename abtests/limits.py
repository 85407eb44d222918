"""How many arms and batches a test may have; apart, so that models and forms don't load numpy for it."""

from typing import Final

FEWEST_ARMS: Final = 2
MOST_ARMS: Final = 8
FEWEST_BATCHES: Final = 4
MOST_BATCHES: Final = 24
