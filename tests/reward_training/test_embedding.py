"""Embeddings from the base: means over a text's own tokens, less the mean of its kind, in any batch."""

import numpy as np
import pytest
import torch

from reward_training.embedding import DEPTH, centres_of, embedder
from tiny_models import fresh_tiny, tiny_with_adapters

ZERO = {"request": [0.0], "answer": [0.0]}


def test_a_vector_is_the_mean_over_the_texts_own_tokens():
    model = fresh_tiny()
    [vector] = embedder(model, ZERO)(["the cat sat"], "answer")
    trunk = model.trunk(max(1, round(DEPTH * model.layers)))
    ids = torch.tensor([[trunk.pad_id, *trunk.tokenizer("the cat sat", add_special_tokens=False)["input_ids"]]])
    with torch.no_grad():
        states = trunk.network(input_ids=ids).last_hidden_state[0, 1:]
    assert vector == pytest.approx(states.mean(0).numpy(), abs=1e-5)


def test_a_vector_does_not_depend_on_the_batch_and_no_text_is_zero():
    embed = embedder(fresh_tiny(), ZERO)
    texts = ["one", "", "a longer one " * 40, "?"]
    together = embed(texts, "answer")
    assert together == pytest.approx(np.vstack([embed([text], "answer") for text in texts]), abs=1e-5)
    assert not together[1].any()


def test_the_mean_of_its_kind_is_taken_off():
    model = fresh_tiny()
    requests, answers = ["why so", "what is it"], ["because", "a cat", ""]
    embed = embedder(model, centres_of(model, requests, answers))
    assert embed(requests, "request").mean(0) == pytest.approx(0, abs=1e-6)
    assert embed(answers[:2], "answer").mean(0) == pytest.approx(0, abs=1e-6)
    assert np.abs(embed(requests, "answer").mean(0)).max() > 1e-3


def test_adapters_in_use_do_not_change_it():

    model = tiny_with_adapters()
    embed = embedder(model, ZERO)
    before = embed(["the cat"], "answer")
    with model.adapters.using("policy"):
        assert embed(["the cat"], "answer") == pytest.approx(before)
