"""What is kept is not computed again, what is missing is filled in, what people wrote themselves is not kept."""

from collections.abc import Iterator, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from feedback_store import features, policies, runs
from feedback_store.database import Database
from reward_training.records import Text
from reward_training.settings import RewardSettings
from rounds import computing_features
from rounds.computing_features import features_of
from rounds.kept_features import key_of, set_name


class CountingModel:
    """Features of a text: its length and how many vowels it has."""

    width = 2

    def __init__(self) -> None:
        self.asked: list[str] = []

    def all_features(self, texts: Sequence[Text]) -> torch.Tensor:
        self.asked += [text.completion for text in texts]
        return torch.tensor([[len(one.completion), sum(map(one.completion.count, "aeiou"))] for one in texts]).float()


def text(words: str, finished: bool | None = True) -> Text:
    return Text([{"role": "user", "content": "Say it."}], words, finished)


@pytest.fixture
def context(tmp_path) -> Iterator[Any]:
    with Database.create(tmp_path / "study") as db:
        policies.add_base(db, source="tiny:", sha256="a" * 64, tokenizer_sha256="b" * 64, template_sha256="c" * 64)
        runs.enqueue(db, "train-reward", {})
        yield SimpleNamespace(db=db, lease=runs.claim(db, "worker", lease_seconds=60), check=lambda: None)


def told(context: Any, model: CountingModel, texts: list[Text], keep: set[str]) -> np.ndarray:
    return features_of(context, model, texts, RewardSettings(), keep)  # type: ignore[arg-type]


def test_a_study_without_features_gets_what_is_missing_and_nothing_is_computed_twice(context):
    texts = [text("one"), text("three"), text("one"), text("seventeen")]
    keys, model = {key_of(one) for one in texts}, CountingModel()
    first = told(context, model, texts[:2], keys)
    assert first.tolist() == [[3, 2], [5, 2]]
    assert told(context, model, texts, keys).tolist() == [[3, 2], [5, 2], [3, 2], [9, 4]]
    assert model.asked == ["one", "three", "seventeen"]
    assert told(context, model, [], keys).shape == (0, 2)


def test_what_a_person_wrote_is_computed_each_time_and_never_kept(context):
    model, own, edit = CountingModel(), text("by a model"), text("by a person")
    for _ in range(2):
        assert len(told(context, model, [own, edit], {key_of(own)})) == 2
    assert model.asked == ["by a model", "by a person", "by a person"]
    assert context.db.value("SELECT COUNT(*) FROM text_features") == 1


def test_a_cut_run_goes_on_at_the_next_chunk(context, monkeypatch):
    monkeypatch.setattr(computing_features, "CHUNK", 2)
    texts = [text(f"text {number}") for number in range(5)]
    keys, model = {key_of(one) for one in texts}, CountingModel()
    context.check = lambda: (_ for _ in ()).throw(KeyboardInterrupt)
    with pytest.raises(KeyboardInterrupt):
        told(context, model, texts, keys)
    context.check = lambda: None
    told(context, model, texts, keys)
    assert model.asked == [f"text {number}" for number in range(5)]


def test_other_settings_another_base_and_another_end_are_other_features(context):
    names = [set_name(context.db), set_name(context.db, RewardSettings(depth=0.5))]
    assert len(set(names)) == 2
    assert set_name(context.db, RewardSettings(epochs=5)) == names[0]
    assert len({key_of(text("a", True)), key_of(text("a", False)), key_of(text("b"))}) == 3
    assert key_of(text("a", None)) == key_of(text("a", True))


def test_a_study_without_a_base_has_no_set(tmp_path):
    with Database.create(tmp_path / "new") as db:
        assert set_name(db) is None
        assert features.get(db, "any", []) == {}
