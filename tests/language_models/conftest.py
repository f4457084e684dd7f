import pytest
from tiny_models import tiny_with_adapters

from language_models.model import LanguageModel


@pytest.fixture
def tiny() -> LanguageModel:
    return tiny_with_adapters()
