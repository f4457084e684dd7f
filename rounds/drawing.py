"""Completions of a study's policies as the store takes them: what each was drawn from and with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from feedback_store import completions, policies
from feedback_store.completions import Completion, NewCompletion
from feedback_store.policies import Policy
from feedback_store.prompts import Prompt
from language_models.sampling import Sampled, SampleRequest, sample
from language_models.seeds import completion_seed
from rounds import studies
from rounds.context import RunContext
from rounds.identity_words import identity_words, names_of

BATCH = 64  # completions drawn and committed at once by `complete`: 0.37 s each, in batches of 16 it was 0.53 s


@dataclass(frozen=True)
class Wanted:
    """One completion to draw. Run seed, prompt and sample index make the seed of its own generator."""

    prompt: Prompt
    policy: Policy
    run_seed: int
    sample_index: int

    @property
    def seed(self) -> int:
        return completion_seed(self.run_seed, self.prompt.id, self.sample_index)


def draw(context: RunContext, wanted: Sequence[Wanted]) -> list[NewCompletion]:
    """One completion for each request, in their order.

    Requests of one policy share batches, so callers keep the list fixed.
    """
    drawn: dict[int, NewCompletion] = {}
    for policy in {request.policy.id: request.policy for request in wanted}.values():
        places = [place for place, request in enumerate(wanted) if request.policy.id == policy.id]
        own = [wanted[place] for place in places]
        sampled = draw_with(context, own, context.models.adapter(policy))
        new = [as_completion(context, request, one) for request, one in zip(own, sampled, strict=True)]
        drawn.update(zip(places, new, strict=True))
    return [drawn[place] for place in range(len(wanted))]


def draw_with(context: RunContext, wanted: Sequence[Wanted], adapter: str | None) -> list[Sampled]:
    """What a loaded adapter (None: the base) writes for the requests' prompts and seeds. Raises PromptTooLong."""
    model, study = context.models.model, context.study
    requests = [
        SampleRequest(model.tokens(request.prompt.messages, study.system_prompt), request.seed) for request in wanted
    ]
    for one, request in zip(wanted, requests, strict=True):
        model.require_room(request.prompt_ids, study.sampling.max_new_tokens, f"Prompt {one.prompt.id}")
    return sample(model, requests, study.sampling, adapter)


def as_completion(context: RunContext, request: Wanted, sampled: Sampled) -> NewCompletion:
    """The record of a drawn completion."""
    return NewCompletion(
        prompt_id=request.prompt.id,
        policy_id=request.policy.id,
        text=storable(sampled.text),
        seed=request.seed,
        sample_index=request.sample_index,
        sampling=context.study.sampling.model_dump(include={"temperature", "max_new_tokens"}),
        token_count=len(sampled.token_ids),
        finish_reason=sampled.finish_reason,
        run_id=context.run.id,
    )


def complete(context: RunContext, wanted: Sequence[Wanted], *, phase: str = "sampling") -> list[Completion]:
    """The completions wanted, in order; what is not stored yet is drawn in fixed batches, each committed whole."""
    found: list[Completion] = []
    for start in range(0, len(wanted), BATCH):
        batch = wanted[start : start + BATCH]
        stored = [_stored(context, request) for request in batch]
        if any(one is None for one in stored):
            context.between_steps(phase, step=start, steps=len(wanted))
            ids = completions.add(context.db, draw(context, batch), lease=context.lease)
            stored = list(completions.get(context.db, ids))
        found += [one for one in stored if one is not None]
    context.new_phase()
    return found


def _stored(context: RunContext, request: Wanted) -> Completion | None:
    there = completions.listing(context.db, prompt_id=request.prompt.id, policy_id=request.policy.id)
    same = [one for one in there if (one.seed, one.sample_index) == (request.seed, request.sample_index)]
    return same[0] if same else None


def names_its_writer(context: RunContext, texts: Sequence[Completion | NewCompletion]) -> bool:
    """Whether a text says which model or policy wrote it: people are not asked such a pair until a lead decides."""
    own = names_of(studies.settings(context.db).base, [policy.name for policy in policies.listing(context.db)])
    return any(identity_words(one.text, own) for one in texts)


def storable(text: str) -> str:
    """The text without what no store and no screen takes: NUL and halves of surrogate pairs."""
    return text.replace("\x00", "").encode("utf-8", "ignore").decode("utf-8")


def folded(text: str) -> str:
    """The text with every run of white space made one space: what differs in nothing else looks the same to people."""
    return " ".join(text.split())
