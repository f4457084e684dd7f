"""A policy on the bundled model leaves the study and loads elsewhere as what it is, by plain peft and transformers."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from feedback_store import policies
from language_models import sources
from rounds import verbs
from tests.builders.policy_studies import done, with_policy
from tests.commands.conftest import Outcome

pytestmark = [pytest.mark.accept, pytest.mark.timeout(900)]

ELSEWHERE = """
import json, sys, torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

folder, merged = sys.argv[1], len(sys.argv) > 2
model = AutoModelForCausalLM.from_pretrained(folder if merged else folder + "/base", dtype=torch.float32)
if not merged:
    model = PeftModel.from_pretrained(model, folder)
tokenizer = AutoTokenizer.from_pretrained(folder)
ids = tokenizer.apply_chat_template(json.load(sys.stdin), add_generation_prompt=True, return_dict=False)
with torch.no_grad():
    logits = model.eval()(input_ids=torch.tensor([ids])).logits[0]
kept = model.generation_config
print(json.dumps({"ids": ids, "logits": logits[-3:].tolist(), "sampling": [kept.temperature, kept.top_p, kept.top_k]}))
"""


def elsewhere(folder: Path, messages: list[dict[str, str]], *more: str) -> dict:
    """What a process finds that knows nothing of this program."""
    ours = {"PYTHONPATH": "", "HF_HUB_OFFLINE": "1"}
    words = [sys.executable, "-c", ELSEWHERE, str(folder), *more]
    ran = subprocess.run(
        words, input=json.dumps(messages), capture_output=True, text=True, cwd="/", env={**os.environ, **ours}
    )
    assert ran.returncode == 0, ran.stderr[-3000:]
    return json.loads(ran.stdout.splitlines()[-1])


def test_a_policy_travels_and_comes_back(tmp_path):
    db, worker = with_policy(tmp_path / "study", sources.default_source(), scale=0.03)
    messages = [{"role": "system", "content": "Reply to the request."}, {"role": "user", "content": "What rests you?"}]
    model = worker.models.model
    ids = model.tokens(messages)
    with torch.no_grad():
        with model.adapters.using(worker.models.adapter(policies.by_name(db, "policy-1"))):
            own = model.network(input_ids=torch.tensor([ids])).logits[0, -3:]
        untouched = model.network(input_ids=torch.tensor([ids])).logits[0, -3:]
    adapter_moves = float((own - untouched).abs().max())
    folders = {}
    for form, more in (("adapter-with-base", ()), ("merged", ("merged",))):
        run = done(db, worker, verbs.start_run(db, "policy-export", {"format": form}))
        assert run.status == "succeeded", run.error
        folders[form] = db.folder / run.result["folder"]
        found = elsewhere(folders[form], messages, *more)
        difference = float((torch.tensor(found["logits"]) - own).abs().max())
        print(
            f"\nACCEPT {form}: logits differ by at most {difference:.2g}; the adapter moves them by {adapter_moves:.2g}"
        )
        assert found["ids"] == ids
        assert found["sampling"] == [0.7, 1.0, 0]
        assert difference < 1e-3 < adapter_moves
    run = done(db, worker, verbs.start_run(db, "policy-import", {"folder": str(folders["adapter-with-base"])}))
    assert run.status == "succeeded", run.error
    with torch.no_grad(), model.adapters.using(worker.models.adapter(policies.by_name(db, "imported-1"))):
        assert torch.equal(model.network(input_ids=torch.tensor([ids])).logits[0, -3:], own)
    for folder in folders.values():
        told = verified(db.folder, folder)
        print(f"ACCEPT verify {folder.name}: {told.out.strip()}")
        assert told.code == 0 and told.out.startswith("The same:")


def verified(study: Path, folder: Path) -> Outcome:
    words = [sys.executable, "-m", "ui.commands.main", "policy", "verify", str(study), str(folder)]
    ran = subprocess.run(words, capture_output=True, text=True)
    return Outcome(ran.returncode, ran.stdout, ran.stderr)
