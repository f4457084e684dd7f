"""What a run will take, before it starts: time, memory and disk.

Work is counted in tokens, each at what it costs on the machine of the rules of thumb. Where runs of the same kind have
ended well in this study, the time of the latest ones is scaled by their work; else the rules of thumb stand for it,
which were measured with a model of 135 million parameters on two cores, and are called rough.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from rounds import blind_pairs
from rounds.settings import training_of

LATEST = 5
"""Runs whose times count."""
SAMPLED_TOKEN_SECONDS = 0.005
TRAINED_TOKEN_SECONDS = 0.003  # forward, backward and update
READ_TOKEN_SECONDS = 0.001
LIKELIHOOD_PASSES = 3  # the policy and the base at the study's temperature, the base at 1
START_SECONDS = 5.0  # loading a model that is in the cache, once a worker
PROMPT_TOKENS = 40
REFERENCE_PARAMETERS = 135e6
BYTES_A_PARAMETER = 4
PROCESS_GB = 0.7
TRAINING_GB_A_TOKEN = 0.0011  # states kept for the backward pass, and scores over the vocabulary
SAMPLING_GB_A_ROW = 0.006
ADAPTER_GB_AT_RANK_16 = 0.02
CHECKPOINT_ADAPTERS = 4  # weights, those within the budget, two moments
CHECKPOINTS_AT_ONCE = 3
GIGABYTE = 1e9


@dataclass(frozen=True)
class Facts:
    """What the work depends on besides the settings, and the machine. Disk and memory in units of 10^9 bytes; None
    where the machine does not tell. `promised_disk_gb`: what runs that wait or are at work will leave on the disk.
    """

    parameters: float
    judgments: int = 0
    train_prompts: int = 0
    holdout_prompts: int = 0
    max_new_tokens: int = 64
    has_reward: bool = False
    free_memory_gb: float | None = None
    free_disk_gb: float | None = None
    promised_disk_gb: float = 0.0


@dataclass(frozen=True)
class Ended:
    """A run of the same kind that succeeded: its settings, the judgments that it saw, its seconds, its peak memory and
    the size of what it published.
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
    own = work_seconds(kind, config, facts, facts.judgments)
    basis = [one for one in ended if one.seconds > 0][:LATEST]
    if basis:
        # The start is paid once whatever the work is, so a small run says little of a large one's time.
        per = [one.seconds / (work_seconds(kind, one.config, facts, one.judgments) + START_SECONDS) for one in basis]
        low, middle, high = (rate * (own + START_SECONDS) for rate in (min(per), median(per), max(per)))
    else:
        middle = own * facts.parameters / REFERENCE_PARAMETERS + START_SECONDS
        low, high = middle / 2, middle * 2
    memory = [one.memory_gb for one in basis if one.memory_gb]
    memory_gb = max(memory) if memory else rough_memory_gb(kind, config, facts)
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


def work_seconds(kind: str, config: Mapping[str, Any], facts: Facts, judgments: int) -> float:
    """Seconds of computing on the machine of the rules of thumb."""
    text = facts.max_new_tokens
    whole = text + PROMPT_TOKENS
    if kind == "sample":
        by_rule = config.get("choosing", "random") != "random" and config["candidates"] == 2
        training = config["choose_from"] if by_rule else config["candidates"]
        texts = config["pairs"] * (training + config["holdout_questions"] * config["candidates"])
        return float(texts * text * SAMPLED_TOKEN_SECONDS)
    if kind == "evaluate":
        prompts = facts.holdout_prompts if config["split"] == "holdout" else facts.train_prompts
        first = min(config["prompts"], prompts) * (len(config["policies"]) or 2)
        blind, chosen_among = _blind_texts(config, facts)
        drawn = first * config["samples"] + blind
        scored = first * config["samples"] + chosen_among if config["reward_model"] or facts.has_reward else 0
        read = scored + (first * LIKELIHOOD_PASSES if config["likelihoods"] else 0)
        return float(drawn * text * SAMPLED_TOKEN_SECONDS + read * whole * READ_TOKEN_SECONDS)
    if kind == "train-reward":
        read = (2 * judgments + config["reference_samples"]) * whole * READ_TOKEN_SECONDS
        trained = 2 * judgments * whole * TRAINED_TOKEN_SECONDS * config["reward"]["epochs"]
        return float((read + trained) * config["reward"]["depth"])
    if kind == "train-policy":
        training = training_of(config)
        text = training["sampling"]["max_new_tokens"]
        whole = text + PROMPT_TOKENS
        texts = training["prompts_per_step"] * training["samples_per_prompt"]
        # Sampled, then read under policy, reference and reward; the last step only measures.
        measured = texts * (training["steps"] + 1) * (text * SAMPLED_TOKEN_SECONDS + 3 * whole * READ_TOKEN_SECONDS)
        trained = training["steps"] * whole * _trained_texts(training, texts) * TRAINED_TOKEN_SECONDS
        if "pairs_per_step" in training:  # both completions of a pair are read under the reference
            trained += training["steps"] * whole * 2 * training["pairs_per_step"] * READ_TOKEN_SECONDS
        shown = min(config["shown_prompts"], facts.holdout_prompts) * (2 + config.get("shown_times", 0))
        return float(measured + trained + shown * text * SAMPLED_TOKEN_SECONDS)
    return START_SECONDS


def _trained_texts(training: Mapping[str, Any], rollouts: int) -> float:
    """Texts that an iteration is trained on, each as often as it is."""
    if "pairs_per_step" in training:
        return float(2 * training["pairs_per_step"])
    epochs = training.get("epochs", 1)
    if "imitation_coefficient" not in training:
        return float(training.get("demonstrations_per_step", rollouts * epochs))
    shown = training["imitation_batch"] * training["minibatches"] if training["imitation_coefficient"] else 0
    return float((rollouts + shown) * epochs)


def rough_memory_gb(kind: str, config: Mapping[str, Any], facts: Facts) -> float:
    """The process, the base in 32 bits, and what the largest batch holds."""
    scale = facts.parameters / REFERENCE_PARAMETERS
    base = PROCESS_GB + facts.parameters * BYTES_A_PARAMETER / GIGABYTE
    if kind == "train-reward":
        return float(base + config["reward"]["tokens_per_batch"] * TRAINING_GB_A_TOKEN * scale)
    if kind == "train-policy":
        return float(base + training_of(config)["tokens_per_batch"] * TRAINING_GB_A_TOKEN * scale)
    if kind == "reward-export" or (kind == "policy-export" and config["merged"]):
        return float(base + facts.parameters * BYTES_A_PARAMETER / GIGABYTE)
    return float(base + 64 * SAMPLING_GB_A_ROW * scale)


def kept_gb(kind: str, config: Mapping[str, Any], facts: Facts, basis: Sequence[Ended] = ()) -> float:
    """What lies on the disk when it has ended: what it publishes."""
    known = [one.published_gb for one in basis if one.published_gb]
    scale = facts.parameters / REFERENCE_PARAMETERS
    if kind in ("policy-export", "reward-export"):
        whole = kind == "reward-export" or config["merged"]
        merged = facts.parameters * BYTES_A_PARAMETER / GIGABYTE if whole else 0.0
        return merged + ADAPTER_GB_AT_RANK_16 * scale
    if kind not in ("train-reward", "train-policy"):
        return 0.001
    lora = (config["reward"] if kind == "train-reward" else training_of(config))["lora"]
    return float(known[0] if known else ADAPTER_GB_AT_RANK_16 * scale * lora["rank"] / 16)


def _blind_texts(config: Mapping[str, Any], facts: Facts) -> tuple[int, int]:
    """Texts that are drawn for a blind evaluation, and how many of them a best is chosen among."""
    blind = config["blind"]
    if not blind["judgments"] or not facts.holdout_prompts:
        return 0, 0
    plain = len(config["policies"]) or 2
    draws = [1] * plain + [blind["best_of_texts"]] * len(blind["best_of"])
    planned = blind_pairs.plan(range(facts.holdout_prompts), len(draws), blind["judgments"], seed=0)
    texts = {(side, pair.prompt_id, pair.index) for pair in planned for side in (pair.first, pair.second)}
    return sum(draws[side] for side, *_ in texts), sum(draws[side] for side, *_ in texts if side >= plain)
