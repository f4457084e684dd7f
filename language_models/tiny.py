"""A tiny random Llama with a byte-level tokenizer: for tests and demos that need no language.

One hidden dimension is constant, so that the output layer has a prior over bytes: it writes lower-case letters,
spaces and commas, and ends by itself after a few dozen tokens.
"""

from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import AutoModelForCausalLM, LlamaConfig, PreTrainedModel, PreTrainedTokenizerFast

END_OF_TEXT, START, END = "<|endoftext|>", "<|im_start|>", "<|im_end|>"
TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
PRIOR = {" ": 3.0, ",": 1.0, END: 0.8, **dict.fromkeys("etaoinshrdlu", 2.0), **dict.fromkeys("cmfwypvbgkqjxz", 0.5)}


def tiny_tokenizer() -> PreTrainedTokenizerFast:
    """Bytes and three special tokens; the pad token is `<|endoftext|>`, the end of a turn `<|im_end|>`."""
    specials = [END_OF_TEXT, START, END]
    tokens = [*specials, *sorted(pre_tokenizers.ByteLevel.alphabet())]
    tokenizer = Tokenizer(models.BPE(vocab={token: index for index, token in enumerate(tokens)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(specials)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=END_OF_TEXT,
        eos_token=END,
        chat_template=TEMPLATE,
        clean_up_tokenization_spaces=False,
    )


def tiny_model(tokenizer: PreTrainedTokenizerFast, *, seed: int = 0, layers: int = 3) -> PreTrainedModel:
    """About 50,000 parameters, drawn from `seed`, with the prior over bytes described above."""
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=layers,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=2048,
        initializer_range=0.15,
        tie_word_embeddings=False,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        model = AutoModelForCausalLM.from_config(config)
        model.get_input_embeddings().weight[:, 0] = 1.0
        for name, weight in model.named_parameters():
            if name.endswith(("o_proj.weight", "down_proj.weight")):
                weight[0] = 0.0
        output = model.get_output_embeddings().weight
        output[:, 0] = -3.0
        for text, height in PRIOR.items():
            token = tokenizer.convert_tokens_to_ids(text) if text == END else tokenizer.encode(text)[0]
            output[token, 0] = height
    return model.eval()


def build_tiny(folder: Path) -> None:
    """Writes the tiny model and its tokenizer into an existing folder, as `save_pretrained` lays them out."""
    tokenizer = tiny_tokenizer()
    tiny_model(tokenizer).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
