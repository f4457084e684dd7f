"""Rewards that leave the house: a module equal to ours where none of our code is, a classifier near it."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from language_models.identity import BaseIdentity
from language_models.model import LanguageModel
from language_models.tiny import END, END_OF_TEXT, tiny_model, tiny_tokenizer
from reward_training.model import RewardModel
from reward_training.portable.agreement import agreement
from reward_training.portable.classifier import classifier_scores, conversation, write_classifier
from reward_training.portable.module import write_module
from reward_training.portable.reward import Reward
from reward_training.portable.ridge import fit_ridge
from reward_training.records import Text
from reward_training.settings import RewardSettings
from tiny_models import fresh_tiny, randomise

WORDS = ["pear,", "plum", "and", "a", "very", "sweet", "melon", "from", "the", "garden", "🙂"]
ALONE = """
import json, sys

class NoneOfOurs:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"reward_training", "language_models", "feedback_store", "rounds"}:
            raise ModuleNotFoundError(f"{name} is not here")

sys.meta_path.insert(0, NoneOfOurs())
sys.path.insert(0, sys.argv[1])
from reward import Reward
asked = json.load(sys.stdin)
reward = Reward(sys.argv[1])
print(json.dumps(reward(asked["prompts"], asked["completions"], finished=asked["finished"], trainer_state=None)))
"""


def texts(count: int) -> list[Text]:
    rng = np.random.default_rng(0)
    return [
        Text(
            [{"role": "system", "content": "Be brief."}, {"role": "user", "content": f"Say {place // 4}"}],
            " ".join(rng.choice(WORDS, size=rng.integers(1, 14))),
            bool(rng.random() < 0.7),
        )
        for place in range(count)
    ]


@pytest.fixture(scope="module")
def model() -> RewardModel:
    return random_reward(fresh_tiny())


def random_reward(base: LanguageModel) -> RewardModel:
    """Adapter, head and scales hold random weights."""
    found = RewardModel.fresh(base, RewardSettings(tokens_per_text=200))
    randomise(found.trunk, "reward", 3)
    generator = torch.Generator().manual_seed(4)
    with torch.no_grad():
        found.head.linear.weight.copy_(torch.randn(1, found.width, generator=generator) / 5)
        found.head.linear.bias.fill_(0.3)
    found.standardise_on(found.all_features(texts(24)))
    found.normalise_on(texts(24))
    return found


def test_a_module_scores_as_we_do_where_none_of_our_code_can_be_imported(model: RewardModel, tmp_path: Path) -> None:
    write_module(model, tmp_path, system_prompt="Be brief.")
    written = Text(texts(1)[0].prompt, f"A walk. {END} more", True)  # a control token that somebody wrote is text
    read = [*texts(12), written, Text(texts(1)[0].prompt, "", True), Text(texts(1)[0].prompt, "long " * 500, False)]
    asked = {
        "prompts": [list(text.prompt) for text in read[:-1]] + [read[-1].prompt[1]["content"]],  # a plain text at last
        "completions": [text.completion for text in read[:-1]] + [[{"role": "assistant", "content": "long " * 500}]],
        "finished": [text.finished for text in read],
    }
    ran = subprocess.run(
        [sys.executable, "-I", "-c", ALONE, tmp_path],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    found = json.loads(ran.stdout.strip().splitlines()[-1])
    assert found == pytest.approx(model.score(read), abs=1e-4)
    assert np.std(found) > 0.1


def test_a_module_reads_as_we_do_where_turns_end_by_another_token_and_no_system_prompt_has_a_place(tmp_path: Path):
    tokenizer = tiny_tokenizer()
    network = tiny_model(tokenizer)
    ends = tokenizer.convert_tokens_to_ids([END_OF_TEXT, END])
    tokenizer.eos_token, network.generation_config.eos_token_id = END_OF_TEXT, ends
    refuses = "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system') }}{% endif %}"
    tokenizer.chat_template = refuses + tokenizer.chat_template
    model = random_reward(LanguageModel(network, tokenizer, BaseIdentity("tiny:", "", "", "")))
    assert model.trunk.end_id == ends[1] != tokenizer.eos_token_id
    write_module(model, tmp_path, system_prompt="Be brief.")
    read = texts(8)
    prompts, said = [text.prompt[1]["content"] for text in read], [text.completion for text in read]
    found = Reward(tmp_path)(prompts, said, [bool(text.finished) for text in read])
    assert found == pytest.approx(model.score(read), abs=1e-4)


def test_a_prompt_without_messages_is_refused_in_words(model: RewardModel, tmp_path: Path) -> None:
    write_module(model, tmp_path, system_prompt=None)
    with pytest.raises(ValueError, match="A prompt has no messages: give a text, or at least one"):
        Reward(tmp_path)([[]], ["x"])


def test_what_is_written_names_theta_and_tokenizer_as_older_programs_do(tmp_path: Path) -> None:
    base = fresh_tiny()
    base.network.config.rope_parameters["rope_theta"] = 5e5
    model, read = random_reward(base), texts(24)
    (tmp_path / "clf").mkdir()
    write_module(model, tmp_path, system_prompt="Be brief.")
    write_classifier(model, read, model.score(read), [str(place) for place in range(24)], tmp_path / "clf")
    for folder in (tmp_path / "base", tmp_path / "clf"):
        assert json.loads((folder / "config.json").read_text())["rope_theta"] == 5e5
        told = json.loads((folder / "tokenizer_config.json").read_text())
        assert told["tokenizer_class"] == "PreTrainedTokenizerFast"


def last_states(model: RewardModel, read: list[Text]) -> torch.Tensor:
    """(N, H) the plain way: the adapter's own network, one conversation at a time."""
    trunk, found = model.trunk, []
    with torch.no_grad(), trunk.adapters.using("reward"):
        for text in read:
            ids = trunk.tokenizer(conversation(trunk.tokenizer, text), add_special_tokens=False, return_tensors="pt")
            found.append(trunk.network(input_ids=ids["input_ids"]).last_hidden_state[0, -1])
    return torch.stack(found)


def test_a_classifier_finds_again_what_it_can_express_and_is_loaded_by_transformers(
    model: RewardModel, tmp_path: Path
) -> None:
    read = texts(100)
    states = last_states(model, read).double().numpy()
    scores = (states - states.mean(0)) @ np.random.default_rng(1).normal(size=states.shape[1])
    fitted = write_classifier(model, read, scores.tolist(), [str(place // 4) for place in range(100)], tmp_path)
    found = np.array(classifier_scores(tmp_path, read)) + fitted["offset"]
    assert np.abs(found - scores).max() < 0.05 * scores.std()
    network = AutoModelForSequenceClassification.from_pretrained(tmp_path)
    assert network.config.num_labels == 1
    assert network.config.num_hidden_layers == model.trunk.layers


def test_a_classifiers_score_of_a_text_does_not_depend_on_what_it_is_padded_with(
    model: RewardModel, tmp_path: Path
) -> None:
    read = texts(24)
    write_classifier(model, read, model.score(read), [str(place) for place in range(24)], tmp_path)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    network = AutoModelForSequenceClassification.from_pretrained(tmp_path).eval()
    alone = []
    with torch.inference_mode():
        for text in read:
            ids = tokenizer(conversation(tokenizer, text), add_special_tokens=False, return_tensors="pt")
            alone.append(network(**ids).logits[0, 0].item())
    assert classifier_scores(tmp_path, read) == pytest.approx(alone, abs=1e-4)


def test_ridge_finds_a_line_and_shrinks_noise() -> None:
    rng = np.random.default_rng(0)
    features, truth = rng.normal(size=(200, 5)), np.array([1.0, -2.0, 0.0, 0.5, 0.0])
    groups = [str(row // 4) for row in range(200)]
    weights, intercept, strength = fit_ridge(features, features @ truth + 3, groups)
    assert weights == pytest.approx(truth, abs=1e-2) and intercept == pytest.approx(3, abs=1e-2)
    _, _, of_noise = fit_ridge(features, rng.normal(size=200), groups)
    assert of_noise > strength
    few, _, strongest = fit_ridge(features[:4], features[:4] @ truth, ["a"] * 4)
    assert strongest > 100 and abs(few).max() < 0.1


def test_a_strength_is_picked_on_groups_that_were_not_fitted() -> None:
    """Rows of a group are alike and tell nothing of other groups: folds of rows would take noise for a finding."""
    rng = np.random.default_rng(0)
    features, targets = (np.repeat(rng.normal(size=(50, *shape)), 4, axis=0) for shape in ((40,), ()))
    groups = [str(row // 4) for row in range(200)]
    _, _, strength = fit_ridge(features, targets, groups)
    _, _, leaked = fit_ridge(features, targets, [str(row) for row in range(200)])
    assert strength >= 10 > 0.1 >= leaked


def test_agreement_counts_pairs_that_both_order_alike() -> None:
    ours, theirs = np.array([1.0, 2.0, 3.0, 4.0]), np.array([1.0, 3.0, 2.0, 4.0])
    found = agreement(ours, theirs, np.array([[0, 1], [1, 2], [3, 2]]), ["second", "first", "tie"])
    assert found["rank_correlation"] == pytest.approx(0.8)
    assert found["pairwise_agreement"] == pytest.approx(2 / 3)
    assert (found["accuracy"], found["its_accuracy"]) == (0.5, 1.0)
    nothing = agreement(ours[:0], theirs[:0], np.zeros((0, 2), dtype=np.int64), [])
    assert nothing["rank_correlation"] is nothing["pairwise_agreement"] is nothing["accuracy"] is None
