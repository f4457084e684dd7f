"""Time, memory and disk of a run before it starts, against numbers worked by hand from the rules of thumb."""

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest

from rounds import estimates, estimating
from rounds.estimates import Ended, estimate, kept_gb, rough_memory_gb, rough_seconds
from rounds.settings import KIND_SETTINGS, parse
from rounds.work import (
    DRAWN_STEP_SECONDS,
    DRAWN_TOKEN_SECONDS,
    GOES_ON,
    READ_TOKEN_SECONDS,
    START_SECONDS,
    TRAINED_TOKEN_SECONDS,
    Facts,
    work_seconds,
)

FACTS = Facts(parameters=135e6, judgments=100, train_prompts=50, holdout_prompts=20, max_new_tokens=64)
STEP, DRAWN = 64 * DRAWN_STEP_SECONDS, 64 * DRAWN_TOKEN_SECONDS  # seconds a batch, and a text in it
READ, TRAINED = 104 * READ_TOKEN_SECONDS, 104 * TRAINED_TOKEN_SECONDS  # seconds a text with its prompt
SCALED = 64 * READ * 2 / 3  # the reference's texts, on which a reward less its doubt gets zero and unit


def of(kind: str, **overrides: object) -> dict:
    return parse(kind, {key.replace("__", "."): value for key, value in overrides.items()})


def test_a_sample_run_without_history_is_rough_and_counts_its_tokens():
    # 20 pairs and 5 that make a fifth of all are 25; 2 texts each, 16 of them drawn together: four batches.
    config = of("sample", pairs=20, holdout_questions=0.2)
    found = estimate("sample", config, FACTS)
    assert found.seconds == pytest.approx(START_SECONDS + 4 * STEP + 50 * DRAWN, abs=0.05)
    assert (found.seconds_low, found.seconds_high) == pytest.approx((found.seconds / 2, found.seconds * 2), abs=0.1)
    assert found.runs == []
    shorter = replace(FACTS, completion_tokens=16.0)  # batches go on until their last text has ended
    assert work_seconds("sample", config, shorter, 0) == pytest.approx(4 * STEP + 50 * DRAWN / 4)


def test_choosing_from_more_completions_takes_longer_on_training_prompts():
    by_chance = of("sample", pairs=20, holdout_questions=0.0)
    by_rule = of("sample", pairs=20, holdout_questions=0.0, choosing="margin", choose_from=6)
    ranked = of("sample", pairs=20, holdout_questions=0.0, choosing="margin", candidates=3)
    assert work_seconds("sample", by_chance, FACTS, 0) == pytest.approx(3 * STEP + 40 * DRAWN)
    assert work_seconds("sample", by_rule, FACTS, 0) == pytest.approx(3 * STEP + 120 * DRAWN)
    assert work_seconds("sample", ranked, FACTS, 0) == pytest.approx(3 * STEP + 60 * DRAWN)


def test_a_larger_model_takes_longer_and_more_cores_or_a_gpu_less():
    config = of("sample", pairs=20)
    plain = work_seconds("sample", config, FACTS, 0)
    for facts, times in (
        (replace(FACTS, parameters=1350e6), 10.0),
        (replace(FACTS, cores=8), 4**-0.8),
        (replace(FACTS, gpu=True), 1 / 30),
    ):
        assert rough_seconds("sample", config, facts, 0) == pytest.approx(START_SECONDS + times * plain)


def test_runs_that_ended_correct_the_rules():
    config, half = of("sample", pairs=20), of("sample", pairs=7)
    own, its = (rough_seconds("sample", one, FACTS, 0) for one in (config, half))
    found = estimate(
        "sample", config, FACTS, [Ended(run, half, 0, times * its) for run, times in ((3, 2), (2, 1), (1, 4))]
    )
    assert found.seconds == pytest.approx(2 * own, abs=0.05)  # the median run took twice as long as the rules say
    assert (found.seconds_low, found.seconds_high) == pytest.approx((own / (7 / 6), 4 * own * 7 / 6), abs=0.05)
    assert found.runs == [3, 2, 1]
    alone = estimate("sample", config, FACTS, [Ended(3, half, 0, its)])  # one run leaves half of it open
    told = (alone.seconds, alone.seconds_low, alone.seconds_high)
    assert told == pytest.approx((own, own / 1.5, own * 1.5), abs=0.05)


def test_memory_is_corrected_by_the_run_that_took_the_most_and_disk_follows_what_was_published():
    config = of("train-policy")
    smaller = of("train-policy", ppo__tokens_per_batch=300)
    rough = rough_memory_gb("train-policy", smaller, FACTS)
    ended = [
        Ended(2, smaller, 0, 10.0, memory_gb=rough, published_gb=0.01),
        Ended(1, smaller, 0, 10.0, memory_gb=1.5 * rough),
    ]
    found = estimate("train-policy", config, FACTS, ended)
    assert found.memory_gb == pytest.approx(1.5 * rough_memory_gb("train-policy", config, FACTS), abs=0.01)
    assert found.disk_gb == pytest.approx(0.01 * 13)  # itself, and three checkpoints of four adapters


def test_the_reward_s_time_grows_with_the_judgments_and_the_epochs():
    def seconds(judgments: int, **overrides: object) -> float:
        return work_seconds("train-reward", of("train-reward", **overrides), FACTS, judgments)

    # 64 texts of the base are drawn; they and 100 pairs are read, in two thirds of the layers; then these are trained
    # on. A pair is 168 tokens: 40 of the prompt, which is passed once, and twice 64; a text with its prompt is 104.
    head = STEP + 64 * DRAWN + (64 + 100 * 168 / 104) * READ * 2 / 3
    trained = 100 * 168 / 104 * TRAINED * 2 / 3
    assert seconds(100, reward__epochs=0) == pytest.approx(head)
    assert seconds(100) == pytest.approx(head + trained)
    # Half of the layers frozen: a third of the work is saved in two thirds of the time of a trained token.
    assert seconds(100, reward__frozen_share=0.5) == pytest.approx(head + trained * 2 / 3)


def test_a_policy_s_time_counts_iterations_epochs_and_what_is_computed_again():
    def seconds(**overrides: object) -> float:
        quiet = {"shown_prompts": 0, "held_out_prompts": 0, **overrides}
        return work_seconds("train-policy", of("train-policy", **quiet), FACTS, 0)

    # 32 texts a step: drawn in a batch, read under policy and reference, and in two thirds of the layers as reward.
    measured = STEP + 32 * DRAWN + 32 * READ * (2 + 2 / 3)
    assert seconds() == pytest.approx(SCALED + 6 * measured + 5 * 32 * 2 * TRAINED)
    assert seconds() - seconds(reward_uncertainty_penalty=0) == pytest.approx(SCALED)
    assert seconds(ppo__steps=1, ppo__epochs=4) == pytest.approx(SCALED + 2 * measured + 32 * 4 * TRAINED)
    again = seconds(ppo__steps=1, ppo__epochs=4, compute__gradient_checkpointing="on")
    assert again == pytest.approx(SCALED + 2 * measured + 32 * 4 * TRAINED * 4 / 3)
    assert seconds(rewards="length_window") == pytest.approx(6 * (measured - 32 * READ * 2 / 3) + 5 * 32 * 2 * TRAINED)
    # Half of the layers frozen: read once for policy and reference together, and in no epoch.
    kept = measured - 32 * READ / 2
    assert seconds(ppo__frozen_share=0.5) == pytest.approx(SCALED + 6 * kept + 5 * 32 * 2 * TRAINED / 2)
    # Held-out prompts are looked at on steps 0, 2, 4 and at the end; people are shown texts of steps 0 and 5 and twice.
    assert seconds(held_out_prompts=8) - seconds() == pytest.approx(4 * (STEP + 8 * DRAWN + 8 * READ * 2 / 3))
    assert seconds(shown_prompts=8) - seconds() == pytest.approx(4 * (STEP + 8 * DRAWN))
    # Potentials are read beside the rest: the base's once, the reward after every 8 of 64 tokens, half on average.
    assert seconds(shaping="language_model") - seconds() == pytest.approx(6 * 32 * READ)
    assert seconds(shaping="reward") - seconds() == pytest.approx(6 * 32 * READ * 2 / 3 * 4)


def test_where_training_goes_on_the_reference_is_drawn_and_read_once_beside_it():
    config = of("train-policy")
    plain, on = (work_seconds("train-policy", {**config, GOES_ON: it}, FACTS, 0) for it in (False, True))
    batches = 32 / config["ppo"]["sampling"]["batch_size"]  # 8 prompts x 4 completions
    assert on - plain == pytest.approx(math.ceil(batches) * STEP + 32 * (DRAWN + READ))


def test_an_algorithm_counts_by_its_own_group():
    grpo = of("train-policy", algorithm="grpo", shown_prompts=0, held_out_prompts=0)
    measured = STEP + 32 * DRAWN + 32 * READ * (2 + 2 / 3)  # 4 prompts of 8 samples
    assert work_seconds("train-policy", grpo, FACTS, 0) == pytest.approx(SCALED + 6 * measured + 5 * 32 * TRAINED)


def test_memory_follows_precision_micro_batch_and_what_is_computed_again():
    def memory(facts: Facts = FACTS, **overrides: object) -> float:
        return rough_memory_gb("train-policy", of("train-policy", **overrides), facts)

    assert memory() - memory(replace(FACTS, precision="bf16")) == pytest.approx(135e6 * 6e-9)  # 4 + 4 bytes, and 2
    assert memory(replace(FACTS, precision="4bit")) < memory(replace(FACTS, precision="bf16"))
    twice = memory(ppo__tokens_per_batch=1200) - memory(ppo__tokens_per_batch=600)
    assert twice == pytest.approx(600 * estimates.LAYERS_GB_A_TOKEN)
    # 32 texts of 104 tokens in two mini-batches: no micro-batch has more than 1,664.
    assert memory(ppo__tokens_per_batch=1664) == memory(ppo__tokens_per_batch=9000)
    on = {"compute__gradient_checkpointing": "on"}
    assert memory(**on) < memory() - 0.5 * 650 * estimates.LAYERS_GB_A_TOKEN


def test_texts_that_are_drawn_together_hold_rows_as_long_as_texts_may_get():
    def rows(kind: str, facts: Facts = FACTS, **overrides: object) -> float:
        return estimates.sampling_gb(kind, of(kind, **overrides), facts) / 0.006  # of 40 + 64 tokens

    assert rows("evaluate") == rows("train-reward") == rows("train-policy") == pytest.approx(64)
    assert rows("evaluate", replace(FACTS, max_new_tokens=512)) == pytest.approx(64 * 552 / 104)
    assert rows("evaluate", replace(FACTS, sampling_rows=8, prompt_tokens=144)) == pytest.approx(8 * 2)
    assert rows("evaluate", replace(FACTS, parameters=8 * 135e6)) == pytest.approx(4 * 64)
    assert rows("sample") == pytest.approx(16)  # two texts each of eight prompts
    assert rows("sample", choosing="margin", choose_from=6) == pytest.approx(48)
    assert rows("sample", prompts_per_batch=256, candidates=4) == pytest.approx(64)


def test_rollouts_hold_what_the_algorithm_s_own_settings_say():
    def rows(facts: Facts, **own: int) -> float:
        overrides = {f"ppo__{name}": value for name, value in own.items()}
        return estimates.sampling_gb("train-policy", of("train-policy", **overrides), facts) / 0.006

    few = replace(FACTS, sampling_rows=4)  # texts for the reward's zero and to look at
    assert rows(few) == pytest.approx(32)
    assert rows(few, sampling__batch_size=8) == pytest.approx(8)
    assert rows(few, sampling__batch_size=8, sampling__max_new_tokens=1000) == pytest.approx(8 * 1040 / 104)
    assert rows(few, prompts_per_step=32, sampling__batch_size=256) == pytest.approx(128)


def test_compiled_layers_keep_fewer_states_and_the_compiler_takes_its_own():
    def update(switch: str, facts: Facts = FACTS, tokens: int = 650) -> float:
        config = of("train-policy", ppo__tokens_per_batch=tokens, compute__compile=switch)
        return estimates.update_gb(config, facts)

    # 600 tokens of 135 million parameters on a CPU: 0.17 GB less at the peak. Of 200,000 parameters: 0.45 GB more.
    assert update("on") - update("off") == pytest.approx(0.12 - 0.25 * 650 * estimates.LAYERS_GB_A_TOKEN)
    assert update("on", replace(FACTS, parameters=2e5)) == pytest.approx(0.45)
    assert update("auto") == update("auto", replace(FACTS, gpu=True)) == update("off")


def test_a_row_that_is_longer_than_the_budget_is_in_memory_whole():
    def layers_gb(tokens: int, prompt: float) -> float:
        config = of("train-policy", ppo__tokens_per_batch=tokens)
        return estimates.update_gb(config, replace(FACTS, prompt_tokens=prompt)) - estimates.SCORES_GB

    whole = 1500 + 64
    for tokens in (64, 128):
        assert layers_gb(tokens, 1500) == pytest.approx(whole * estimates.LAYERS_GB_A_TOKEN)
    # Where a prompt leaves less than half of the budget, its completions may still fill half of it.
    assert layers_gb(600, 1500) == pytest.approx((1500 + 300) * estimates.LAYERS_GB_A_TOKEN)


def test_a_reward_holds_a_whole_pair_and_no_more_than_a_step_has():
    def tokens(facts: Facts, **own: object) -> float:
        config = of("train-reward", **{f"reward__{name}": value for name, value in own.items()})
        return (rough_memory_gb("train-reward", config, facts) - rest) / estimates.LAYERS_GB_A_TOKEN

    rest, short = estimates.PROCESS_GB + estimates.base_gb(FACTS), replace(FACTS, sampling_rows=1)
    assert tokens(short) == pytest.approx(512)
    assert tokens(short, tokens_per_batch=9000, pairs_per_step=4) == pytest.approx(4 * 168)
    long = replace(short, prompt_tokens=1000.0, max_new_tokens=400)
    assert tokens(long) == tokens(long, tokens_per_batch=64) == pytest.approx(1000 + 2 * 400)
    assert tokens(long, tokens_per_text=600) == pytest.approx(200 + 2 * 400)


def test_what_is_trained_on_in_place_of_rollouts_is_what_an_update_holds():
    def tokens(**overrides: object) -> float:
        most = of("train-policy", **{f"{overrides['algorithm']}__tokens_per_batch": 650}, **overrides)
        return (estimates.update_gb(most, FACTS) - estimates.SCORES_GB) / estimates.LAYERS_GB_A_TOKEN

    # A pair of 208 tokens is never split: two of them in each of four mini-batches, or one past the budget.
    assert tokens(algorithm="dpo", dpo__pairs_per_step=8) == pytest.approx(2 * 208)
    assert tokens(algorithm="dpo", dpo__pairs_per_step=64) == pytest.approx(650)
    long = {"dpo__sampling__max_new_tokens": 512}
    assert tokens(algorithm="dpo", dpo__pairs_per_step=64, **long) == pytest.approx(2 * (40 + 512))
    few = {"imitation__demonstrations_per_step": 16}
    assert tokens(algorithm="imitation", **few) == pytest.approx(16 * 104 / 4)


def test_pairs_are_read_once_under_the_reference_however_often_they_come():
    def seconds(judgments: int, steps: int) -> float:
        config = of("train-policy", algorithm="dpo", dpo__steps=steps, shown_prompts=0, held_out_prompts=0)
        return work_seconds("train-policy", config, FACTS, judgments)

    assert seconds(100, 1) - seconds(40, 1) == pytest.approx((64 - 40) * 2 * READ)
    a_step = seconds(40, 2) - seconds(40, 1)
    assert seconds(40, 20) == pytest.approx(seconds(40, 1) + 19 * a_step)
    assert seconds(0, 1) == seconds(64, 1)  # of a run that ended nobody knows how many there were


def test_layers_that_will_be_computed_again_for_want_of_memory_are_foreseen():
    tight = replace(FACTS, free_memory_gb=rough_memory_gb("train-policy", of("train-policy"), FACTS) - 0.1)
    told = {switch: estimate("train-policy", of("train-policy", compute__gradient_checkpointing=switch), tight)
            for switch in ("auto", "on", "off")}  # fmt: skip
    assert told["auto"] == told["on"]
    assert [one["code"] for one in told["off"].warnings] == ["little_memory"]
    assert told["auto"].memory_gb < told["off"].memory_gb
    assert told["auto"].seconds > told["off"].seconds
    roomy = replace(FACTS, free_memory_gb=100.0)
    assert estimate("train-policy", of("train-policy"), roomy).memory_gb == told["off"].memory_gb


def test_an_evaluation_draws_no_more_than_there_are_prompts():
    config = of("evaluate", prompts=1000, samples=2, likelihoods=False)
    assert work_seconds("evaluate", config, FACTS, 0) == pytest.approx(2 * STEP + 20 * 2 * 2 * DRAWN)


def test_an_evaluation_s_likelihoods_latest_reward_and_blind_texts_count():
    def seconds(facts: Facts, **overrides: object) -> float:
        return work_seconds("evaluate", of("evaluate", prompts=10, samples=2, **overrides), facts, 0)

    # 10 prompts, 2 policies, 2 texts each: 40; the first of each is read three times for its likelihood.
    assert seconds(FACTS) == pytest.approx(STEP + 40 * DRAWN + 20 * 3 * READ)
    rewarded = replace(FACTS, has_reward=True)
    assert seconds(rewarded) == pytest.approx(STEP + 40 * DRAWN + (60 + 40 * 2 / 3) * READ)
    # 25 judgments and 5 to spare are 30 pairs of two fresh texts; there are 20 prompts, so each is asked once or twice.
    blind = {"blind__judgments": 25}
    assert seconds(rewarded, **blind) == pytest.approx(2 * STEP + 100 * DRAWN + (60 + 40 * 2 / 3) * READ)
    # Three sides make three pairs a turn: ten turns, in each a text of both policies and the best of four of one more.
    best = {**blind, "blind__best_of": ("base",)}
    assert seconds(rewarded, **best) == pytest.approx(2 * STEP + 100 * DRAWN + (60 + 80 * 2 / 3) * READ)


def test_what_other_runs_will_leave_on_the_disk_is_not_free():
    now = replace(FACTS, free_disk_gb=1.0, promised_disk_gb=0.9)
    found = estimate("train-policy", of("train-policy"), now)
    assert (found.kept_gb, found.disk_gb) == (pytest.approx(0.02), pytest.approx(0.26))
    assert (found.free_disk_gb, found.promised_disk_gb) == (0.1, 0.9)
    assert found.warnings == [{"code": "little_disk", "needed_gb": 0.26, "free_gb": 0.1}]


def test_too_little_memory_or_disk_is_warned_of():
    tight = Facts(parameters=135e6, free_memory_gb=0.5, free_disk_gb=0.0001)
    warned = {one["code"]: one for one in estimate("train-policy", of("train-policy"), tight).warnings}
    assert set(warned) == {"little_memory", "little_disk"}
    assert warned["little_memory"]["free_gb"] == 0.5
    assert estimate("train-policy", of("train-policy"), FACTS).warnings == []


@pytest.mark.parametrize("kind", sorted(KIND_SETTINGS))
def test_every_kind_has_an_estimate(kind: str):
    config = parse(kind, {name: "x" for name in ("file", "folder") if name in KIND_SETTINGS[kind].model_fields})
    found = estimate(kind, config, FACTS)
    assert all(math.isfinite(one) and one > 0 for one in (found.seconds, found.memory_gb, found.disk_gb))


@pytest.mark.parametrize(
    ("base", "parameters"),
    [("tiny:", 2e5), ("bundled:smollm2-135m-instruct", 135e6), ("hub:Qwen/Qwen2.5-0.5B-Instruct", 0.5e9),
     ("hub:HuggingFaceTB/SmolLM2-1.7B", 1.7e9), ("hub:somebody/model", 135e6), ("models/base", 135e6)],
)  # fmt: skip
def test_the_size_of_a_base_is_read_off_its_name(tmp_path, base: str, parameters: float):
    assert estimating.parameters_of(base, tmp_path) == parameters


def weights(folder: Path, dtype: str, name: str = "model.safetensors", **shapes: list[int]) -> Path:
    """A model's folder whose weights have these shapes; what the numbers are nobody reads."""
    size = {"F32": 4, "BF16": 2}[dtype]
    head, end = {}, 0
    for tensor, shape in shapes.items():
        start, end = end, end + size * math.prod(shape)
        head[tensor] = {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}
    told = json.dumps(head).encode()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(len(told).to_bytes(8, "little") + told + bytes(end))
    (folder / "config.json").write_text('{"model_type": "llama"}')
    return folder


@pytest.mark.parametrize("dtype", ["F32", "BF16"])
def test_the_parameters_of_a_folder_are_counted_whatever_precision_they_lie_in(tmp_path: Path, dtype: str):
    weights(tmp_path / "models" / "base", dtype, embedding=[30, 20], norm=[20])
    assert estimating.parameters_of("models/base", tmp_path) == 620
    assert estimating.parameters_of(str(tmp_path / "models" / "base"), tmp_path / "elsewhere") == 620


def test_weights_in_parts_count_once_and_only_where_all_are_there(tmp_path: Path):
    folder = weights(tmp_path / "model-2b", "BF16", "model-1.safetensors", a=[10, 10])
    weights(folder, "BF16", "consolidated.safetensors", a=[10, 10], b=[7])
    index = {"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    assert estimating.parameters_of("model-2b", tmp_path) == 2e9  # as its name says
    weights(folder, "BF16", "model-2.safetensors", b=[7])
    assert estimating.parameters_of("model-2b", tmp_path) == 107


def test_a_hub_model_in_the_cache_is_counted_without_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    assert estimating.parameters_of("hub:somebody/model-2B", tmp_path) == 2e9
    repository, commit = tmp_path / "models--somebody--model-2B", "a" * 40
    weights(repository / "snapshots" / commit, "BF16", embedding=[30, 20])
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(commit)
    assert estimating.parameters_of("hub:somebody/model-2B", tmp_path) == 600
    assert estimating.parameters_of(f"hub:somebody/model-2B@{commit}", tmp_path) == 600
    assert estimating.parameters_of("hub:somebody/model-2B@other", tmp_path) == 2e9


def test_what_stays_on_the_disk_follows_the_rank():
    before = [Ended(2, of("train-policy"), 0, 10.0, published_gb=0.02)]
    assert kept_gb("train-policy", of("train-policy", ppo__lora__rank=128), FACTS, before) == pytest.approx(0.16)


def test_an_adapter_grows_with_the_width_and_the_number_of_layers():
    eight = replace(FACTS, parameters=8 * 135e6)
    assert kept_gb("train-policy", of("train-policy"), eight) == pytest.approx(4 * 0.02)


def test_an_export_writes_the_base_as_it_lies_there_or_merged_in_32_bits():
    four_bits = replace(FACTS, precision="4bit", base_files_gb=0.27)  # in 16 bits on the disk

    def kept(form: str, facts: Facts = four_bits) -> float:
        return kept_gb("policy-export", of("policy-export", format=form), facts)

    assert kept("adapter") == pytest.approx(0.02)
    assert kept("adapter-with-base") == pytest.approx(0.27 + 0.02)
    assert kept("adapter-with-base", FACTS) == pytest.approx(0.54 + 0.02)  # not fetched yet: at most 32 bits
    assert kept("merged") == pytest.approx(0.54)
    held = replace(four_bits, precision="bf16")
    memory = {form: rough_memory_gb("policy-export", of("policy-export", format=form), held)
              for form in ("adapter-with-base", "merged")}  # fmt: skip
    assert memory["merged"] - memory["adapter-with-base"] == pytest.approx(0.54)


def test_the_files_of_a_base_are_measured_where_they_lie(tmp_path: Path):
    folder = weights(tmp_path / "model", "BF16", embedding=[30, 20])
    assert estimating._files_gb(folder) == pytest.approx(1200e-9, rel=0.2)
    assert estimating._files_gb(tmp_path) is None
    assert estimating._files_gb(None) is None


def test_what_a_policy_run_reads_to_bring_rewards_to_one_scale_is_counted():
    facts = replace(FACTS, has_reward=True, texts=300)

    def seconds(**overrides: object) -> float:
        return work_seconds("train-policy", of("train-policy", **overrides), facts, 100)

    plain = seconds(reward_uncertainty_penalty=0)
    assert seconds(reward_uncertainty_penalty=1) - plain == pytest.approx(SCALED)
    assert seconds(reward_uncertainty_penalty=0, reward_combination="mean") - plain == pytest.approx(SCALED)
    line = 300 * READ * 2 / 3  # the line of length is fitted to the texts that there are
    assert seconds(reward_uncertainty_penalty=0, length_correction=1) - plain == pytest.approx(SCALED + line)
    several = {"rewards": '["learned", "length_window"]', "reward_uncertainty_penalty": 0}
    assert seconds(**several) - plain == pytest.approx(SCALED)


def test_what_needs_no_reward_is_reckoned_without_one_where_there_is_none():
    config = of("train-policy", algorithm="dpo")
    with_one, without = (
        work_seconds("train-policy", config, replace(FACTS, has_reward=there), 100) for there in (True, False)
    )
    texts = config["dpo"]["prompts_per_step"] * config["dpo"]["samples_per_prompt"]
    looks, held_out = config["dpo"]["steps"] // config["dpo"]["guards"]["held_out_every"] + 2, 16
    read = ((config["dpo"]["steps"] + 1) * texts + 64 + looks * held_out) * READ * 2 / 3
    assert with_one - without == pytest.approx(read + looks * (STEP + held_out * DRAWN))
    assert work_seconds("train-policy", of("train-policy"), replace(FACTS, has_reward=False), 100) == work_seconds(
        "train-policy", of("train-policy"), replace(FACTS, has_reward=True), 100
    )
