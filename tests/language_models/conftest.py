import pytest

from language_models.model import LanguageModel
from tiny_models import tiny_with_adapters


@pytest.fixture
def tiny() -> LanguageModel:
    return tiny_with_adapters()
