"""The card of an exported policy: what it is, how to load and sample it, what it was made from, and whose that is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from feedback_store.dataset_card import LICENCE_OF_BASE, NOT_STATED
from feedback_store.policies import Policy
from language_models.plain_lora import PlainLora
from rounds import setting_fields
from rounds.base_names import base_name
from rounds.policy_record import TEMPLATE
from rounds.settings import PolicyExportSettings, StudySettings

ADAPTER = """```python
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig

base = AutoModelForCausalLM.from_pretrained({base})
model = PeftModel.from_pretrained(base, "{folder}")
model.generation_config = GenerationConfig.from_pretrained("{folder}")
tokenizer = AutoTokenizer.from_pretrained("{folder}")
```

vLLM serves it as well:

    vllm serve {serve} --generation-config {folder}{template} \\
        --enable-lora --max-lora-rank {rank} --lora-modules {name}={folder}"""

MERGED = """```python
from transformers import AutoModelForCausalLM, AutoTokenizer

model = AutoModelForCausalLM.from_pretrained("{folder}")
tokenizer = AutoTokenizer.from_pretrained("{folder}")
```"""


SAMPLING = """\
Sample at the temperature below, without top-k, top-p or repetition penalty (generation_config.json says so; an adapter
that is loaded on its base alone has the base's settings), with the system prompt below {where}: that is what it was
trained for."""
A_TURN = "as the first message, also where it is empty"
LINES = """\
The base has no chat template. The one that is here, chat_template.jinja, writes the text of each message on a line of
its own: so it was trained."""
SETTLED = """\
The chat template that is here, chat_template.jinja, is the base's with a few words in front of it, by which it tells
one day's date, not today's, or does not think before it answers: so it was trained."""
NO_TEMPLATE = """\
The base has no chat template, and no template gives the very tokens that it was trained on: write the text of each
message on a line of its own, the last one too, and let the tokenizer read that."""
OF_TEMPLATE: Mapping[str, list[str]] = {"base": [], "settled": [SETTLED], "lines": [LINES], "none": [NO_TEMPLATE]}
NO_TURN = "before the text of the first message, an empty line between them, as the chat template has no place for one"
VERIFYING = (
    "`tastemaker policy verify STUDY FOLDER --base MODEL` compares its logits on another copy of the base with the "
    "study's."
)
CHECKING = "`sha256sum --check SHA256SUMS` tells whether the files are as they were written."


def card(
    folder: str,
    record: Mapping[str, Any],
    study: StudySettings,
    policy: Policy,
    settings: PolicyExportSettings,
    adapter: PlainLora,
) -> str:
    """README.md in Markdown with the hub's front matter. `record`: what stands in tastemaker.json. `adapter`: the
    policy's own, also where it was merged.
    """
    merged, base, made = settings.format == "merged", record["base"], record["made_from"]
    name, algorithm = base_name(study.base), made["algorithm"]
    parts = [
        _front_matter(study.base, algorithm, merged=merged),
        f"# {folder}",
        f"{'A model' if merged else 'A LoRA adapter'} {_maker(policy, algorithm)}.",
        _loading(folder, policy.name, record, adapter.served_rank),
        SAMPLING.format(where=A_TURN if record["sampling"]["system_prompt_is_a_turn"] else NO_TURN),
        *OF_TEMPLATE[record["sampling"]["chat_template"]],
        _table(_sampling(record["sampling"])),
        "## Its base",
        f"{name}: {base['is']}.",
        _table(_base(base)),
        VERIFYING,
        "## What it was made from",
        _table({**_data(made), **_licences(study, settings)}),
        "## Provenance",
        _table(_provenance(policy, made, adapter, record["written_with"])),
        "## Settings",
        _table(_settings(made, adapter)),
        CHECKING,
    ]
    return "\n\n".join(parts) + "\n"


def _front_matter(base: str, algorithm: str | None, *, merged: bool) -> str:
    """`base_model` is the id of a model of the hub, so it is left out of what was made of any other base."""
    named = base_name(base) if base.startswith(("bundled:", "hub:")) else None
    tags = ["preference-learning", *([algorithm] if algorithm else []), *([] if merged else ["lora"])]
    lines = [
        *([f"base_model: {named}"] if named else []),
        f"library_name: {'transformers' if merged else 'peft'}",
        "pipeline_tag: text-generation",
        f"tags: [{', '.join(tags)}]",
    ]
    return "\n".join(["---", *lines, "---"])


def _sampling(sampling: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "temperature": sampling["temperature"],
        "new tokens at most": sampling["max_new_tokens"],
        "system prompt": sampling["system_prompt"],
    }


def _base(base: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "revision": base["revision"] or "none: it is not on the hub",
        "held in by the study": base["held_in"] or "not known",
        **{f"sha256 of {file}": digest for file, digest in base["weights_sha256"].items()},
        "sha256 of its tokenizer": base["tokenizer_sha256"],
        "sha256 of its chat template": base["template_sha256"],
    }


def _licences(study: StudySettings, settings: PolicyExportSettings) -> dict[str, str]:
    return {
        "licence of prompts and texts": settings.data_licence or NOT_STATED,
        "licence of the base": settings.base_licence or LICENCE_OF_BASE.get(study.base) or NOT_STATED,
    }


def _maker(policy: Policy, algorithm: str | None) -> str:
    if policy.imported is not None:
        return "that was made elsewhere and brought to a study of Tastemaker"
    return f"trained by Tastemaker ({algorithm or 'ppo'}) towards a group's taste"


def _loading(folder: str, name: str, record: Mapping[str, Any], rank: int) -> str:
    form, base = record["format"], record["base"]
    if form == "merged":
        return MERGED.format(folder=folder)
    inside = f"{folder}/base"
    loaded = f'"{base["hub_id"]}", revision="{base["revision"]}"' if form == "adapter" else f'"{inside}"'
    serve = f"{base['hub_id']} --revision {base['revision']}" if form == "adapter" else inside
    own = record["sampling"]["chat_template"] in ("lines", "settled")
    written = form == "adapter" and own  # the base's folder lacks it
    template = f" \\\n        --chat-template {folder}/{TEMPLATE}" if written else ""
    return ADAPTER.format(base=loaded, folder=folder, serve=serve, template=template, rank=rank, name=name)


def _data(made: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "judgments": made["judgments"],
        "judges": made["judges"],
        "consent": made["consent"],
        "prompts to train on, held out": f"{made['prompts']['train']}, {made['prompts']['holdout']}",
        "imported": "; ".join(made["imported_files"]) or "nothing",
    }


def _provenance(
    policy: Policy, made: Mapping[str, Any], adapter: PlainLora, written_with: Mapping[str, str]
) -> dict[str, Any]:
    kl = policy.metrics.get("kl_nats")
    rewards = [f"{one['weight']:g} × {one['function']}" for one in made["rewards"] or ()]
    rows: dict[str, Any] = {
        "made at, by run": f"{made['made_at']}, {made['run']}",
        "sha256 of the published policy's manifest": made["manifest_sha256"],
        "trained from": ", ".join(made["parents"]) or "the base",
        "rank, alpha of its adapter": f"{adapter.rank}, {adapter.alpha:g}",
        "reward": " + ".join(rewards) or "none",
        "mean KL to the reference": f"{kl:.2f} nats a completion" if isinstance(kl, float) else "not measured",
    }
    for name, model in made["reward_models"].items():
        rows[f"{name}: manifest"] = model["manifest_sha256"]
        rows[f"{name}: judgments"] = _seen(model)
    if made["seen_in_training"] and made["seen_in_training"]["judgments"]:
        rows["judgments that its own training saw"] = _seen(made["seen_in_training"])
    if policy.imported is not None:
        rows |= {f"imported: {key}": value for key, value in setting_fields.flat(policy.imported).items()}
    return rows | {"written with": ", ".join(f"{library} {number}" for library, number in written_with.items())}


def _settings(made: Mapping[str, Any], adapter: PlainLora) -> dict[str, Any]:
    """The run's; of rank and alpha what its adapter has, which a start may have brought with it."""
    rows = setting_fields.flat(made["settings"]) if made["settings"] else {}
    for name, own in (("rank", adapter.rank), ("alpha", adapter.alpha)):
        setting = f"{made['algorithm'] or 'ppo'}.lora.{name}"
        if rows.get(setting, own) != own:
            rows[setting] = f"{own:g} (the settings said {rows[setting]:g}, and it started from an adapter of others)"
    return rows


def _seen(taken: Mapping[str, Any]) -> str:
    digest = taken["judgments_sha256"]
    return f"{taken['judgments']}, the snapshot of run {taken['snapshot']}, sha256 of their ids {digest}"


def _table(rows: Mapping[str, Any]) -> str:
    lines = [f"| {_cell(what)} | {_cell(value)} |" for what, value in rows.items()]
    return "\n".join(["| | |", "|---|---|", *lines])


def _cell(value: object) -> str:
    return str(value).replace("\n", " ").replace("|", "\\|")
