"""How likely completions are: KL to the reference and perplexity under the base.

The text is read again as tokens, which may cut it differently than it was drawn; on fresh samples the figures are
those of training but for that.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from feedback_store import policies
from feedback_store.completions import Completion
from feedback_store.policies import Policy
from feedback_store.prompts import Prompt
from language_models.batches import token_batches
from language_models.log_probs import at_another_temperature, completion_pass
from policy_training.kl import k3_per_sequence, kl_per_sequence
from rounds.context import RunContext

TOKENS_PER_BATCH = 2048


@dataclass(frozen=True)
class Chances:
    """Means over texts. `kl_nats`: log pi - log reference summed over a text, at the study's temperature (it may be
    negative on a few); `kl_k3_nats`: the estimate that never is. `perplexity`: exp of the mean negative log-probability
    of a token under the base at temperature 1.
    """

    texts: int
    kl_nats: float
    kl_k3_nats: float
    perplexity: float


def chances(
    context: RunContext, policy: Policy, texts: Sequence[Completion], known: dict[int, Prompt]
) -> Chances | None:
    """Of one policy's texts; None without any. Stops between two batches where the run has to."""
    if not texts:
        return None
    model, study = context.models.model, context.study
    temperature = study.sampling.temperature
    start = policies.reference(context.db, policy)
    asked = [model.tokens(known[one.prompt_id].messages, study.system_prompt) for one in texts]
    said = [model.completion_tokens(one.text, one.finish_reason != "length") for one in texts]
    kl = k3 = base_log_prob = 0.0
    batches = token_batches(asked, said, TOKENS_PER_BATCH)
    for number, (_, batch) in enumerate(model.in_parts(asked, said, batches)):
        context.between_steps("reading likelihoods", step=number, steps=len(batches))
        with torch.no_grad():
            with model.adapters.using(None):
                base = completion_pass(model, batch, 1.0)
                base_log_prob += float(base.log_probs.sum())
            if policy.id != start.id:
                if start.folder is None:
                    reference = at_another_temperature(model, batch, base, temperature)
                else:
                    with model.adapters.using(context.models.adapter(start)):
                        reference = completion_pass(model, batch, temperature).log_probs
                with model.adapters.using(context.models.adapter(policy)):
                    own = completion_pass(model, batch, temperature).log_probs
                kl += float(kl_per_sequence(own, reference, batch.completion_mask).sum())
                k3 += float(k3_per_sequence(own, reference, batch.completion_mask).sum())
    context.new_phase()
    tokens = sum(map(len, said))
    return Chances(len(texts), kl / len(texts), k3 / len(texts), math.exp(min(-base_log_prob / tokens, 700.0)))
