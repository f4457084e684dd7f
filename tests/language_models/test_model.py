"""Tokens, masks, positions, log-probs (correctness of the model side of training)."""

import json
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, Phi3Config

from language_models import folders
from language_models.batches import collate, shared_prompt_batches
from language_models.errors import UnknownModel
from language_models.heads import ScalarHead
from language_models.identity import BaseIdentity
from language_models.log_probs import completion_pass
from language_models.model import LanguageModel
from language_models.settings import LoraSettings
from language_models.sources import parse
from language_models.tiny import END, END_OF_TEXT, START, TEMPLATE, build_tiny, tiny_model, tiny_tokenizer
from language_models.weight_layout import lay_columns_first
from tiny_models import MESSAGES, fresh_tiny, randomise


def rows(model: LanguageModel) -> tuple[list[list[int]], list[list[int]]]:
    prompts = [
        model.tokens([{"role": "user", "content": text}], "Be brief.") for text in ("Hi", "A longer request", "So?")
    ]
    completions = [
        model.completion_tokens(text, finished) for text, finished in (("yes", True), ("a, b, c", False), ("o", True))
    ]
    return prompts, completions


@pytest.mark.parametrize("pad_is_eos", [False, True])
def test_log_probs_and_values_of_a_row_do_not_depend_on_what_it_is_batched_with(pad_is_eos: bool) -> None:
    model = fresh_tiny(pad_is_eos)
    model.adapters.add("policy", LoraSettings(rank=4, alpha=8), 0)
    randomise(model, "policy", 3)
    head = ScalarHead(model.hidden_size)
    torch.nn.init.normal_(head.linear.weight)
    prompts, completions = rows(model)
    with torch.no_grad(), model.adapters.using("policy"):
        together = completion_pass(model, collate(prompts, completions, model.pad_id), 0.7)
        for row, (prompt, completion) in enumerate(zip(prompts, completions, strict=True)):
            alone = completion_pass(model, collate([prompt], [completion], model.pad_id), 0.7)
            size = len(completion)
            torch.testing.assert_close(together.log_probs[row, :size], alone.log_probs[0], atol=1e-5, rtol=0)
            torch.testing.assert_close(head(together.states)[row, :size], head(alone.states)[0], atol=1e-5, rtol=0)
            assert (together.log_probs[row, size:] == 0).all()


def test_the_logits_before_a_token_predict_it_and_are_divided_by_the_temperature(tiny: LanguageModel) -> None:
    prompt, completion = [5, 6, 7], [9, 10, 2]
    with torch.no_grad():
        logits = tiny.network(input_ids=torch.tensor([[*prompt, *completion]])).logits[0]
        expected = [torch.log_softmax(logits[2 + j] / 0.7, -1)[token].item() for j, token in enumerate(completion)]
        found = completion_pass(tiny, collate([prompt], [completion], tiny.pad_id), 0.7)
    assert found.log_probs[0].tolist() == pytest.approx(expected, abs=1e-5)


def test_the_state_of_a_token_is_read_before_the_token_is_there(tiny: LanguageModel) -> None:
    with torch.no_grad():
        one = completion_pass(tiny, collate([[5, 6]], [[9, 10]], tiny.pad_id), 1.0)
        other = completion_pass(tiny, collate([[5, 6]], [[9, 11]], tiny.pad_id), 1.0)
    torch.testing.assert_close(one.states, other.states, atol=1e-6, rtol=0)


def test_entropy_is_that_of_the_distribution_at_the_temperature(tiny: LanguageModel) -> None:
    with torch.no_grad():
        found = completion_pass(tiny, collate([[5]], [[9]], tiny.pad_id), 0.7, with_entropy=True)
        logits = tiny.network(input_ids=torch.tensor([[5]])).logits[0, 0] / 0.7
    assert found.entropy is not None
    assert found.entropy.item() == pytest.approx(
        torch.distributions.Categorical(logits=logits).entropy().item(), abs=1e-5
    )


def test_prompt_tokens_are_an_exact_prefix_of_prompt_and_completion_tokens(tiny: LanguageModel) -> None:
    prompt = tiny.tokens(MESSAGES, "Be brief.")
    completion = tiny.completion_tokens("Well, yes.", finished=True)
    whole = tiny.tokenizer.apply_chat_template(
        [{"role": "system", "content": "Be brief."}, *MESSAGES, {"role": "assistant", "content": "Well, yes."}],
        return_dict=False,
    )
    assert whole[: len(prompt) + len(completion)] == prompt + completion


def test_the_system_prompt_is_the_studys_own_and_a_prompts_own_comes_before_it(tiny: LanguageModel) -> None:
    assert "Be brief." in tiny.tokenizer.decode(tiny.tokens(MESSAGES, "Be brief."))
    own = [{"role": "system", "content": "Be grand."}, *MESSAGES]
    assert "Be brief." not in tiny.tokenizer.decode(tiny.tokens(own, "Be brief."))


def test_a_finished_completion_ends_with_the_eos_and_a_cut_off_one_does_not(tiny: LanguageModel) -> None:
    eos = tiny.tokenizer.eos_token_id
    assert tiny.completion_tokens("ab", finished=True)[-1] == eos
    assert eos not in tiny.completion_tokens("ab", finished=False)


def test_a_turn_ends_by_the_token_of_the_template_where_the_eos_is_another() -> None:
    tokenizer = tiny_tokenizer()
    network = tiny_model(tokenizer)
    ends = tokenizer.convert_tokens_to_ids([END_OF_TEXT, END])
    tokenizer.eos_token, network.generation_config.eos_token_id = END_OF_TEXT, ends
    model = LanguageModel(network, tokenizer, BaseIdentity("tiny:", "weights", "tokenizer", "template"))
    assert model.stop_ids == set(ends)
    assert model.completion_tokens("ab", True)[-1] == tokenizer.convert_tokens_to_ids(END) != tokenizer.eos_token_id


def test_the_token_that_opens_an_answer_is_no_end_of_it_though_it_stops_a_policy() -> None:
    tokenizer = tiny_tokenizer()
    network = tiny_model(tokenizer)
    start, end = tokenizer.convert_tokens_to_ids([START, END])
    tokenizer.eos_token, network.generation_config.eos_token_id = END_OF_TEXT, [0, start, end]  # as Phi-3 has it
    model = LanguageModel(network, tokenizer, BaseIdentity("tiny:", "weights", "tokenizer", "template"))
    assert (model.end_id, start in model.stop_ids) == (end, True)


@pytest.mark.parametrize(
    "template",
    [
        "{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
        + TEMPLATE,
        TEMPLATE.replace("in messages %}", "in messages if message['role'] != 'system' %}"),
    ],
    ids=["refuses", "leaves out"],
)
def test_a_template_without_a_system_turn_reads_the_system_prompt_before_the_first_message(template: str) -> None:
    tokenizer = tiny_tokenizer()
    tokenizer.chat_template = template
    model = LanguageModel(tiny_model(tokenizer), tokenizer, BaseIdentity("tiny:", "weights", "tokenizer", "template"))
    asked = [{"role": "user", "content": "Hi"}]
    assert model.tokens(asked, "Be brief.") == model.tokens([{"role": "user", "content": "Be brief.\n\nHi"}])
    assert asked == [{"role": "user", "content": "Hi"}]


def test_a_tokenizer_with_several_templates_has_the_default_one_for_its_identity(tmp_path: Path) -> None:
    build_tiny(tmp_path)
    plain = LanguageModel.load(str(tmp_path))
    (tmp_path / "chat_template.jinja").unlink()
    config = json.loads((tmp_path / "tokenizer_config.json").read_text())
    several = [{"name": "default", "template": TEMPLATE}, {"name": "tool_use", "template": "{{ 1 }}"}]
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({**config, "chat_template": several}))
    model = LanguageModel.load(str(tmp_path))
    assert isinstance(model.tokenizer.chat_template, dict)
    assert model.identity.template_sha256 == plain.identity.template_sha256
    assert model.tokens([{"role": "user", "content": "Hi"}]) == plain.tokens([{"role": "user", "content": "Hi"}])


def test_an_empty_system_prompt_keeps_out_the_template_s_own() -> None:
    tokenizer = tiny_tokenizer()
    own = "{% if messages[0]['role'] != 'system' %}{{ '<|im_start|>system\nYou are Tiny.<|im_end|>\n' }}{% endif %}"
    tokenizer.chat_template = own + TEMPLATE
    model = LanguageModel(tiny_model(tokenizer), tokenizer, BaseIdentity("tiny:", "weights", "tokenizer", "template"))
    asked = [{"role": "user", "content": "Hi"}]
    assert "You are Tiny." in model.text(model.tokens(asked))
    assert "You are Tiny." not in model.text(model.tokens(asked, ""))


def test_a_base_is_known_by_its_weights_and_not_by_who_wrote_its_config(tmp_path: Path) -> None:
    identities = []
    for name, version in (("one", "5.0.0"), ("two", "5.1.0")):
        with folders.write_folder(tmp_path / name) as folder:
            build_tiny(folder)
            config = json.loads((folder / "config.json").read_text())
            (folder / "config.json").write_text(json.dumps({**config, "transformers_version": version}))
        identities.append(LanguageModel.load(str(tmp_path / name)).identity)
    one, two = identities
    assert (one.sha256, one.former_sha256s != two.former_sha256s) == (two.sha256, True)
    (tmp_path / "two" / folders.MANIFEST).unlink()
    assert LanguageModel.load(str(tmp_path / "two")).identity.sha256 == one.sha256
    (before,) = one.former_sha256s
    assert one.known_as(before).sha256 == before  # as a study of before recorded it
    assert one.known_as(two.former_sha256s[0]) == one.known_as(None) == one


def test_a_trunk_shares_the_bases_tensors_and_its_adapters_are_its_own(tiny: LanguageModel) -> None:
    trunk = tiny.trunk(2)
    shared = {parameter.data_ptr() for name, parameter in tiny.network.named_parameters() if "lora" not in name}
    assert all(parameter.data_ptr() in shared for parameter in trunk.network.parameters())
    batch = collate([[5, 6, 7]], [[9, 2]], tiny.pad_id)
    with torch.no_grad():
        expected = tiny.network(input_ids=batch.input_ids, output_hidden_states=True).hidden_states[2]
        normed = tiny.network.get_base_model().model.norm(expected)
        found = trunk.network(input_ids=batch.input_ids).last_hidden_state
        torch.testing.assert_close(found, normed, atol=1e-5, rtol=0)
    assert trunk.adapters.names == [] and tiny.adapters.names == ["policy", "other"]


def test_states_with_a_prompt_computed_once_are_those_of_whole_rows_and_so_are_their_gradients(
    tiny: LanguageModel,
) -> None:
    trunk = tiny.trunk(2)
    trunk.adapters.add("reward", LoraSettings(rank=4, alpha=8), 0)
    randomise(trunk, "reward", 3)
    prompts = [[5, 6, 7], [8], [5, 6, 7], [8], [8, 9]]
    completions = [[9, 2], [11], [10, 12, 2], [13, 2], [9, 2]]
    batch = collate(prompts, completions, tiny.pad_id)
    with trunk.adapters.training("reward") as parameters:
        found = trunk.completion_states(batch)[batch.completion_mask]
        whole = torch.cat(
            [
                trunk.network(input_ids=torch.tensor([prompt + own]), use_cache=False).last_hidden_state[
                    0, len(prompt) :
                ]
                for prompt, own in zip(prompts, completions, strict=True)
            ]
        )
        torch.testing.assert_close(found, whole, atol=1e-5, rtol=0)
        weights = torch.randn(whole.shape, generator=torch.Generator().manual_seed(0)) / whole.numel()
        gradients = [torch.autograd.grad((states * weights).sum(), parameters) for states in (found, whole)]
    for ours, plain in zip(*gradients, strict=True):
        torch.testing.assert_close(ours, plain, atol=1e-5, rtol=0)
    assert max(gradient.abs().max() for gradient in gradients[1]) > 1e-3


def test_batches_of_shared_prompts_hold_every_row_once_within_the_budget() -> None:
    prompts = [[1] * (5 + index % 3) for index in range(20)]
    completions = [[2] * (1 + index % 7) for index in range(20)]
    batches = shared_prompt_batches(prompts, completions, 40)
    assert sorted(row for rows in batches for row in rows) == list(range(20))
    for rows in batches:
        distinct_prompts = {tuple(prompts[row]) for row in rows}
        size = len(distinct_prompts) * max(map(len, distinct_prompts)) + len(rows) * max(
            len(completions[row]) for row in rows
        )
        assert size <= 40
    assert len(batches) < 6, "rows of one prompt share its cost"
    assert shared_prompt_batches([[1] * 50], [[2]], 40) == [[0]], "a row that is too long alone goes alone"


@pytest.mark.parametrize("source", ["nothing", "hub:one-word", "tiny:9", "bundled:gpt", "bundled:", "/no/such/folder"])
def test_a_model_that_does_not_exist_is_refused_with_what_is_allowed(source: str) -> None:
    with pytest.raises(UnknownModel, match="unknown"):
        parse(source)


def test_a_folder_made_by_save_pretrained_can_be_loaded_and_gives_the_same_logits(
    tiny: LanguageModel, tmp_path: Path
) -> None:
    tiny.network.get_base_model().config.save_pretrained(tmp_path)
    plain = fresh_tiny()
    plain.network.save_pretrained(tmp_path)
    plain.tokenizer.save_pretrained(tmp_path)
    loaded = LanguageModel.load(str(tmp_path))
    ids = torch.tensor([[5, 6, 7]])
    with torch.no_grad():
        lay_columns_first(plain.network)  # as what is loaded lies: some processors round the products otherwise
        assert torch.equal(loaded.network(input_ids=ids).logits, plain.network(input_ids=ids).logits)
    assert loaded.identity == LanguageModel.load(str(tmp_path)).identity


def test_a_base_whose_positions_turn_otherwise_in_long_texts_is_read_as_far_as_they_do_not() -> None:
    config = Phi3Config(
        vocab_size=50,
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        pad_token_id=0,
        max_position_embeddings=128,
        original_max_position_embeddings=24,
        rope_parameters={
            "rope_type": "longrope",
            "rope_theta": 1e4,
            "short_factor": [1.0] * 4,
            "long_factor": [4.0] * 4,
        },
    )
    model = LanguageModel(AutoModelForCausalLM.from_config(config), tiny_tokenizer(), fresh_tiny().identity)
    assert model.context == 24
    prompts, completions = [[5, 6, 7], list(range(5, 25))], [[8, 9], [8, 9, 10, 11]]
    with torch.no_grad():
        together = completion_pass(model, collate(prompts, completions, 0), 1.0).log_probs[0, :2]
        alone = completion_pass(model, collate(prompts[:1], completions[:1], 0), 1.0).log_probs[0]
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=0)
