"""The bundled model: it ends its answers by itself on the demo's prompts, and a simulated round prints its report."""

import json
import os
import subprocess
import sys
import time

import pytest

pytestmark = [pytest.mark.accept, pytest.mark.timeout(1700)]
SHORT = os.environ.get("ACCEPT") == "short"
MOST_CUT_OFF = 0.10
SMALL_RUNS = (
    "train-policy.ppo.steps=2",
    "train-policy.ppo.prompts_per_step=4",
    "train-policy.shown_prompts=2",
    "train-reward.reference_samples=16",
    "evaluate.prompts=12",
    "evaluate.samples=2",
)


@pytest.fixture(scope="module")
def model():
    from language_models import sources
    from language_models.model import LanguageModel

    return LanguageModel.load(sources.default_source())


def test_prompt_tokens_are_a_prefix_of_those_of_the_whole_talk_by_its_own_template(model):
    asked = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Why is the sky blue?\n"},
    ]
    for text in ("Because of scattering.", " a leading space", "1. one\n2. two\n\n", "für 你好 🙂", "<b>&amp;"):
        answer, further = ({"role": "assistant", "content": text}, {"role": "user", "content": "And?"})
        prompt, tokens = model.tokens(asked), model.completion_tokens(text, finished=True)
        whole = model.tokenizer.apply_chat_template([*asked, answer], return_dict=False)
        assert whole[: len(prompt) + len(tokens)] == prompt + tokens, text
        longer = model.tokens([*asked, answer, further])
        assert longer[: len(prompt) + len(tokens)] == prompt + tokens, text


def test_few_of_the_demo_answers_are_cut_off(model):
    from language_models import sampling, seeds
    from rounds.demo import demo
    from rounds.settings import StudySettings

    settings = StudySettings(base=model.identity.source)
    prompts = demo.prompts()[:: 3 if SHORT else 1]
    requests = [
        sampling.SampleRequest(
            model.tokens([{"role": "system", "content": settings.system_prompt}, *prompt.messages]),
            seeds.completion_seed(0, number, 0),
        )
        for number, prompt in enumerate(prompts)
    ]
    began = time.monotonic()
    drawn = sampling.sample(model, requests, settings.sampling, adapter=None)
    cut_off = sum(one.finish_reason == "length" for one in drawn) / len(drawn)
    tokens = sum(len(one.token_ids) for one in drawn) / len(drawn)
    print(
        f"\nACCEPT {len(drawn)} demo prompts: {cut_off:.1%} cut off at {settings.sampling.max_new_tokens} tokens, "
        f"{tokens:.0f} tokens on average, {time.monotonic() - began:.0f} s"
    )
    assert cut_off <= MOST_CUT_OFF


def test_a_simulated_round_prints_its_report(tmp_path):
    values = [word for value in SMALL_RUNS for word in ("--set", value)] if SHORT else []
    words = [
        "simulate",
        str(tmp_path / "study"),
        "--rounds",
        "1",
        "--pairs",
        "12" if SHORT else "48",
        "--taste",
        "lists",
    ]
    words += ["--annotators", "careful:4,hasty:2", "--seed", "7", "--json", *values]
    began = time.monotonic()
    done = subprocess.run([sys.executable, "-m", "ui.commands.main", *words], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [report["round"] for report in lines] == [1]
    report = lines[0]
    for name in ("share", "share_low", "share_high", "share_max", "reward_accuracy", "length_baseline", "kl_nats"):
        assert isinstance(report[name], float), (name, report)
    assert report["judgments"] >= 12
    assert report["empty_rate"] <= 0.02
    assert 0 <= report["share_low"] <= report["share"] <= report["share_high"] <= 1
    print(f"\nACCEPT simulated round in {time.monotonic() - began:.0f} s: {json.dumps(report)}")
