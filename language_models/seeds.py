"""Seeds that depend on what is drawn, never on when or beside what it is drawn."""

import hashlib


def completion_seed(run_seed: int, prompt_id: int, sample_index: int) -> int:
    """The seed of one completion's own generator: 63 bits of a hash of the run seed, the prompt and the sample
    index."""
    digest = hashlib.sha256(f"{run_seed}/{prompt_id}/{sample_index}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1
