"""A scalar read off a hidden state."""

from pathlib import Path

import torch

from language_models.heads import ScalarHead


def test_an_untrained_head_says_0_of_every_state() -> None:
    assert (ScalarHead(8)(torch.randn(3, 5, 8)) == torch.zeros(3, 5)).all()


def test_a_head_comes_back_from_its_file_as_it_was(tmp_path: Path) -> None:
    head = ScalarHead(8)
    torch.nn.init.normal_(head.linear.weight)
    torch.nn.init.normal_(head.linear.bias)
    head.save(tmp_path / "head.safetensors")
    hidden = torch.randn(3, 8)
    assert torch.equal(ScalarHead.load(tmp_path / "head.safetensors")(hidden), head(hidden))
