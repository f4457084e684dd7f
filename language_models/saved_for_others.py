"""Folders that `save_pretrained` of transformers 5 wrote, made readable by transformers 4 and what is built on it.

Those look for RoPE's numbers at the top level of config.json, and take 10,000 for theta, in silence, where they are
nowhere there; they know no tokenizer class TokenizersBackend, and no list of extra special tokens. What transformers 5
reads stays as it was.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROPE_ON_TOP = ("rope_theta", "partial_rotary_factor")
"""Numbers of RoPE that transformers 4 has beside `rope_scaling`, not in it."""
INPUTS = ["input_ids", "attention_mask"]
"""What a tokenizer of transformers 5 gives where its config names nothing else; transformers 4 adds token_type_ids,
which few networks take."""


def readable_elsewhere(folder: Path) -> None:
    """Adds what older programs look for to config.json and tokenizer_config.json of a folder, where it holds them."""
    _rewritten(folder / "config.json", _with_older_rope)
    _rewritten(folder / "tokenizer_config.json", _with_older_tokenizer)


def _rewritten(path: Path, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """A file that lacks nothing stays as it is, to the byte."""
    if not path.is_file():
        return
    before = json.loads(path.read_text(encoding="utf-8"))
    after = change(before)
    if after != before:
        text = json.dumps(after, indent=2, sort_keys=True, ensure_ascii=False)
        path.write_text(text + "\n", encoding="utf-8")


def _with_older_rope(config: dict[str, Any]) -> dict[str, Any]:
    """RoPE's numbers at the top level too, and in the config of the text within one of a model that reads images.

    Where layers have numbers of their own by kind, older programs have a name for each architecture: left alone.
    """
    found = dict(config)
    if isinstance(found.get("text_config"), dict):
        found["text_config"] = _with_older_rope(found["text_config"])
    rope = found.get("rope_parameters")
    if isinstance(rope, dict) and isinstance(rope.get("rope_theta"), int | float):
        found = {key: rope[key] for key in ROPE_ON_TOP if key in rope} | found
        if rope.get("rope_type", "default") != "default":
            found = {"rope_scaling": _older_scaling(rope, found)} | found
    return found


def _older_scaling(rope: dict[str, Any], on_top: dict[str, Any]) -> dict[str, Any]:
    """What stands on top is not told again: Phi 3 refuses a fourth number. `type` is understood by every version,
    `rope_type` is not.
    """
    rest = {key: value for key, value in rope.items() if key != "rope_type" and key not in on_top}
    return {"type": rope["rope_type"], **rest}


def _with_older_tokenizer(config: dict[str, Any]) -> dict[str, Any]:
    found = dict(config)
    if found.get("tokenizer_class") == "TokenizersBackend":
        found["tokenizer_class"] = "PreTrainedTokenizerFast"
        found.setdefault("model_input_names", INPUTS)
    if isinstance(found.get("extra_special_tokens"), list):
        found["additional_special_tokens"] = found.pop("extra_special_tokens")
    return found
