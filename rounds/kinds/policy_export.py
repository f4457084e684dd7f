"""A policy as a folder that other programs load: exports/POLICY holds the adapter as PEFT reads it, a card and
SHA256SUMS.

With `merged` the folder holds a whole model instead: the adapter merged into a copy of the base.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from feedback_store import policies
from feedback_store.policies import Policy
from rounds.base_names import base_name
from rounds.context import RunContext
from rounds.export_folder import described, export_folder
from rounds.model_host import ADAPTER, base_source
from rounds.settings import PolicyExportSettings

ADAPTER_FILES = ("adapter_config.json", "adapter_model.safetensors")


class NothingToExport(ValueError):
    """The policy has no weights of its own."""


def run(context: RunContext) -> dict[str, Any]:
    """Write the export under a temporary name and rename it; an older export of the policy is replaced."""
    settings: PolicyExportSettings = context.settings
    policy = policies.by_name(context.db, settings.policy) if settings.policy else policies.current(context.db)
    if policy is None or policy.folder is None:
        raise NothingToExport(
            f"{policy.name if policy else 'The study'} has no weights of its own: only trained policies are exported."
        )
    context.report("checking the policy's folder")
    source = context.models.folder(policy.folder) / ADAPTER
    name = f"{policy.name}-merged" if settings.merged else policy.name
    with export_folder(context, name) as folder:
        context.report("writing")
        if settings.merged:
            _write_merged(context, source, folder)
        else:
            for file in ADAPTER_FILES:
                shutil.copyfile(source / file, folder / file)
        (folder / "README.md").write_text(card(context, policy, merged=settings.merged), encoding="utf-8")
    return {"policy": policy.name, **described(context, name)}


def _write_merged(context: RunContext, adapter: Path, folder: Path) -> None:
    """The merge goes into a copy of the base's matrices that is thrown away afterwards."""
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    from language_models.fetch import ensure

    base = ensure(base_source(context.study_folder, context.study.base))
    network = AutoModelForCausalLM.from_pretrained(base, dtype="float32", local_files_only=True)
    merged = PeftModel.from_pretrained(network, str(adapter)).merge_and_unload()
    merged.save_pretrained(folder)
    context.models.model.tokenizer.save_pretrained(folder)


def card(context: RunContext, policy: Policy, *, merged: bool) -> str:
    """The README of an export: what it is, what it was made from, how to load it."""
    name = base_name(context.study.base)
    identity = context.models.identity
    kl = policy.metrics.get("kl_nats")
    loading = (
        f'model = AutoModelForCausalLM.from_pretrained("{policy.name}-merged")'
        if merged
        else f'base = AutoModelForCausalLM.from_pretrained("{name}")\n'
        f'model = PeftModel.from_pretrained(base, "{policy.name}")'
    )
    imports = "from transformers import AutoModelForCausalLM" + ("" if merged else "\nfrom peft import PeftModel")
    return f"""---
base_model: {name}
library_name: {"transformers" if merged else "peft"}
pipeline_tag: text-generation
tags: [preference-learning, ppo{"" if merged else ", lora"}]
---

# {policy.name}

{"A model" if merged else "A LoRA adapter"} trained by Tastemaker with PPO against a model of people's preferences.

| | |
|---|---|
| base | {name} |
| sha256 of the base that it was trained on | {identity.sha256} |
| sha256 of its tokenizer | {identity.tokenizer_sha256} |
| sha256 of its chat template | {identity.template_sha256} |
| mean KL to the base | {f"{kl:.2f} nats a completion" if isinstance(kl, float) else "not measured"} |
| temperature | {context.study.sampling.temperature} |
| system prompt | {context.study.system_prompt} |

Sample at the temperature above, without top-k or top-p, with the system prompt above: that is what it was trained for.

```python
{imports}

{loading}
```
"""
