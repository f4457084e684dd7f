"""How long a run computes: its tokens, each at what it costs, and the texts that are drawn together.

The rules of thumb were measured with a base of 135 million parameters in 32 bits on two cores. Time grows in step with
the parameters; more cores help less than in step. A GPU is reckoned with a factor that nobody has measured here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil, inf
from typing import Any

from language_models.settings import Precision
from policy_training.algorithm_registry import describe
from rounds import blind_pairs
from rounds.policy_settings import training_of
from rounds.reward_parts import is_normalised, uses_learned

DRAWN_STEP_SECONDS = 0.08  # a forward pass of one token for a batch, however many texts are in it
DRAWN_TOKEN_SECONDS = 0.0016  # and what each text in it adds
READ_TOKEN_SECONDS = 0.0018
TRAINED_TOKEN_SECONDS = 0.0038  # forward, backward and update, all layers
BACKWARD_SHARE = 2 / 3  # of a trained token's time, spent in the layers that are trained
RECOMPUTED = 4 / 3  # a second forward pass beside one forward and a backward of twice its cost
START_SECONDS = 5.0  # loading a model that is in the cache, once a worker
LIKELIHOOD_PASSES = 3  # the policy and the base at the study's temperature, the base at 1
LEARNED_SHARE = 2 / 3  # of the layers: what a learned reward reads
PROMPT_TOKENS = 40
THERE = "texts_there"  # beside the settings of an evaluation: its texts that were drawn before
READ = "read_tokens"  # beside those of a scoring run: how long its file is
GOES_ON = "goes_on"  # beside those of a policy run: it starts from a policy that was trained or imported
DRAWN_TOGETHER = 64
LENGTH_TEXTS = 512
"""Completions that the line of length is fitted to, where so many are there: fitted to n, it leaves other texts a rank
correlation that is uncertain by 1 / sqrt(n)."""
REFERENCE_PARAMETERS = 135e6
REFERENCE_CORES = 2
CORES_POWER = 0.8  # small matrices do not fill many cores
GPU_FACTOR = 1 / 30  # not measured


@dataclass(frozen=True)
class Facts:
    """What the work depends on besides the settings, and the machine. Disk and memory in units of 10^9 bytes; None
    where the machine does not tell. `sampling_rows`: texts that the study draws together. `completion_tokens`: how long
    texts of this study are on average, None before there are any; `texts`: how many there are. `base_files_gb`: the
    base's weights as they lie on the disk. `promised_disk_gb`: what runs that wait or are at work will leave there.
    """

    parameters: float
    judgments: int = 0
    train_prompts: int = 0
    holdout_prompts: int = 0
    max_new_tokens: int = 64
    sampling_rows: int = DRAWN_TOGETHER
    prompt_tokens: float = PROMPT_TOKENS
    completion_tokens: float | None = None
    has_reward: bool = False
    texts: int = 0
    cores: int = REFERENCE_CORES
    gpu: bool = False
    precision: Precision = "fp32"
    base_files_gb: float | None = None
    free_memory_gb: float | None = None
    total_memory_gb: float | None = None
    free_disk_gb: float | None = None
    promised_disk_gb: float = 0.0

    def text_tokens(self, most: int) -> float:
        """How long a text gets where `most` tokens are allowed."""
        return most if self.completion_tokens is None else min(most, self.completion_tokens)

    @property
    def slowness(self) -> float:
        """How many times longer the same tokens take than on the machine and with the base of the rules of thumb."""
        cores = GPU_FACTOR if self.gpu else (REFERENCE_CORES / self.cores) ** CORES_POWER
        return cores * self.parameters / REFERENCE_PARAMETERS


def work_seconds(kind: str, config: Mapping[str, Any], facts: Facts, judgments: int) -> float:
    """Seconds of computing on the machine of the rules of thumb."""
    most = facts.max_new_tokens
    whole = facts.prompt_tokens + facts.text_tokens(most)
    if kind == "sample":
        training = texts_a_prompt(config)
        held_out = round(config["pairs"] * config["holdout_questions"] / (1 - config["holdout_questions"]))
        texts = config["pairs"] * training + held_out * config["candidates"]
        return _drawn(texts, config["prompts_per_batch"] * training, most, facts)
    if kind == "evaluate":
        prompts = facts.holdout_prompts if config["split"] == "holdout" else facts.train_prompts
        first = min(config["prompts"], prompts) * (len(config["policies"]) or 2)
        blind, chosen_among = _blind_texts(config, facts)
        drawn = max(0, first * config["samples"] - config.get(THERE, 0)) + blind
        scored = first * config["samples"] + chosen_among if config["reward_model"] or facts.has_reward else 0
        read = scored * LEARNED_SHARE + (first * LIKELIHOOD_PASSES if config["likelihoods"] else 0)
        return _drawn(drawn, DRAWN_TOGETHER, most, facts) + read * whole * READ_TOKEN_SECONDS
    if kind == "train-reward":
        reward = config["reward"]
        drawn = _drawn(config["reference_samples"], DRAWN_TOGETHER, most, facts)
        judged = judgments * (facts.prompt_tokens + 2 * facts.text_tokens(most))  # a prompt once for both of its texts
        read = (judged + config["reference_samples"] * whole) * READ_TOKEN_SECONDS
        trained = judged * reward["epochs"] * _trained_token(reward, None)
        return drawn + (read + trained) * float(reward["depth"])
    if kind == "train-policy":
        return policy_seconds(config, facts, judgments)
    if kind == "score":
        return float(config.get(READ, 0)) * LEARNED_SHARE * READ_TOKEN_SECONDS
    return START_SECONDS


def texts_a_prompt(config: Mapping[str, Any]) -> int:
    """How many texts a sampling run draws for a training prompt."""
    by_rule = config.get("choosing", "random") != "random" and config["candidates"] == 2
    return int(config["choose_from"] if by_rule else config["candidates"])


def policy_seconds(config: Mapping[str, Any], facts: Facts, judgments: int) -> float:
    """The iterations of any algorithm: drawn, read under policy, reference and reward (and potential), trained on; the
    last one only measures, and beside a start that goes on the reference is measured once. Then the texts that
    held-out prompts and people are shown by.
    """
    training = training_of(config)
    most = training["sampling"]["max_new_tokens"]
    whole = facts.prompt_tokens + facts.text_tokens(most)
    texts, steps = training["prompts_per_step"] * training["samples_per_prompt"], training["steps"]
    # An algorithm that needs no reward runs without the learned one where there is none.
    is_scored = (
        "reward" in describe(config["algorithm"]).needs or facts.has_reward or not uses_learned(config["rewards"])
    )
    reward_passes = LEARNED_SHARE if is_scored and uses_learned(config["rewards"]) else 0
    passes = 2 - training["frozen_share"] + reward_passes  # below, policy and reference are the same
    if config["shaping"] == "language_model":
        passes += 1
    elif config["shaping"] == "reward":  # read anew so many times, from half of the text on average
        passes += reward_passes * most / config["shaping_every"] / 2
    drawn = _drawn(texts, training["sampling"]["batch_size"], most, facts)
    are_taken_anew = not all(is_normalised(one["function"], config) for one in config["rewards"])  # zero and unit
    scaled = config["reference_samples"] if are_taken_anew else 0
    scaled += min(LENGTH_TEXTS, facts.texts) if config["length_correction"] else 0
    scaled_seconds = scaled * reward_passes * whole * READ_TOKEN_SECONDS
    measured = (steps + 1) * (drawn + texts * passes * whole * READ_TOKEN_SECONDS)
    if config.get(GOES_ON):
        measured += drawn + texts * whole * READ_TOKEN_SECONDS
    keeps_lower = "pairs_per_step" not in training and "demonstrations_per_step" not in training
    token = _trained_token(training, config.get("compute"), keeps_lower=keeps_lower)
    trained = steps * whole * _trained_texts(training, texts) * token
    pairs = min(judgments or inf, steps * training.get("pairs_per_step", 0))  # read once each under the reference
    trained += 2 * pairs * whole * READ_TOKEN_SECONDS
    held_out = min(config["held_out_prompts"], facts.holdout_prompts) if is_scored else 0
    looks = _looks(steps, training["guards"]["held_out_every"]) if held_out else 0
    looked = looks * (
        _drawn(held_out, DRAWN_TOGETHER, most, facts) + held_out * reward_passes * whole * READ_TOKEN_SECONDS
    )
    shown = min(config["shown_prompts"], facts.holdout_prompts)
    shown_seconds = (2 + config["shown_times"]) * _drawn(shown, DRAWN_TOGETHER, most, facts)
    return scaled_seconds + measured + trained + looked + shown_seconds


def _trained_texts(training: Mapping[str, Any], rollouts: int) -> float:
    """Texts that an iteration is trained on, each as often as it is: what people judged, wrote or chose, or rollouts,
    and demonstrations beside them."""
    if "pairs_per_step" in training:
        return float(2 * training["pairs_per_step"])
    if "demonstrations_per_step" in training:
        return float(training["demonstrations_per_step"])
    beside = training["imitation_batch"] * training["minibatches"] if training.get("imitation_coefficient") else 0
    return float((rollouts + beside) * training.get("epochs", 1))


def _looks(steps: int, every: int) -> int:
    """How often held-out prompts are looked at: every so many iterations, and at the end."""
    return 0 if every == 0 else steps // every + 1 + (steps % every > 0)


def _drawn(texts: float, together: int, most: int, facts: Facts) -> float:
    """Texts are drawn a batch at a time; in each there is hardly ever none that goes on to the end."""
    batches = ceil(texts / together) if texts else 0
    return batches * most * DRAWN_STEP_SECONDS + texts * facts.text_tokens(most) * DRAWN_TOKEN_SECONDS


def _trained_token(
    training: Mapping[str, Any], compute: Mapping[str, Any] | None, *, keeps_lower: bool = False
) -> float:
    """Frozen lower layers are passed forwards alone, or not at all where what they make of a text is kept."""
    seconds = TRAINED_TOKEN_SECONDS * (1 - (1 if keeps_lower else BACKWARD_SHARE) * training["frozen_share"])
    return seconds * (RECOMPUTED if (compute or {}).get("gradient_checkpointing") == "on" else 1)


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
