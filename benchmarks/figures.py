"""How times are told in a row: median, tail, worst."""

import math
from collections.abc import Sequence


def milliseconds(times: Sequence[float]) -> dict[str, float | int | None]:
    """Count, median, 95th and 99th percentile (nearest rank) and the longest of times that are in milliseconds."""
    ordered = sorted(times)
    return {
        "count": len(ordered),
        "p50_ms": _nearest_rank(ordered, 0.50),
        "p95_ms": _nearest_rank(ordered, 0.95),
        "p99_ms": _nearest_rank(ordered, 0.99),
        "max_ms": _nearest_rank(ordered, 1.0),
    }


def _nearest_rank(ordered: Sequence[float], share: float) -> float | None:
    return round(ordered[max(0, math.ceil(share * len(ordered)) - 1)], 1) if ordered else None
