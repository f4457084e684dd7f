"""Templates that tell the date tell one day's, those that can be told not to think are told, all others stay."""

from pathlib import Path

import pytest
from transformers import PreTrainedTokenizerFast
from transformers.utils import chat_template_utils

from language_models.model import LanguageModel
from language_models.settled_templates import DAY, settle
from language_models.tiny import TEMPLATE, build_tiny, tiny_tokenizer

ASKED = [{"role": "user", "content": "Hi"}]
LLAMA = (  # 3.2: the date by a function that transformers gives
    "{%- if not date_string is defined %}{%- if strftime_now is defined %}"
    "{%- set date_string = strftime_now('%d %b %Y') %}{%- else %}{%- set date_string = '26 Jul 2024' %}{%- endif %}"
    "{%- endif %}{{- '<|im_start|>system\nToday Date: ' + date_string + '<|im_end|>\n' }}" + TEMPLATE
)
GRANITE = "{% macro head() %}Today: {{ strftime_now('%B %-d, %Y') }}.{% endmacro %}{{ head() }}" + TEMPLATE
QWEN = TEMPLATE.replace(
    "assistant\n' }}", "assistant\n' }}{% if enable_thinking is false %}{{ '<think>\n\n</think>\n\n' }}{% endif %}"
)
SMOL = (
    "{%- if enable_thinking is not defined -%}{%- set enable_thinking = true -%}{%- endif -%}"
    "{{ strftime_now('%d %B %Y') }}{% if enable_thinking %}/think{% else %}/no_think{% endif %}" + TEMPLATE
)


class NoClock:
    """Stands for the clock of transformers: who asks it has not settled the date."""

    @staticmethod
    def now() -> None:
        raise AssertionError("today's date was asked for")


def settled(template: str) -> PreTrainedTokenizerFast:
    tokenizer = tiny_tokenizer()
    tokenizer.chat_template = template
    settle(tokenizer)
    return tokenizer


def shown(tokenizer: PreTrainedTokenizerFast) -> str:
    return str(tokenizer.apply_chat_template(ASKED, tokenize=False, add_generation_prompt=True))


@pytest.mark.parametrize(
    ("template", "begins"),
    [
        (LLAMA, "<|im_start|>system\nToday Date: 01 Jan 2025<|im_end|>\n<|im_start|>user"),
        (GRANITE, "Today: January 1, 2025.<|im_start|>user"),
        ("  \n" + GRANITE, "  \nToday: January 1, 2025.<|im_start|>user"),
        (SMOL, "01 January 2025/no_think<|im_start|>user"),
    ],
)
def test_a_template_that_tells_the_date_tells_that_of_one_day(
    template: str, begins: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chat_template_utils, "datetime", NoClock)
    assert shown(settled(template)).startswith(begins)


def test_the_day_is_written_as_strftime_writes_it() -> None:
    from datetime import datetime

    assert {directive: datetime(2025, 1, 1).strftime(directive) for directive in DAY} == DAY


def test_a_policy_does_not_think_before_it_answers_where_the_template_can_be_told() -> None:
    assert shown(settled(QWEN)).endswith("<|im_start|>assistant\n<think>\n\n</think>\n\n")
    once = settled(QWEN).chat_template
    assert settled(once).chat_template == once
    assert settled(settled(SMOL).chat_template).chat_template == settled(SMOL).chat_template


def test_any_other_template_stays_as_it_is() -> None:
    several = {"default": TEMPLATE, "dated": GRANITE}
    tokenizer = tiny_tokenizer()
    tokenizer.chat_template = several
    settle(tokenizer)
    assert tokenizer.chat_template["default"] == settled(TEMPLATE).chat_template == TEMPLATE
    assert tokenizer.chat_template["dated"] == settled(GRANITE).chat_template != GRANITE
    tokenizer.chat_template = None
    settle(tokenizer)
    assert tokenizer.chat_template is None


def with_template(folder: Path, template: str) -> LanguageModel:
    folder.mkdir()
    build_tiny(folder)
    (folder / "chat_template.jinja").write_text(template)
    return LanguageModel.load(str(folder))


def test_a_study_that_was_begun_with_a_template_that_thinks_goes_on_thinking(tmp_path: Path) -> None:
    model = with_template(tmp_path / "base", QWEN)
    before = model.identity.former_template_sha256
    assert before is not None and before != model.identity.template_sha256
    silent = model.tokens(ASKED)
    model.go_on_as(model.identity.sha256, model.identity.template_sha256)
    assert model.tokens(ASKED) == silent
    model.go_on_as(None, before)
    assert model.identity.template_sha256 == before
    assert model.text(silent).removesuffix("<think>\n\n</think>\n\n") == model.text(model.tokens(ASKED))


@pytest.mark.parametrize("template", [TEMPLATE, LLAMA, QWEN, SMOL])
def test_what_is_written_out_is_known_by_the_same_hash_and_gives_the_same_tokens(tmp_path: Path, template: str) -> None:
    model = with_template(tmp_path / "base", template)
    (tmp_path / "out").mkdir()
    model.save_network(tmp_path / "out")
    again = LanguageModel.load(str(tmp_path / "out"))
    assert again.identity.template_sha256 == model.identity.template_sha256
    assert again.tokens(ASKED) == model.tokens(ASKED)
    assert shown(again.tokenizer) == shown(model.tokenizer)
