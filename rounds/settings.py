"""Settings of a study and of each kind of run: frozen models, one line a field, the only place of a default.

Forms are built from their JSON schema, `tastemaker run --set KEY=VALUE` from their field names (dots lead into a part:
`ppo.steps=40`), and the resolved values are stored with the run.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from language_models.settings import ComputeSettings, LoraSettings, SamplingSettings, WantedPrecision
from policy_training.algorithms.settings.actor_critic import Settings as ActorCriticSettings
from policy_training.algorithms.settings.dpo import Settings as DPOSettings
from policy_training.algorithms.settings.grpo import Settings as GRPOSettings
from policy_training.algorithms.settings.imitation import Settings as ImitationSettings
from policy_training.algorithms.settings.policy_gradient import Settings as PolicyGradientSettings
from policy_training.algorithms.settings.ppo import Settings as PPOSettings
from policy_training.algorithms.settings.rloo import Settings as RLOOSettings
from policy_training.settings import TokenRewardedSettings, TrainingSettings
from reward_training.ensemble_settings import Combination
from reward_training.settings import RewardSettings
from rounds.allowed import allowed_words
from rounds.reward_parts import LEARNED_ALONE, RewardPart

Model = TypeVar("Model", bound=BaseModel)

KEYED = "fault."
"""What the type of a PydanticCustomError of ours begins with; the type is the key of its words in every language."""


class SettingsError(ValueError):
    """A setting is unknown or has a value that is not allowed; the words name key, value and what is allowed."""


def _split_names(value: Any) -> Any:
    """Let `policies=base,policy-1` stand for a list on the command line."""
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


def _part_list(value: Any) -> Any:
    """Let `rewards=learned,length_window` stand for functions as they come, each with the weight 1."""
    if isinstance(value, str):
        value = _typed(value)
    if isinstance(value, dict) or (isinstance(value, str) and value[:1] in ("[", "{")):
        raise PydanticCustomError(
            "fault.no_json",
            'this is no list in JSON that can be read. Write one, such as ["learned", "length_window"].',
        )
    if isinstance(value, str):
        value = [part.strip() for part in value.split(",") if part.strip()]
    if value in ([], ()):
        raise PydanticCustomError("fault.no_reward", "at least one reward function is needed, such as learned.")
    return value


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
Algorithm = Literal["ppo", "rloo", "grpo", "policy_gradient", "actor_critic", "dpo", "imitation"]
ALGORITHMS: tuple[Algorithm, ...] = get_args(Algorithm)


class StudySettings(_Settings):
    """What a study fixes for all its runs; stored when it is made, changes are new rows of its history."""

    base: str = Field(description="source of the frozen base model: bundled:NAME, tiny:, hub:ORG/NAME or models/FOLDER")
    precision: WantedPrecision = Field(
        "auto",
        description="numbers that the base is held in, fixed when it is first loaded; auto: bf16 on CUDA, else fp32",
    )
    system_prompt: str = Field("Reply to the request.", description="for prompts that have none of their own")
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
    prompt_quota: int | None = Field(None, ge=1, description="comparisons of one prompt a person; none: no limit")
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


class TrainPolicySettings(_Settings):
    """The next policy: the current one, improved by the algorithm that is chosen, whose group of settings counts."""

    algorithm: Algorithm = Field("ppo", description="how the policy is improved")
    ppo: PPOSettings = Field(default_factory=PPOSettings, description="proximal policy optimisation")
    rloo: RLOOSettings = Field(default_factory=RLOOSettings, description="REINFORCE with the leave-one-out baseline")
    grpo: GRPOSettings = Field(default_factory=GRPOSettings, description="group relative policy optimisation")
    policy_gradient: PolicyGradientSettings = Field(
        default_factory=PolicyGradientSettings, description="REINFORCE with returns-to-go"
    )
    actor_critic: ActorCriticSettings = Field(
        default_factory=ActorCriticSettings, description="actor-critic with n-step returns"
    )
    dpo: DPOSettings = Field(default_factory=DPOSettings, description="direct preference optimisation")
    imitation: ImitationSettings = Field(default_factory=ImitationSettings, description="imitation of good completions")
    rewards: Annotated[tuple[RewardPart, ...], BeforeValidator(_part_list)] = Field(
        LEARNED_ALONE,
        max_length=20,
        description="reward functions that are summed, each with its weight and settings (docs/reward-functions.md)",
    )
    reference_samples: int = Field(
        64, ge=2, le=10000, description="completions of the base that set zero and unit of the reward's parts"
    )
    reward_model: str | None = Field(None, description="name of the reward model, such as reward-2; none: the latest")
    reward_combination: Combination = Field("head", description="which heads count: its own, or an ensemble's")
    reward_uncertainty_penalty: float = Field(
        0.0, ge=0, le=100, description="standard deviations taken off each score (of an ensemble: variances)"
    )
    shaping: Literal["reward", "language_model", "length"] | None = Field(
        None, description="potential whose differences are added to the rewards on the way; the optimum stays"
    )
    shaping_weight: float = Field(1.0, ge=-100, le=100, description="what the potential is multiplied by")
    shaping_every: int = Field(8, ge=1, le=4096, description="tokens after which the reward is read anew, on 'reward'")
    length_correction: float = Field(
        0.0, ge=0, le=1, description="share of what length explains of the learned reward that is taken off it"
    )
    held_out_prompts: int = Field(
        16,
        ge=0,
        le=1000,
        description="held-out prompts whose rewards choose the best policy of the run; 0: the last is",
    )
    held_out_penalty: float = Field(
        1.0,
        ge=0,
        le=100,
        description="standard deviations of the mean learned reward that are taken off where it chooses",
    )
    start_policy: str | None = Field(None, description="name of the policy to start from; none: the current one")
    compute: ComputeSettings = Field(default_factory=ComputeSettings, description="how an update is computed")
    shown_prompts: int = Field(8, ge=0, le=1000, description="held-out prompts sampled before and after, to look at")
    shown_times: int = Field(2, ge=0, le=100, description="how often they are sampled on the way as well")
    resume_from: int | None = Field(
        None, ge=1, le=2**53, description="run whose newest checkpoint this one goes on from; none: from the start"
    )

    @field_validator("shaping")
    @classmethod
    def _shaping_has_what_it_needs(cls, shaping: str | None, info: ValidationInfo) -> str | None:
        algorithm = info.data.get("algorithm", "")
        training, rewards = info.data.get(algorithm), info.data.get("rewards")  # None where they are wrong themselves
        if shaping is not None and training is not None and not isinstance(training, TokenRewardedSettings):
            raise PydanticCustomError(
                "fault.shaping_unseen",
                "{algorithm} sees no rewards on the way, so shaping would tell it nothing: use none.",
                {"algorithm": algorithm},
            )
        if shaping == "reward" and rewards is not None and all(one.function != "learned" for one in rewards):
            raise PydanticCustomError(
                "fault.potential_not_learned",
                "the potential 'reward' is the learned reward of what is written so far, and 'learned' is not among "
                "the rewards: add it, or use none, language_model or length.",
            )
        return shaping

    @field_validator("reward_model", "reward_uncertainty_penalty", "length_correction")
    @classmethod
    def _of_a_learned_reward_alone(cls, value: str | float | None, info: ValidationInfo) -> str | float | None:
        rewards = info.data.get("rewards")  # None where they are wrong themselves
        if value and rewards is not None and all(one.function != "learned" for one in rewards):
            raise PydanticCustomError(
                "fault.not_learned",
                "{name} = {value} is about the learned reward, and 'learned' is not among the rewards: add it, or "
                "leave this as it is by default.",
                {"name": info.field_name or "", "value": str(value)},
            )
        return value

    @property
    def training(self) -> TrainingSettings:
        """The settings of the algorithm that is chosen."""
        found: TrainingSettings = getattr(self, self.algorithm)
        return found


def training_of(config: Mapping[str, Any]) -> dict[str, Any]:
    """The same of stored settings; those from before there was a choice are PPO's."""
    return dict(config[config.get("algorithm", "ppo")])


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
        None,
        pattern=r"^[a-z0-9][a-z0-9-]{0,39}$",
        description="it is called imported-NAME; none: imported-1, imported-2 and so on",
    )
    start: bool = Field(False, description="whether it becomes the current policy, from which the next one is trained")
    vouched: bool = Field(
        False, description="whether whoever imports it vouches that it was made for the study's base, if no file tells"
    )


class RewardExportSettings(_Settings):
    """A reward model as a folder that other programs load."""

    reward_model: str | None = Field(None, description="name of the reward model; none: the latest")
    format: Literal["module", "classifier"] = Field(
        "module", description="module: equal scores, with a file of its own; classifier: near it, as TRL loads it"
    )
    data_licence: str | None = Field(None, max_length=200, description="licence of prompts and texts, for the card")
    base_licence: str | None = Field(None, max_length=200, description="licence of the base, for the card")


KIND_SETTINGS: dict[str, type[_Settings]] = {
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


def not_chosen(config: Mapping[str, Any]) -> set[str]:
    """The groups of the algorithms that a run does not use."""
    return {name for name in ALGORITHMS if name != config["algorithm"]} if "algorithm" in config else set()


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
    for layer in (defaults or {}, _read_toml(config_file), pairs(overrides)):
        for key, value in layer.items():
            _put(values, key, value)
    return validate(model, values, what=f"{kind} settings").model_dump(mode="json")


def settings_model(kind: str) -> type[_Settings]:
    """The settings class of a kind of run; SettingsError lists the valid kinds."""
    if kind not in KIND_SETTINGS:
        raise SettingsError(f"There is no kind of run {kind!r}. Valid kinds: {', '.join(KIND_SETTINGS)}.")
    return KIND_SETTINGS[kind]


def validate(model: type[Model], values: Mapping[str, Any], *, what: str = "settings") -> Model:
    """`model` built from values; SettingsError says for each fault the key, the value and what is allowed."""
    try:
        return model.model_validate(dict(values))
    except ValidationError as error:
        faults = [_fault(model, dict(fault)) for fault in error.errors(include_url=False)]
        raise SettingsError(f"Wrong {what}: " + " ".join(faults)) from None


def _fault(model: type[BaseModel], fault: dict[str, Any]) -> str:
    """One sentence for one fault that pydantic found."""
    path = [str(part) for part in fault["loc"]]
    key = ".".join(path) or "the whole"
    if fault["type"] == "extra_forbidden":
        return f"{key!r} is not a setting. Valid here: {', '.join(_keys_beside(model, path))}."
    if fault["type"] == "missing":
        return f"{key!r} is missing and has no default."
    allowed = str(fault["msg"])
    if fault["type"] == "value_error" or fault["type"].startswith(KEYED):
        return f"{key}: {allowed.removeprefix('Value error, ')}"
    range_words = allowed_words(model, fault["loc"])
    allowed = f"{allowed[:1].lower()}{allowed[1:]}" + (f" (allowed: {range_words})" if range_words else "")
    return f"{key} = {fault['input']!r} is not allowed: {allowed}."


def _keys_beside(model: type[BaseModel], path: list[str]) -> list[str]:
    """Names of the fields that could have stood at the last place of the path, with the path that leads there."""
    for part in path[:-1]:
        if part.isdigit():  # a place in a list, whose model is that of its items
            continue
        inner = model.model_fields[part].annotation if part in model.model_fields else None
        inner = next(iter(get_args(inner)), inner)
        if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
            break
        model = inner
    lead = "".join(f"{part}." for part in path[:-1])
    return [f"{lead}{name}" for name in model.model_fields]


def pairs(overrides: Mapping[str, Any] | Iterable[str]) -> dict[str, Any]:
    """`KEY=VALUE` strings, or a mapping of dotted names, as dotted names and typed values. Raises SettingsError."""
    if isinstance(overrides, Mapping):
        return {str(key): _typed(value) for key, value in overrides.items()}
    values: dict[str, Any] = {}
    for text in overrides:
        key, equals, value = text.partition("=")
        if not equals or not key.strip():
            raise SettingsError(f"{text!r} is not a setting: write KEY=VALUE, such as seed=1 or ppo.steps=40.")
        values[key.strip()] = _typed(value.strip())
    return values


def _typed(value: Any) -> Any:
    """Strings from a command line or a form: `none` for nothing, JSON for lists, parts and texts in double quotes."""
    if not isinstance(value, str):
        return value
    if value.lower() in ("none", "null"):
        return None
    if value[:1] in ("[", "{", '"'):
        try:
            return json.loads(value)
        except json.JSONDecodeError:
            return value
    return value


def changed(values: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """`values` with changes, whose keys may be dotted; a part that is given in part keeps its other values."""
    made = json.loads(json.dumps(values))
    for key, value in changes.items():
        _put(made, key, value)
    return dict(made)


def _put(values: dict[str, Any], key: str, value: Any) -> None:
    """Set a dotted key; a part given as a mapping is merged into what stands there."""
    *lead, last = key.split(".")
    for part in lead:
        inner = values.setdefault(part, {})
        if not isinstance(inner, dict):
            raise SettingsError(f"{key!r} is not a setting: {part!r} is one value, {inner!r}, and has no parts.")
        values = inner
    if isinstance(value, Mapping):
        inner = values.get(last)
        merged: dict[str, Any] = dict(inner) if isinstance(inner, dict) else {}
        for name, part_value in value.items():
            _put(merged, str(name), part_value)
        value = merged
    values[last] = value


def _read_toml(path: Path | str | None) -> dict[str, Any]:
    if path is None:
        return {}
    try:
        return tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SettingsError(f"There is no settings file {str(path)!r}.") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"The settings file {str(path)!r} cannot be read as TOML: {error}.") from None
