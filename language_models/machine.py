"""What this machine is and can do, as far as models are concerned."""

from __future__ import annotations

import platform
import shutil
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

import psutil
import torch

from language_models.precision import GIGABYTE, Capabilities, Device

PACKAGES = ("torch", "transformers", "peft", "tastemaker")


def best_device() -> torch.device:
    """CUDA where there is one, else Apple's MPS, else the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def place_of_doubles(device: torch.device) -> torch.device:
    """Where numbers of 64 bits can be: on the device, but for Apple's MPS, which knows none."""
    return torch.device("cpu") if device.type == "mps" else device


def capabilities() -> Capabilities:
    """What can be chosen from here."""
    device = best_device().type
    if device == "cuda":
        return Capabilities(
            device="cuda",
            bf16=torch.cuda.is_bf16_supported(including_emulation=False),
            four_bit=find_spec("bitsandbytes") is not None,
            compiles=find_spec("triton") is not None,
        )
    if device == "mps":
        return Capabilities(device="mps", bf16=True)
    compiler = any(shutil.which(name) for name in ("g++", "clang++", "c++", "cl"))
    return Capabilities(device="cpu", bf16=_cpu_has_bf16(), compiles=compiler)


def free_memory_gb(device: Device) -> float:
    """Memory of the device that can be had now, in units of 10^9 bytes; MPS shares the machine's."""
    free = torch.cuda.mem_get_info()[0] if device == "cuda" else psutil.virtual_memory().available
    return float(free) / GIGABYTE


def description(device: torch.device) -> dict[str, str | int]:
    """All that bit-equality is claimed for: versions, processor and its instructions, threads, the device itself."""
    versions = {"python": platform.python_version(), **{name: _version(name) for name in PACKAGES}}
    return {
        **versions,
        "system": platform.system(),
        "cpu": cpu_name(),
        "cpu_instructions": torch.backends.cpu.get_cpu_capability(),
        "threads": torch.get_num_threads(),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
    }


def cpu_name() -> str:
    """The processor's name, where the system tells; else its architecture."""
    named = [line.partition(":")[2].strip() for line in _cpu_lines() if line.startswith("model name")]
    return named[0] if named else platform.processor() or platform.machine()


def _cpu_has_bf16() -> bool:
    """By the flags that Linux shows: avx512_bf16 and amx_bf16 of x86, bf16 of Arm. Elsewhere it is not known."""
    flags = {flag for line in _cpu_lines() if line.startswith(("flags", "Features")) for flag in line.split()}
    return bool(flags & {"avx512_bf16", "amx_bf16", "bf16"})


def _cpu_lines() -> list[str]:
    try:
        return Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
