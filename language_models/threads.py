"""How many threads models are computed with. Free of torch."""

import os

VARIABLE = "TASTEMAKER_THREADS"


def wanted_threads() -> int:
    """What the environment asks for, else every core. Raises ValueError where it asks for no number of threads."""
    asked = os.environ.get(VARIABLE, "").strip()
    if not asked:
        return os.cpu_count() or 1
    if not asked.isascii() or not asked.isdigit() or int(asked) < 1:
        raise ValueError(
            f"{VARIABLE} = {asked!r} is no number of threads: set it to 1 or more (this machine has "
            f"{os.cpu_count() or 1} cores), or leave it unset for all of them"
        )
    return int(asked)
