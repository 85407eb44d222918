"""A million recipients, from launch to completed: the same rate and the same memory as with fifty thousand in the same run."""

import os
from typing import Any

from benchmarks._servers import peak_mb, sink, workers
from benchmarks.bench_send import PROCESSES, WARM_UP, prepare, send

N = int(os.environ.get("N", "1000000"))
SMALL = int(os.environ.get("SMALL", "50000"))


def main() -> dict[str, Any]:
    """Return the benchmark's line; `ratios` compare with the smaller send."""
    with sink() as (port, _), workers(PROCESSES) as process:
        send(prepare("warm-up", WARM_UP, port), WARM_UP)
        small_rate = SMALL / send(prepare("small", SMALL, port), SMALL).completed
        small_mb = peak_mb(process)
        rate = N / send(prepare("large", N, port), N).completed
        large_mb = peak_mb(process)
    return {
        "benchmark": "million",
        "value": round(rate),
        "unit": "messages/s",
        "ratios": {"rate": round(rate / small_rate, 2), "memory": round(large_mb / small_mb, 2)},
        "peak_mb": large_mb,
        "n": N,
    }
