"""How many arms and batches a test may have and what it needs; apart, so that models and forms don't load numpy for it."""

from typing import Final

FEWEST_ARMS: Final = 2
MOST_ARMS: Final = 8
FEWEST_BATCHES: Final = 4
MOST_BATCHES: Final = 24
# A winner needs this many responses in the top two arms.
FEWEST_EVENTS: Final = 20
# What looking after every batch costs in recipients; 24 looks cost 1.043 of one, and arms are never quite equal.
SEQUENTIAL_INFLATION: Final = 1.07
