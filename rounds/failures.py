"""Why a run failed, as far as its words tell, and what to try: a code for each, for pages in other languages."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Failure:
    """`cause`: a code; `why`: it in words; `tries`: what to do, the likeliest first, codes with words."""

    cause: str
    why: str
    tries: list[tuple[str, str]]


_TRIES = {
    "smaller_batches": "Start it anew with lower tokens_per_batch (or sampling.batch_size).",
    "free_memory": "End other programs that use memory, or use a machine with more of it.",
    "free_disk": "Make room on the disk, then go on from the checkpoint or retry.",
    "lower_rate": "Start it anew with a lower learning rate.",
    "resume": "Go on from the newest checkpoint.",
    "retry": "Retry it.",
    "judge_more": "Compare more pairs, some on training prompts and not all as ties, then retry.",
    "import_prompts": "Import more prompts for the split that lacks them; a new study's hold-out share deals them out.",
    "mend_function": "Mend the function's file as the message says, then retry.",
    "retry_needed": "Retry the run that it needed, then this one.",
    "verify_folder": "`tastemaker check STUDY` names what is damaged; restore it from a backup.",
    "right_base": "Import an adapter that was made for this study's base; the message says what differs.",
    "earlier_policy": "Make an earlier policy the current one, then start it anew.",
    "allow_more": "Start it anew with a larger KL budget, or with looser guards.",
    "put_back": "Put the file of the function back as it was and retry, or start the run anew.",
    "fetch_model": "Fetch the model while there is a network (`tastemaker model fetch`), then retry it.",
    "read_log": "Read the end of the log; runs/N/log.txt holds the whole of it.",
}
# The first pattern that is found in the words decides. Kinds of files and settings stand in messages of our own.
_CAUSES: tuple[tuple[str, str, str, tuple[str, ...]], ...] = (
    ("needed", r"which this run needs", "A run that this one needs did not succeed.", ("retry_needed",)),
    (
        "memory",
        r"out of memory|too little memory|not enough memory|MemoryError",
        "The machine had too little memory.",
        ("smaller_batches", "free_memory", "resume"),
    ),
    (
        "disk",
        r"No space left|disk is full|too little room on the disk|Errno 28",
        "The disk is full.",
        ("free_disk", "resume"),
    ),
    (
        "not_finite",
        r"not finite",
        "The training diverged: its loss was no number any more.",
        ("lower_rate", "read_log"),
    ),
    (
        "too_few",
        r"decided judgments on training prompts|no decided pair|no demonstration|no judgments",
        "There is too little to learn from.",
        ("judge_more",),
    ),
    ("no_prompts", r"no (training |[\w-]+ )?prompts", "There are no prompts for it.", ("import_prompts",)),
    (
        "past_limit",
        r"is past a limit already",
        "The policy that it starts from is past a limit that ends a training.",
        ("earlier_policy", "allow_more"),
    ),
    (
        "other_base",
        r"another base|another tokenizer|names the base|study's base is revision",
        "It was made for another base than this study's.",
        ("right_base",),
    ),
    (
        "changed_function",
        r"is not what it was when this run began",
        "A reward function was changed since the run began.",
        ("put_back",),
    ),
    (
        "own_function",
        r"^own:\S+ |^The reward function own:",
        "A reward function of your own failed.",
        ("mend_function", "read_log"),
    ),
    (
        "damaged",
        r"sha256|manifest|is missing; restore",
        "Weights on the disk are not what was written.",
        ("verify_folder",),
    ),
    (
        "model",
        r"offline|huggingface|ConnectionError|unknown model|cannot be loaded",
        "The model could not be loaded.",
        ("fetch_model", "retry"),
    ),
    (
        "died",
        r"The worker died",
        "The process ended in the middle of it, several times.",
        ("smaller_batches", "free_memory", "resume", "read_log"),
    ),
)


def explain(error: str | None) -> Failure | None:
    """The likely cause of an error's words; None where there are none."""
    if not error:
        return None
    for cause, pattern, why, tries in _CAUSES:
        if re.search(pattern, error, re.IGNORECASE):
            return Failure(cause, why, [(name, _TRIES[name]) for name in tries])
    return Failure("unknown", "What went wrong is nothing that is known.", [
        (name, _TRIES[name]) for name in ("read_log", "retry")])  # fmt: skip
