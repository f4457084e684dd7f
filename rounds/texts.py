"""Completions as the reward model reads them."""

from __future__ import annotations

from feedback_store.completions import Completion, NewCompletion
from feedback_store.prompts import Prompt
from reward_training.records import Text
from rounds.settings import StudySettings


def with_system_prompt(messages: list[dict[str, str]], study: StudySettings) -> list[dict[str, str]]:
    """The messages with the study's system prompt before them, unless they bring their own."""
    if messages and messages[0]["role"] == "system":
        return list(messages)
    return [{"role": "system", "content": study.system_prompt}, *messages]


def text_of(prompt: Prompt, completion: Completion | NewCompletion, study: StudySettings) -> Text:
    """A stored completion with its prompt; `finished` is None where nobody knows how it ended."""
    finished = None if completion.finish_reason is None else completion.finish_reason == "stop"
    return Text(prompt=with_system_prompt(prompt.messages, study), completion=completion.text, finished=finished)


def text_of_edit(prompt: Prompt, text: str, study: StudySettings) -> Text:
    """What a person wrote to improve a completion: finished, for they wrote all of it."""
    return Text(prompt=with_system_prompt(prompt.messages, study), completion=text, finished=True)
