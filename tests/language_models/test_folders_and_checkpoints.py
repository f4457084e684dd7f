from pathlib import Path

import pytest
import torch

from language_models import folders
from language_models.checkpoints import latest_checkpoint, optimizer_tensors, restore_optimizer, save_checkpoint
from language_models.errors import CorruptFolder


def write(folder: Path, text: str = "hello") -> None:
    with folders.write_folder(folder) as temporary:
        (temporary / "a.txt").write_text(text)
        (temporary / "sub").mkdir()
        (temporary / "sub" / "b.txt").write_text("b")


def test_a_folder_appears_whole_and_verifies(tmp_path: Path) -> None:
    write(tmp_path / "one")
    assert folders.verify(tmp_path / "one") == folders.manifest_sha256(tmp_path / "one")
    assert [path.name for path in tmp_path.iterdir()] == ["one"]


def test_an_error_while_writing_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="disk"), folders.write_folder(tmp_path / "one"):
        raise RuntimeError("disk full")
    assert list(tmp_path.iterdir()) == []


def test_a_published_folder_is_never_overwritten(tmp_path: Path) -> None:
    write(tmp_path / "one")
    with pytest.raises(FileExistsError, match="never overwritten"):
        write(tmp_path / "one", "other")
    assert (tmp_path / "one" / "a.txt").read_text() == "hello"


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda folder: (folder / "a.txt").write_text("hellp"), "differs"),
        (lambda folder: (folder / "sub/b.txt").unlink(), "missing"),
        (lambda folder: (folder / "extra").write_text(""), "not in the manifest"),
        (lambda folder: (folder / folders.MANIFEST).unlink(), "never finished"),
        (lambda folder: (folder / folders.MANIFEST).write_text("{"), "cannot be read"),
    ],
)
def test_a_spoiled_folder_is_found_and_the_file_named(tmp_path: Path, spoil, words: str) -> None:  # type: ignore[no-untyped-def]
    write(tmp_path / "one")
    spoil(tmp_path / "one")
    with pytest.raises(CorruptFolder, match=words):
        folders.verify(tmp_path / "one")


def test_the_newest_valid_checkpoint_is_used_and_few_are_kept(tmp_path: Path) -> None:
    for step in range(1, 5):
        save_checkpoint(tmp_path, step, {"weights": {"w": torch.full((2,), float(step))}}, {"beta": step / 10})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-000003", "step-000004"]
    newest = latest_checkpoint(tmp_path)
    assert newest is not None and newest.step == 4 and newest.state == {"beta": 0.4}
    assert newest.group("weights")["w"].tolist() == [4.0, 4.0]
    data = bytearray((tmp_path / "step-000004/tensors.safetensors").read_bytes())
    data[-1] ^= 1
    (tmp_path / "step-000004/tensors.safetensors").write_bytes(data)
    older = latest_checkpoint(tmp_path)
    assert older is not None and older.step == 3


def test_new_checkpoints_take_the_place_of_damaged_ones_of_later_steps(tmp_path: Path) -> None:
    for step in (9, 10):
        save_checkpoint(tmp_path, step, {"weights": {"w": torch.ones(2)}}, {})
        (tmp_path / f"step-{step:06d}/state.json").write_text("{}")
    assert latest_checkpoint(tmp_path) is None  # so that training begins anew
    for step in (1, 2):
        save_checkpoint(tmp_path, step, {"weights": {"w": torch.ones(2)}}, {})
        newest = latest_checkpoint(tmp_path)
        assert newest is not None and newest.step == step
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-000001", "step-000002"]


@pytest.mark.parametrize("name", ["tensors.safetensors", "state.json", folders.MANIFEST])
def test_a_flipped_bit_in_any_byte_of_a_checkpoint_is_found(tmp_path: Path, name: str) -> None:
    for step in (1, 2):
        save_checkpoint(tmp_path, step, {"weights": {"w": torch.full((2,), float(step))}}, {"beta": step / 10})
    path = tmp_path / "step-000002" / name
    whole = path.read_bytes()
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1 << place % 8]) + whole[place + 1 :])
        found = latest_checkpoint(tmp_path)
        assert found is not None and found.step == 1, f"byte {place} of {len(whole)}"
    path.write_bytes(whole)
    found = latest_checkpoint(tmp_path)
    assert found is not None and found.step == 2


def test_a_checkpoint_that_cannot_be_read_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for step in (1, 2):
        save_checkpoint(tmp_path, step, {"a": {"w": torch.ones(2)}}, {})
    digest = folders.file_sha256

    def failing(path: Path) -> str:
        if "step-000002" in str(path):
            raise OSError(5, "Input/output error")
        return digest(path)

    monkeypatch.setattr(folders, "file_sha256", failing)
    found = latest_checkpoint(tmp_path)
    assert found is not None and found.step == 1


def test_a_manifest_that_is_no_table_is_a_corrupt_folder(tmp_path: Path) -> None:
    (tmp_path / folders.MANIFEST).write_text("[]")
    with pytest.raises(CorruptFolder, match=r"manifest\.json cannot be read"):
        folders.verify(tmp_path)


def test_what_a_killed_writer_left_is_cleared_away(tmp_path: Path) -> None:
    (tmp_path / ".writing-step-000001-abc").mkdir()
    assert latest_checkpoint(tmp_path) is None
    assert list(tmp_path.iterdir()) == []


def test_an_optimiser_comes_back_bit_equal() -> None:
    def fresh() -> tuple[torch.nn.Linear, torch.optim.Optimizer]:
        torch.manual_seed(0)
        layer = torch.nn.Linear(3, 2)
        return layer, torch.optim.Adam(layer.parameters(), lr=0.1)

    def step(layer: torch.nn.Linear, optimizer: torch.optim.Optimizer) -> None:
        optimizer.zero_grad()
        (layer(torch.ones(1, 3)) ** 2).sum().backward()
        optimizer.step()

    one, one_optimizer = fresh()
    step(one, one_optimizer)
    other, other_optimizer = fresh()
    other.load_state_dict(one.state_dict())
    restore_optimizer(other_optimizer, optimizer_tensors(one_optimizer))
    step(one, one_optimizer)
    step(other, other_optimizer)
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))


def test_a_copied_folder_is_flushed_and_what_its_source_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with folders.write_folder(tmp_path / "source") as folder:
        (folder / "part").mkdir()
        (folder / "part" / "weights").write_bytes(b"weights")
        (folder / "state.json").write_text("{}")
    flushed: list[str] = []
    flush = folders._flush
    monkeypatch.setattr(folders, "_flush", lambda path: flushed.append(path.name) or flush(path))
    folders.copy_folder(tmp_path / "source", tmp_path / "copies" / "copy")
    assert folders.verify(tmp_path / "copies" / "copy") == folders.verify(tmp_path / "source")
    assert {"weights", "state.json", "manifest.json", "part", "copies"} <= set(flushed)
    assert flushed.index("weights") < flushed.index("part")


def test_a_copy_that_differs_from_its_source_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    with folders.write_folder(tmp_path / "source") as folder:
        (folder / "weights").write_bytes(b"weights")
    (tmp_path / "source" / "weights").write_bytes(b"flipped")
    with pytest.raises(CorruptFolder, match="copy of source differs"):
        folders.copy_folder(tmp_path / "source", tmp_path / "copy")
    assert not (tmp_path / "copy").exists()
