"""Which numbers a base is held in and how an update is computed, by what the machine can do. Free of torch.

What is asked for and cannot be had is refused in words; nothing falls back by itself, since features and rewards would
change with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from language_models.settings import ComputeSettings, Precision, Switch, WantedPrecision

Device = Literal["cuda", "mps", "cpu"]
GIGABYTE = 1e9  # bytes: what memory and disk are told in

BYTES_A_PARAMETER: dict[Precision, float] = {"fp32": 4.0, "bf16": 2.0, "4bit": 0.6}
"""Of a base's weights; in 4 bits with a scale for each block, embeddings and norms in 16 (not measured on a GPU)."""


class CannotCompute(ValueError):
    """The machine lacks what was asked for; the words say what, and what can be asked for instead."""


@dataclass(frozen=True)
class Capabilities:
    """What a machine can do. `bf16`: it has instructions for bfloat16. `four_bit`: CUDA and bitsandbytes are there.
    `compiles`: torch.compile has a compiler for the device.
    """

    device: Device
    bf16: bool = False
    four_bit: bool = False
    compiles: bool = False


@dataclass(frozen=True)
class Compute:
    """How an update is computed: whether layers are recomputed in the backward pass, and whether they are compiled."""

    recompute: bool = False
    compile: bool = False


def choose_precision(machine: Capabilities, wanted: WantedPrecision) -> Precision:
    """What a base is held in. `auto`: bfloat16 on CUDA, else 32 bits (a CPU takes bfloat16 only when told to, 4 bits
    are never taken unasked). Raises CannotCompute.
    """
    if wanted == "auto":
        return "bf16" if machine.device == "cuda" and machine.bf16 else "fp32"
    if wanted == "bf16" and not machine.bf16:
        raise CannotCompute(
            f"The base is to be held in bf16, but this machine's {machine.device} has no instructions for it. "
            f"It can do: {_can(machine)}. Make another study with --precision fp32, or work on another machine."
        )
    if wanted == "4bit" and not machine.four_bit:
        lacks = "no CUDA" if machine.device != "cuda" else "no package bitsandbytes (pip install bitsandbytes)"
        raise CannotCompute(
            f"The base is to be held in 4bit, but there is {lacks} here. It can do: {_can(machine)}. Put that right, "
            "or make another study with another --precision."
        )
    return wanted


def choose_compute(
    machine: Capabilities, wanted: ComputeSettings, *, needs_gb: float = 0.0, free_gb: float | None = None
) -> Compute:
    """How an update is computed. `needs_gb`: what the states kept for its backward pass take where nothing is
    recomputed, of `free_gb` (None where the machine does not tell). Raises CannotCompute.
    """
    short = free_gb is not None and needs_gb > free_gb
    if wanted.compile == "on" and not machine.compiles:
        raise CannotCompute(
            f"compile = on, but torch.compile finds no compiler for {machine.device} here (a C++ compiler on a CPU, "
            "Triton on CUDA). Allowed here: auto, off."
        )
    return Compute(
        recompute=_on(wanted.gradient_checkpointing, by_itself=short),
        compile=_on(wanted.compile, by_itself=False),  # it reads rows whole, and its gain on a GPU is not measured
    )


def _on(switch: Switch, *, by_itself: bool) -> bool:
    return by_itself if switch == "auto" else switch == "on"


def _can(machine: Capabilities) -> str:
    return ", ".join(["auto", "fp32", *["bf16"] * machine.bf16, *["4bit"] * machine.four_bit])
