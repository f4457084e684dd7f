"""What a policy run takes of a study: a reward, preferences, demonstrations. Torch-free."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from policy_training import algorithm_registry
from rounds.policy_settings import training_of
from rounds.reward_parts import uses_learned

JUDGED = frozenset({"preferences", "demonstrations"})


def needs_of(config: Mapping[str, Any]) -> frozenset[str]:
    """What stored settings take: what their algorithm says of itself, with demonstrations where it imitates besides,
    and "learned" where its reward is, or is in part, a reward model."""
    needs = set(algorithm_registry.describe(config.get("algorithm", "ppo")).needs)
    if training_of(config).get("imitation_coefficient"):
        needs.add("demonstrations")
    if "reward" in needs and uses_learned(config.get("rewards")):
        needs.add("learned")
    return frozenset(needs)
