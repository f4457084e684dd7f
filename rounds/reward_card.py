"""The card of an exported reward model: what it is, what it was made from, how to load it, how far to trust it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reward_training.model import RewardModel
from rounds.base_names import base_name
from rounds.settings import RewardExportSettings, StudySettings

TO_ROUNDING = "Scores are those of the study to rounding."
IN_32_BITS = (
    "The study holds the base in {numbers}, this module computes in 32 bits: scores differ from the study's by some "
    "hundredths."
)

MODULE = """```python
import sys
sys.path.insert(0, "{folder}")
from reward import Reward              # needs torch, transformers and peft

reward = Reward("{folder}")
reward(["What rests you?"], ["A walk, slowly."])
```

The folder holds all that it needs: the lower layers of the base, the adapter, the head. {exactness}
An instance can stand among the `reward_funcs` of TRL's GRPO and RLOO."""

CLASSIFIER = """```python
from transformers import AutoModelForSequenceClassification

model = AutoModelForSequenceClassification.from_pretrained("{folder}")      # num_labels 1
# TRL: GRPOTrainer(..., reward_funcs=model) or RLOOTrainer(..., reward_funcs="{folder}")
```

Give it whole conversations, rendered by the tokenizer's template, the system prompt below first, padded right."""


def card(
    row: Any,
    model: RewardModel,
    study: StudySettings,
    settings: RewardExportSettings,
    figures: Mapping[str, Any] | None,
    versions: Mapping[str, str],
) -> str:
    """README.md in Markdown with the hub's front matter. `figures` is a classifier's agreement with the reward."""
    identity, report = model.trunk.identity, row.metrics
    name, folder = base_name(study.base), f"{row.name}-{settings.format}"
    loading = (MODULE if settings.format == "module" else CLASSIFIER).format(folder=folder, exactness=exactness(model))
    rows = {
        "base": name,
        "sha256 of the base that it was trained on": identity.sha256,
        "sha256 of its tokenizer": identity.tokenizer_sha256,
        "sha256 of its chat template": identity.template_sha256,
        "sha256 of the published reward's manifest": row.manifest_sha256,
        "made at, by run": f"{row.created_at}, {row.run_id}",
        "judgments": report.get("judgments"),
        "training pairs, held-out pairs": f"{report.get('training_pairs')}, {report.get('holdout_pairs')}",
        **({"steps of the adapter that were skipped": report["skipped_steps"]} if report.get("skipped_steps") else {}),
        "layers of the base": model.trunk.layers,
        "system prompt": study.system_prompt,
        "licence of prompts and texts": settings.data_licence or "not stated",
        "licence of the base": settings.base_licence or "not stated",
        "written with": ", ".join(f"{library} {number}" for library, number in versions.items()),
    }
    table = "\n".join(f"| {what} | {_cell(value)} |" for what, value in rows.items())
    chosen = "\n".join(f"| {key} | {_cell(value)} |" for key, value in model.settings.model_dump().items())
    return f"""---
base_model: {name}
library_name: transformers
tags: [preference-learning, reward-model]
---

# {folder}

A reward model trained by Tastemaker from pairwise judgments of people (Bradley-Terry with ties): higher scores are
liked better. {_unit(report)}; only differences between completions of one prompt mean something.

{loading}

| | |
|---|---|
{table}

## How good it is

{_quality(report)}
{_nearness(figures)}
## Settings

| | |
|---|---|
{chosen}
"""


def exactness(model: RewardModel) -> str:
    """How far a module's scores are from the study's, by the numbers that the study computes in."""
    numbers = str(model.trunk.network.dtype).removeprefix("torch.")
    return TO_ROUNDING if numbers == "float32" else IN_32_BITS.format(numbers=numbers)


def _unit(report: Mapping[str, Any]) -> str:
    """What zero and unit of the scores are."""
    if report.get("reference_varies", True):
        return "Scores have mean 0 and standard deviation 1 on samples of the study's reference policy"
    return (
        "Scores have mean 0 on samples of the study's reference policy, and no unit: they are next to the same on all "
        "of these"
    )


def _cell(value: object) -> str:
    return str(value).replace("\n", " ").replace("|", "\\|")


def _quality(report: Mapping[str, Any]) -> str:
    holdout = report.get("holdout") or {}
    if holdout.get("accuracy") is None:
        return "Not measured: no decided judgment is of a held-out pair that chance drew."
    low, high = (holdout.get(f"accuracy_{end}") for end in ("low", "high"))
    ends = "too few prompts for an interval" if low is None else f"95 % interval {low:.3f} to {high:.3f}"
    return (
        f"On {holdout['decided']} decided judgments of held-out pairs that chance drew its accuracy is "
        f"{holdout['accuracy']:.3f} ({ends}); "
        f'"the longer one wins" reaches {holdout["length_baseline"]:.3f}.'
    )


def _nearness(figures: Mapping[str, Any] | None) -> str:
    if figures is None:
        return ""
    told = {key: "not measured" if value is None else f"{value:.3f}" for key, value in figures.items()}
    ours, its = figures["accuracy"], figures["its_accuracy"]
    lost = "not measured" if ours is None or its is None else f"{ours - its:+.3f}"
    return f"""
This classifier is not the study's reward but the nearest that its form can be: the reward averages over a completion's
tokens and knows words and length, a classifier reads the state of the last token. Its head was fitted to the reward's
scores on {figures["fitted_on"]} completions; its scores are the reward's less {told["offset"]}, about. On
{figures["texts"]} completions of held-out prompts and {figures["pairs"]} judged pairs of them:

| | |
|---|---|
| rank correlation with the reward (Spearman) | {told["rank_correlation"]} |
| pairs that both order alike | {told["pairwise_agreement"]} |
| accuracy of the reward, of this classifier | {told["accuracy"]}, {told["its_accuracy"]} |
| accuracy lost | {lost} |
"""
