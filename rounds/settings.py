"""Settings of a study and of each kind of run: frozen models, one line a field, the only place of a default.

Forms are built from their JSON schema, `tastemaker run --set KEY=VALUE` from their field names (dots lead into a part:
`ppo.steps=40`), and the resolved values are stored with the run.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator

from language_models.settings import LoraSettings, SamplingSettings, WantedPrecision
from reward_training.settings import RewardSettings
from rounds.policy_settings import TrainPolicySettings, not_chosen
from rounds.setting_faults import validate
from rounds.setting_values import SettingsError as SettingsError
from rounds.setting_values import pairs, put, read_toml


def _split_names(value: Any) -> Any:
    """Let `policies=base,policy-1` stand for a list on the command line, and `policies=none` for an empty one."""
    if value is None:
        return ()
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


IMPORTED_NAME = re.compile("[a-z0-9][a-z0-9-]{0,39}")
Names = Annotated[tuple[str, ...], BeforeValidator(_split_names)]


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


Part = Literal["off", "optional", "required"]


class AskedSettings(_Settings):
    """What people are asked about a pair. A judgment names the row of the study's settings that it was made under."""

    question: str = Field("", max_length=500, description="the question above the answers; empty: the page's own words")
    candidates: int = Field(2, ge=2, le=5, description="completions of a comparison; more than two are ranked")
    strength: bool = Field(True, description="whether people say how much better: slightly, better, much")
    mode: Literal["quick", "confirm"] = Field("quick", description="whether a key saves at once, or Enter after it")
    view: Literal["raw", "rendered"] = Field("raw", description="what a text is first shown as; a key changes it")
    criteria: Part = Field("off", description="what the study's criteria ask, one at a time")
    criteria_share: float = Field(1.0, ge=0, le=1, description="share of questions on which criteria are required")
    rationale: Part = Field("optional", description="why, in the person's own words")
    rationale_share: float = Field(1.0, ge=0, le=1, description="share of questions on which a rationale is required")
    improve: Part = Field("optional", description="the better one, rewritten as the person would have it")
    improve_share: float = Field(1.0, ge=0, le=1, description="share of questions on which an edit is required")


class QualificationSettings(_Settings):
    """Check questions with feedback before live work, and what share of later ones has to be right."""

    questions: int = Field(0, ge=0, le=1000, description="check questions to answer before live work; 0: none")
    pass_mark: float = Field(0.7, ge=0, le=1, description="share of them that has to be right")
    floor: float = Field(0.0, ge=0, le=1, description="below this share right, live, a person is paused; 0: nobody")
    window: int = Field(20, ge=1, le=1000, description="the latest live check questions that the floor looks at")


Choosing = Literal["random", "margin", "information"]


class StudySettings(_Settings):
    """What a study fixes for all its runs; stored when it is made, changes are new rows of its history."""

    base: str = Field(
        description="source of the frozen base model: bundled:NAME, tiny:, hub:ORG/NAME[@REVISION] or models/FOLDER"
    )
    precision: WantedPrecision = Field(
        "auto",
        description="numbers that the base is held in, fixed when it is first loaded; auto: bf16 on CUDA, else fp32",
    )
    system_prompt: str = Field(
        "Reply to the request.",
        description="for prompts that have none of their own; empty: none, nor the template's own",
    )
    holdout_share: float = Field(0.2, ge=0, le=0.9, description="share of prompts, by group, never trained on")
    queue_target: int = Field(50, ge=2, le=10000, description="askable comparisons that the queue keeps ready")
    refill: bool = Field(True, description="whether new comparisons are sampled by themselves when the queue runs low")
    holdout_questions: float = Field(0.15, ge=0, le=0.9, description="share of questions on held-out prompts")
    previous_policy_share: float = Field(0.2, ge=0, le=1, description="share of comparisons current against previous")
    choosing: Choosing = Field("random", description="how a pair is chosen: by chance, or by what the reward lacks")
    choose_from: int = Field(4, ge=2, le=16, description="completions drawn where a pair is not chosen by chance")
    overlap: int = Field(3, ge=1, le=100, description="people who judge the same comparison, where several are asked")
    overlap_share: float = Field(0.2, ge=0, le=1, description="share of comparisons that several people judge")
    check_share: float = Field(0.03, ge=0, le=0.5, description="share of questions whose expert answer is known")
    repeat_share: float = Field(0.03, ge=0, le=0.5, description="share of questions asked again, sides swapped")
    repeat_after: int = Field(10, ge=0, le=10000, description="own answers at least between a question and its repeat")
    daily_quota: int | None = Field(None, ge=0, description="answers a person and UTC day; none: no limit")
    prompt_quota: int | None = Field(
        None, ge=1, description="comparisons of one prompt a person, evaluations apart; none: no limit"
    )
    lease_seconds: float = Field(600.0, ge=10, le=86400, description="how long a question is held for a person")
    asked: AskedSettings = Field(default_factory=AskedSettings, description="what people are asked about a pair")
    qualification: QualificationSettings = Field(
        default_factory=QualificationSettings, description="check questions that people have to get right"
    )
    paused: bool = Field(False, description="whether nobody is asked for now; answers on their way are still taken")
    closed: bool = Field(False, description="whether nobody is asked any more; answers on their way are still taken")
    seed: int = Field(0, ge=0, lt=2**31, description="seed from which splits, sides and run seeds are drawn")
    lora: LoraSettings = Field(default_factory=LoraSettings, description="adapter of every policy of the study")
    sampling: SamplingSettings = Field(default_factory=SamplingSettings, description="how completions are drawn")


class SampleSettings(_Settings):
    """New completions, paired into comparisons for people."""

    pairs: int = Field(24, ge=1, le=10000, description="comparisons on training prompts; held-out ones come on top")
    holdout_questions: float = Field(0.15, ge=0, le=0.9, description="share of comparisons on held-out prompts")
    previous_policy_share: float = Field(0.2, ge=0, le=1, description="share of comparisons current against previous")
    candidates: int = Field(2, ge=2, le=5, description="completions of a comparison")
    choosing: Choosing = Field("random", description="how a pair is chosen; more than two candidates: by chance")
    choose_from: int = Field(4, ge=2, le=16, description="completions drawn where a pair is not chosen by chance")
    overlap: int = Field(3, ge=1, le=100, description="judgments of a shared comparison; no more than there are people")
    overlap_share: float = Field(0.2, ge=0, le=1, description="share of comparisons that several people judge")
    policy: str | None = Field(None, description="name of the policy that writes; none: the current one")
    prompts_per_batch: int = Field(8, ge=1, le=256, description="prompts sampled and committed at once")
    seed: int = Field(0, ge=0, lt=2**63, description="run seed; a completion draws from (seed, prompt, sample index)")


class TrainRewardSettings(_Settings):
    """A Bradley-Terry reward model from all live judgments of training purpose."""

    reward: RewardSettings = Field(default_factory=RewardSettings, description="model and training of the reward")
    reference_samples: int = Field(64, ge=2, le=10000, description="completions that set the reward's zero and unit")
    taste_prompts: int = Field(3, ge=0, le=50, description="held-out prompts on which its best and worst are shown")


class BlindSettings(_Settings):
    """A blind evaluation: people judge the texts on held-out prompts, and nobody sees who wrote them before its end."""

    judgments: int = Field(0, ge=0, le=10000, description="judgments wanted, at most; 0: no blind evaluation")
    stop_rule: Literal["count", "sequential"] = Field(
        "count", description="when it ends: at the number of judgments, or as soon as the sides are told apart"
    )
    error: float = Field(0.05, gt=0, lt=0.5, description="chance that the sequential rule tells equal sides apart")
    best_of: Names = Field((), description="policies whose best of several texts by the reward are sides as well")
    best_of_texts: int = Field(4, ge=2, le=64, description="texts of which the best is taken")


class EvaluateSettings(_Settings):
    """Fresh completions of two or more policies on the same prompts, with counts and rewards."""

    policies: Names = Field((), description="names; none: the previous policy and the current one")
    split: Literal["holdout", "train"] = Field("holdout", description="prompts to sample on")
    prompts: int = Field(32, ge=1, le=100000, description="prompts at most")
    samples: int = Field(2, ge=1, le=64, description="completions a prompt and policy")
    reward_model: str | None = Field(None, description="name of the reward model that scores; none: the latest, if any")
    likelihoods: bool = Field(
        True, description="whether KL to the reference, and perplexity under the base, are computed"
    )
    blind: BlindSettings = Field(default_factory=BlindSettings, description="a blind evaluation beside the figures")
    seed: int = Field(0, ge=0, lt=2**63, description="run seed")


class ScoreSettings(_Settings):
    """Scores for the completions of a file, which is copied to the run's folder as input.jsonl."""

    file: str = Field(min_length=1, description="the file; started from a path, its content is copied")
    reward_model: str | None = Field(None, description="name of the reward model; none: the latest")


class PolicyExportSettings(_Settings):
    """A policy as a folder that other programs load."""

    policy: str | None = Field(None, description="name of the policy; none: the current one")
    format: Literal["adapter", "adapter-with-base", "merged"] = Field(
        "adapter", description="the adapter alone (its base has to lie on the hub), with its base, or merged into it"
    )
    data_licence: str | None = Field(None, max_length=200, description="licence of prompts and texts, for the card")
    base_licence: str | None = Field(None, max_length=200, description="licence of the base, for the card")


class PolicyImportSettings(_Settings):
    """An adapter made elsewhere as a policy; its folder is copied to the run's folder."""

    folder: str = Field(min_length=1, description="the adapter's folder; started from a path, its files are copied")
    name: str | None = Field(
        None, description="it is called imported-NAME (small letters, digits, hyphens); none: imported-1, and so on"
    )
    start: bool = Field(False, description="whether it becomes the current policy, from which the next one is trained")
    vouched: bool = Field(
        False, description="whether whoever imports it vouches that it was made for the study's base, if no file tells"
    )

    @field_validator("name")
    @classmethod
    def _is_the_end_of_a_name(cls, name: str | None) -> str | None:
        if name is not None and not IMPORTED_NAME.fullmatch(name):
            raise ValueError(f"{name!r} is no name for it: use up to 40 of a to z, 0 to 9 and -, the first no hyphen.")
        return name


class RewardExportSettings(_Settings):
    """A reward model as a folder that other programs load."""

    reward_model: str | None = Field(None, description="name of the reward model; none: the latest")
    format: Literal["module", "classifier"] = Field(
        "module", description="module: equal scores, with a file of its own; classifier: near it, as TRL loads it"
    )
    data_licence: str | None = Field(None, max_length=200, description="licence of prompts and texts, for the card")
    base_licence: str | None = Field(None, max_length=200, description="licence of the base, for the card")


KIND_SETTINGS: dict[str, type[BaseModel]] = {
    "sample": SampleSettings,
    "train-reward": TrainRewardSettings,
    "train-policy": TrainPolicySettings,
    "evaluate": EvaluateSettings,
    "score": ScoreSettings,
    "policy-export": PolicyExportSettings,
    "policy-import": PolicyImportSettings,
    "reward-export": RewardExportSettings,
}


def parse(
    kind: str,
    overrides: Mapping[str, Any] | Iterable[str] = (),
    config_file: Path | str | None = None,
    *,
    defaults: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The complete, validated settings of a run as plain JSON values; of the algorithms only the chosen one's group.

    Later wins: `defaults` (what the study sets), the TOML file, `overrides`. Overrides are `KEY=VALUE` strings or a
    mapping; keys may be dotted (`ppo.steps`), values may be strings or typed. Raises SettingsError.
    """
    values = parse_all(kind, overrides, config_file, defaults=defaults)
    return {name: value for name, value in values.items() if name not in not_chosen(values)}


def parse_all(
    kind: str,
    overrides: Mapping[str, Any] | Iterable[str] = (),
    config_file: Path | str | None = None,
    *,
    defaults: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The same with the groups of all algorithms, as a form needs them."""
    model = settings_model(kind)
    values: dict[str, Any] = {}
    for layer in (defaults or {}, read_toml(config_file), pairs(overrides)):
        for key, value in layer.items():
            put(values, key, value)
    return validate(model, values, what=f"{kind} settings").model_dump(mode="json")


def settings_model(kind: str) -> type[BaseModel]:
    """The settings class of a kind of run; SettingsError lists the valid kinds."""
    if kind not in KIND_SETTINGS:
        raise SettingsError(f"There is no kind of run {kind!r}. Valid kinds: {', '.join(KIND_SETTINGS)}.")
    return KIND_SETTINGS[kind]
