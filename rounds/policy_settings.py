"""Settings of a run `train-policy`: which algorithm with which settings, and what the policy is trained for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from language_models.settings import ComputeSettings
from policy_training.algorithms.settings.actor_critic import Settings as ActorCriticSettings
from policy_training.algorithms.settings.dpo import Settings as DPOSettings
from policy_training.algorithms.settings.grpo import Settings as GRPOSettings
from policy_training.algorithms.settings.imitation import Settings as ImitationSettings
from policy_training.algorithms.settings.policy_gradient import Settings as PolicyGradientSettings
from policy_training.algorithms.settings.ppo import Settings as PPOSettings
from policy_training.algorithms.settings.rloo import Settings as RLOOSettings
from policy_training.settings import TokenRewardedSettings, TrainingSettings
from reward_training.ensemble_settings import Combination
from rounds.reward_parts import LEARNED_ALONE, RewardPart
from rounds.setting_values import typed

Algorithm = Literal["ppo", "rloo", "grpo", "policy_gradient", "actor_critic", "dpo", "imitation"]
ALGORITHMS: tuple[Algorithm, ...] = get_args(Algorithm)


def _part_list(value: Any) -> Any:
    """Let `rewards=learned,length_window` stand for functions as they come, each with the weight 1."""
    if isinstance(value, str):
        value = typed(value)
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


class TrainPolicySettings(BaseModel):
    """The next policy: the current one, improved by the algorithm that is chosen, whose group of settings counts."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

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
        64,
        ge=2,
        le=10000,
        description="completions of the reference policy that set zero and unit of the reward's parts",
    )
    reward_model: str | None = Field(None, description="name of the reward model, such as reward-2; none: the latest")
    reward_combination: Combination = Field("head", description="which heads count: its own, or an ensemble's")
    reward_uncertainty_penalty: float = Field(
        1.0, ge=0, le=100, description="standard deviations taken off each score (of an ensemble: variances)"
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
        description="held-out prompts by whose rewards the last policy that is not clearly below the best is published;"
        " 0: the last without an alarm",
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

    @field_validator("reward_model", "reward_combination", "reward_uncertainty_penalty", "length_correction")
    @classmethod
    def _of_a_learned_reward_alone(cls, value: str | float | None, info: ValidationInfo) -> str | float | None:
        rewards = info.data.get("rewards")  # None where they are wrong themselves
        is_idle = value in (cls.model_fields[info.field_name or ""].default, 0)
        if info.field_name == "reward_model" and _takes_judgments(info.data):  # it says how far each is relied on
            return value
        if not is_idle and rewards is not None and all(one.function != "learned" for one in rewards):
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


def _takes_judgments(data: Mapping[str, Any]) -> bool:
    """Whether what is read so far of settings trains straight on judgments, or on them as well."""
    training = data.get(data.get("algorithm", ""))  # None where it is wrong itself
    beside = getattr(training, "imitation_coefficient", 0)
    return bool(beside) or hasattr(training, "pairs_per_step") or hasattr(training, "demonstrations_per_step")


def training_of(config: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of the chosen algorithm in stored settings; those from before there was a choice are PPO's."""
    return dict(config[config.get("algorithm", "ppo")])


def not_chosen(config: Mapping[str, Any]) -> set[str]:
    """The groups of the algorithms that a run does not use."""
    return {name for name in ALGORITHMS if name != config["algorithm"]} if "algorithm" in config else set()
