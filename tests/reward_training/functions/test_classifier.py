"""A classifier from elsewhere as a reward: the scores of transformers in any batch; what may not be used is refused."""

import json
import math
import shutil

import pytest
import torch
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    BertConfig,
    LlamaConfig,
    RobertaConfig,
)

from language_models.tiny import tiny_tokenizer
from reward_training import function_registry
from reward_training.functions import classifier
from reward_training.reward_function import Given, RewardFunctionError
from tests.reward_training.functions.given import asked

PROMPTS = [asked("Why?"), asked("What is the capital of France?"), asked("Say it.")]
TEXTS = ["Because.", "Paris is the capital, as far as I know, and has been for long.", ""]


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A folder that holds the classifier `toy`."""
    folder = tmp_path_factory.mktemp("models")
    save(folder / "toy", labels=1)
    return folder


def save(folder, labels):
    tokenizer = tiny_tokenizer()
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        initializer_range=0.5,
        pad_token_id=tokenizer.pad_token_id,
        num_labels=labels,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = AutoModelForSequenceClassification.from_config(config)
    network.save_pretrained(folder, safe_serialization=True)
    tokenizer.save_pretrained(folder)


def built(study, **settings):
    parsed = function_registry.parse_settings("classifier", {"name": "toy", **settings})
    return function_registry.build("classifier", parsed, Given(folder=lambda name: study / name))


def test_scores_are_those_of_transformers_in_any_batch(study):
    network = AutoModelForSequenceClassification.from_pretrained(study / "toy")
    tokenizer = tiny_tokenizer()
    expected = []
    for prompt, text in zip(PROMPTS, TEXTS, strict=True):
        turns = [*prompt, {"role": "assistant", "content": text}]
        ids = tokenizer.apply_chat_template(turns, return_dict=False)
        with torch.no_grad():
            expected.append(float(network(input_ids=torch.tensor([ids])).logits[0, 0]))
    assert len({round(score, 3) for score in expected}) == 3
    for size in (1, 2, 8):
        assert built(study, batch_size=size)(PROMPTS, TEXTS) == pytest.approx(expected, abs=1e-5)


def test_of_a_long_text_the_end_is_read(study):
    reward = built(study, longest=16)
    [one, other] = reward(PROMPTS[:2], ["word " * 5000 + "the end", "words " * 3 + "word " * 5000 + "the end"])
    assert one == pytest.approx(other, abs=1e-5)


def test_what_may_not_be_used_is_refused(study, tmp_path):
    def refused(words, change):
        folder = tmp_path / "toy"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(study / "toy", folder)
        change(folder)
        with pytest.raises(RewardFunctionError, match=words):
            built(tmp_path)

    def config(**values):
        def change(folder):
            path = folder / "config.json"
            path.write_text(json.dumps({**json.loads(path.read_text()), **values}))

        return change

    def pickled(folder):
        (folder / "model.safetensors").rename(folder / "pytorch_model.bin")

    def without_head(folder):
        from safetensors.torch import load_file, save_file

        kept = {key: value for key, value in load_file(folder / "model.safetensors").items() if "score" not in key}
        save_file(kept, folder / "model.safetensors", metadata={"format": "pt"})

    refused("holds no .*safetensors", pickled)
    refused("brings code of its own", config(auto_map={"AutoConfig": "evil.Config"}))
    refused("no config.json that can be read", lambda folder: (folder / "config.json").write_text("{"))
    refused("weights of toy lack score.weight", without_head)
    refused("cannot be loaded", config(model_type="nothing_known"))
    refused("has 3 outputs; a reward has one", lambda folder: (shutil.rmtree(folder), save(folder, labels=3)))
    with pytest.raises(RewardFunctionError, match=r"name = '\.\./toy' is not allowed"):
        function_registry.parse_settings("classifier", {"name": "../toy"})


def test_a_tokenizer_without_a_pad_token_reads_text_by_text(study, tmp_path):
    shutil.copytree(study / "toy", tmp_path / "toy")
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "toy")
    tokenizer.pad_token = None
    tokenizer.save_pretrained(tmp_path / "toy")
    assert AutoTokenizer.from_pretrained(tmp_path / "toy").pad_token is None
    assert built(tmp_path)(PROMPTS, TEXTS) == pytest.approx(built(study)(PROMPTS, TEXTS), abs=1e-5)


def test_an_encoder_keeps_its_first_token_and_never_reads_past_its_places(tmp_path):
    tokenizer = tiny_tokenizer()
    tokenizer.chat_template = None
    tokenizer.add_special_tokens({"cls_token": tokenizer.eos_token})
    config = BertConfig(
        vocab_size=len(tokenizer), hidden_size=16, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2,
        max_position_embeddings=24, pad_token_id=tokenizer.pad_token_id, num_labels=1,
    )  # fmt: skip
    AutoModelForSequenceClassification.from_config(config).save_pretrained(tmp_path / "toy")
    tokenizer.save_pretrained(tmp_path / "toy")
    long = [asked("word " * 200)]
    assert all(map(math.isfinite, built(tmp_path)(long, ["An end."])))
    assert built(tmp_path)(long, ["An end."]) == built(tmp_path)([asked("other " + "word " * 199)], ["An end."])
    first = tokenizer.cls_token_id
    assert classifier.cut(tokenizer, [first, 3, 4, 5, 6], 3) == [first, 5, 6]
    assert classifier.cut(tokenizer, [3, 4, 5, 6], 3) == [4, 5, 6]
    assert classifier.cut(tokenizer, [first, 3], 3) == [first, 3]
    assert classifier.positions(RobertaConfig(max_position_embeddings=514, pad_token_id=1)) == 512
    assert classifier.positions(config) == 24
