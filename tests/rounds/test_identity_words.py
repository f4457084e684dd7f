"""Texts that say which model wrote them, in two scripts, and texts that do not."""

import pytest

from rounds.identity_words import identity_words, names_of

OWN = names_of("bundled:smollm2-135m-instruct", ["policy-1", "base"])


@pytest.mark.parametrize(
    "text",
    [
        "I am SmolLM, a small language model.",
        "Hello! SmolLM2 here.",
        "smollm2-135m wrote this",
        "Sm\u200bolLM says hello",
        "ＳｍｏｌＬＭ says hello",
        "This was written by policy-1.",
        "I'm ChatGPT and I can help.",
        "I am a helpful assistant called Claude.",
        "My name is Gemini.",
        "I was trained by OpenAI on a lot of text.",
        "As a large language model trained by Google, I cannot say.",
        "As ChatGPT, I have no opinion.",
        "As an AI model trained by Hugging Face, I cannot say.",
        "I’m Qwen2.5, made to help.",
        "I am a GPT model.",
        "I am a language model from OpenAI.",
        "I was developed by Alibaba Cloud.",
        "OpenAI created me.",
        "My creators are Meta.",
        "I am an AI assistant created by the Hugging Face team.",
        "我是通义千问，很高兴为你服务。",
        "我叫豆包。",
        "我是文心一言",
        "我由百度研发。",
        "我是 Anthropic 开发的助手。",
        "我是ＣｈａｔＧＰＴ。",
        "我是通\u200b义千问。",
        "我的名字是 Kimi。",
        "我是由百度开发的人工智能助手。",
        "我是一个由 OpenAI 训练的语言模型。",
        "作为ChatGPT，我没有感情。",
    ],
)
def test_texts_that_name_their_model_are_found(text: str):
    assert identity_words(text, OWN) is not None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Claude Monet painted water lilies.",
        "Gemini is a star sign, and I am a Virgo.",
        "A llama eats grass.",
        "The bard sang a song.",
        "You could ask ChatGPT or read a book.",
        "Google was founded in 1998.",
        "I am an AI language model.",
        "My phone was made by a small company.",
        "I am reading a book about the bloom of roses.",
        "I am a big fan of Claude Monet.",
        "I am a gemini.",
        "I am reading about Google.",
        "I am using ChatGPT for this.",
        "I'm a Microsoft employee.",
        "smoller things are smolling",
        "The graphics were made on a computer.",
        "请问百度的总部在哪里？",
        "我喜欢吃豆包。",
        "我叫小明，我喜欢豆包。",
        "我是百度的员工。",
        "由谷歌提供的数据显示",
        "星火可以燎原。",
        "作为一个人工智能语言模型，我没有感情。",
        "This policy is the base of our work.",
    ],
)
def test_texts_about_other_things_are_left_alone(text: str):
    assert identity_words(text, OWN) is None


def test_what_was_found_is_told():
    assert identity_words("Well, I  am\nChatGPT.") == "i am chatgpt"


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("bundled:smollm2-135m-instruct", ["smollm", "smollm2"]),
        ("hub:Qwen/Qwen2.5-0.5B-Instruct", ["qwen", "qwen2"]),
        ("hub:openai-community/gpt2@607a30d783dfa663caf39e0663372112b4cfcd7e", ["gpt2"]),
        ("/models/my_model", []),
        ("tiny:", []),
    ],
)
def test_a_base_goes_by_these_names(source: str, names: list[str]):
    assert names_of(source) == names


def test_a_long_text_costs_little():
    text = "I am a model, my friend, and as a model by the model I was built by " * 3000
    assert identity_words(text, OWN) is None
