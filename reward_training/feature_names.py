"""What computed a text's features, as one name: features under the same name may be used for each other. Torch-free."""

import hashlib
import json
from collections.abc import Mapping, Sequence

from reward_training.settings import RewardSettings

VERSION = 3  # of what RewardModel.all_features makes of a text on an untouched adapter: raise it when that changes
SETTINGS = ("depth", "tokens_per_text")  # those of RewardSettings on which it depends


def features_name(base_sha256: str, tokenizer_sha256: str, template_sha256: str, settings: RewardSettings) -> str:
    """The name of the features that the untouched base gives under these settings."""
    parts = [VERSION, base_sha256, tokenizer_sha256, template_sha256, settings.model_dump(include=set(SETTINGS))]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def text_key(prompt: Sequence[Mapping[str, str]], completion: str, finished: bool | None) -> str:
    """The name of a text by all that its features are computed from."""
    turns = [[turn["role"], turn["content"]] for turn in prompt]
    said = json.dumps([turns, completion, finished is not False], ensure_ascii=False)
    return hashlib.sha256(said.encode()).hexdigest()
