"""A failed run says why and what to try."""

import pytest

from rounds import failures
from rounds.worker import in_words


@pytest.mark.parametrize(
    ("error", "cause", "first"),
    [
        (in_words(MemoryError()), "memory", "smaller_batches"),
        (in_words(RuntimeError("CUDA out of memory. Tried to allocate")), "memory", "smaller_batches"),
        (in_words(OSError(28, "No space left on device")), "disk", "free_disk"),
        ("NonFiniteLoss: loss or gradient was not finite 3 times in a row ({})", "not_finite", "lower_rate"),
        ("1 decided judgments on training prompts: at least 2 are needed to train a reward", "too_few", "judge_more"),
        ("The study has no training prompts. Import some, or lower the hold-out.", "no_prompts", "import_prompts"),
        ("The study has no holdout prompts. Import more, or evaluate on the other split.", "no_prompts",
         "import_prompts"),
        ("policy-1/adapter/x.safetensors differs from its sha256; restore it from a backup", "damaged",
         "verify_folder"),
        ("Run 3 (train-reward), which this run needs, failed. Retry it, then this run.", "needed", "retry_needed"),
        ("The worker died 3 times during this run, last heard of at 2026. Likely reason: it was killed, probably "
         "because memory ran out.", "died", "smaller_batches"),
        ("The worker died 3 times during this run. Likely reason: it was killed while sampling, probably out of "
         "memory: 11 of 12 GB of memory in use.", "memory", "smaller_batches"),
        ("other was made for another base: None. The sha256 of its weights is ffffffffffff..., of those of the study's "
         "base 0123456789ab....", "other_base", "right_base"),
        ("made names the base 'people/tiny'; the study's base is tiny:, and nothing tells that the two are the same.",
         "other_base", "right_base"),
        ("The reward function own:vowels is not what it was when this run began (sha256 then 0123..., now 4567...).",
         "changed_function", "put_back"),
        ("own:mine cannot be loaded: SyntaxError: invalid syntax (mine.py, line 3)", "own_function", "mend_function"),
        ("The reward function own:mine raised ConnectionError: refused", "own_function", "mend_function"),
        ("there is no decided pair among 3: compare some, not all of them as ties", "too_few", "judge_more"),
        ("KeyError: 'x'", "unknown", "read_log"),
    ],
)  # fmt: skip
def test_the_cause_is_told_from_the_words(error: str, cause: str, first: str):
    found = failures.explain(error)
    assert found is not None
    assert (found.cause, found.tries[0][0]) == (cause, first)
    assert all(words.endswith(".") for _, words in found.tries)


def test_where_nothing_is_said_nothing_is_explained():
    assert failures.explain(None) is None
    assert failures.explain("") is None
