"""The models that a worker holds in memory: one frozen base, the adapters of the policies in use, the reward model in
use.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from feedback_store import policies, reward_models
from feedback_store.database import Database
from language_models import folders
from language_models.errors import WrongBase
from rounds import base_precision, studies
from rounds.own_lora import ADAPTER

if TYPE_CHECKING:
    from language_models.identity import BaseIdentity
    from language_models.model import LanguageModel
    from reward_training.model import RewardModel

KEPT_ADAPTERS = 4


class UnknownRewardModel(ValueError):
    """A reward model that the study does not have."""


def base_source(study_folder: Path, base: str) -> str:
    """The study's base as something that loads: a folder inside the study is named relative to it."""
    inside = study_folder / base
    return str(inside) if (inside / "config.json").is_file() else base


class ModelHost:
    """Loads a study's models when they are first asked for and keeps them."""

    def __init__(self, db: Database, base: str) -> None:
        self._db = db
        self._base = base
        self._model: LanguageModel | None = None
        self._adapters: list[str] = []
        self._reward: tuple[str, RewardModel] | None = None
        self._untouched: RewardModel | None = None

    @property
    def model(self) -> LanguageModel:
        """The base with its tokenizer and adapters; its identity is that of the study's recorded base."""
        if self._model is None:
            from transformers.utils.logging import disable_progress_bar

            from language_models import fetch
            from language_models.machine import capabilities
            from language_models.model import LanguageModel, use_threads

            use_threads()
            disable_progress_bar()
            precision = base_precision.settle(self._db, capabilities())
            model = LanguageModel.load(base_source(self._db.folder, self._base), precision=precision)
            if (base := policies.base(self._db)) is not None:
                self._go_on_as(model, base)
            self._require_same_base(model.identity)
            commit = fetch.revision(self._base) if self._base.startswith("hub:") else None
            self._base = studies.pin_base(self._db, self._base, commit)
            self._model = model
        return self._model

    def _go_on_as(self, model: LanguageModel, base: policies.Policy) -> None:
        """By the names that the study recorded. Before 0.2.0 files beside the weights counted: where it
        is none of the names known here, these, which are fetched no more, are looked for once.
        """
        from language_models import fetch
        from language_models.identity import identity_of

        known = {model.identity.sha256, *model.identity.former_sha256s}
        if self._base.startswith("hub:") and base.base_sha256 not in known:
            folder = fetch.with_all_weights(self._base)
            model.identity = identity_of(model.identity.source, folder, model.tokenizer)
        model.go_on_as(base.base_sha256, base.template_sha256)

    @property
    def identity(self) -> BaseIdentity:
        return self.model.identity

    def environment(self) -> dict[str, Any]:
        """What runs are computed on and with here."""
        from language_models.machine import description

        return {**description(self.model.device), "precision": base_precision.held_in(self._db)}

    def register_base(self) -> policies.Policy:
        """Loads the base and records it as the study's first policy. Raises WrongBase where the study has another
        one, UnknownModel where it cannot be used.
        """
        if policies.base(self._db) is None:
            from language_models.trying_out import require_usable

            require_usable(self.model)
        identity = self.identity
        return policies.add_base(
            self._db,
            source=self._base,
            sha256=identity.sha256,
            tokenizer_sha256=identity.tokenizer_sha256,
            template_sha256=identity.template_sha256,
        )

    def folder(self, relative: str) -> Path:
        """A folder of the study, checked against its manifest. Raises CorruptFolder naming the file that differs."""
        folder = self._db.folder / relative
        folders.verify(folder)
        return folder

    def folder_of(self, policy: policies.Policy) -> Path:
        """The checked folder of a policy that has one. Raises WrongBase and CorruptFolder."""
        assert policy.folder is not None
        self._require(policy.base_sha256, policy.name)
        return self.folder(policy.folder)

    def adapter(self, policy: policies.Policy) -> str | None:
        """The name by which the policy's adapter is loaded; None for the base. Raises WrongBase and CorruptFolder."""
        if policy.kind == "external":
            raise ValueError(f"{policy.name} wrote imported texts; there are no weights to sample from.")
        if policy.folder is None:
            return None
        if policy.name in self._adapters:
            self._adapters.remove(policy.name)
        else:
            self.model.adapters.load(policy.name, self.folder_of(policy) / ADAPTER)
        self._adapters.append(policy.name)
        self._forget_but(self._adapters[-KEPT_ADAPTERS:])
        return policy.name

    def reward_row(self, name: str | None = None) -> reward_models.RewardModel:
        """The reward model of that name, or the latest. Raises UnknownRewardModel with the names there are."""
        known = reward_models.listing(self._db)
        if not known:
            raise UnknownRewardModel("The study has no reward model yet. Train one first, with a run `train-reward`.")
        for row in reversed(known):
            if name in (None, row.name):
                return row
        names = ", ".join(row.name for row in known)
        raise UnknownRewardModel(f"There is no reward model {name!r}. Reward models of this study: {names}.")

    def reward(self, row: reward_models.RewardModel) -> RewardModel:
        """A trained reward model, ready to score. Raises WrongBase and CorruptFolder."""
        if self._reward is None or self._reward[0] != row.name:
            from reward_training.model import RewardModel

            self._require(row.base_sha256, row.name)
            self._reward = (row.name, RewardModel.load(self.model, self.folder(row.folder)))
        return self._reward[1]

    @property
    def untouched_reward(self) -> RewardModel:
        """An untrained reward model under default settings, for the features that the base gives."""
        if self._untouched is None:
            from reward_training.model import RewardModel
            from reward_training.settings import RewardSettings

            self._untouched = RewardModel.fresh(self.model, RewardSettings())
        return self._untouched

    def _forget_but(self, kept: Iterable[str]) -> None:
        keep = {*kept, self.model.adapters.active}
        for name in [name for name in self._adapters if name not in keep]:
            self.model.adapters.remove(name)
            self._adapters.remove(name)

    def _require(self, base_sha256: str | None, what: str) -> None:
        if base_sha256 != self.identity.sha256:
            raise WrongBase(
                f"{what} was trained on another base than {self._base!r} "
                f"(sha256 {str(base_sha256)[:12]}..., here {self.identity.sha256[:12]}...)."
            )

    def _require_same_base(self, identity: BaseIdentity) -> None:
        """A study is tied to the very weights, tokenizer and template that it was begun with."""
        base = policies.base(self._db)
        if base is None:
            return
        for what, recorded, found in (
            ("weights", base.base_sha256, identity.sha256),
            ("tokenizer", base.tokenizer_sha256, identity.tokenizer_sha256),
            ("chat template", base.template_sha256, identity.template_sha256),
        ):
            if recorded and recorded != found:
                raise WrongBase(
                    f"The {what} of {self._base!r} changed since this study was begun "
                    f"(sha256 then {recorded[:12]}..., now {found[:12]}...). Put it back, or begin a new study."
                )
