"""The statistics of A/B tests: numbers in, verdict out; no Django, no database.

What the verdict needs is exported here; effects of several factors, delay curves, strata, plans and intervals for screens are in the modules.
"""

from abtests.statistics.allocation import sample_ratio
from abtests.statistics.bayes import probability_best
from abtests.statistics.comparisons import two_sample
from abtests.statistics.intervals import difference, wilson
from abtests.statistics.looks import boundaries
from abtests.statistics.planning import confirm_size, critical_point, select_size
from abtests.statistics.spending import obrien_fleming_spend
from abtests.statistics.thompson import thompson_weights
from abtests.statistics.verdicts import Kind, Verdict, decide

__all__ = [
    "Kind",
    "Verdict",
    "boundaries",
    "confirm_size",
    "critical_point",
    "decide",
    "difference",
    "obrien_fleming_spend",
    "probability_best",
    "sample_ratio",
    "select_size",
    "thompson_weights",
    "two_sample",
    "wilson",
]
