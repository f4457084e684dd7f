"""What is read of rollouts, against the plain network on one row at a time: no padding, no cache, no kept states."""

from pathlib import Path

import pytest
import torch

from language_models.settings import LoraSettings, SamplingSettings
from policy_training.algorithms.settings.ppo import Settings
from policy_training.learner import Learner
from policy_training.records import Given, PromptItem
from policy_training.rollouts import collect
from tiny_models import fresh_tiny, randomise

TEMPERATURE = 0.6


@pytest.mark.parametrize("frozen_share", [0.0, 0.5])
@pytest.mark.parametrize("reference", [None, "reference"])
def test_log_probs_values_entropy_and_reference_are_those_of_the_plain_network(
    tmp_path: Path, frozen_share: float, reference: str | None
) -> None:
    model = fresh_tiny()
    if reference is not None:
        model.adapters.add(reference, LoraSettings(rank=4, alpha=8), 5)
        randomise(model, reference, 5, 0.2)
    settings = Settings(
        prompts_per_step=4,
        samples_per_prompt=2,
        tokens_per_batch=120,
        frozen_share=frozen_share,
        lora=LoraSettings(rank=4, alpha=8),
        sampling=SamplingSettings(temperature=TEMPERATURE, max_new_tokens=8, batch_size=8),
    )
    items = [PromptItem(n, model.tokens([{"role": "user", "content": "word " * n}])) for n in range(4)]
    given = Given(model, items, None, tmp_path, lambda _: None, reference_adapter=reference)
    learner = Learner.start(given, settings, value_learning_rate=1e-3)
    assert learner.value_head is not None and learner.frozen == round(frozen_share * model.layers)
    randomise(model, learner.adapter, 7, 0.2)
    torch.nn.init.normal_(learner.value_head.linear.weight, generator=torch.Generator().manual_seed(2))
    rollouts = collect(given, learner, settings, 0)
    for row, (item, sampled) in enumerate(zip(rollouts.items, rollouts.sampled, strict=True)):
        whole = torch.tensor([[*item.token_ids, *sampled.token_ids]])
        before = slice(len(item.token_ids) - 1, whole.shape[1] - 1)  # the states that the tokens are predicted from
        own = range(len(sampled.token_ids))
        with torch.no_grad():
            with model.adapters.using(learner.adapter):
                read = model.network(input_ids=whole, output_hidden_states=True)
            with model.adapters.using(reference):
                other = model.network(input_ids=whole).logits[0, before]
            values = learner.value_head(read.hidden_states[-1][0, before])
        log_p, log_ref = (torch.log_softmax(one / TEMPERATURE, -1) for one in (read.logits[0, before], other))
        chosen = torch.tensor(sampled.token_ids)
        expected = {
            "log_probs": log_p[own, chosen],
            "reference": log_ref[own, chosen],
            "values": values,
            "entropy": -(log_p.exp() * log_p).sum(-1),
        }
        for name, one in expected.items():
            found = getattr(rollouts, name)[row]
            torch.testing.assert_close(found[: len(chosen)], one, atol=2e-5, rtol=1e-4)
            assert (found[len(chosen) :] == 0).all() and not rollouts.mask[row, len(chosen) :].any()
        assert (expected["log_probs"] - expected["reference"]).abs().max() > 1e-2
        assert values.std() > 1e-2 or len(chosen) < 3
