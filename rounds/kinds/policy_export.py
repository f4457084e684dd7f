"""A policy as a folder that other programs load: exports/POLICY holds the adapter as PEFT and vLLM read it, tokenizer
and chat template, how to sample, a record with the sha256 of the base, a card and SHA256SUMS.

The adapter alone is written where its base lies on the hub, and names it with its commit. Any other base goes with it
(`adapter-with-base`, below base/), or the adapter is merged into a copy of it (`merged`).
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from feedback_store import runs
from language_models import fetch, plain_lora
from language_models.chat_turns import lines_template
from language_models.saved_for_others import readable_elsewhere
from language_models.settled_templates import is_settled
from language_models.sources import WEIGHTS, weight_files
from rounds import base_precision, policy_card, policy_record
from rounds.base_names import hub_id
from rounds.context import RunContext
from rounds.export_folder import described, export_folder
from rounds.exportable import exportable
from rounds.model_host import base_source
from rounds.own_lora import ADAPTER
from rounds.publishing import VERSIONS, read_card
from rounds.settings import PolicyExportSettings

BASE = "base"  # the base's folder within an export
LOCAL_BASE = f"./{BASE}"  # relative to the export, and no name on the hub
FORMATS = {"adapter": "", "adapter-with-base": "-with-base", "merged": "-merged"}
"""What is behind the policy's name in the folder's."""


def run(context: RunContext) -> dict[str, Any]:
    """Write the export under a temporary name and rename it; an older export of the policy is replaced."""
    settings: PolicyExportSettings = context.settings
    policy = exportable(context.db, settings.policy, settings.format)
    context.report("checking the policy's folder")
    trained = context.models.folder_of(policy)
    source = trained / ADAPTER
    base = fetch.ensure(base_source(context.study_folder, context.study.base))
    revision = fetch.revision(context.study.base) if hub_id(context.study.base) else None
    record: dict[str, Any] = {
        "format": settings.format,
        "base": policy_record.base_of(
            base,
            context.study.base,
            tokenizer_sha256=context.models.identity.tokenizer_sha256,
            template_sha256=context.models.identity.template_sha256,
            revision=revision,
            held_in=base_precision.held_in(context.db),
        ),
        "sampling": policy_record.sampling_of(
            context.study,
            runs.get(context.db, policy.run_id) if policy.run_id is not None else None,
            read_card(trained),
            sorted(context.models.model.stop_ids),
            takes_system=context.models.model.takes_system,
            template=_template(context),
        ),
        "made_from": policy_record.made_from(context.db, policy),
        "written_with": {library: version(library) for library in VERSIONS},
    }
    name = folder_name(policy.name, settings.format)
    with export_folder(context, name) as folder:
        context.report("writing")
        if settings.format == "merged":
            _write_merged(source, base, folder)
        else:
            named = LOCAL_BASE if settings.format == "adapter-with-base" else hub_id(context.study.base)
            _write_adapter(source, folder, base=named, revision=revision)
        if settings.format == "adapter-with-base":
            _write_base(context, base, folder / BASE, record["sampling"])
        _write_around(context, folder, record["sampling"])
        text = json.dumps(record, indent=1, sort_keys=True, ensure_ascii=False)
        (folder / policy_record.FILE).write_text(text + "\n", encoding="utf-8")
        card = policy_card.card(name, record, context.study, policy, settings, plain_lora.read(source))
        (folder / "README.md").write_text(card, encoding="utf-8")
    return {"policy": policy.name, "format": settings.format, **described(context, name)}


def folder_name(policy: str, form: str) -> str:
    """The export's folder: POLICY, POLICY-with-base or POLICY-merged."""
    return policy + FORMATS[form]


def _write_adapter(source: Path, folder: Path, *, base: str | None, revision: str | None) -> None:
    """The matrices as they are, and a config that names the base. Raises NotPlainLora where other programs would not
    load it."""
    shutil.copyfile(source / plain_lora.WEIGHTS, folder / plain_lora.WEIGHTS)
    config = json.loads((source / plain_lora.CONFIG).read_text(encoding="utf-8"))
    alpha = float(config["lora_alpha"])
    config |= {
        "base_model_name_or_path": base,
        "revision": revision,
        "task_type": "CAUSAL_LM",
        "inference_mode": True,
        "lora_alpha": int(alpha) if alpha.is_integer() else alpha,  # vLLM declares it a whole number
    }
    (folder / plain_lora.CONFIG).write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    plain_lora.read(folder)


def _write_merged(adapter: Path, base: Path, folder: Path) -> None:
    """The merge goes into a copy of the base's matrices that is thrown away afterwards."""
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    network = AutoModelForCausalLM.from_pretrained(base, dtype="float32", local_files_only=True)
    merged = PeftModel.from_pretrained(network, str(adapter)).merge_and_unload()
    merged.save_pretrained(folder)


def _write_base(context: RunContext, base: Path, folder: Path, sampling: Mapping[str, Any]) -> None:
    """The very files of the base's weights, so that their sha256 can be compared."""
    folder.mkdir()
    for path in (base / "config.json", *base.glob(f"{WEIGHTS}.index.json"), *weight_files(base)):
        shutil.copyfile(path, folder / path.name)
    _write_around(context, folder, sampling)


def _write_around(context: RunContext, folder: Path, sampling: Mapping[str, Any]) -> None:
    """Tokenizer with its chat template, and how the policy is sampled: as it was trained, nothing cut off.

    What the folder holds already is made readable to older programs as well.
    """
    model = context.models.model
    model.tokenizer.save_pretrained(folder)
    if sampling["chat_template"] == "lines":
        (folder / policy_record.TEMPLATE).write_text(lines_template(model.tokenizer) or "", encoding="utf-8")
    readable_elsewhere(folder)
    generation = {
        "do_sample": True,
        "temperature": sampling["temperature"],
        "top_p": 1.0,
        "top_k": 0,
        "max_new_tokens": sampling["max_new_tokens"],
        "eos_token_id": sampling["stop_ids"],
        "pad_token_id": model.pad_id,
    }
    (folder / "generation_config.json").write_text(json.dumps(generation, indent=2) + "\n", encoding="utf-8")


def _template(context: RunContext) -> policy_record.Template:
    tokenizer = context.models.model.tokenizer
    if tokenizer.chat_template is not None:
        return "settled" if is_settled(tokenizer.get_chat_template()) else "base"
    return "none" if lines_template(tokenizer) is None else "lines"
