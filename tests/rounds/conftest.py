"""What tests of the loop share."""

from collections.abc import Iterator

import pytest
import torch


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """Workers of this process on one thread, and torch afterwards on as many as before."""
    before = torch.get_num_threads()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TASTEMAKER_THREADS", "1")
        yield
    torch.set_num_threads(before)
