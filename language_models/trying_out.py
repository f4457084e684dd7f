"""Whether a base can be used at all, tried on a few tokens before a study is begun with it.

No architecture is named anywhere here, so that many work that nobody thought of; some do not (experts that share a
module, states that are no key-value cache), and would fail in the middle of a study in words of a library.
"""

import torch

from language_models.errors import UnknownModel
from language_models.log_probs import completion_pass
from language_models.model import LanguageModel
from language_models.sampling import SampleRequest, sample
from language_models.settings import LoraSettings, SamplingSettings

PROMPT, COMPLETION = [1, 2, 3], [2, 1]
TRIED = "tried-out"
CLOSE_NATS = 1e-3
SPREAD = 0.05  # of the tried adapter's weights: enough to be seen in log-probs, too little to blow anything up
KNOWN = "Llama, Mistral, Qwen 2 and 3, Gemma 1 to 3 that read text alone, Phi-3, OLMo 2, Granite, GPT-NeoX, GPT-2"


def require_usable(model: LanguageModel) -> None:
    """Sampling, log-probs, states of fewer layers, and an adapter. Raises UnknownModel with what does not go."""
    doing = ""
    try:
        with torch.no_grad():
            doing = "log-probs of completions"
            _require_same_log_probs(model)
            doing = "states of its lower layers"
            model.trunk(1).completion_states(model.laid_out([PROMPT], [COMPLETION]))
            doing = "sampling"
            _sample(model, None)
            doing = "an adapter"
            model.adapters.add(TRIED, LoraSettings(rank=1, alpha=1.0), 0)
            try:
                _sample(model, TRIED)
                _draw_weights(model, TRIED)
                with model.adapters.using(TRIED):
                    _require_same_log_probs(model)
            finally:
                model.adapters.remove(TRIED)
    except Exception as error:  # whatever a library finds to say
        said = " ".join(str(error).split())
        kind = model.network.config.model_type
        raise UnknownModel(
            f"{model.identity.source} cannot be used: {doing} of its architecture ({kind}) failed "
            f"({type(error).__name__}: {said[:200]}). Known to work: {KNOWN}."
        ) from error


def _sample(model: LanguageModel, adapter: str | None) -> None:
    settings = SamplingSettings(max_new_tokens=2, batch_size=2, temperature=1.0)
    sample(model, [SampleRequest(PROMPT, 0), SampleRequest(COMPLETION, 1)], settings, adapter)


def _draw_weights(model: LanguageModel, adapter: str) -> None:
    """An adapter that changes something: one that starts at zero is computed right wherever it is left out."""
    generator = torch.Generator().manual_seed(0)
    for parameter in model.adapters.parameters(adapter).values():
        parameter.copy_(torch.randn(parameter.shape, generator=generator) * SPREAD)


def _require_same_log_probs(model: LanguageModel) -> None:
    """Those of the parts must be those of the whole network; sixteen bits and fewer round too much to tell."""
    found = completion_pass(model, model.laid_out([PROMPT], [COMPLETION]), 1.0).log_probs[0]
    ids = torch.tensor([[*PROMPT, *COMPLETION]], device=model.device)
    whole = torch.log_softmax(model.network(input_ids=ids).logits[0].float(), dim=-1)
    places = range(len(PROMPT) - 1, len(PROMPT) + len(COMPLETION) - 1)
    expected = torch.stack([whole[place, token] for place, token in zip(places, COMPLETION, strict=True)])
    apart = float((found - expected).abs().max())
    if model.network.dtype == torch.float32 and not model.quantised and not apart <= CLOSE_NATS:
        raise ValueError(f"those of its parts are {apart:.2g} nats from those of the whole")
