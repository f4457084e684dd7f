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


def test_few_of_the_demo_answers_are_cut_off():
    from language_models import sampling, seeds, sources
    from language_models.model import LanguageModel
    from rounds.demo import demo
    from rounds.settings import StudySettings

    settings = StudySettings(base=sources.default_source())
    model = LanguageModel.load(settings.base)
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
