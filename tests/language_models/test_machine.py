"""What a machine says of itself; the parts that another one would have are stood in for."""

import shutil
from collections.abc import Iterator
from types import SimpleNamespace

import psutil
import pytest
import torch

from language_models import machine
from language_models.model import use_threads
from language_models.precision import BYTES_A_PARAMETER, Capabilities


@pytest.fixture
def threads() -> Iterator[int]:
    before = torch.get_num_threads()
    yield before
    torch.set_num_threads(before)


@pytest.mark.parametrize(
    ("cuda", "mps", "device"),
    [(True, False, "cuda"), (True, True, "cuda"), (False, True, "mps"), (False, False, "cpu")],
)
def test_cuda_is_taken_before_mps_and_mps_before_the_cpu(
    monkeypatch: pytest.MonkeyPatch, cuda: bool, mps: bool, device: str
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
    assert machine.best_device().type == device


@pytest.mark.parametrize("there", [True, False])
def test_a_gpu_holds_4_bits_and_compiles_where_the_packages_for_it_are_there(
    monkeypatch: pytest.MonkeyPatch, there: bool
) -> None:
    monkeypatch.setattr(machine, "best_device", lambda: torch.device("cuda"))
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: not including_emulation)
    monkeypatch.setattr(machine, "find_spec", lambda name: there or None)
    assert machine.capabilities() == Capabilities("cuda", bf16=True, four_bit=there, compiles=there)


@pytest.mark.parametrize(
    ("lines", "bf16"),
    [
        (["flags\t\t: fpu avx512f avx512_bf16"], True),
        (["flags\t\t: fpu amx_bf16 amx_tile"], True),
        (["Features\t: fp asimd bf16"], True),
        (["flags\t\t: fpu avx2 f16c", "bugs\t\t: bf16"], False),
        ([], False),
    ],
    ids=["avx512", "amx", "arm", "neither", "unknown"],
)
def test_a_cpu_has_bf16_where_its_flags_say_so_and_compiles_where_it_has_a_compiler(
    monkeypatch: pytest.MonkeyPatch, lines: list[str], bf16: bool
) -> None:
    monkeypatch.setattr(machine, "best_device", lambda: torch.device("cpu"))
    monkeypatch.setattr(machine, "_cpu_lines", lambda: lines)
    for compiler in (None, "clang++"):
        monkeypatch.setattr(shutil, "which", lambda name, has=compiler: name if name == has else None)
        assert machine.capabilities() == Capabilities("cpu", bf16=bf16, compiles=compiler is not None)


def test_free_memory_is_what_can_be_had_and_not_all_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(total=8e9, available=3e9, free=1e9))
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (2_000_000_000, 24_000_000_000))
    assert [machine.free_memory_gb(device) for device in ("cpu", "mps", "cuda")] == [3.0, 3.0, 2.0]


def test_the_processor_is_named_as_the_system_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "_cpu_lines", lambda: ["model\t\t: 85", "model name\t: Some CPU: 2 GHz", "flags\t: x"])
    assert machine.cpu_name() == "Some CPU: 2 GHz"


def test_all_that_bit_equality_hangs_on_is_told(threads: int) -> None:
    use_threads(threads + 2)
    told = machine.description(torch.device("cpu"))
    assert told.keys() == {
        *("python", "torch", "transformers", "peft", "tastemaker"),
        *("system", "cpu", "cpu_instructions", "threads", "device"),
    }
    assert (told["threads"], told["torch"], told["device"]) == (threads + 2, torch.__version__, "cpu")


def test_the_threads_asked_for_are_set_and_go_before_the_environments(
    monkeypatch: pytest.MonkeyPatch, threads: int
) -> None:
    monkeypatch.setenv("TASTEMAKER_THREADS", str(threads + 1))
    assert (use_threads(), torch.get_num_threads()) == (threads + 1, threads + 1)
    assert (use_threads(threads + 2), torch.get_num_threads()) == (threads + 2, threads + 2)


def test_weights_take_the_bytes_of_their_numbers() -> None:
    assert BYTES_A_PARAMETER["fp32"] == torch.float32.itemsize
    assert BYTES_A_PARAMETER["bf16"] == torch.bfloat16.itemsize
    assert 0.5 < BYTES_A_PARAMETER["4bit"] < 1
