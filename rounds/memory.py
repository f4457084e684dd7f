"""How much memory a run has taken at its peak, beside what the machine has: shown with progress, kept with the run, and
the likely reason of a kill.
"""

from __future__ import annotations

import os
import resource
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

from language_models.precision import GIGABYTE

STATUS, RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")
RESET_PEAK = "5"  # proc(5), clear_refs: the peak of the resident set starts anew

_lock = threading.Lock()
_at_work: list[RunMemory] = []


class RunMemory:
    """The peak of this process from here to `end`, the base that it holds already included. Where a run executes inside
    another, the outer one's peak holds the inner one's. Where the system cannot start a peak anew (all but Linux) it is
    that of the process's life.
    """

    def __init__(self) -> None:
        self._peak_bytes = self._gpu_peak_bytes = 0
        with _lock:
            for outer in _at_work:
                outer._look()
            _start_anew()
            _at_work.append(self)

    def progress(self) -> dict[str, float]:
        """`peak_memory_gb` so far, `total_memory_gb` of the machine, and `peak_gpu_memory_gb` where CUDA is at work, in
        units of 10^9 bytes.
        """
        with _lock:
            self._look()
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        told = {"peak_memory_gb": self._peak_bytes / GIGABYTE, "total_memory_gb": total / GIGABYTE}
        if self._gpu_peak_bytes:
            told["peak_gpu_memory_gb"] = self._gpu_peak_bytes / GIGABYTE
        return {name: round(value, 3) for name, value in told.items()}

    def end(self) -> None:
        with _lock:
            self._look()
            _at_work.remove(self)

    def _look(self) -> None:
        self._peak_bytes = max(self._peak_bytes, _resident_peak_bytes())
        cuda = _cuda()
        if cuda is not None:
            self._gpu_peak_bytes = max(self._gpu_peak_bytes, cuda.max_memory_allocated())


def _start_anew() -> None:
    cuda = _cuda()
    if cuda is not None:
        cuda.reset_peak_memory_stats()
    with suppress(OSError):
        RESET.write_text(RESET_PEAK, encoding="ascii")


def _cuda() -> Any:
    """torch.cuda where it is at work already: what only looks loads neither torch nor a driver."""
    torch = sys.modules.get("torch")
    return torch.cuda if torch is not None and torch.cuda.is_initialized() else None


def _resident_peak_bytes() -> int:
    try:
        lines = STATUS.read_text(encoding="ascii", errors="replace").splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) * 1024
    except (OSError, StopIteration, ValueError):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
