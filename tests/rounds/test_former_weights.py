"""A study of before that knows its base by files beside the weights goes on where these have to be fetched anew."""

import pytest

from feedback_store import policies
from language_models import fetch
from language_models.errors import WrongBase
from language_models.model import LanguageModel
from rounds.model_host import ModelHost
from tests.builders.policy_studies import HUB, put_tiny_on_hub
from tests.rounds.small_study import new_study


@pytest.mark.parametrize("there", [True, False], ids=["on the hub", "nowhere"])
def test_files_that_nothing_loads_are_looked_for_where_a_study_knows_its_base_by_them(tmp_path, monkeypatch, there):
    hub = put_tiny_on_hub(monkeypatch, tmp_path)
    weights, second = hub / "model.safetensors", hub / "consolidated.safetensors"
    second.write_bytes(weights.read_bytes())
    identity = LanguageModel.load(HUB).identity
    [former] = identity.former_sha256s
    db = new_study(tmp_path / "study", base=HUB)
    tokens = {"tokenizer_sha256": identity.tokenizer_sha256, "template_sha256": identity.template_sha256}
    policies.add_base(db, source=HUB, sha256=former, **tokens)
    second.unlink()

    def all_weights(source: str):
        if there:
            second.write_bytes(weights.read_bytes())
        return hub

    monkeypatch.setattr(fetch, "with_all_weights", all_weights)
    if there:
        assert ModelHost(db, HUB).identity.sha256 == former
    else:
        with pytest.raises(WrongBase, match="changed since this study was begun"):
            _ = ModelHost(db, HUB).identity
