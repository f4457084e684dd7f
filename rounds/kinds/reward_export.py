"""A reward model as a folder that other programs load: exports/REWARD-module or exports/REWARD-classifier, with a card
and SHA256SUMS.

A module gives the very scores (but where a prompt holds a control token written out); a classifier comes near them,
and its card says how near on held-out prompts.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from feedback_store import completions, preferences, prompts, runs
from feedback_store.reward_models import RewardModel as Row
from reward_training.model import RewardModel
from reward_training.portable.agreement import agreement
from reward_training.portable.classifier import classifier_scores, write_classifier
from reward_training.portable.module import write_module
from reward_training.records import Text
from rounds.context import RunContext
from rounds.export_folder import described, export_folder
from rounds.exportable import require_exportable_rewards
from rounds.plain import plain
from rounds.reward_card import card
from rounds.settings import RewardExportSettings
from rounds.texts import text_of

MOST_TEXTS = 2000  # that a classifier is fitted to, and that it is compared on
FEWEST_TEXTS = 8
SCORED_AT_ONCE = 64


class TooFewTexts(ValueError):
    """There is nothing to fit a classifier to."""


def run(context: RunContext) -> dict[str, Any]:
    """Write the export under a temporary name and rename it; an older export of the reward model is replaced."""
    settings: RewardExportSettings = context.settings
    require_exportable_rewards(context.db)
    row = context.models.reward_row(settings.reward_model)
    context.report("checking the reward's folder")
    model = context.models.reward(row)
    name = f"{row.name}-{settings.format}"
    with export_folder(context, name) as folder:
        context.report("writing")
        figures = None
        if settings.format == "module":
            write_module(model, folder, system_prompt=context.study.system_prompt)
        else:
            figures = _write_classifier(context, row, model, folder)
        versions = {library: version(library) for library in ("torch", "transformers", "peft")}
        text = card(row, model, context.study, settings, figures, versions)
        (folder / "README.md").write_text(text, encoding="utf-8")
    result = {"reward_model": row.name, "format": settings.format, **described(context, name)}
    return result | ({"agreement": plain(figures)} if figures else {})


def _write_classifier(context: RunContext, row: Row, model: RewardModel, folder: Path) -> dict[str, Any]:
    """Fitted on texts of training prompts, compared on those of held-out prompts."""
    training, groups = _texts(context, "train")
    if len(training) < FEWEST_TEXTS:
        raise TooFewTexts(
            f"{len(training)} completions of training prompts are stored: at least {FEWEST_TEXTS} are needed to fit a "
            "classifier. Sample some first, or export the reward as a module."
        )
    texts = list(training.values())
    fitted = write_classifier(model, texts, _scores(context, model, texts), [groups[one] for one in training], folder)
    context.between_steps("comparing with the reward", step=1, steps=2)
    held_out, _ = _texts(context, "holdout")
    read = list(held_out.values())
    found = preferences.derive(context.db, list(runs.judgments_of(context.db, row.run_id)))
    judged = [one for one in found if one.at_random and one.first_id in held_out and one.second_id in held_out]
    place = {completion_id: number for number, completion_id in enumerate(held_out)}
    pairs = np.array([[place[one.first_id or 0], place[one.second_id]] for one in judged], dtype=np.int64)
    compared = agreement(
        np.array(_scores(context, model, read)),
        np.array(classifier_scores(folder, read)),
        pairs.reshape(-1, 2),
        [one.outcome for one in judged],
    )
    return {"fitted_on": len(texts), **fitted, **compared}


def _scores(context: RunContext, model: RewardModel, texts: Sequence[Text]) -> list[float]:
    """What the reward says of texts, with a look every so often at whether the run is still wanted."""
    found: list[float] = []
    for start in range(0, len(texts), SCORED_AT_ONCE):
        found += model.score(texts[start : start + SCORED_AT_ONCE])
        context.report("reading the texts", step=len(found), steps=len(texts))
        context.check()
    context.new_phase()
    return found


def _texts(context: RunContext, split: str) -> tuple[dict[int, Text], dict[int, str]]:
    """The newest completions of a split's prompts by id, and the group of each."""
    known = {prompt.id: prompt for prompt in prompts.listing(context.db, split=split)}
    stored = [one for one in completions.listing(context.db) if one.prompt_id in known and one.text.strip()]
    newest = stored[-MOST_TEXTS:]
    return (
        {one.id: text_of(known[one.prompt_id], one, context.study) for one in newest},
        {one.id: known[one.prompt_id].group for one in newest},
    )
