"""The loop from the command line on the tiny model, with a real worker."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from rounds import worker_lock

PROMPTS = [
    f"Say something about {word}." for word in ("tea", "rain", "bread", "snow", "books", "maps", "cats", "trains")
]
SMALL_POLICY_RUN = ("ppo.steps=1", "ppo.prompts_per_step=4", "ppo.samples_per_prompt=2", "shown_prompts=2")
SMALL_REWARD_RUN = ("reward.epochs=1", "reference_samples=4")


@pytest.fixture
def worker(study_folder: Path):
    """A worker in the foreground of a process of its own, as in a second terminal."""
    process = subprocess.Popen(
        [sys.executable, "-m", "ui.commands.main", "worker", str(study_folder)],
        stderr=subprocess.PIPE,
        # As in a terminal: what a shell starts in the background ignores Ctrl-C, and so would all that it starts.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    wait_until(lambda: worker_lock.beating(study_folder) is not None)
    yield process
    process.send_signal(signal.SIGINT)
    assert process.wait(100) in (0, 130), process.stderr.read().decode()[-2000:]
    process.stderr.close()


@pytest.fixture
def study_folder(tmp_path: Path, tastemaker) -> Path:
    """A study made by `import`."""
    folder, file = tmp_path / "study", tmp_path / "prompts.jsonl"
    file.write_text("".join(json.dumps({"prompt": text}) + "\n" for text in PROMPTS))
    report = tastemaker("import", folder, file, "--format", "prompts", "--base", "tiny:", "--json").json
    assert report["added"] == len(PROMPTS)
    assert tastemaker("import", folder, file, "--format", "prompts", "--json").json["added"] == 0
    return folder


def wait_until(holds: Callable[[], bool], seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def settings(values) -> list[str]:
    return [word for value in values for word in ("--set", value)]


def judge_everything(folder: Path) -> int:
    """Longer texts win, by way of the verbs that the page calls."""
    from feedback_store import annotators, judgments
    from feedback_store.judgments import NewJudgment
    from rounds import annotating, studies

    with studies.open_or_create(folder) as db:
        person = annotators.ensure(db, "ann").id
        count = 0
        while (batch := annotating.next_questions(db, person, limit=5)).questions:
            for question in batch.questions:
                lengths = [0] * len(question.shown)
                for place, position in enumerate(question.shown):
                    lengths[position] = len(question.completions[place].text)
                ranks = [1 if length == max(lengths) else 2 for length in lengths]
                judgments.submit(
                    db,
                    NewJudgment(
                        comparison=question.comparison_public_id,
                        annotator_id=person,
                        ranks=ranks,
                        shown=list(question.shown),
                        key=f"key-{count}-{question.comparison_public_id}",
                    ),
                )
                count += 1
            if count >= 24:
                break
        return count


@pytest.mark.accept
@pytest.mark.timeout(170)
def test_the_loop_by_commands(tastemaker, study_folder, worker, tmp_path):
    def succeeded(*words: object) -> dict:
        outcome = tastemaker(*words, "--json")
        assert outcome.code == 0, outcome
        return outcome.json

    run = succeeded("run", study_folder, "sample", "--set", "pairs=16", "--wait")
    assert run["status"] == "succeeded"
    assert judge_everything(study_folder) >= 12

    succeeded("run", study_folder, "train-reward", *settings(SMALL_REWARD_RUN), "--wait")
    assert [reward["name"] for reward in succeeded("reward", "list", study_folder)] == ["reward-1"]

    succeeded("run", study_folder, "train-policy", *settings(SMALL_POLICY_RUN), "--wait")
    listed = succeeded("policy", "list", study_folder)
    assert listed["current"] == "policy-1"
    assert [policy["name"] for policy in listed["policies"]] == ["base", "policy-1"]

    alone = tastemaker("policy", "export", study_folder, "policy-1")
    assert alone.code == 2 and "(--with-base)" in alone.err
    exported = succeeded("policy", "export", study_folder, "policy-1", "--with-base", "--to", tmp_path / "adapter")
    names = {path.name for path in Path(exported["folder"]).iterdir()}
    assert {"adapter_config.json", "adapter_model.safetensors", "README.md", "SHA256SUMS", "base"} <= names
    imported = succeeded("policy", "import", study_folder, tmp_path / "adapter", "--name", "twin")
    assert (imported["policy"], imported["current"]) == ("imported-twin", False)

    out = succeeded("reward", "export", study_folder, "--format", "module", "--to", tmp_path / "reward")
    assert out["reward_model"] == "reward-1"
    assert {"reward.py", "README.md", "SHA256SUMS"} <= {path.name for path in Path(out["folder"]).iterdir()}
    refused = tastemaker("reward", "export", study_folder, "--to", tmp_path / "reward")
    assert refused.code == 2 and "exists already" in refused.err

    all_of_it = succeeded("export", study_folder, "--format", "comparisons", "--to", tmp_path / "all")
    lines = (Path(all_of_it["folder"]) / "comparisons.jsonl").read_text().splitlines()
    assert lines
    scored = succeeded(
        "score", study_folder, Path(all_of_it["folder"]) / "comparisons.jsonl", "--to", tmp_path / "s.jsonl"
    )
    assert len((tmp_path / "s.jsonl").read_text().splitlines()) == len(lines)
    assert scored["scores"] == str(tmp_path / "s.jsonl")

    assert succeeded("policy", "verify", study_folder)["verified"] == ["policy-1", "imported-twin"]
    assert succeeded("policy", "use", study_folder, "base")["current"] == "base"
    kinds = {run["kind"] for run in succeeded("runs", study_folder)}
    assert {"sample", "train-reward", "train-policy", "policy-export", "score"} <= kinds

    damaged = study_folder / "models" / "policy-1" / "adapter" / "adapter_model.safetensors"
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"x")
    outcome = tastemaker("policy", "verify", study_folder)
    assert outcome.code == 2
    assert "adapter_model.safetensors" in outcome.err


def test_cancel_before_and_words_after(tastemaker, study_folder):
    queued = tastemaker("run", study_folder, "sample", "--json").json
    assert queued["status"] == "queued"
    assert "cancelled" in tastemaker("cancel", study_folder, queued["id"]).out
    assert "cancelled" in tastemaker("runs", study_folder).out


@pytest.mark.timeout(170)  # its worker gives way to all else on the machine
def test_wait_starts_a_worker_where_none_is_at_work_and_ends_it(tastemaker, study_folder):
    assert (
        tastemaker("run", study_folder, "sample", "--set", "pairs=2", "--wait", "--json").json["status"] == "succeeded"
    )
    wait_until(lambda: worker_lock.beating(study_folder) is None)


@pytest.mark.timeout(60)
def test_doctor_finds_this_machine_usable(tastemaker):
    outcome = tastemaker("doctor", "--json")
    found = {finding["what"]: finding for finding in outcome.json["findings"]}
    assert outcome.code == 0
    assert found["torch"]["ok"] is True
    assert set(found) == {"python", "packages", "sqlite", "torch", "model", "memory", "disk", "chromium"}


@pytest.mark.timeout(60)
def test_serve_prints_its_address_and_ends_on_sigterm(tmp_path):
    words = ["serve", str(tmp_path / "s"), "--port", "0", "--base", "tiny:", "--no-worker", "--json"]
    process = subprocess.Popen(
        [sys.executable, "-m", "ui.commands.main", *words],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    try:
        address = json.loads(process.stdout.readline())["address"]
        assert address.startswith("http://127.0.0.1:")
    finally:
        process.terminate()
        process.wait(20)
        process.stdout.close()
