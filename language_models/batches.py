"""Prompts and completions as padded tensors: prompts padded left, completions right, explicit lengths everywhere.

Axis letters: B rows, P widest prompt, C longest completion, T = P + C, H hidden, V vocabulary. Every completion
starts at column P, so its token j is predicted by the state at column P - 1 + j.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from language_models.upper_layers import LowerStates

LIKE_LENGTH = 16
"""Tokens by which prompts may differ that count as of like length: then those of completions decide."""


@dataclass(frozen=True)
class Batch:
    """Padded rows. `completion_mask` is built from lengths, never from token ids: a pad id may equal the EOS id."""

    input_ids: Tensor  # (B, T) int64
    attention_mask: Tensor  # (B, T) int64, 1 on real tokens
    position_ids: Tensor  # (B, T) int64, counts real tokens from 0
    completion_mask: Tensor  # (B, C) bool, true on real completion tokens (the EOS included)
    lower: LowerStates | None = None  # of all columns but the last, where layers are frozen

    @property
    def prompt_width(self) -> int:
        """P, the columns before the completions."""
        return self.input_ids.shape[1] - self.completion_mask.shape[1]

    @property
    def completion_ids(self) -> Tensor:
        """(B, C) token ids of the completions, padded right."""
        return self.input_ids[:, self.prompt_width :]

    @cached_property
    def prompts(self) -> tuple[list[int], list[int]]:
        """The first row of each distinct prompt, and for each row the place of its prompt among them."""
        width = self.prompt_width
        masked = self.input_ids[:, :width].masked_fill(self.attention_mask[:, :width] == 0, -1)
        prompts, prompt_of = distinct(masked.tolist())
        return [prompt_of.index(place) for place in range(len(prompts))], prompt_of


def collate(
    prompts: Sequence[Sequence[int]],
    completions: Sequence[Sequence[int]],
    pad_id: int,
    device: torch.device | str = "cpu",
) -> Batch:
    """Lays out B prompts and their completions. Raises ValueError for an empty prompt: no state would predict token
    1."""
    if len(prompts) != len(completions):
        raise ValueError(f"{len(prompts)} prompts for {len(completions)} completions: one each is needed")
    if not all(len(prompt) for prompt in prompts):
        raise ValueError("an empty prompt has no state that could predict the first token")
    width, length = max(map(len, prompts)), max(map(len, completions))
    input_ids = torch.full((len(prompts), width + length), pad_id, dtype=torch.long)
    attention = torch.zeros_like(input_ids)
    mask = torch.zeros(len(prompts), length, dtype=torch.bool)
    for row, (prompt, completion) in enumerate(zip(prompts, completions, strict=True)):
        start, end = width - len(prompt), width + len(completion)
        input_ids[row, start:end] = torch.tensor([*prompt, *completion], dtype=torch.long)
        attention[row, start:end] = 1
        mask[row, : len(completion)] = True
    positions = (attention.cumsum(-1) - 1).clamp(min=0)
    return Batch(input_ids.to(device), attention.to(device), positions.to(device), mask.to(device))


def distinct(prompts: Sequence[Sequence[int]]) -> tuple[list[tuple[int, ...]], list[int]]:
    """Returns each prompt once, in the order in which they first come, and for each row the place of its prompt."""
    place: dict[tuple[int, ...], int] = {}
    rows = [place.setdefault(tuple(prompt), len(place)) for prompt in prompts]
    return list(place), rows


def token_batches(
    prompts: Sequence[Sequence[int]], completions: Sequence[Sequence[int]], tokens_per_batch: int
) -> list[list[int]]:
    """Splits row indices into batches whose size stays within `tokens_per_batch` (at least one row): rows times the
    widest prompt and the longest completion, as `collate` pads them. Prompts of like length stand together, among them
    completions of like length.
    """
    order = sorted(
        range(len(prompts)),
        key=lambda row: (-(len(prompts[row]) // LIKE_LENGTH), -len(completions[row]), -len(prompts[row]), row),
    )
    batches: list[list[int]] = []
    width = longest = 0
    for row in order:
        width, longest = max(width, len(prompts[row])), max(longest, len(completions[row]))
        if not batches or (len(batches[-1]) + 1) * (width + longest) > tokens_per_batch:
            batches.append([])
            width, longest = len(prompts[row]), len(completions[row])
        batches[-1].append(row)
    return batches


def shared_prompt_batches(
    prompts: Sequence[Sequence[int]], completions: Sequence[Sequence[int]], tokens_per_batch: int, *, waste: int = 32
) -> list[list[int]]:
    """Splits row indices into batches in which rows of one prompt stand together: a pass computes a prompt once.

    Distinct prompts and completions, padded, stay within `tokens_per_batch`; where a prompt leaves less than half,
    completions may still fill half, and there is always one row. Rows of like length stand together, and a row joins a
    batch only where this costs at most `waste` padded tokens more than a pass of its own: that is about what the pass
    itself costs.
    """
    _, place = distinct(prompts)
    longest = [0] * (max(place, default=-1) + 1)  # completion, by prompt
    for row, where in enumerate(place):
        longest[where] = max(longest[where], len(completions[row]))
    order = sorted(
        range(len(prompts)),
        key=lambda row: (-len(prompts[row]) - longest[place[row]], place[row], -len(completions[row]), row),
    )
    batches: list[list[int]] = []
    size = 0
    for row in order:
        together = [*batches[-1], row] if batches else [row]
        joined = _padded_size([place[one] for one in together], prompts, completions, together)
        alone = len(prompts[row]) + len(completions[row])
        limit = max(tokens_per_batch, len(prompts[together[0]]) + tokens_per_batch // 2)
        if batches and joined <= min(limit, size + alone + waste):
            batches[-1], size = together, joined
        else:
            batches.append([row])
            size = alone
    return batches


def _padded_size(
    places: Sequence[int], prompts: Sequence[Sequence[int]], completions: Sequence[Sequence[int]], rows: Sequence[int]
) -> int:
    """Tokens of a pass over rows whose distinct prompts are padded to the widest, and completions to the longest."""
    return len(set(places)) * max(len(prompts[row]) for row in rows) + len(rows) * max(
        len(completions[row]) for row in rows
    )
