"""How much memory this process has taken at its peak, beside what the machine has: shown with progress, and the
likely reason of a kill.
"""

from __future__ import annotations

import os
import resource
import sys

GIGABYTE = 1e9


def memory_progress() -> dict[str, float]:
    """`peak_memory_gb` of this process and `total_memory_gb` of the machine, both in units of 10^9 bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {"peak_memory_gb": round(peak / GIGABYTE, 2), "total_memory_gb": round(total / GIGABYTE, 2)}
