"""Reward training on the tiny model: learning, batching, saving, resuming."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from language_models.errors import NonFiniteLoss, WrongBase
from language_models.model import LanguageModel
from reward_training import fine_tuning, training
from reward_training.annotator_settings import AnnotatorSettings
from reward_training.cautious import scorer
from reward_training.ensemble_settings import Combination, EnsembleSettings
from reward_training.likelihood import Likelihood
from reward_training.loss_settings import LossSettings
from reward_training.metrics import Readings, evaluate
from reward_training.model import RewardModel, completion_mean
from reward_training.records import Pair, Text
from reward_training.settings import RewardSettings
from reward_training.training import TooFewPairs, TrainedReward, _cross_fitted, figures, train
from tiny_models import fresh_tiny, randomise

SETTINGS = RewardSettings(epochs=2, learning_rate=3e-3, pairs_per_step=8, tokens_per_batch=800)


def text(rng: np.random.Generator, commas: int) -> Text:
    parts = ["".join(rng.choice(list("abcdefgh"), size=3)) for _ in range(4)]
    joined = "".join(part + (", " if index < commas else " ") for index, part in enumerate(parts))
    return Text([{"role": "user", "content": f"prompt {rng.integers(5)}"}], joined.strip(), True)


def pairs_that_like_commas(count: int, seed: int, holdout: bool = False) -> list[Pair]:
    rng = np.random.default_rng(seed)
    pairs = []
    for index in range(count):
        fewer, more = sorted(rng.choice(4, size=2, replace=False))
        first, second, outcome = text(rng, more), text(rng, fewer), "first"
        if rng.random() < 0.5:
            first, second, outcome = second, first, "second"
        pairs.append(Pair(first, second, outcome, f"{seed}-{index}", holdout))  # type: ignore[arg-type]
    return pairs


@pytest.fixture(scope="module")
def base() -> LanguageModel:
    return fresh_tiny()


@pytest.fixture(scope="module")
def trained(base: LanguageModel, tmp_path_factory: pytest.TempPathFactory) -> TrainedReward:
    pairs = pairs_that_like_commas(60, 0) + pairs_that_like_commas(40, 1, holdout=True)
    reference = [pair.first for pair in pairs_that_like_commas(40, 2)]
    return train(
        base, pairs, reference, SETTINGS, checkpoint_folder=tmp_path_factory.mktemp("c"), on_step=lambda _: None
    )


JUDGED = pairs_that_like_commas(60, 0)
PLAIN = [text(np.random.default_rng([9, place]), 0) for place in range(20)]  # none of what people like


@pytest.fixture(scope="module")
def with_ensemble(base: LanguageModel, tmp_path_factory: pytest.TempPathFactory) -> tuple[TrainedReward, Path]:
    """A reward with five more heads, and its folder."""
    folder = tmp_path_factory.mktemp("ensemble")
    settings = SETTINGS.model_copy(update={"epochs": 0, "ensemble": EnsembleSettings(members=5)})
    found = train(base, JUDGED, PLAIN, settings, checkpoint_folder=folder, on_step=lambda _: None)
    (folder / "reward").mkdir()
    found.save(folder / "reward")
    return found, folder / "reward"


def of(model: RewardModel, pairs: Sequence[Pair]) -> dict[str, Any]:
    """All figures of a trained reward on pairs, which it reads."""
    return evaluate(training._read(model, pairs, model.all_features), model.log_nu)


def test_a_taste_that_can_be_read_off_the_text_is_learned_on_unseen_prompts(trained: TrainedReward) -> None:
    holdout = trained.report["holdout"]
    assert holdout["pairs"] == 40
    assert holdout["accuracy"] >= 0.9
    assert holdout["accuracy_low"] > 0.5
    assert holdout["log_loss"] < np.log(2)
    crossed = trained.report["cross_fitted"]
    assert (crossed["pairs"], trained.cross_fitted.rows.tolist()) == (100, list(range(100)))
    assert crossed["accuracy"] >= 0.85
    assert 0.2 < trained.report["temperature"] < 5
    assert trained.report["ceiling"]["ceiling"] is None  # nobody knows who said it


def test_a_text_is_read_once_before_and_once_after_however_many_criteria_ask_for_it(
    base: LanguageModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pairs = [
        replace(pair, criteria=dict.fromkeys(("brief", "kind", "true"), pair.outcome))
        for pair in pairs_that_like_commas(12, 0) + pairs_that_like_commas(6, 1, holdout=True)
    ]
    read: Counter[int] = Counter()
    real = RewardModel.all_features

    def counted(model: RewardModel, texts: Sequence[Text]) -> Any:
        read.update(map(id, texts))
        return real(model, texts)

    monkeypatch.setattr(RewardModel, "all_features", counted)
    settings = SETTINGS.model_copy(update={"epochs": 0})
    found = train(base, pairs, [], settings, checkpoint_folder=tmp_path, on_step=lambda _: None)
    assert set(found.report["criteria"]) == {"brief", "kind", "true"}
    times = {pair.holdout: {read[id(pair.first)], read[id(pair.second)]} for pair in pairs}
    assert times == {False: {2}, True: {1}}


def test_pairs_that_were_picked_train_but_are_no_sample_to_measure_on() -> None:
    pairs = [
        Pair(pair.first, pair.second, pair.outcome, pair.group, place >= 8, at_random=place % 2 == 0)
        for place, pair in enumerate(pairs_that_like_commas(12, 0))
    ]
    outside = np.arange(1.0, 9.0)
    holdout = Readings(np.array([9.0, 11.0]), np.ones((2, 2)), np.zeros(2, dtype=np.int64), ["g"] * 2)
    model = SimpleNamespace(log_nu=-1.0)
    held_out = np.array([8, 10])
    found = _cross_fitted(model, pairs, pairs[:8], outside, held_out, holdout)  # type: ignore[arg-type]
    assert found.rows.tolist() == [0, 2, 4, 6, 8, 10]
    assert found.readings.differences[-2:].tolist() == [9.0, 11.0]
    alone = _cross_fitted(model, pairs, pairs[:8], None, held_out, holdout)  # type: ignore[arg-type]
    assert alone.rows.tolist() == [8, 10]


def test_held_out_pairs_that_were_picked_are_in_no_figure(base: LanguageModel, tmp_path: Path) -> None:
    pairs = [replace(pair, criteria={"brief": pair.outcome}) for pair in pairs_that_like_commas(24, 0)]
    held_out = [
        replace(pair, criteria={"brief": pair.outcome}, at_random=place % 3 > 0)
        for place, pair in enumerate(pairs_that_like_commas(9, 1, holdout=True))
    ]
    settings = SETTINGS.model_copy(update={"epochs": 0})
    found, without = (
        train(base, [*pairs, *shown], [], settings, checkpoint_folder=tmp_path, on_step=lambda _: None)
        for shown in (held_out, [pair for pair in held_out if pair.at_random])
    )
    assert found.report["holdout"]["pairs"] == len(found.holdout.differences) == 6
    assert found.holdout_rows.tolist() == [24 + place for place in range(9) if place % 3 > 0]
    assert found.report == without.report


def test_head_folds_adapter_and_posterior_know_what_is_known_of_people(
    base: LanguageModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: dict[str, list[Any]] = {"posterior_around": [], "fit_head": [], "davidson": []}
    for name, seen in given.items():
        owner = fine_tuning if name == "davidson" else training
        monkeypatch.setattr(owner, name, partial(_noted, seen, getattr(owner, name)))
    pairs = [
        replace(pair, annotator="left", first_on_left=place % 2 == 0, outcome="second" if place % 2 else "first")
        for place, pair in enumerate(pairs_that_like_commas(40, 3))
    ]
    settings = SETTINGS.model_copy(update={"epochs": 1, "pairs_per_step": 40})
    train(base, pairs, [], settings, checkpoint_folder=tmp_path, on_step=lambda _: None)
    [((_, _, _, _, (_, _, outcomes, weights, side_bias), _), _)] = given["posterior_around"]
    assert outcomes.tolist() == [0, 2] * 20 and weights.max() < 1
    assert (side_bias[::2] > 0.2).all() and side_bias[1::2].tolist() == (-side_bias[::2]).tolist()
    (head, more), *folds = given["fit_head"]
    assert head[2].tolist() == weights.tolist() and more["side_bias"].tolist() == side_bias.tolist()
    assert len(folds) == 5 and all(set(more["side_bias"]) == set(side_bias) for _, more in folds)
    steps = [part for part, _ in given["davidson"]]
    assert sorted(one for part in steps for one in part[2]) == sorted(weights)
    assert sorted(one for part in steps for one in part[4]) == sorted(side_bias)


def _noted(seen: list[Any], real: Callable[..., Any], *args: Any, **more: Any) -> Any:
    seen.append((args, more))
    return real(*args, **more)


def test_a_text_that_was_cut_off_is_read_without_an_end(trained: TrainedReward) -> None:
    prompt = [{"role": "user", "content": "Hi"}]
    read = {
        finished: float(trained.model.all_features([Text(prompt, "ab", finished)])[0, -1].exp())
        for finished in (True, False, None)
    }
    assert read == {True: pytest.approx(3), False: pytest.approx(2), None: pytest.approx(3)}  # two bytes, and the EOS


def test_permuted_labels_teach_nothing(base: LanguageModel, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    pairs = [
        Pair(pair.first, pair.second, str(rng.choice(["first", "second"])), pair.group, False)  # type: ignore[arg-type]
        for pair in pairs_that_like_commas(60, 0)
    ]
    result = train(base, pairs, [], SETTINGS, checkpoint_folder=tmp_path, on_step=lambda _: None)
    unseen = pairs_that_like_commas(60, 1)
    found = of(result.model, unseen)
    assert found["accuracy"] < 0.8
    texts = [text for pair in unseen for text in (pair.first, pair.second)]
    scores = dict(zip(map(id, texts), result.model.score(texts), strict=True))
    known = figures(result.model, unseen, scores)  # what was scored already is not read again
    assert (known["accuracy"], known["log_loss"]) == pytest.approx((found["accuracy"], found["log_loss"]), abs=1e-5)


def test_features_that_are_kept_train_the_reward_that_computed_ones_train(base: LanguageModel, tmp_path: Path) -> None:
    pairs = pairs_that_like_commas(30, 0)
    kept: list[int] = []

    def features_of(model: RewardModel, texts: Sequence[Text]) -> np.ndarray:
        kept.append(len(texts))
        return model.all_features(texts).numpy()

    results = []
    for name, given in (("computed", None), ("kept", features_of)):
        (tmp_path / name).mkdir()
        results.append(
            train(
                base, pairs, [], SETTINGS, checkpoint_folder=tmp_path / name, on_step=lambda _: None, features_of=given
            )
        )
    assert kept == [60]
    texts = [pair.first for pair in pairs_that_like_commas(20, 5)]
    assert results[1].model.score(texts) == results[0].model.score(texts)


def test_what_the_reward_does_not_know_is_taken_off_its_scores(trained: TrainedReward, tmp_path: Path) -> None:
    trained.save(tmp_path)
    texts = [pair.first for pair in pairs_that_like_commas(12, 4)]
    own = np.array(trained.model.score(texts))
    careful = np.array(scorer(trained.model, tmp_path, "head", 1.0)(texts))
    twice = np.array(scorer(trained.model, tmp_path, "head", 2.0)(texts))
    assert (careful < own).all()
    assert twice - own == pytest.approx(2 * (careful - own), abs=1e-4)
    assert scorer(trained.model, tmp_path, "head", 0.0)(texts) == own.tolist()
    assert scorer(trained.model, tmp_path, "head", 1.0)([]) == []
    with pytest.raises(ValueError, match="trained without further heads"):
        scorer(trained.model, tmp_path, "worst", 0.0)


def test_the_zero_of_an_ensemble_is_that_of_the_reward(with_ensemble: tuple[TrainedReward, Path]) -> None:
    found, folder = with_ensemble
    judged = np.mean(found.model.score([one for pair in JUDGED for one in (pair.first, pair.second)]))
    assert judged > 3, "people saw better texts than the reference writes"
    combinations: tuple[Combination, ...] = ("mean", "worst")
    for combination in combinations:
        scores = scorer(found.model, folder, combination, 0.0)
        assert abs(np.mean(scores(PLAIN))) < judged / 4


@pytest.mark.parametrize("combination", ["head", "mean", "worst", "mean-minus-variance"])
def test_what_is_taken_off_a_score_is_the_same_at_any_batch_size_and_order(
    with_ensemble: tuple[TrainedReward, Path], combination: Combination
) -> None:
    found, folder = with_ensemble
    texts = [pair.first for pair in pairs_that_like_commas(8, 4)]
    score = scorer(found.model, folder, combination, 1.0)
    together = score(texts)
    assert together == pytest.approx([score([one])[0] for one in texts], abs=1e-3)
    assert together == pytest.approx(score(texts[::-1])[::-1], abs=1e-3)
    assert np.std(np.array(together) - found.model.score(texts)) > 0.05


def test_scores_are_normalised_on_the_reference_samples(trained: TrainedReward) -> None:
    scores = np.array(trained.model.score([pair.first for pair in pairs_that_like_commas(40, 2)]))
    assert scores.mean() == pytest.approx(0, abs=1e-4)
    assert scores.std(ddof=1) == pytest.approx(1, abs=1e-4)


def test_a_score_is_the_same_at_any_batch_size_and_order(trained: TrainedReward) -> None:
    texts = [pair.first for pair in pairs_that_like_commas(12, 4)]
    randomise(trained.model.trunk, "reward", 1)
    together = trained.model.score(texts)
    assert together == pytest.approx([trained.model.score([one])[0] for one in texts], abs=1e-4)
    assert together == pytest.approx(trained.model.score(texts[::-1])[::-1], abs=1e-4)
    assert np.std(together) > 0.01


def test_only_the_completions_real_tokens_are_averaged() -> None:
    states = torch.tensor([[[9.0], [9.0], [1.0], [3.0]], [[9.0], [9.0], [5.0], [7.0]]])
    mask = torch.tensor([[True, True], [True, False]])
    assert completion_mean(states, mask).tolist() == [[2.0], [5.0]]


def test_the_features_are_words_states_and_length(trained: TrainedReward) -> None:
    model = trained.model
    features = model.all_features([Text([{"role": "user", "content": "Hi"}], "ab", True)])[0]
    ids = torch.tensor(model.trunk.completion_tokens("ab", finished=True))
    embeddings = model.trunk.network.get_input_embeddings().weight[ids]
    width = model.trunk.hidden_size
    torch.testing.assert_close(features[:width], embeddings.mean(0).detach())
    assert features[-1].item() == pytest.approx(np.log(3))  # two bytes and the EOS
    assert len(features) == model.width == 2 * width + 1


def test_a_saved_reward_comes_back_bit_equal_and_refuses_another_base(
    base: LanguageModel, trained: TrainedReward, tmp_path: Path
) -> None:
    trained.model.save(tmp_path)
    texts = [pair.first for pair in pairs_that_like_commas(12, 4)]
    back = RewardModel.load(base, tmp_path)
    assert back.score(texts) == trained.model.score(texts)
    assert back.log_nu == trained.model.log_nu != 0
    other = fresh_tiny()
    other.identity = type(other.identity)("hub:other", "other weights", "", "")
    with pytest.raises(WrongBase, match="hub:other"):
        RewardModel.load(other, tmp_path)


def test_training_the_reward_leaves_the_base_and_the_policys_adapter_alone(base: LanguageModel, tmp_path: Path) -> None:
    model = fresh_tiny()
    before = {name: parameter.clone() for name, parameter in model.network.named_parameters()}
    result = train(
        model, pairs_that_like_commas(16, 0), [], SETTINGS, checkpoint_folder=tmp_path, on_step=lambda _: None
    )
    assert all(torch.equal(before[name], parameter) for name, parameter in model.network.named_parameters())
    changed = [
        parameter.abs().sum() > 0
        for name, parameter in result.model.trunk.adapters.parameters("reward").items()
        if "lora_B" in name
    ]
    assert all(changed)


def test_a_run_cut_at_any_step_ends_bit_equal_to_an_uncut_one(base: LanguageModel, tmp_path: Path) -> None:
    pairs = pairs_that_like_commas(24, 0)

    class Cut(Exception):
        pass

    def run(folder: Path, cut_at: int | None) -> TrainedReward:
        def on_step(report: dict[str, Any]) -> None:
            if report["done"] == cut_at:
                raise Cut

        return train(base, pairs, [], SETTINGS, checkpoint_folder=folder, on_step=on_step)

    uncut = run(tmp_path / "uncut", None)
    texts = [pair.first for pair in pairs]
    for cut_at in (1, 4, 5):
        with pytest.raises(Cut):
            run(tmp_path / str(cut_at), cut_at)
        assert run(tmp_path / str(cut_at), None).model.score(texts) == uncut.model.score(texts)


def test_reading_after_the_last_step_can_be_stopped_and_loses_no_step(
    base: LanguageModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "READ_AT_ONCE", 10)
    pairs, told = pairs_that_like_commas(24, 0), list[dict[str, Any]]()

    def stopped(report: dict[str, Any]) -> None:
        told.append(report)
        if report["stage"] == "reading" and report["done"] >= 20:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        train(base, pairs, [], SETTINGS, checkpoint_folder=tmp_path, on_step=stopped)
    assert [report["done"] for report in told if report["stage"] == "reading"] == [10, 20]
    last = next(report for report in reversed(told) if report["stage"] == "adapter")
    assert last["done"] == last["steps"]
    rest: list[dict[str, Any]] = []
    train(base, pairs, [], SETTINGS, checkpoint_folder=tmp_path, on_step=rest.append)
    adapter = [report for report in rest if report["stage"] == "adapter"]
    assert adapter == [last], "told once more, for a kill may have come before it was written down"


def test_one_judgment_is_too_few_and_says_so(base: LanguageModel, tmp_path: Path) -> None:
    with pytest.raises(TooFewPairs, match="at least 2"):
        train(base, pairs_that_like_commas(1, 0), [], SETTINGS, checkpoint_folder=tmp_path, on_step=lambda _: None)


def pairs_of_four_people(count: int) -> list[Pair]:
    """The last of four people says the opposite."""
    turned = {"first": "second", "second": "first"}
    pairs = pairs_that_like_commas(count, 5)
    return [
        replace(
            pair,
            annotator=str(place % 4),
            outcome=turned[pair.outcome] if place % 4 == 3 else pair.outcome,
            first_on_left=place % 8 < 4,
            strength=1 + place % 3,
        )
        for place, pair in enumerate(pairs)
    ]


def test_who_can_be_relied_on_is_learned_with_the_reward_and_reported(base: LanguageModel, tmp_path: Path) -> None:
    pairs, unseen = pairs_of_four_people(120), pairs_that_like_commas(80, 6)
    settings = SETTINGS.model_copy(update={"epochs": 0})
    off = settings.model_copy(update={"annotators": AnnotatorSettings(enabled=False)})
    weighed, plain = (
        train(base, pairs, [], one, checkpoint_folder=tmp_path / name, on_step=lambda _: None)
        for name, one in (("on", settings), ("off", off))
    )
    people = weighed.report["people"]["people"]
    assert set(people) == {"0", "1", "2", "3"} and people["3"]["answers"] == 30
    assert people["3"]["reliability"]["high"] < min(people[name]["reliability"]["value"] for name in "012")
    assert plain.report["people"] == {"enabled": False, "people": {}}
    assert of(weighed.model, unseen)["accuracy"] >= of(plain.model, unseen)["accuracy"]


def test_both_bad_pulls_below_the_reference_samples_through_head_and_adapter(
    base: LanguageModel, tmp_path: Path
) -> None:
    draw = np.random.default_rng(8)
    bad = [text(draw, 3) for _ in range(8)]
    pairs = [
        Pair(one, other, "tie", one.completion, False, both_bad=True)
        for one, other in zip(bad[::2], bad[1::2], strict=True)
    ]
    pairs += pairs_that_like_commas(24, 7)
    reference = [text(draw, 1) for _ in range(8)]

    def gap(weight: float) -> float:
        """How far they are above the reference samples; they have the commas that are liked."""
        settings = SETTINGS.model_copy(update={"loss": LossSettings(both_bad=weight), "epochs": 1})
        folder = tmp_path / str(weight)
        model = train(base, pairs, reference, settings, checkpoint_folder=folder, on_step=lambda _: None).model
        return float((model.raw_scores(bad).mean() - model.raw_scores(reference).mean()).item())

    plain = gap(0.0)
    assert plain > 0 and gap(2.0) < plain / 2


def test_answers_that_contradict_one_another_leave_scores_as_they_are(base: LanguageModel, tmp_path: Path) -> None:
    """The head is 0: divided by what is left of its spread, doubt came to twenty million."""
    draw = np.random.default_rng(8)
    texts = [text(draw, place % 4) for place in range(12)]
    told = list(zip(texts[::2], texts[1::2], strict=True)) * 2
    pairs = [
        Pair(first, second, "first" if place < 6 else "second", str(place % 6), False)
        for place, (first, second) in enumerate(told)
    ]
    pairs = [replace(pair, criteria={"kind": pair.outcome}) for pair in pairs]
    reference = [text(draw, 1) for _ in range(8)]
    trained = train(base, pairs, reference, SETTINGS, checkpoint_folder=tmp_path, on_step=lambda _: None)
    assert (trained.model.sd, trained.report["reference_sd"], trained.report["reference_varies"]) == (1.0, 1.0, False)
    assert trained.criteria.sd == 1.0
    trained.save(tmp_path)
    cautious = scorer(trained.model, tmp_path, "head", 1.0)(reference)
    assert max(map(abs, trained.model.score(reference))) < 1e-3 and max(map(abs, cautious)) < 100


def test_the_prior_of_the_posterior_is_the_one_of_the_fit_with_what_both_bad_says(
    base: LanguageModel, tmp_path: Path
) -> None:
    """A pair that is both bad weighs a quarter for each text besides: 1.5 in place of 1."""
    draw = np.random.default_rng(8)
    settings = SETTINGS.model_copy(update={"epochs": 0, "annotators": AnnotatorSettings(enabled=False)})
    pairs = [Pair(text(draw, 3), text(draw, 0), "tie", str(place), False, both_bad=True) for place in range(12)]
    reference = [text(draw, 1) for _ in range(8)]
    trained = train(base, pairs, reference, settings, checkpoint_folder=tmp_path, on_step=lambda _: None)
    ridge = trained.report["head_l2"] * trained.model.width * trained.report["temperature"] ** 2
    assert trained.posterior.posterior.precision == pytest.approx(1.5 * 12 * ridge)


def with_losses_that_are_no_number(monkeypatch: pytest.MonkeyPatch, steps: Sequence[int]) -> list[bool]:
    """Some steps (0, 1, ...) of the adapter have such a loss; which of them changed the adapter, step by step."""
    real, changed = fine_tuning._step, list[bool]()

    def no_number(differences: np.ndarray, *_: Any, **__: Any) -> Likelihood:
        return Likelihood(float("nan"), np.full(len(differences), np.nan), 0.0)

    def spoilt(model: RewardModel, *more: Any) -> float | None:
        before = {name: value.clone() for name, value in model.trunk.adapters.state("reward").items()}
        with pytest.MonkeyPatch.context() as patch:
            if len(changed) in steps:
                patch.setattr(fine_tuning, "davidson", no_number)
            found = real(model, *more)
        after = model.trunk.adapters.state("reward")
        changed.append(any(not torch.equal(before[name], value) for name, value in after.items()))
        return found

    monkeypatch.setattr(fine_tuning, "_step", spoilt)
    return changed


def test_a_step_of_the_adapter_whose_loss_is_no_number_changes_nothing_and_is_told(
    base: LanguageModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed = with_losses_that_are_no_number(monkeypatch, (1, 2, 4, 5))
    told: list[dict[str, Any]] = []
    found = train(base, pairs_that_like_commas(24, 0), [], SETTINGS, checkpoint_folder=tmp_path, on_step=told.append)
    assert changed == [True, False, False, True, False, False]
    adapter = [report for report in told if report["stage"] == "adapter"]
    assert [report["skipped_steps"] for report in adapter] == [0, 1, 1, 0, 1, 1]
    assert found.report["skipped_steps"] == 4
    assert ["loss" in report for report in adapter] == changed
    assert np.isfinite(found.model.score([pair.first for pair in pairs_that_like_commas(4, 1)])).all()


def test_an_adapter_that_is_broken_near_the_end_fails_in_words_of_ours(
    base: LanguageModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, losses = fine_tuning._step, list[float | None]()

    def breaks_it(model: RewardModel, *more: Any) -> float | None:
        losses.append(real(model, *more))
        if len(losses) == 4:  # two steps are left, and it takes three to fail there
            with torch.no_grad():
                for parameter in model.trunk.adapters.parameters(model.adapter).values():
                    parameter.fill_(1e30)
        return losses[-1]

    monkeypatch.setattr(fine_tuning, "_step", breaks_it)
    with pytest.raises(NonFiniteLoss, match=r"not finite.*lower learning rate"):
        train(base, JUDGED[:24], PLAIN, SETTINGS, checkpoint_folder=tmp_path, on_step=lambda _: None)
    assert [loss is None for loss in losses] == [False] * 4 + [True] * 2


def test_a_gradient_that_is_no_number_is_skipped_where_its_loss_is_one(
    base: LanguageModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.nn.utils, "clip_grad_norm_", lambda *_: torch.tensor(float("inf")))
    with pytest.raises(NonFiniteLoss, match="3 times in a row"):
        train(base, pairs_that_like_commas(24, 0), [], SETTINGS, checkpoint_folder=tmp_path, on_step=lambda _: None)


def test_three_such_steps_in_a_row_fail_with_adapter_and_texts_saved_also_across_a_cut(
    base: LanguageModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fine_tuning, "CHECKPOINT_EVERY", 1)
    changed = with_losses_that_are_no_number(monkeypatch, range(3))

    def cut_after_two(report: dict[str, Any]) -> None:
        if report["done"] == 2:
            raise KeyboardInterrupt

    pairs = pairs_that_like_commas(24, 0)
    with pytest.raises(KeyboardInterrupt):
        train(base, pairs, [], SETTINGS, checkpoint_folder=tmp_path, on_step=cut_after_two)
    with pytest.raises(NonFiniteLoss, match=r"3 times in a row.*lower learning rate"):
        train(base, pairs, [], SETTINGS, checkpoint_folder=tmp_path, on_step=lambda _: None)
    assert changed == [False] * 3
    saved = load_file(tmp_path / "non-finite.safetensors")
    assert saved["input_ids.0"].numel() > 0 and any("lora_B" in name for name in saved)


def test_steps_of_the_adapter_are_clipped_and_their_rate_falls_on_a_line_to_nothing(
    base: LanguageModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, rates, norms = fine_tuning._step, list[float](), list[float]()

    def looked_at(*given: Any) -> float | None:
        *_, parameters, optimizer, _ = given
        [group] = optimizer.param_groups
        assert group["eps"] == 1e-5
        loss = real(*given)
        rates.append(group["lr"])
        norms.append(float(torch.stack([one.grad.norm() for one in parameters]).norm()))
        return loss

    monkeypatch.setattr(fine_tuning, "_step", looked_at)
    settings = SETTINGS.model_copy(update={"max_grad_norm": 1e-3})
    train(base, pairs_that_like_commas(24, 0), [], settings, checkpoint_folder=tmp_path, on_step=lambda _: None)
    assert rates == pytest.approx([3e-3 * (1 - step / 6) for step in range(6)])
    assert norms == pytest.approx([1e-3] * 6, rel=1e-3)
