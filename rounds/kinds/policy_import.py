"""An adapter that was made elsewhere, as a policy of the study: checked, and written down with where it comes from.

It has to be plain LoRA (language_models/plain_lora.py) made for the very base of the study. A record of this program
(tastemaker.json) tells that by sha256; PEFT's own config by the base's name on the hub. Where neither tells, whoever
imports it may vouch for it (`vouched`); shapes and tokenizer are compared whatever is vouched for.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from feedback_store import policies
from language_models import fetch, plain_lora
from language_models.errors import WrongBase
from language_models.folders import file_sha256
from language_models.plain_lora import NotPlainLora, PlainLora
from rounds import policy_record
from rounds.base_names import base_name, hub_id, origin_of
from rounds.context import RunContext
from rounds.model_host import base_source
from rounds.own_lora import ADAPTER
from rounds.publishing import write_weights
from rounds.run_plan import imported_name
from rounds.settings import PolicyImportSettings
from rounds.verbs import IMPORTED_ADAPTER

if TYPE_CHECKING:
    from torch import Tensor

    from language_models.model import LanguageModel


def run(context: RunContext) -> dict[str, Any]:
    """Check, copy, publish. Raises NotPlainLora and WrongBase, each with what differs; Conflict for a taken name."""
    settings: PolicyImportSettings = context.settings
    source = context.file(IMPORTED_ADAPTER)
    context.report("checking the adapter")
    lora = plain_lora.read(source)
    model = context.models.model
    require_fitting(model, lora, settings.folder)
    require_same_tokenizer(model, source, settings.folder)
    told_by = _require_made_for(context, source)
    named, revision = plain_lora.base_named(source)
    imported = {
        "folder": settings.folder,
        "sha256": {name: file_sha256(source / name) for name in (plain_lora.CONFIG, plain_lora.WEIGHTS)},
        "base_named": named,
        "revision_named": revision,
        "base_told_by": told_by,
        "rank": lora.rank,
        "alpha": lora.alpha,
    }
    number = policies.next_number(context.db, policies.IMPORTED, run_id=context.run.id)
    name = imported_name(settings.name or str(number))
    policies.require_free(context.db, name)  # another import may have taken it since this one was asked for

    def write(folder: Path) -> None:
        (folder / ADAPTER).mkdir()
        model.adapters.load(name, source)
        try:
            _require_numbers(model.adapters.state(name), settings.folder)
            model.adapters.save(name, folder / ADAPTER)
        finally:
            model.adapters.remove(name)

    folder, manifest = write_weights(context, name, write, {"imported": imported})
    policies.publish_imported(
        context.db,
        context.lease,
        name=name,
        folder=folder,
        manifest_sha256=manifest,
        imported=imported,
        start=settings.start,
    )
    context.ended = True
    return {"policy": name}


def _require_numbers(tensors: Mapping[str, Tensor], what: str) -> None:
    """Raise NotPlainLora where a matrix holds what is no number: such a policy writes one token over and over."""
    for name, tensor in tensors.items():
        if not bool(tensor.isfinite().all()):
            raise NotPlainLora(f"The adapter in {what!r} cannot be used: {name} holds what is no finite number.")


def require_fitting(model: LanguageModel, lora: PlainLora, what: str) -> None:
    """Raise WrongBase where the adapter's matrices do not fit the base's linear layers."""
    shapes = model.adapters.linear_shapes()
    for layer, shape in lora.layers.items():
        if layer not in shapes:
            raise WrongBase(
                f"{what} was made for another base: it changes {layer!r}, and the study's base has no linear layer of "
                f"that name that can be adapted (it has {len(shapes)}, such as {next(iter(shapes), None)!r})."
            )
        if shapes[layer] != shape:
            raise WrongBase(
                f"{what} was made for another base: its {layer} has the shape {list(shape)}, that of the study's base "
                f"{list(shapes[layer])}."
            )


def require_same_tokenizer(model: LanguageModel, folder: Path, what: str) -> None:
    """Raise WrongBase where a tokenizer lies beside the adapter that has other tokens, or has them at other places."""
    path = folder / "tokenizer.json"
    if not path.is_file():
        return
    try:
        found = _vocabulary(json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, LookupError, TypeError) as error:
        raise WrongBase(
            f"The tokenizer.json beside {what} cannot be read ({error}): take it out, or mend it."
        ) from None
    own = model.tokenizer.get_vocab()
    others = sorted(token for token, place in found.items() if own.get(token) != place)
    if others:
        raise WrongBase(
            f"{what} was made with another tokenizer: {len(others)} of its {len(found)} tokens are not those of the "
            f"study's base (the first is {others[0]!r})."
        )


def _vocabulary(tokenizer: dict[str, Any]) -> dict[str, int]:
    """Number by token, those that were added later included, of a tokenizer.json."""
    vocabulary = tokenizer["model"]["vocab"]
    if not isinstance(vocabulary, dict):  # a unigram's list of tokens and scores
        vocabulary = {str(entry[0]): place for place, entry in enumerate(vocabulary)}
    return {**vocabulary, **{one["content"]: one["id"] for one in tokenizer.get("added_tokens") or ()}}


def _require_made_for(context: RunContext, source: Path) -> str:
    """What tells that it was made for the study's base: "sha256", "hub name" or "vouched". Raises WrongBase."""
    settings: PolicyImportSettings = context.settings
    own = context.study.base
    record = policy_record.read(source)
    if record is not None:
        return _require_same_sha256(context, record, settings.folder)
    named, revision = plain_lora.base_named(source)
    if hub_id(own) is not None and named == hub_id(own):
        here = fetch.revision(own)
        if revision in (None, here, "main"):
            return "hub name"
        raise WrongBase(
            f"{settings.folder} was made for revision {revision} of {named}; the study's base is revision {here}."
        )
    if settings.vouched:
        return "vouched"
    why = f"the study's base is {base_name(own)} ({origin_of(own)}), and nothing tells that the two are the same"
    raise WrongBase(
        f"{settings.folder} names the base {named!r}; {why}. "
        "If it was made for these very weights, say so with --vouch."
    )


def _require_same_sha256(context: RunContext, record: dict[str, Any], what: str) -> str:
    identity = context.models.identity
    own = {
        "weights": policy_record.weights_sha256(fetch.ensure(base_source(context.study_folder, context.study.base))),
        "tokenizer": identity.tokenizer_sha256,
        "chat template": identity.template_sha256,
    }
    keys = {"weights": "weights_sha256", "tokenizer": "tokenizer_sha256", "chat template": "template_sha256"}
    for words, here in own.items():
        there = record["base"].get(keys[words])
        if not (policy_record.are_the_weights(there, here) if isinstance(here, dict) else there == here):
            raise WrongBase(
                f"{what} was made for another base: {record['base'].get('is')}. The sha256 of its {words} is "
                f"{_short(there)}, of those of the study's base {_short(here)}."
            )
    return "sha256"


def _short(value: object) -> str:
    one = next(iter(value.values()), "none") if isinstance(value, dict) else value
    return f"{str(one)[:12]}..."
