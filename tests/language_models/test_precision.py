"""What is chosen by what a machine can do, and what is refused; no GPU is needed to know it."""

import pytest
import torch

from language_models.machine import place_of_doubles
from language_models.precision import CannotCompute, Capabilities, Compute, choose_compute, choose_precision
from language_models.settings import ComputeSettings

OLD_CPU = Capabilities("cpu")
NEW_CPU = Capabilities("cpu", bf16=True, compiles=True)
GPU = Capabilities("cuda", bf16=True, four_bit=True, compiles=True)
OLD_GPU = Capabilities("cuda")
APPLE = Capabilities("mps", bf16=True)


@pytest.mark.parametrize(
    ("machine", "wanted", "chosen"),
    [
        (OLD_CPU, "auto", "fp32"),
        (NEW_CPU, "auto", "fp32"),  # a CPU takes bfloat16 only when it is told to
        (NEW_CPU, "bf16", "bf16"),
        (APPLE, "auto", "fp32"),
        (OLD_GPU, "auto", "fp32"),
        (GPU, "auto", "bf16"),  # never 4 bits by itself
        (GPU, "4bit", "4bit"),
        (GPU, "fp32", "fp32"),
    ],
)
def test_precision_is_chosen_by_what_the_machine_can_do(machine, wanted, chosen):
    assert choose_precision(machine, wanted) == chosen


@pytest.mark.parametrize(
    ("machine", "wanted", "words"),
    [
        (OLD_CPU, "bf16", "this machine's cpu has no instructions for it. It can do: auto, fp32"),
        (NEW_CPU, "4bit", "there is no CUDA here. It can do: auto, fp32, bf16"),
        (OLD_GPU, "4bit", "no package bitsandbytes"),
    ],
)
def test_what_cannot_be_had_is_refused_with_what_can(machine, wanted, words):
    with pytest.raises(CannotCompute, match=words):
        choose_precision(machine, wanted)


def test_layers_are_computed_again_where_memory_is_short_or_somebody_says_so():
    auto, on, off = (ComputeSettings(gradient_checkpointing=switch, compile="off") for switch in ("auto", "on", "off"))
    assert choose_compute(NEW_CPU, auto, needs_gb=3.0, free_gb=4.0) == Compute()
    assert choose_compute(NEW_CPU, auto, needs_gb=5.0, free_gb=4.0) == Compute(recompute=True)
    assert choose_compute(NEW_CPU, auto, needs_gb=5.0, free_gb=None) == Compute()
    assert choose_compute(NEW_CPU, on, needs_gb=3.0, free_gb=4.0) == Compute(recompute=True)
    assert choose_compute(NEW_CPU, off, needs_gb=5.0, free_gb=4.0) == Compute()


def test_nothing_compiles_unasked_and_without_a_compiler_nothing_does():
    auto, on = ComputeSettings(), ComputeSettings(compile="on")
    assert [choose_compute(each, auto).compile for each in (NEW_CPU, APPLE, GPU)] == [False] * 3
    assert choose_compute(NEW_CPU, on).compile
    with pytest.raises(CannotCompute, match=r"no compiler for cpu here .*Allowed here: auto, off"):
        choose_compute(OLD_CPU, on)


@pytest.mark.parametrize(("device", "place"), [("cpu", "cpu"), ("cuda", "cuda"), ("mps", "cpu")])
def test_numbers_of_64_bits_stay_away_from_where_there_are_none(device, place):
    assert place_of_doubles(torch.device(device)).type == place
