"""Whether an exported policy is the study's: `python -m rounds.verify_export STUDY FOLDER [--base MODEL]`, a process of
its own that prints one JSON object.

The logits of the export (its adapter on MODEL, or the merged model) are compared with those of the study's policy, in
32 bits whatever the study computes in, on prompts of the study, held-out ones first, each with a text that the policy
wrote where there is one. That is what counts; what is known of weights, tokenizer and template is named beside it, for
whoever looks for the reason.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from math import inf, isfinite
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from feedback_store import completions, policies, prompts
from feedback_store.database import Database
from feedback_store.policies import Policy
from language_models import fetch, folders, plain_lora, sources
from language_models.chat_turns import lines_template
from language_models.errors import WrongBase
from language_models.model import LanguageModel
from rounds import checksums, policy_record, studies
from rounds.kinds.policy_export import BASE, FORMATS
from rounds.kinds.policy_import import require_fitting
from rounds.model_host import base_source
from rounds.own_lora import ADAPTER
from rounds.settings import StudySettings

PROMPTS = 8
SAME_LOGITS = 0.01
"""Logits that differ by less are the same: other kernels, and merging, move them by some 0.0001; rounding the weights
of a base to 16 bits by 0.1, to four bits by more than 1."""
SAME_SHARE, ROUNDING = 0.1, 2e-4
"""Of a policy that moves its base's logits little, this share of that at most: else its base would pass for it. But no
less than what rounding makes."""
INCOMPARABLE = inf
"""The difference where there is none: other vocabularies, or logits that are no numbers."""
NAME = "exported-policy"


class NoExport(ValueError):
    """A folder that holds no exported policy."""


def compare(study: Path, folder: Path, base: str | None) -> dict[str, Any]:
    """{same, verdict, differs, max_difference, adapter_moves, prompts, tokens, policy, base}. `adapter_moves`: how far
    the policy's logits are from its base's, at most. Raises NoExport, WrongBase, UnknownModel, NotPlainLora.
    """
    db = Database.open(study)
    record = _record(folder)
    policy = _policy_of(db, folder, record)
    source = _base_source(folder, record, base)
    settings = studies.settings(db)
    differs = _changed_files(folder)
    model = _of_study(db, settings, policy)
    texts = _texts(db, model, settings, policy)
    moves = _most_between((model, policy.name), (model, None), texts)
    allowed = min(SAME_LOGITS, max(SAME_SHARE * moves, ROUNDING))
    own_base = fetch.ensure(base_source(study, settings.base))
    differs += _other_base(record, own_base, model, None if record["format"] == "merged" else source)
    theirs = _exported(folder, source, merged=record["format"] == "merged")
    theirs.go_on_as(None, policy.template_sha256)
    differs += _other_tokens(model, theirs)
    if _vocabulary(theirs) != _vocabulary(model):
        differs.append("its vocabulary has another size")
        difference = INCOMPARABLE
    else:
        exported = (theirs, NAME if NAME in theirs.adapters.names else None)
        difference = _most_between((model, policy.name), exported, texts)
    same = difference <= allowed and not differs
    tokens = sum(map(len, texts))
    return {
        "same": same,
        "verdict": _verdict(policy, folder, difference, allowed, moves, len(texts), tokens, same=same),
        "differs": differs,
        "max_difference": _finite(difference),
        "adapter_moves": _finite(moves),
        "prompts": len(texts),
        "tokens": tokens,
        "policy": policy.name,
        "base": source,
    }


def _record(folder: Path) -> dict[str, Any]:
    record = policy_record.read(folder)
    made_from = record.get("made_from") if record else None
    named = isinstance(made_from, dict) and isinstance(made_from.get("policy"), str)
    if record is None or not named or record.get("format") not in FORMATS:
        raise NoExport(
            f"{str(folder)!r} is no export of this program: it has no {policy_record.FILE} that can be read."
        )
    return record


def _policy_of(db: Database, folder: Path, record: dict[str, Any]) -> Policy:
    """The study's policy that the export says it is."""
    name = record["made_from"]["policy"]
    own = {policy.name: policy for policy in policies.listing(db) if policy.folder is not None}
    if name not in own:
        have = ", ".join(own) or "none yet"
        raise NoExport(
            f"{folder.name} is an export of {name!r}, and this study has no such policy to compare with: {have}."
        )
    return own[name]


def _verdict(
    policy: Policy,
    folder: Path,
    difference: float,
    allowed: float,
    moves: float,
    prompts: int,
    tokens: int,
    *,
    same: bool,
) -> str:
    if difference == INCOMPARABLE:
        return f"NOT the same: {folder.name} is not {policy.name} here; its logits cannot be compared."
    measured = f"its logits differ by at most {difference:.2g} on {tokens} tokens of {prompts} prompts"
    if same and moves <= allowed:
        return (
            f"The same, as far as can be told: {policy.name} moves its base's logits by {moves:.2g} alone; {measured}."
        )
    if same:
        return f"The same: {folder.name} is {policy.name}; {measured}."
    if difference <= allowed:
        return f"Not the same files, though {measured}: {folder.name} gives what {policy.name} gives."
    return f"NOT the same: {folder.name} is not {policy.name} here; {measured} ({allowed:.2g} is allowed)."


def _base_source(folder: Path, record: dict[str, Any], asked: str | None) -> str:
    """The model to load the adapter on, as it was asked for, or as the export brings or names it."""
    if record["format"] == "merged":
        if asked is not None:
            raise NoExport(f"{str(folder)!r} is a merged model, which needs no base: leave out --base.")
        return str(folder)
    if asked is not None:
        return str(sources.parse(asked))
    if (folder / BASE / "config.json").is_file():
        return str(folder / BASE)
    if not record["base"].get("hub_id"):
        raise NoExport(f"{str(folder)!r} has no folder {BASE} with the base that it came with: name one with --base.")
    revision = record["base"].get("revision")
    return f"hub:{record['base']['hub_id']}" + (f"@{revision}" if revision else "")


def _of_study(db: Database, settings: StudySettings, policy: Policy) -> LanguageModel:
    """The study's policy, its adapter loaded under its name. Raises WrongBase and CorruptFolder."""
    model = LanguageModel.load(base_source(db.folder, settings.base))
    folder = db.folder / str(policy.folder)
    folders.verify(folder)
    model.go_on_as(policy.base_sha256, policy.template_sha256)
    if policy.base_sha256 != model.identity.sha256:
        raise WrongBase(f"{policy.name} was trained on another base than {settings.base!r} is now.")
    model.adapters.load(policy.name, folder / ADAPTER)
    return model


def _exported(folder: Path, source: str, *, merged: bool) -> LanguageModel:
    lora = None if merged else plain_lora.read(folder)
    if sources.parse(source).kind == "folder":
        sources.require_whole(Path(source))
    model = LanguageModel.load(source)
    if lora is not None:
        require_fitting(model, lora, folder.name)
        model.adapters.load(NAME, folder)
    return model


def _texts(db: Database, model: LanguageModel, study: StudySettings, policy: Policy) -> list[list[int]]:
    """Tokens of prompts, held-out ones first, each with a text of the policy behind it where it wrote one."""
    asked = [*prompts.listing(db, split="holdout")[:PROMPTS], *prompts.listing(db, split="train")[:PROMPTS]][:PROMPTS]
    if not asked:
        raise NoExport("The study has no prompts to compare on. Import some.")
    found = []
    for prompt in asked:
        wrote = completions.listing(db, prompt_id=prompt.id, policy_id=policy.id)[:1]
        said = model.completion_tokens(wrote[0].text, wrote[0].finish_reason != "length") if wrote else []
        found.append([*model.tokens(prompt.messages, study.system_prompt), *said])
    return found


def _most_between(
    first: tuple[LanguageModel, str | None], second: tuple[LanguageModel, str | None], texts: Sequence[list[int]]
) -> float:
    """The largest difference of the logits of two models, each with an adapter, text by text: of a large vocabulary the
    logits of all texts would fill the memory. INCOMPARABLE where one of them is no number.
    """
    found = [float((_logits(*first, ids) - _logits(*second, ids)).abs().max()) for ids in texts]
    return max(found) if all(map(isfinite, found)) else INCOMPARABLE


def _logits(model: LanguageModel, adapter: str | None, ids: list[int]) -> Tensor:
    """(T, V) of a text, in 32 bits."""
    with torch.no_grad(), model.adapters.using(adapter):
        logits: Tensor = model.network(input_ids=torch.tensor([ids], device=model.device)).logits
        return logits[0].float().cpu()


def _vocabulary(model: LanguageModel) -> int:
    return int(model.network.config.get_text_config().vocab_size)


def _finite(value: float) -> float | None:
    return None if value == INCOMPARABLE else value


def _changed_files(folder: Path) -> list[str]:
    """Files that are not as they were written."""
    try:
        return checksums.changed(folder)
    except FileNotFoundError:
        return ["it has no SHA256SUMS"]


def _other_base(record: dict[str, Any], own: Path, model: LanguageModel, source: str | None) -> list[str]:
    """In what the export's base, and the one it is loaded on, are not the study's."""
    weights = policy_record.weights_sha256(own)
    found = []
    if not policy_record.are_the_weights(record["base"].get("weights_sha256"), weights):
        found.append("it was made for weights of another sha256 than those of the study's base")
    if source is not None and policy_record.weights_sha256(fetch.ensure(source)) != weights:
        found.append(f"the weights of {source} have another sha256 than those of the study's base")
    for key, words in (("tokenizer_sha256", "tokenizer"), ("template_sha256", "chat template")):
        if record["base"].get(key) != getattr(model.identity, key):
            found.append(f"it was made for another {words} than that of the study's base")
    return found


def _other_tokens(own: LanguageModel, theirs: LanguageModel) -> list[str]:
    found = []
    if own.identity.tokenizer_sha256 != theirs.identity.tokenizer_sha256:
        found.append("its tokenizer has another vocabulary than that of the study's base")
    if own.identity.template_sha256 != theirs.identity.template_sha256 and not _written_for(own, theirs):
        found.append("its chat template is another than that of the study's base")
    return found


def _written_for(own: LanguageModel, theirs: LanguageModel) -> bool:
    """Whether their template is the one that exports of a base without a template get."""
    return own.tokenizer.chat_template is None and theirs.tokenizer.chat_template == lines_template(own.tokenizer)


def main(argv: list[str] | None = None) -> int:
    """0 with a JSON object whatever the verdict is; 2 and one line of words where nothing could be compared."""
    parser = argparse.ArgumentParser(prog="rounds.verify_export", description="Compares an export with its policy.")
    parser.add_argument("study", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--base", metavar="MODEL")
    given = parser.parse_args(argv)
    try:
        print(json.dumps(compare(given.study, given.folder, given.base)))
    except (ValueError, OSError, RuntimeError) as error:  # RuntimeError: torch's, of memory above all
        print(f"verify: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
