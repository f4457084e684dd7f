"""Exports load elsewhere as the study's policy, name their base as what it is, and are found out where they differ."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from unittest import mock

import pytest
import torch
from safetensors.torch import load_file, save_file

from feedback_store import policies, prompts, runs, study_settings
from feedback_store.prompts import NewPrompt, from_text
from language_models import folders
from rounds import base_precision, policy_record, run_plan, studies, verbs, verify_export
from rounds.base_names import NotElsewhere
from rounds.exportable import CannotMerge, CannotWriteOut, NothingToExport
from rounds.verify_export import INCOMPARABLE, SAME_LOGITS, NoExport, _most_between, compare
from rounds.worker import Worker
from tests.builders.policy_studies import HUB, REVISION, done, put_tiny_on_hub, with_policy
from tests.rounds.small_study import new_study, start_run

pytestmark = pytest.mark.usefixtures("one_thread")

AROUND = {"README.md", "SHA256SUMS", "generation_config.json", "tastemaker.json", "tokenizer.json"}


def exported(db, worker, **settings: object) -> Path:
    run = done(db, worker, verbs.start_run(db, "policy-export", settings))
    assert run.status == "succeeded", run.error
    return Path(db.folder / run.result["folder"])


def logits_of(network) -> torch.Tensor:
    with torch.no_grad():
        return network(input_ids=torch.tensor([[5, 60, 61, 62, 7]])).logits


def of_study(worker, db) -> torch.Tensor:
    model = worker.models.model
    with model.adapters.using(worker.models.adapter(policies.by_name(db, "policy-1"))):
        return logits_of(model.network)


def test_an_adapter_names_a_base_on_the_hub_and_says_its_sha256(tmp_path, monkeypatch):
    hub = put_tiny_on_hub(monkeypatch, tmp_path)
    db, worker = with_policy(tmp_path / "study", HUB)
    folder = exported(db, worker, data_licence="CC-BY-4.0", base_licence="MIT")
    files = {path.name for path in folder.iterdir()}
    assert files == AROUND | {
        "adapter_config.json", "adapter_model.safetensors", "tokenizer_config.json", "chat_template.jinja"
    }  # fmt: skip
    for line in (folder / "SHA256SUMS").read_text().splitlines():
        digest, name = line.split("  ")
        assert folders.file_sha256(folder / name) == digest

    config = json.loads((folder / "adapter_config.json").read_text())
    assert (config["base_model_name_or_path"], config["revision"]) == ("people/tiny", REVISION)
    record = json.loads((folder / "tastemaker.json").read_text())
    weights = {"model.safetensors": folders.file_sha256(hub / "model.safetensors")}
    assert record["base"]["weights_sha256"] == weights
    assert (record["base"]["hub_id"], record["base"]["revision"]) == ("people/tiny", REVISION)
    assert record["made_from"]["parents"] == ["base"]
    assert record["sampling"]["temperature"] == 0.7

    card = (folder / "README.md").read_text()
    base = policies.base(db)
    for told in (
        "CC-BY-4.0", "MIT", REVISION, weights["model.safetensors"], base.tokenizer_sha256, "1 × length_window",
        "1.25 nats", "12, 6", "Reply to the request.", "ppo.steps", "--max-lora-rank 8", "base_model: people/tiny",
        "| rank, alpha of its adapter | 4, 8 |", "| 4 (the settings said 16,", "| 8 (the settings said 32,",
    ):  # fmt: skip
        assert told in card, told


@pytest.mark.parametrize("frozen", [0, 2], ids=["all layers", "upper layers"])
def test_an_adapter_keeps_the_rules_that_vllm_sets(tmp_path, monkeypatch, frozen):
    """By its raw files, as vLLM's loader looks at them (peft_helper.py, lora_model.py, utils.py)."""
    put_tiny_on_hub(monkeypatch, tmp_path)
    db, worker = with_policy(tmp_path / "study", HUB, frozen_layers=frozen)
    folder = exported(db, worker)
    config = json.loads((folder / "adapter_config.json").read_text())
    assert {"r", "lora_alpha", "target_modules"} <= set(config)
    assert type(config["r"]) is int and type(config["lora_alpha"]) is int and 1 <= config["r"] <= 512
    assert config["bias"] == "none" and config["modules_to_save"] is None
    assert not config.get("use_dora") and not config.get("lora_bias") and not config.get("use_rslora")
    assert not config["rank_pattern"] and not config["alpha_pattern"] and config["init_lora_weights"] is True
    tensors = load_file(folder / "adapter_model.safetensors")
    linear = {name.rsplit(".", 1)[-1] for name in worker.models.model.adapters.linear_shapes()}
    targets = {name.rsplit(".", 1)[-1] for name in config["target_modules"]}  # a module's last name alone counts
    assert targets <= linear
    assert {int(name.split(".layers.")[1].split(".")[0]) for name in tensors} == set(range(frozen, 3))
    for name, tensor in tensors.items():
        start, _, rest = name.partition("base_model.model.")
        *module, side, weight = rest.split(".")
        assert (start, weight) == ("", "weight") and side in ("lora_A", "lora_B")
        assert module[-1] in linear and module[-1] in targets
        assert tensor.is_floating_point() and tensor.shape[side == "lora_B"] == config["r"]
    assert not [name for name in tensors if "value" in name or "embed" in name or "lm_head" in name]


def test_how_to_sample_is_read_by_transformers(tmp_path, monkeypatch):
    from transformers import AutoTokenizer, GenerationConfig

    put_tiny_on_hub(monkeypatch, tmp_path)
    db, worker = with_policy(tmp_path / "study", HUB)
    folder = exported(db, worker)
    found = GenerationConfig.from_pretrained(folder)
    assert (found.do_sample, found.temperature, found.top_p, found.top_k) == (True, 0.7, 1.0, 0)
    assert (found.max_new_tokens, found.eos_token_id) == (12, sorted(worker.models.model.stop_ids))
    messages = [{"role": "system", "content": "Reply."}, {"role": "user", "content": "hello"}]
    ids = AutoTokenizer.from_pretrained(folder).apply_chat_template(
        messages, add_generation_prompt=True, return_dict=False
    )
    assert ids == worker.models.model.tokens(messages)


@pytest.mark.parametrize("form", ["adapter", "adapter-with-base", "merged"])
def test_no_way_of_sampling_comes_over_from_the_base(tmp_path, monkeypatch, form):
    from transformers import GenerationConfig

    base = put_tiny_on_hub(monkeypatch, tmp_path)
    of_base = {"repetition_penalty": 1.3, "top_p": 0.8, "min_p": 0.1}
    (base / "generation_config.json").write_text(json.dumps(of_base))
    db, worker = with_policy(tmp_path / "study", HUB)
    folder = exported(db, worker, format=form)
    for one in [folder, *folder.glob("base")]:
        found = GenerationConfig.from_pretrained(one)
        assert found.repetition_penalty in (None, 1.0)
        assert found.top_p in (None, 1.0)
        assert found.min_p is None


@pytest.mark.parametrize("base", ["tiny:", "folder"])
def test_an_adapter_alone_is_refused_where_its_base_is_nowhere_else(tmp_path, monkeypatch, base):
    if base == "folder":
        base = str(put_tiny_on_hub(monkeypatch, tmp_path))
    db, _ = with_policy(tmp_path / "study", base)
    with pytest.raises(NotElsewhere, match=r"policy-1 cannot be .* alone.*--with-base\), or merged into it \(--merged"):
        verbs.start_run(db, "policy-export")
    assert [run.kind for run in runs.listing(db)] == ["train-policy"], "nothing was queued"


def test_the_bundled_base_is_not_the_one_on_the_hub(tmp_path):
    from rounds.base_names import hub_id, require_elsewhere

    assert hub_id("bundled:smollm2-135m-instruct") is None
    with pytest.raises(NotElsewhere, match=r"four bits \(GGUF, Q4_1\).*differ from those on the hub"):
        require_elsewhere("bundled:smollm2-135m-instruct", "policy-1")


def test_an_adapter_with_its_base_gives_the_same_logits_in_peft(tmp_path):
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    from language_models.fetch import ensure

    db, worker = with_policy(tmp_path / "study")
    folder = exported(db, worker, format="adapter-with-base")
    assert folder.name == "policy-1-with-base"
    own, copied = ensure("tiny:") / "model.safetensors", folder / "base" / "model.safetensors"
    assert folders.file_sha256(copied) == folders.file_sha256(own)
    base = AutoModelForCausalLM.from_pretrained(folder / "base")
    untouched = logits_of(base)
    theirs = logits_of(PeftModel.from_pretrained(base, str(folder)).eval())
    assert torch.allclose(theirs, of_study(worker, db), atol=1e-6)
    assert not torch.allclose(theirs, untouched, atol=1e-2)
    found = compare(db.folder, folder, None)
    assert found["same"] and found["max_difference"] < 1e-4 < found["adapter_moves"]
    assert found["prompts"] == 8 and found["verdict"].startswith("The same: policy-1-with-base is policy-1;")


def test_a_merged_export_is_a_whole_model(tmp_path):
    from transformers import AutoModelForCausalLM

    db, worker = with_policy(tmp_path / "study")
    folder = exported(db, worker, format="merged")
    assert folder.name == "policy-1-merged" and not (folder / "adapter_config.json").exists()
    merged = AutoModelForCausalLM.from_pretrained(folder)
    assert torch.allclose(logits_of(merged), of_study(worker, db), atol=1e-4)
    assert (merged.generation_config.temperature, merged.generation_config.top_k) == (0.7, 0)
    assert compare(db.folder, folder, None)["same"]


@pytest.mark.parametrize("form", ["adapter-with-base", "merged"])
def test_older_programs_find_theta_and_a_tokenizer_that_they_know(tmp_path, monkeypatch, form):
    from transformers import AutoTokenizer

    base = put_tiny_on_hub(monkeypatch, tmp_path)
    config = json.loads((base / "config.json").read_text())
    config["rope_parameters"]["rope_theta"] = 5e5
    (base / "config.json").write_text(json.dumps(config))
    db, worker = with_policy(tmp_path / "study", str(base))
    folder = exported(db, worker, format=form)
    whole = folder if form == "merged" else folder / "base"
    assert json.loads((whole / "config.json").read_text())["rope_theta"] == 5e5
    for one in {folder, whole}:
        told = json.loads((one / "tokenizer_config.json").read_text())
        assert told["tokenizer_class"] == "PreTrainedTokenizerFast"
        assert not isinstance(told.get("extra_special_tokens"), list)
        loaded = AutoTokenizer.from_pretrained(one)
        assert (
            loaded("One <|im_end|> two.")["input_ids"]
            == worker.models.model.tokenizer("One <|im_end|> two.")["input_ids"]
        )
    if form == "adapter-with-base":
        own = folders.file_sha256(base / "model.safetensors")
        assert folders.file_sha256(whole / "model.safetensors") == own
    found = compare(db.folder, folder, None)
    assert found["same"] and found["differs"] == []


def without_template(folder: Path) -> Path:
    (folder / "chat_template.jinja").unlink()
    return folder


@pytest.mark.parametrize("form", ["adapter", "adapter-with-base", "merged"])
def test_a_base_without_a_chat_template_gets_one_that_gives_the_very_tokens(tmp_path, monkeypatch, form):
    from transformers import AutoTokenizer

    base = without_template(put_tiny_on_hub(monkeypatch, tmp_path))
    db, worker = with_policy(tmp_path / "study", HUB if form == "adapter" else str(base))
    folder = exported(db, worker, format=form)
    own = worker.models.model
    assert own.tokenizer.chat_template is None
    messages = [{"role": "system", "content": ""}, {"role": "user", "content": "hello"}]
    for one in [folder, *folder.glob("base")]:
        found = AutoTokenizer.from_pretrained(one)
        assert found.apply_chat_template(messages, add_generation_prompt=True, return_dict=False) == own.tokens(
            messages
        )
    assert json.loads((folder / "tastemaker.json").read_text())["sampling"]["chat_template"] == "lines"
    card = (folder / "README.md").read_text()
    assert "The base has no chat template. The one that is here" in card
    assert (f"--chat-template {folder.name}/chat_template.jinja" in card) == (form == "adapter")
    found = compare(db.folder, folder, None)
    assert found["same"] and found["differs"] == []


@pytest.mark.parametrize("form", ["adapter", "merged"])
def test_a_template_that_was_settled_goes_with_the_policy(tmp_path, monkeypatch, form):
    from transformers import AutoTokenizer

    base = put_tiny_on_hub(monkeypatch, tmp_path)
    template = base / "chat_template.jinja"
    template.write_text("{{ strftime_now('%d %b %Y') }}{% if enable_thinking %}{% endif %}" + template.read_text())
    db, worker = with_policy(tmp_path / "study", HUB if form == "adapter" else str(base))
    folder = exported(db, worker, format=form)
    asked = [{"role": "user", "content": "hello"}]
    found = AutoTokenizer.from_pretrained(folder).apply_chat_template(asked, tokenize=False)
    assert found.startswith("01 Jan 2025<|im_start|>")
    card = (folder / "README.md").read_text()
    assert "one day's date" in card
    assert (f"--chat-template {folder.name}/chat_template.jinja" in card) == (form == "adapter")
    assert compare(db.folder, folder, None)["differs"] == []


def test_a_study_of_before_goes_on_with_the_template_that_it_recorded(tmp_path, monkeypatch):
    base = put_tiny_on_hub(monkeypatch, tmp_path)
    template = base / "chat_template.jinja"
    template.write_text("{% if enable_thinking is not defined %}hm{% endif %}" + template.read_text())
    db, worker = with_policy(tmp_path / "study", HUB)
    recorded = folders.file_sha256(template)
    db.execute("UPDATE policies SET template_sha256 = ?", [recorded])
    worker = Worker(db.folder, lease_seconds=60)
    assert worker.models.identity.template_sha256 == recorded
    model = worker.models.model
    assert model.text(model.tokens([{"role": "user", "content": "hello"}])).startswith("hmuser")
    found = compare(db.folder, exported(db, worker, format="adapter"), None)
    assert found["same"] and found["differs"] == []


def test_a_base_that_no_template_would_do_for_is_told_on_the_card(tmp_path, monkeypatch):
    from rounds.kinds import policy_export

    base = without_template(put_tiny_on_hub(monkeypatch, tmp_path))
    db, worker = with_policy(tmp_path / "study", str(base))
    monkeypatch.setattr(policy_export, "lines_template", lambda _: None)
    folder = exported(db, worker, format="merged")
    assert not (folder / "chat_template.jinja").exists()
    assert "no template gives the very tokens" in (folder / "README.md").read_text()


def test_another_base_is_found_by_logits_and_named(tmp_path):
    db, worker = with_policy(tmp_path / "study")
    folder = exported(db, worker, format="adapter-with-base")
    other = tmp_path / "other"
    shutil.copytree(folder / "base", other)
    tensors = load_file(other / "model.safetensors")
    tensors["model.layers.1.mlp.up_proj.weight"] += 0.5
    save_file(tensors, other / "model.safetensors", metadata={"format": "pt"})
    found = compare(db.folder, folder, str(other))
    assert not found["same"] and found["max_difference"] > 0.01
    assert found["verdict"].startswith("NOT the same: policy-1-with-base is not policy-1 here")
    assert [fault for fault in found["differs"] if "have another sha256 than those of the study's base" in fault]


def test_a_base_of_another_shape_or_tokenizer_is_named(tmp_path):
    from language_models.errors import WrongBase
    from language_models.tiny import tiny_model, tiny_tokenizer

    db, worker = with_policy(tmp_path / "study")
    folder = exported(db, worker, format="adapter-with-base")
    other = tmp_path / "other"
    tokenizer = tiny_tokenizer()
    tiny_model(tokenizer, layers=2).save_pretrained(other)
    tokenizer.save_pretrained(other)
    with pytest.raises(WrongBase, match=r"changes 'model\.layers\.2\..*no linear layer of that name"):
        compare(db.folder, folder, str(other))
    shutil.rmtree(other)
    shutil.copytree(folder / "base", other)
    tokenizer.add_tokens(["<new>"])
    tokenizer.chat_template = "{{ messages[0]['content'] }}"
    tokenizer.save_pretrained(other)
    found = compare(db.folder, folder, str(other))
    assert not found["same"]
    assert [fault.split()[1] for fault in found["differs"]] == ["tokenizer", "chat"]


def test_a_changed_file_of_an_export_is_named(tmp_path):
    db, worker = with_policy(tmp_path / "study")
    folder = exported(db, worker, format="adapter-with-base")
    with (folder / "generation_config.json").open("a") as file:
        file.write("\n")
    found = compare(db.folder, folder, None)
    assert not found["same"]
    assert found["differs"] == ["generation_config.json is not as it was written"]


def test_it_tells_what_the_policy_was_trained_with_whatever_the_study_says_since(tmp_path):
    db = new_study(tmp_path / "study", train=3)
    worker = Worker(db.folder, lease_seconds=60)
    worker.models.register_base()
    length = [{"function": "length_window", "weight": 1.0, "settings": {"longest": 6}}]
    few = {
        "ppo__steps": 1,
        "ppo__sampling__max_new_tokens": 7,
        "shown_prompts": 0,
        "held_out_prompts": 0,
        "reference_samples": 4,
    }
    assert done(db, worker, start_run(db, "train-policy", rewards=length, **few)).status == "succeeded"
    studies.change_settings(db, system_prompt="Be someone else.", sampling={"temperature": 1.0, "max_new_tokens": 99})
    prompts.add(db, [NewPrompt(from_text("It came later."), split="train")], holdout_share=0.2, seed=0)
    folder = exported(db, worker, format="merged")
    record = json.loads((folder / "tastemaker.json").read_text())
    assert (record["sampling"]["system_prompt"], record["sampling"]["temperature"]) == ("Reply to the request.", 0.7)
    generation = json.loads((folder / "generation_config.json").read_text())
    assert (generation["temperature"], generation["max_new_tokens"]) == (0.7, 7)
    imported = replace(runs.listing(db, kind="train-policy")[0], kind="policy-import", config={"name": "formal"})
    told = policy_record.sampling_of(studies.settings(db), imported, {}, [2], takes_system=True, template="base")
    assert (told["temperature"], told["max_new_tokens"]) == (1.0, 99)
    assert record["made_from"]["prompts"]["train"] == 3
    assert record["base"]["held_in"] == "fp32"


def test_what_has_no_weights_of_its_own_is_refused_before_anything_is_queued(tmp_path):
    db, _ = with_policy(tmp_path / "study")
    for form in ("adapter", "adapter-with-base", "merged"):
        with pytest.raises(NothingToExport, match=r"base has no weights of its own.*This study has: policy-1\."):
            verbs.start_run(db, "policy-export", {"policy": "base", "format": form})
    study_settings.put(db, base_precision.SETTING, "4bit")
    with pytest.raises(CannotMerge, match=r"held in 4 bits; merged .* another policy.*--with-base"):
        verbs.start_run(db, "policy-export", {"policy": "policy-1", "format": "merged"})
    with mock.patch.object(run_plan, "missing_for", return_value=None):  # as if it had a reward model
        for form in ("module", "classifier"):
            with pytest.raises(CannotWriteOut, match=r"held in 4 bits and cannot be written out.*tastemaker score"):
                verbs.start_run(db, "reward-export", {"format": form})
    assert [run.kind for run in runs.listing(db)] == ["train-policy"], "nothing was queued"


def test_a_folder_that_cannot_be_compared_is_refused_with_the_reason(tmp_path):
    db, worker = with_policy(tmp_path / "study")
    folder = exported(db, worker, format="adapter-with-base")
    shutil.rmtree(folder / "base")
    with pytest.raises(NoExport, match=r"no folder base .* name one with --base"):
        compare(db.folder, folder, None)
    record = json.loads((folder / "tastemaker.json").read_text())
    for made_from, words in (
        ({"policy": "policy-9"}, "is an export of 'policy-9', and this study has no such policy.*: policy-1"),
        ({"policy": "base"}, "is an export of 'base'"),
        ("nobody knows", "is no export of this program"),
    ):
        (folder / "tastemaker.json").write_text(json.dumps({**record, "made_from": made_from}))
        with pytest.raises(NoExport, match=words):
            compare(db.folder, folder, "tiny:")


def test_a_policy_that_moves_little_is_not_taken_for_its_base(tmp_path):
    db, worker = with_policy(tmp_path / "study", scale=0.005)
    folder = exported(db, worker, format="merged")
    found = compare(db.folder, folder, None)
    assert found["same"] and found["max_difference"] < found["adapter_moves"] / 10 < SAME_LOGITS / 10
    adapter = next((db.folder / "models").glob("policy-1/adapter/adapter_model.safetensors"))
    assert any(tensor.any() for name, tensor in load_file(adapter).items() if "lora_B" in name)
    worker.models.model.save_network(folder)  # its base, with sums that fit
    sums = [line.split("  ")[1] for line in (folder / "SHA256SUMS").read_text().splitlines()]
    (folder / "SHA256SUMS").write_text("".join(f"{folders.file_sha256(folder / one)}  {one}\n" for one in sums))
    found = compare(db.folder, folder, None)
    assert not found["same"] and "is allowed" in found["verdict"] and found["differs"] == []


def test_a_policy_that_moves_less_than_rounding_cannot_be_told_from_its_base(tmp_path):
    db, worker = with_policy(tmp_path / "study", scale=0.0005)
    found = compare(db.folder, exported(db, worker, format="merged"), None)
    assert found["same"] and found["verdict"].startswith("The same, as far as can be told: policy-1 moves its base's")


def test_logits_that_are_no_numbers_are_never_the_same():
    fine, broken = torch.zeros(2, 3), torch.tensor([[0.0, 0.0, float("nan")]] * 2)
    with mock.patch.object(verify_export, "_logits", side_effect=[fine, fine, fine, fine + 1]):
        assert _most_between(("one", None), ("two", None), [[1], [2]]) == 1.0
    with mock.patch.object(verify_export, "_logits", side_effect=[fine, fine, fine, broken]):
        assert _most_between(("one", None), ("two", None), [[1], [2]]) == INCOMPARABLE > SAME_LOGITS
