"""Time, memory and disk of a run before it starts, against numbers worked by hand."""

import math
from dataclasses import replace

import pytest

from rounds import estimates, estimating
from rounds.estimates import Ended, Facts, estimate
from rounds.settings import KIND_SETTINGS, parse

FACTS = Facts(parameters=135e6, judgments=100, train_prompts=50, holdout_prompts=20, max_new_tokens=64)


def of(kind: str, **overrides: object) -> dict:
    return parse(kind, {key.replace("__", "."): value for key, value in overrides.items()})


def test_a_sample_run_without_history_is_rough_and_counts_its_tokens():
    # 20 pairs and a quarter on top are 25; 2 texts of 64 tokens each: 3,200 tokens of 5 ms are 16 s, and 5 s to start.
    found = estimate("sample", of("sample", pairs=20, holdout_questions=0.25), FACTS)
    assert found.seconds == pytest.approx(21.0)
    assert (found.seconds_low, found.seconds_high) == (10.5, 42.0)
    assert found.runs == []


def test_choosing_from_more_completions_takes_longer_on_training_prompts():
    by_chance = estimate("sample", of("sample", pairs=20, holdout_questions=0.0), FACTS)
    by_rule = estimate("sample", of("sample", pairs=20, holdout_questions=0.0, choosing="margin", choose_from=6), FACTS)
    ranked = estimate("sample", of("sample", pairs=20, holdout_questions=0.0, choosing="margin", candidates=3), FACTS)
    assert by_rule.seconds / by_chance.seconds == pytest.approx(3, rel=0.35)
    assert ranked.seconds < 2 * by_chance.seconds


def test_a_larger_model_takes_longer_and_more_memory():
    large = Facts(parameters=1350e6, judgments=100)
    config = of("sample", pairs=20, holdout_questions=0.25)
    assert estimate("sample", config, large).seconds == pytest.approx(165.0)
    assert estimate("sample", config, large).memory_gb > estimate("sample", config, FACTS).memory_gb + 4


def test_runs_that_ended_are_scaled_by_their_work():
    config = of("sample", pairs=20, holdout_questions=0.25)  # 16 s of work and 5 s to start: 21
    half = of("sample", pairs=7, holdout_questions=0.25)  # 5.6 and 5: 10.6
    found = estimate(
        "sample", config, FACTS, [Ended(3, half, 0, 21.2), Ended(2, half, 0, 10.6), Ended(1, half, 0, 42.4)]
    )
    assert found.seconds == pytest.approx(42.0)  # the median run took twice as long as the rule of thumb says
    assert (found.seconds_low, found.seconds_high) == (21.0, 84.0)
    assert found.runs == [3, 2, 1]


def test_memory_is_the_most_that_such_a_run_took_and_disk_follows_what_it_published():
    config = of("train-policy")
    ended = [Ended(2, config, 0, 10.0, memory_gb=2.5, published_gb=0.01), Ended(1, config, 0, 10.0, memory_gb=3.5)]
    found = estimate("train-policy", config, FACTS, ended)
    assert found.memory_gb == 3.5
    assert found.disk_gb == pytest.approx(0.01 * 13)  # itself, and three checkpoints of four adapters


def test_the_reward_s_time_grows_with_the_judgments_and_the_epochs():
    few = estimates.work_seconds("train-reward", of("train-reward"), FACTS, 100)
    assert estimates.work_seconds("train-reward", of("train-reward"), FACTS, 1000) > 8 * few
    head = estimates.work_seconds("train-reward", of("train-reward", reward__epochs=0), FACTS, 100)
    # (200 + 64) texts of 104 tokens read, two thirds of the layers; then 200 texts trained on.
    assert head == pytest.approx(264 * 104 * 0.001 * 2 / 3)
    assert few == pytest.approx(head + 200 * 104 * 0.003 * 2 / 3)


def test_an_evaluation_draws_no_more_than_there_are_prompts():
    config = of("evaluate", prompts=1000, samples=2, likelihoods=False)
    assert estimates.work_seconds("evaluate", config, FACTS, 0) == pytest.approx(20 * 2 * 2 * 64 * 0.005)


def test_an_evaluation_s_likelihoods_latest_reward_and_blind_texts_count():
    drawn, read = 64 * 0.005, 104 * 0.001  # seconds a text
    config = of("evaluate", prompts=10, samples=2)
    # 10 prompts, 2 policies, 2 texts each: 40; the first of each is read three times for its likelihood.
    assert estimates.work_seconds("evaluate", config, FACTS, 0) == pytest.approx(40 * drawn + 20 * 3 * read)
    rewarded = replace(FACTS, has_reward=True)
    assert estimates.work_seconds("evaluate", config, rewarded, 0) == pytest.approx(40 * drawn + 100 * read)
    # 25 judgments and 5 to spare are 30 pairs of two fresh texts; there are 20 prompts, so each is asked once or twice.
    blind = of("evaluate", prompts=10, samples=2, blind__judgments=25)
    assert estimates.work_seconds("evaluate", blind, rewarded, 0) == pytest.approx(100 * drawn + 100 * read)
    # Three sides make three pairs a turn: ten turns, in each a text of both policies and the best of four of one more.
    best = of("evaluate", prompts=10, samples=2, blind__judgments=25, blind__best_of=("base",))
    assert estimates.work_seconds("evaluate", best, rewarded, 0) == pytest.approx((40 + 60) * drawn + 140 * read)


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
    config = parse(kind, {"file": "x"} if kind == "score" else {})
    found = estimate(kind, config, FACTS)
    assert all(math.isfinite(one) and one > 0 for one in (found.seconds, found.memory_gb, found.disk_gb))


@pytest.mark.parametrize(
    ("base", "parameters"),
    [("tiny:", 2e5), ("bundled:smollm2-135m-instruct", 135e6), ("hub:Qwen/Qwen2.5-0.5B-Instruct", 0.5e9),
     ("hub:HuggingFaceTB/SmolLM2-1.7B", 1.7e9), ("hub:somebody/model", 135e6), ("models/base", 135e6)],
)  # fmt: skip
def test_the_size_of_a_base_is_read_off_its_name(tmp_path, base: str, parameters: float):
    assert estimating.parameters_of(base, tmp_path) == parameters


def test_the_size_of_a_folder_is_read_off_its_weights(tmp_path):
    (tmp_path / "models" / "base").mkdir(parents=True)
    (tmp_path / "models" / "base" / "model.safetensors").write_bytes(b"0" * 4000)
    assert estimating.parameters_of("models/base", tmp_path) == 1000
