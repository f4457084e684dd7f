"""By what a base is known: the hashes of its weights, its tokenizer and its chat template."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from transformers import PreTrainedTokenizerBase

from language_models import folders
from language_models.settled_templates import as_it_came, undated
from language_models.sources import weight_files


@dataclass(frozen=True)
class BaseIdentity:
    """What a policy or a reward model is tied to: the base's weights, its tokenizer and its chat template.

    `former_sha256s`: what stood for the same weights before 0.2.0, where that is another: the hash of a converted
    base's manifest, or one that files beside the weights went into which nothing loads. `former_template_sha256`: the
    hash of a template that is told not to think as it came, by which it was known, and thought; None for others.
    """

    source: str
    sha256: str
    tokenizer_sha256: str
    template_sha256: str
    former_sha256s: tuple[str, ...] = ()
    former_template_sha256: str | None = None

    def known_as(self, sha256: str | None, template_sha256: str | None = None) -> "BaseIdentity":
        """The same, by former names of its weights and its template where that is how they were recorded."""
        weights = sha256 if sha256 is not None and sha256 in self.former_sha256s else self.sha256
        template = self.former_template_sha256 if self.thought(template_sha256) else None
        return replace(self, sha256=weights, template_sha256=template or self.template_sha256)

    def thought(self, template_sha256: str | None) -> bool:
        """Whether who recorded this hash of its template knew it as one that thinks."""
        return template_sha256 is not None and template_sha256 == self.former_template_sha256


def identity_of(source: str, folder: Path, tokenizer: PreTrainedTokenizerBase) -> BaseIdentity:
    """Hashes of weights, tokenizer and template. Those of a converted model's weights are in its manifest; others are
    read once. Configs do not count: they hold the version of the library that wrote them.
    """
    known = _manifest(folder)
    loaded, all_there = weight_files(folder), sorted(folder.glob("*.safetensors"))
    former = [hashlib.sha256(folders.manifest_sha256(folder).encode()).hexdigest()] if known else []
    if loaded != all_there:
        former.append(_weights_sha256(all_there, known))
    template = undated(tokenizer.get_chat_template()) if tokenizer.chat_template else ""
    came = as_it_came(template)
    vocabulary = repr(sorted(tokenizer.get_vocab().items())).encode()
    return BaseIdentity(
        source,
        _weights_sha256(loaded, known),
        hashlib.sha256(vocabulary).hexdigest(),
        hashlib.sha256(template.encode()).hexdigest(),
        tuple(former),
        hashlib.sha256(came.encode()).hexdigest() if came != template else None,
    )


def _manifest(folder: Path) -> Mapping[str, str]:
    """The sha256 of each file by the folder's manifest; empty where it has none, or a file of that name that other
    programs wrote."""
    try:
        found = json.loads((folder / folders.MANIFEST).read_text(encoding="utf-8"))["sha256"]
    except (OSError, ValueError, LookupError, TypeError):
        return {}
    return found if isinstance(found, dict) and all(isinstance(one, str) for one in found.values()) else {}


def _weights_sha256(files: Iterable[Path], known: Mapping[str, str]) -> str:
    weights = hashlib.sha256()
    for path in files:
        weights.update((known.get(path.name) or folders.file_sha256(path)).encode())
    return weights.hexdigest()
