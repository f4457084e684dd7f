"""Whether a text says which model wrote it. Such a pair is held back until a lead decides, since people are to compare
answers and not names (feedback_store/held_back.py).

Pure functions. A name of the study's own base or policies counts wherever it stands; the name of another model or of
its maker counts where the text says it of itself ("I am ...", "trained by ...", 我是……, 由……开发), since prompts may be
about them. Looked at is the text in Unicode NFKC without case and without characters that are not seen; letters that
were spaced out (S m o l) and other spellings on purpose are not found.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

# Models and their makers, in Latin and Chinese script. Many are ordinary words as well (gemini, llama, bard).
NAMES = (
    *("alpaca", "anthropic", "baichuan", "bard", "bert", "bloom", "chatglm", "chatgpt", "claude", "cohere", "copilot"),
    *("deepmind", "deepseek", "doubao", "ernie bot", "falcon", "gemini", "gemma", "google", "gpt", "granite", "grok"),
    *("hugging face", "huggingface", "hunyuan", "internlm", "kimi", "llama", "meta ai", "microsoft", "minimax"),
    *("mistral", "mixtral", "moonshot", "nemotron", "olmo", "openai", "openassistant", "phi", "pythia", "qwen"),
    *("smollm", "stablelm", "tongyi qianwen", "vicuna", "wenxin", "xai", "zephyr", "zhipu"),
    *("alibaba", "baidu", "bytedance", "huawei", "iflytek", "meta", "tencent"),
    *("通义千问", "千问", "通义", "文心一言", "文心", "豆包", "智谱清言", "智谱", "星火", "混元", "盘古", "月之暗面"),
    *("深度求索", "百川", "阿里云", "阿里巴巴", "百度", "字节跳动", "腾讯", "科大讯飞", "华为", "谷歌", "微软"),
)
NOT_A_NAME = {"instruct", "chat", "base", "model", "tiny", "bundled", "hub", "it", "hf", "policy"}
SHORTEST_OWN_NAME = 4
INVISIBLE = ("Cf", "Mn")  # zero width characters, marks put over letters


def identity_words(text: str, own_names: Iterable[str] = ()) -> str | None:
    """The words by which a text says who wrote it, as they were found, or None. `own_names`: see `names_of`."""
    seen = _plain(text)
    own = _any_of(own_names)
    found = re.search(own, seen) if own else None
    if found is None:
        found = next(filter(None, (re.search(pattern, seen) for pattern in _SAID_OF_ITSELF)), None)
    return " ".join(found.group().split()) if found else None


def names_of(source: str, policies: Iterable[str] = ()) -> list[str]:
    """The names that a base goes by: the parts of its source that name it, with and without their version, such as
    smollm2 and smollm of `bundled:smollm2-135m-instruct`; and those of the study's policies that are no common word.
    """
    unpinned = source.partition("@")[0] if source.startswith("hub:") else source
    last = _plain(unpinned).rstrip("/").split("/")[-1].split(":")[-1]
    head = re.split(r"[-_.]", last)[0]
    parts = {head, re.sub(r"[\d.]+$", "", head)}
    kept = {part for part in parts if len(part) >= SHORTEST_OWN_NAME and part not in NOT_A_NAME and not part.isdigit()}
    return sorted(kept | {_plain(name) for name in policies if re.search(r"\d", name)})


def _plain(text: str) -> str:
    shown = "".join(one for one in text if unicodedata.category(one) not in INVISIBLE)
    return unicodedata.normalize("NFKC", shown).casefold()


def _any_of(names: Iterable[str]) -> str:
    """A pattern of whole names: letters beside a name make another word, digits make a version of it."""
    made = sorted({re.escape(name).replace(r"\ ", r"\s*") for name in names}, key=len, reverse=True)
    return rf"(?<![a-z])(?:{'|'.join(made)})(?![a-z])" if made else ""


_NAME = _any_of(NAMES)
_NEAR = r"[^.!?。！？\n]{0,40}?"
_WITHIN = r"[^.!?。！？,;、\n]{0,12}?"
_I_AM = r"\b(?:i\s+am|i['’]m)"
_MODEL = r"(?:language\s+model|model|assistant|chatbot|ai)"
_MADE = r"(?:made|trained|developed|created|built|designed|powered)"
_SAID_OF_ITSELF = [
    re.compile(pattern)
    for pattern in (
        # I am Claude; my name is Qwen; call me Kimi. "I am a gemini" is a star sign.
        rf"(?:{_I_AM}|\bmy\s+name\s+is|\bcall\s+me)\s+(?:the\s+)?{_NAME}",
        # I am an assistant called Claude; I am a GPT model; as a language model from OpenAI, ...
        rf"{_I_AM}\b{_NEAR}\b(?:called|named|known\s+as)\s+{_NAME}",
        rf"(?:{_I_AM}|\bas)\s+an?\s+(?:\w+\s+){{0,3}}?{_NAME}(?:\s+\w+)?\s+{_MODEL}\b",
        rf"(?:{_I_AM}|\bas)\s+an?\s+(?:\w+\s+){{0,3}}?{_MODEL}\s+(?:by|from|of)\s+(?:\w+\s+){{0,2}}?{_NAME}",
        # As ChatGPT, I ...
        rf"\bas\s+{_NAME}\s*,",
        # I was trained by OpenAI; a language model developed by Alibaba; OpenAI created me; my maker is Meta.
        rf"\b(?:i|me|my|model|assistant|chatbot|ai)\b{_NEAR}\b{_MADE}\s+(?:by|at|on)\s+(?:the\s+)?(?:\w+\s+){{0,2}}?{_NAME}",
        rf"{_NAME}\s+(?:\w+\s+)?{_MADE}\s+me\b",
        rf"\bmy\s+(?:creator|maker|developer)s?\s+(?:is|are|at)\s+(?:the\s+)?{_NAME}",
        # 我是通义千问；我叫豆包；我的名字是 Kimi。
        rf"(?:我是|我叫|我的名字是|我的名字叫|本人是|叫我){_WITHIN}{_NAME}(?!的?(?:员工|用户|粉丝|客户))",
        # 我是由百度开发的……；作为由 OpenAI 训练的语言模型……
        rf"由{_WITHIN}{_NAME}{_WITHIN}(?:开发|训练|研发|创建|打造|推出|设计|提供支持)",
        rf"作为\s*{_NAME}(?!的?(?:员工|用户|粉丝|客户))",
    )
]
