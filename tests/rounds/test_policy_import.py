"""Adapters made elsewhere: taken in where they were made for the study's base, and the start of all that follows."""

import errno
import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import load_file, save_file

from feedback_store import completions, policies, prompts, run_records, runs, study_settings
from feedback_store.database import Database
from feedback_store.errors import Conflict
from language_models import folders
from language_models.plain_lora import NotPlainLora
from language_models.settings import LoraSettings
from rounds import policy_reward, run_plan, studies, verbs
from rounds.kinds import train_reward
from rounds.settings import SettingsError
from rounds.worker import Worker
from tests.builders.policy_studies import HUB, REVISION, done, put_tiny_on_hub, with_policy
from tests.builders.tiny_models import randomise
from tests.rounds.small_study import new_study, start_run

pytestmark = pytest.mark.usefixtures("one_thread")

LENGTHS = [{"function": "length_window", "weight": 1.0, "settings": {"longest": 6}}]
ONE_STEP = {"rewards": LENGTHS, "ppo__steps": 1, "shown_prompts": 0, "shown_times": 0, "reference_samples": 8}


@pytest.fixture(scope="module")
def export(tmp_path_factory) -> Path:
    """A policy of another study on the tiny model, with its base."""
    db, worker = with_policy(tmp_path_factory.mktemp("elsewhere") / "study")
    run = done(db, worker, verbs.start_run(db, "policy-export", {"format": "adapter-with-base"}))
    return Path(db.folder / run.result["folder"])


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> Database:
    return new_study(tmp_path_factory.mktemp("own") / "study", temperature=1.3)


@pytest.fixture(scope="module")
def worker(study) -> Worker:
    worker = Worker(study.folder, lease_seconds=60)
    worker.models.register_base()
    return worker


def bring(db: Database, worker: Worker, folder: Path, **settings: object) -> runs.Run:
    return done(db, worker, verbs.start_run(db, "policy-import", {"folder": str(folder), **settings}))


@pytest.fixture(scope="module")
def imported(study, worker, export) -> policies.Policy:
    run = bring(study, worker, export, name="formal", start=True)
    assert run.status == "succeeded", run.error
    assert run.config["folder"] == "policy-1-with-base", "no path is stored"
    return policies.by_name(study, "imported-formal")


@pytest.fixture(scope="module")
def later(study, worker, imported) -> policies.Policy:
    """A policy below the imported one that differs from it by more than a few steps of training would."""
    adapters, folder = worker.models.model.adapters, study.folder / "models" / "far-1"
    adapters.add("far", LoraSettings(rank=4, alpha=8), 7)
    randomise(worker.models.model, "far", 7)
    with folders.write_folder(folder) as writing:
        (writing / "adapter").mkdir()
        adapters.save("far", writing / "adapter")
    adapters.remove("far")
    start_run(study, "train-policy")
    lease = runs.claim(study, "test", lease_seconds=60)
    made = policies.publish(
        study,
        lease,
        name_prefix="far",
        parent_id=imported.id,
        folder="models/far-1",
        base_sha256=worker.models.identity.sha256,
        manifest_sha256=folders.manifest_sha256(folder),
        metrics={},
    )
    study_settings.put(study, policies.CURRENT, imported.id)
    return made


@pytest.fixture
def plain(export, tmp_path) -> Path:
    """The same adapter as PEFT alone would have written it."""
    folder = tmp_path / "made-elsewhere"
    folder.mkdir()
    for name in ("adapter_config.json", "adapter_model.safetensors"):
        shutil.copyfile(export / name, folder / name)
    return folder


def change(folder: Path, **values: object) -> None:
    config = json.loads((folder / "adapter_config.json").read_text())
    (folder / "adapter_config.json").write_text(json.dumps({**config, **values}))


def test_an_export_of_another_study_becomes_a_policy_with_its_origin(study, worker, imported, export):
    assert policies.current(study).name == "imported-formal"
    assert imported.parent_id == policies.base(study).id
    told = imported.imported
    assert told["base_told_by"] == "sha256"
    assert told["sha256"]["adapter_model.safetensors"] == folders.file_sha256(export / "adapter_model.safetensors")
    assert (told["folder"], told["rank"]) == ("policy-1-with-base", 4)
    assert folders.verify(study.folder / imported.folder) == imported.manifest_sha256
    written = load_file(study.folder / imported.folder / "adapter" / "adapter_model.safetensors")
    for name, tensor in load_file(export / "adapter_model.safetensors").items():
        assert torch.equal(tensor, written[name])
    config = json.loads((study.folder / imported.folder / "adapter" / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] != "./base"


def test_training_from_it_measures_kl_to_it_and_so_do_the_next_rounds(study, worker, imported, monkeypatch):
    model, scaled_on, samples_of = worker.models.model, [], policy_reward.reference_samples

    def watched(context, number, reference, **more):
        scaled_on.append(reference.name)
        return samples_of(context, number, reference, **more)

    monkeypatch.setattr(policy_reward, "reference_samples", watched)
    for name, parent in (("policy-1", "imported-formal"), ("policy-2", "policy-1")):
        run = done(study, worker, start_run(study, "train-policy", **ONE_STEP))
        assert run.status == "succeeded", run.error
        assert (run.result["policy"], run.result["parent"]) == (name, parent)
        assert run.result["reference"] == "imported-formal"
        first, *_, last = run_records.metrics(study, run.id, "steps")
        if name == "policy-1":
            assert (first.values["kl_nats"], first.values["kl_k3_nats"]) == (0.0, 0.0), "it is its own reference"
        else:
            assert first.values["kl_k3_nats"] > 0, "it starts away from the reference already"
        assert last.values["kl_k3_nats"] > 0
    made = study.value(
        "SELECT COUNT(*) FROM completions WHERE policy_id = ? AND sample_index IS NOT NULL", [imported.id]
    )
    assert made >= 8
    assert scaled_on == ["imported-formal"] * 2, "scores have their zero and unit on texts of the reference"
    assert {"trained-policy", "reference-policy"}.isdisjoint(model.adapters.names)
    held = model.adapters.state(worker.models.adapter(imported))
    written = load_file(study.folder / imported.folder / "adapter" / "adapter_model.safetensors")
    assert all(torch.equal(held[name], value) for name, value in written.items()), "the reference did not move"


def test_kl_to_the_base_is_another_number(study, worker, imported):
    """The control of the test above: measured to the base, the imported policy is not at zero."""
    from policy_training.iterations import figures_of
    from policy_training.learner import Learner
    from policy_training.records import Given, PromptItem
    from policy_training.rollouts import collect
    from rounds.policy_settings import TrainPolicySettings

    model = worker.models.model
    prompts = [PromptItem(1, model.tokens([{"role": "user", "content": "hello"}]))]
    folder = study.folder / imported.folder
    given = Given(model, prompts, None, study.folder / "none", lambda report: None, start_folder=folder)
    settings = TrainPolicySettings().ppo.model_copy(update={"prompts_per_step": 1})
    learner = Learner.start(given, settings)
    try:
        assert figures_of(collect(given, learner, settings, 0))["kl_k3_nats"] > 0.1
    finally:
        model.adapters.remove(given.adapter)


def test_evaluations_measure_kl_to_the_start_of_the_line(study, worker, imported):
    run = done(study, worker, start_run(study, "evaluate", prompts=2, samples=1, policies="base,imported-formal"))
    assert run.status == "succeeded", run.error
    assert [one["kl_nats"] for one in run.result["policies"].values()] == [0.0, 0.0]
    assert policies.reference(study, policies.by_name(study, "base")).name == "base"


def test_kl_of_a_later_policy_of_the_line_is_by_the_texts_to_its_start_at_the_studys_temperature(
    study, worker, imported, later
):
    run = done(study, worker, start_run(study, "evaluate", prompts=2, samples=1, policies="imported-formal,far-1"))
    assert run.status == "succeeded", run.error
    model = worker.models.model
    texts = [one for one in completions.of_run(study, run.id) if one.policy_id == later.id]
    asked = {
        one.id: model.tokens(one.messages, studies.settings(study).system_prompt) for one in prompts.listing(study)
    }
    temperature, sums = studies.settings(study).sampling.temperature, []
    for one in texts:
        said = model.completion_tokens(one.text, one.finish_reason == "stop")
        read = []
        for writer in (later, imported):
            with torch.no_grad(), model.adapters.using(worker.models.adapter(writer)):
                logits = model.network(input_ids=torch.tensor([[*asked[one.prompt_id], *said]])).logits[0, :-1]
            log_p = torch.log_softmax(logits[-len(said) :] / temperature, -1)
            read.append(float(log_p[range(len(said)), said].sum()))
        sums.append(read[0] - read[1])
    assert len(sums) == 2 and max(map(abs, sums)) > 0.1
    assert run.result["policies"]["far-1"]["kl_nats"] == pytest.approx(sum(sums) / 2, abs=1e-3)


def test_a_reward_has_its_zero_on_the_start_of_the_line_whoever_is_current(study, imported, later):
    context = SimpleNamespace(
        folder=study.folder / "begins", db=study, study=studies.settings(study), log=lambda words: None
    )
    context.folder.mkdir()
    study_settings.put(study, policies.CURRENT, later.id)
    assert train_reward._begin_with(context).start_policy == "imported-formal"
    study_settings.put(study, policies.CURRENT, policies.base(study).id)
    assert train_reward._begin_with(context).start_policy == "imported-formal", (
        "a later attempt takes what it began with"
    )
    study_settings.put(study, policies.CURRENT, imported.id)


def test_a_name_is_taken_once_and_is_a_name(study, imported, export):
    with pytest.raises(Conflict, match="There is a policy 'imported-formal' already"):
        verbs.start_run(study, "policy-import", {"folder": str(export), "name": "formal"})
    for name in ("../x", "a b", "", "x" * 41, "Ä"):
        with pytest.raises(SettingsError, match="name"):
            verbs.start_run(study, "policy-import", {"folder": str(export), "name": name})
    with pytest.raises(SettingsError, match="there is no such folder"):
        verbs.start_run(study, "policy-import", {"folder": str(export / "nowhere")})


def test_what_is_no_plain_lora_is_refused_before_anything_is_queued(study, plain):
    count = runs.count(study)
    change(plain, use_rslora=True)
    with pytest.raises(NotPlainLora, match="rsLoRA"):
        verbs.start_run(study, "policy-import", {"folder": str(plain)})
    (plain / "adapter_model.safetensors").rename(plain / "adapter_model.bin")
    with pytest.raises(NotPlainLora, match="nothing is unpickled here"):
        verbs.start_run(study, "policy-import", {"folder": str(plain)})
    assert runs.count(study) == count


def test_where_nothing_tells_its_base_somebody_has_to_vouch(study, worker, plain):
    change(plain, base_model_name_or_path="/home/someone/models/tiny", revision=None)
    run = bring(study, worker, plain)
    assert run.status == "failed"
    assert "made-elsewhere names the base '/home/someone/models/tiny'" in run.error and "--vouch" in run.error
    run = bring(study, worker, plain, vouched=True)
    assert run.status == "succeeded", run.error
    assert run.result["policy"] == "imported-1"
    made = policies.by_name(study, "imported-1")
    assert made.imported["base_told_by"] == "vouched"
    assert policies.current(study).name != "imported-1"
    written = (study.folder / made.folder / "adapter" / "adapter_config.json").read_text()
    assert "/home/someone" not in written


def test_an_adapter_of_other_weights_is_refused_by_their_sha256(study, worker, export, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(export, other)
    record = json.loads((other / "tastemaker.json").read_text())
    record["base"]["weights_sha256"]["model.safetensors"] = "f" * 64
    (other / "tastemaker.json").write_text(json.dumps(record))
    (other / "SHA256SUMS").unlink()
    run = bring(study, worker, other, vouched=True)
    assert run.status == "failed"
    assert (
        "other was made for another base" in run.error and "The sha256 of its weights is ffffffffffff..." in run.error
    )


def test_an_adapter_of_another_shape_is_refused_by_its_layer(study, worker, plain):
    tensors = load_file(plain / "adapter_model.safetensors")
    name = "base_model.model.model.layers.0.mlp.up_proj.lora_A.weight"
    tensors[name] = torch.zeros(4, 48)
    save_file(tensors, plain / "adapter_model.safetensors")
    run = bring(study, worker, plain, vouched=True)
    assert run.status == "failed"
    assert "its model.layers.0.mlp.up_proj has the shape [64, 48], that of the study's base [64, 32]" in run.error


def test_an_adapter_of_the_output_layer_is_refused(study, worker, plain):
    tensors = load_file(plain / "adapter_model.safetensors")
    tensors["base_model.model.lm_head.lora_A.weight"] = torch.zeros(4, 32)
    tensors["base_model.model.lm_head.lora_B.weight"] = torch.zeros(259, 4)
    save_file(tensors, plain / "adapter_model.safetensors")
    run = bring(study, worker, plain, vouched=True)
    assert run.status == "failed" and "it changes 'lm_head'" in run.error


def test_matrices_that_hold_no_numbers_are_refused_by_name(study, worker, plain):
    tensors = load_file(plain / "adapter_model.safetensors")
    name = "base_model.model.model.layers.0.mlp.up_proj.lora_B.weight"
    tensors[name][0, 0] = float("nan")
    save_file(tensors, plain / "adapter_model.safetensors")
    run = bring(study, worker, plain, vouched=True)
    assert run.status == "failed" and f"{name} holds what is no finite number" in run.error
    assert "imported-2" not in worker.models.model.adapters.names


def test_matrices_that_the_config_does_not_name_are_not_dropped_in_silence(study, worker, plain):
    change(plain, target_modules=["q_proj"])
    run = bring(study, worker, plain, vouched=True)
    assert run.status == "failed" and "its config does not name" in run.error
    assert "imported-2" not in worker.models.model.adapters.names


def test_an_adapter_with_another_tokenizer_is_refused(study, worker, plain, export):
    for added in (True, False):
        tokenizer = json.loads((export / "tokenizer.json").read_text())
        if added:
            tokenizer["added_tokens"].append({**tokenizer["added_tokens"][-1], "content": "<tool>", "id": 259})
        else:
            tokenizer["model"]["vocab"]["<tool>"] = 259
        (plain / "tokenizer.json").write_text(json.dumps(tokenizer))
        run = bring(study, worker, plain, vouched=True)
        assert run.status == "failed" and "made with another tokenizer: 1 of its 260 tokens" in run.error
        assert "'<tool>'" in run.error


def test_an_adapter_whose_tokens_stand_at_other_places_is_refused(study, worker, plain, export):
    tokenizer = json.loads((export / "tokenizer.json").read_text())
    vocabulary = tokenizer["model"]["vocab"]
    first, second, *_ = sorted(vocabulary, key=vocabulary.get)[100:]
    vocabulary[first], vocabulary[second] = vocabulary[second], vocabulary[first]
    (plain / "tokenizer.json").write_text(json.dumps(tokenizer))
    run = bring(study, worker, plain, vouched=True)
    assert run.status == "failed" and "made with another tokenizer: 2 of its 259 tokens" in run.error


def test_a_base_on_the_hub_is_known_by_name_and_revision(tmp_path, monkeypatch, plain):
    put_tiny_on_hub(monkeypatch, tmp_path)
    db = new_study(tmp_path / "study", base=HUB)
    worker = Worker(db.folder, lease_seconds=60)
    worker.models.register_base()
    change(plain, base_model_name_or_path="people/tiny", revision="f" * 40)
    run = bring(db, worker, plain)
    assert run.status == "failed" and f"the study's base is revision {REVISION}" in run.error
    change(plain, base_model_name_or_path="people/other", revision=None)
    run = bring(db, worker, plain)
    assert run.status == "failed" and "names the base 'people/other'" in run.error
    change(plain, base_model_name_or_path="people/tiny", revision=REVISION)
    run = bring(db, worker, plain)
    assert run.status == "succeeded", run.error
    assert policies.by_name(db, "imported-1").imported["base_told_by"] == "hub name"


def test_what_an_import_that_was_not_stored_left_is_no_part_of_the_next(study, export, plain, monkeypatch):
    def full(source, target):
        shutil.copyfile(source, target)
        if Path(target).name == "tastemaker.json":
            raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(verbs, "shutil", SimpleNamespace(copyfile=full, rmtree=shutil.rmtree))
        with pytest.raises(OSError, match="No space"):
            verbs.start_run(study, "policy-import", {"folder": str(export)})
    run = verbs.start_run(study, "policy-import", {"folder": str(plain), "vouched": True})
    there = {path.name for path in (study.folder / "runs" / str(run.id) / "adapter").iterdir()}
    assert there == {"adapter_config.json", "adapter_model.safetensors"}


def test_two_imports_that_were_asked_for_under_one_name_do_not_touch_each_other(study, worker, plain):
    first, second = (
        verbs.start_run(study, "policy-import", {"folder": str(plain), "name": "twice", "vouched": True})
        for _ in range(2)
    )
    run = done(study, worker, second)
    assert run.status == "failed" and "There is a policy 'imported-twice' already" in run.error
    assert runs.get(study, first.id).status == "succeeded"
    made = policies.by_name(study, "imported-twice")
    assert folders.verify(study.folder / made.folder) == made.manifest_sha256


def test_a_file_that_is_not_as_its_checksums_say_is_refused_before_the_run(study, export, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(export, copy)
    (copy / "README.md").write_text("Notes of one's own are nobody's business.")
    run_plan.resolve(study, "policy-import", {"folder": str(copy)})
    weights = copy / "adapter_model.safetensors"
    flipped = bytearray(weights.read_bytes())
    flipped[-1] ^= 1
    weights.write_bytes(flipped)
    with pytest.raises(SettingsError, match=r"by its SHA256SUMS, adapter_model.safetensors is not as it was written"):
        run_plan.resolve(study, "policy-import", {"folder": str(copy)})
    (copy / "SHA256SUMS").unlink()
    run_plan.resolve(study, "policy-import", {"folder": str(copy)})
