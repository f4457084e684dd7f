"""What a run will take, before it starts: time, memory and disk.

By rules of thumb (work.py for time, here for memory), which are called rough. Where runs of the same kind have ended
well in this study, in the same environment, the rules are corrected by how those runs went against them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from language_models.precision import BYTES_A_PARAMETER, GIGABYTE
from rounds.policy_settings import training_of
from rounds.work import DRAWN_TOGETHER, REFERENCE_PARAMETERS, START_SECONDS, Facts, texts_a_prompt, work_seconds

LATEST = 5
"""Runs whose times count."""
WIDER = 0.5
"""What one run alone leaves open of another's time; of n runs an n-th of it is left."""
PROCESS_GB = 0.55
LAYERS_GB_A_TOKEN = 0.0014  # states of all layers kept for a backward pass, and what the heap holds back
RECOMPUTED_LAYERS_SHARE = 0.1  # a state a layer, and one layer's own at a time
COMPILED_LAYERS_SHARE = 0.75  # steps that are made into one keep fewer states
COMPILER_GB = 0.12  # torch's own, from the first update on
COMPILING_GB = 0.45  # that and the C++ compilers that run before the first update is through
SCORES_GB = 0.2  # over the vocabulary, of some tokens at a time, and what is derived from them
SAMPLING_GB_A_TOKEN = 0.006 / 104  # keys and values of a row, by what rows of 40 + 64 tokens took
ADAPTER_GB_AT_RANK_16 = 0.02
CHECKPOINT_ADAPTERS = 4  # weights, those that are kept, two moments
CHECKPOINTS_AT_ONCE = 3
STATES_POWER = 2 / 3  # width and number of layers grow together: parameters by the cube, states (LoRA) by the square


@dataclass(frozen=True)
class Ended:
    """A run of the same kind that succeeded: the settings of what it did, the judgments that it saw, its seconds, its
    peak memory and the size of what it published.
    """

    id: int
    config: Mapping[str, Any]
    judgments: int
    seconds: float
    memory_gb: float | None = None
    published_gb: float | None = None


@dataclass(frozen=True)
class Estimate:
    """`disk_gb`: the most at once while it runs, of which `kept_gb` stays. `free_disk_gb`: what is free now less what
    other runs were promised. `runs`: the runs that it is based on, none where it is rough. `warnings`: codes with
    their numbers.
    """

    seconds: float
    seconds_low: float
    seconds_high: float
    memory_gb: float
    disk_gb: float
    kept_gb: float
    free_disk_gb: float | None = None
    promised_disk_gb: float = 0.0
    runs: list[int] = field(default_factory=list)
    warnings: list[dict[str, Any]] = field(default_factory=list)


def estimate(kind: str, config: Mapping[str, Any], facts: Facts, ended: Sequence[Ended] = ()) -> Estimate:
    """What a run with these settings will take. `ended`: the latest first."""
    config = _with_memory_in_mind(kind, config, facts)
    own = rough_seconds(kind, config, facts, facts.judgments)
    memory_gb = rough_memory_gb(kind, config, facts)
    basis = [one for one in ended if one.seconds > 0][:LATEST]
    if basis:
        # The start is paid once whatever the work is, so a small run says little of a large one's time.
        per = [one.seconds / rough_seconds(kind, one.config, facts, one.judgments) for one in basis]
        spare = 1 + WIDER / len(per)
        low, middle, high = (rate * own for rate in (min(per) / spare, median(per), max(per) * spare))
    else:
        low, middle, high = own / 2, own, own * 2
    taken = [one.memory_gb / rough_memory_gb(kind, one.config, facts) for one in basis if one.memory_gb]
    memory_gb *= max(taken, default=1.0)
    kept = kept_gb(kind, config, facts, basis)
    trains = kind in ("train-reward", "train-policy")
    disk_gb = kept * (1 + CHECKPOINT_ADAPTERS * CHECKPOINTS_AT_ONCE) if trains else kept
    free = None if facts.free_disk_gb is None else max(0.0, facts.free_disk_gb - facts.promised_disk_gb)
    return Estimate(
        seconds=round(middle, 1),
        seconds_low=round(low, 1),
        seconds_high=round(high, 1),
        memory_gb=round(memory_gb, 2),
        disk_gb=round(disk_gb, 6),
        kept_gb=round(kept, 6),
        free_disk_gb=None if free is None else round(free, 3),
        promised_disk_gb=round(facts.promised_disk_gb, 3),
        runs=[one.id for one in basis],
        warnings=[
            {"code": f"little_{what}", "needed_gb": round(needed, 2), "free_gb": round(there, 2)}
            for what, needed, there in (("memory", memory_gb, facts.free_memory_gb), ("disk", disk_gb, free))
            if there is not None and needed > there
        ],
    )


def rough_seconds(kind: str, config: Mapping[str, Any], facts: Facts, judgments: int) -> float:
    """By the rules of thumb alone."""
    return work_seconds(kind, config, facts, judgments) * facts.slowness + START_SECONDS


def rough_memory_gb(kind: str, config: Mapping[str, Any], facts: Facts) -> float:
    """The process, the base, the merged copy that is sampled from, and what the largest batch holds."""
    weights = base_gb(facts)
    base = PROCESS_GB + weights
    states = (facts.parameters / REFERENCE_PARAMETERS) ** STATES_POWER
    copy = weights if facts.precision == "fp32" else 0.0
    sampling = copy + sampling_gb(kind, config, facts)
    if kind == "train-reward":
        return base + max(sampling, _reward_tokens(config["reward"], facts) * LAYERS_GB_A_TOKEN * states)
    if kind == "train-policy":
        return base + max(sampling, copy + update_gb(config, facts))
    if kind in ("reward-export", "policy-export"):
        return base + (weights if kind == "reward-export" else merged_gb(facts) if _merges(config) else 0.0)
    return base + sampling


def sampling_gb(kind: str, config: Mapping[str, Any], facts: Facts) -> float:
    """What texts that are drawn together hold beside the models: until the last has ended each has a row, which may get
    as long as texts may be.
    """
    most = facts.max_new_tokens
    texts = config["prompts_per_batch"] * texts_a_prompt(config) if kind == "sample" else DRAWN_TOGETHER
    tokens = min(texts, facts.sampling_rows) * (facts.prompt_tokens + most)
    if kind == "train-policy":  # its own rollouts, beside the texts that the study's settings draw for it
        training = training_of(config)
        own, rollouts = training["sampling"], training["prompts_per_step"] * training["samples_per_prompt"]
        rows = min(rollouts, own["batch_size"])
        tokens = max(tokens, rows * (facts.prompt_tokens + own["max_new_tokens"]))
    states = (facts.parameters / REFERENCE_PARAMETERS) ** STATES_POWER
    return float(tokens * SAMPLING_GB_A_TOKEN * states)


def update_gb(config: Mapping[str, Any], facts: Facts) -> float:
    """What an update of the policy holds beside the models: a micro-batch's states and scores, and the compiler."""
    states = (facts.parameters / REFERENCE_PARAMETERS) ** STATES_POWER
    training = training_of(config)
    layers = LAYERS_GB_A_TOKEN * states * (1 - training.get("frozen_share", 0.0))
    if config.get("compute", {}).get("gradient_checkpointing") == "on":
        layers *= RECOMPUTED_LAYERS_SHARE
    whole = facts.prompt_tokens + facts.text_tokens(training["sampling"]["max_new_tokens"])
    rollouts = training["prompts_per_step"] * training["samples_per_prompt"]
    unit = (2 if "pairs_per_step" in training else 1) * whole  # a pair and a row are never split
    there = unit * training.get("pairs_per_step", training.get("demonstrations_per_step", rollouts))
    budget = training["tokens_per_batch"]
    most = max(budget, unit, facts.prompt_tokens + budget / 2)  # the last: shared_prompt_batches
    tokens = min(most, max(there / training["minibatches"], unit))
    if config.get("compute", {}).get("compile") == "on":  # left to the machine nothing is compiled
        return float(max(tokens * layers * COMPILED_LAYERS_SHARE + SCORES_GB + COMPILER_GB, COMPILING_GB))
    return float(tokens * layers + SCORES_GB)


def _reward_tokens(reward: Mapping[str, Any], facts: Facts) -> float:
    """Tokens of the largest part of a reward's step; a pair, its prompt once and two texts, is never split."""
    read, budget = reward["tokens_per_text"], reward["tokens_per_batch"]
    text = min(facts.text_tokens(facts.max_new_tokens), read)
    prompt = min(facts.prompt_tokens, read - text)
    pair = prompt + 2 * text
    return float(max(pair, min(reward["pairs_per_step"] * pair, max(budget, prompt + budget / 2))))


def _with_memory_in_mind(kind: str, config: Mapping[str, Any], facts: Facts) -> Mapping[str, Any]:
    """What is left to the machine, layers to be computed again, about as it will be chosen when the run begins: then
    what an update holds is held against what is free, here all that the run holds, as no model is loaded yet.
    """
    if kind != "train-policy" or config["compute"]["gradient_checkpointing"] != "auto" or facts.free_memory_gb is None:
        return config
    short = rough_memory_gb(kind, config, facts) > facts.free_memory_gb
    return {**config, "compute": {**config["compute"], "gradient_checkpointing": "on" if short else "off"}}


def base_gb(facts: Facts) -> float:
    """The base's weights in memory."""
    return facts.parameters * BYTES_A_PARAMETER[facts.precision] / GIGABYTE


def merged_gb(facts: Facts) -> float:
    """A base with an adapter merged into it: loaded and written in 32 bits, whatever the study holds it in."""
    return facts.parameters * BYTES_A_PARAMETER["fp32"] / GIGABYTE


def kept_gb(kind: str, config: Mapping[str, Any], facts: Facts, basis: Sequence[Ended] = ()) -> float:
    """What lies on the disk when it has ended: what it publishes."""
    adapter = ADAPTER_GB_AT_RANK_16 * (facts.parameters / REFERENCE_PARAMETERS) ** STATES_POWER
    if kind == "policy-export":
        if _merges(config):
            return merged_gb(facts)
        copied = merged_gb(facts) if facts.base_files_gb is None else facts.base_files_gb
        return adapter + (copied if config.get("format") == "adapter-with-base" else 0.0)
    if kind == "reward-export":
        return base_gb(facts) + adapter
    if kind not in ("train-reward", "train-policy"):
        return 0.001
    rank = _rank(kind, config)
    known = [one.published_gb * rank / _rank(kind, one.config) for one in basis if one.published_gb]
    return known[0] if known else adapter * rank / 16


def _merges(config: Mapping[str, Any]) -> bool:
    return bool(config.get("format") == "merged")


def _rank(kind: str, config: Mapping[str, Any]) -> float:
    return float((config["reward"] if kind == "train-reward" else training_of(config))["lora"]["rank"])
