"""Folders and checkpoints: flushed before they have their name, and all of what was saved comes back."""

import os
from pathlib import Path

import pytest
import torch

from language_models import folders
from language_models.checkpoints import latest_checkpoint, optimizer_tensors, restore_optimizer, save_checkpoint


def test_a_folder_is_on_the_disk_before_it_has_its_name_and_its_name_is_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[int] = []
    rename, fsync = os.rename, os.fsync

    def renamed(*paths: Path) -> None:
        events.append(-1)
        rename(*paths)

    def flushed(handle: int) -> None:
        events.append(os.fstat(handle).st_ino)
        fsync(handle)

    with monkeypatch.context() as patch:
        patch.setattr(os, "rename", renamed)
        patch.setattr(os, "fsync", flushed)
        with folders.write_folder(tmp_path / "one") as folder:
            (folder / "part").mkdir()
            (folder / "part" / "weights").write_bytes(b"weights")
            (folder / "state.json").write_text("{}")
    published = tmp_path / "one"
    before, after = events[: events.index(-1)], events[events.index(-1) + 1 :]
    assert {path.stat().st_ino for path in (published, *published.rglob("*"))} == set(before)
    assert after == [tmp_path.stat().st_ino]


def test_a_folder_that_cannot_be_renamed_never_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*_: Path) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "rename", failing)
    with pytest.raises(OSError, match="Input/output error"), folders.write_folder(tmp_path / "one") as folder:
        (folder / "a.txt").write_text("hello")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("stop", [KeyboardInterrupt, SystemExit])
def test_a_writer_that_is_told_to_stop_leaves_nothing_behind(tmp_path: Path, stop: type[BaseException]) -> None:
    with pytest.raises(stop), folders.write_folder(tmp_path / "one"):
        raise stop
    assert list(tmp_path.iterdir()) == []


def test_a_group_of_a_checkpoint_holds_none_of_another_whose_name_begins_alike(tmp_path: Path) -> None:
    save_checkpoint(tmp_path, 1, {"value": {"w": torch.ones(2)}, "value_head": {"w": torch.zeros(2)}}, {})
    found = latest_checkpoint(tmp_path)
    assert found is not None
    assert {name: one.tolist() for name, one in found.group("value").items()} == {"w": [1.0, 1.0]}
    assert {name: one.tolist() for name, one in found.group("value_head").items()} == {"w": [0.0, 0.0]}


def test_a_tensor_that_lies_columns_first_comes_back_with_its_numbers(tmp_path: Path) -> None:
    tensor = torch.arange(6.0).reshape(2, 3).t().requires_grad_()
    save_checkpoint(tmp_path, 1, {"a": {"w": tensor}}, {})
    found = latest_checkpoint(tmp_path)
    assert found is not None and torch.equal(found.group("a")["w"], tensor)


def test_a_step_is_saved_anew_over_what_failed_its_check(tmp_path: Path) -> None:
    for _ in range(2):
        save_checkpoint(tmp_path, 1, {"a": {"w": torch.ones(2)}}, {"beta": 0.1})
        found = latest_checkpoint(tmp_path)
        assert found is not None and found.state == {"beta": 0.1}
        (tmp_path / "step-000001" / "state.json").write_text("{}")
        assert latest_checkpoint(tmp_path) is None


def test_an_optimiser_is_put_back_with_its_count_of_steps_and_shares_nothing_with_what_it_comes_from() -> None:
    def step(weight: torch.nn.Parameter, optimizer: torch.optim.Optimizer) -> None:
        optimizer.zero_grad()
        (weight**2).sum().backward()
        optimizer.step()

    one = torch.nn.Parameter(torch.tensor([1.0, -2.0]))
    first = torch.optim.Adam([one], lr=0.1)
    for _ in range(3):
        step(one, first)
    other = torch.nn.Parameter(one.detach().clone())
    second = torch.optim.Adam([other], lr=0.1)
    saved = optimizer_tensors(first)
    wanted = {name: tensor.clone() for name, tensor in saved.items()}
    restore_optimizer(second, saved)
    step(other, second)
    assert all(torch.equal(saved[name], tensor) for name, tensor in wanted.items())
    step(one, first)
    assert torch.equal(one, other)
