"""A study in which every text that somebody else can write is a hostile one."""

import contextlib
from collections.abc import Iterator
from dataclasses import replace

from feedback_store import (
    annotators,
    audit,
    check_questions,
    comparisons,
    completions,
    criteria,
    flags,
    guidelines,
    information_texts,
    invitations,
    judgments,
    policies,
    prompts,
    questions,
    run_records,
    runs,
)
from feedback_store.comparisons import NewComparison
from feedback_store.completions import NewCompletion
from feedback_store.database import Database
from feedback_store.errors import InvalidInput
from feedback_store.judgments import NewJudgment
from feedback_store.prompts import NewPrompt
from hostile_texts import corpus, short
from rounds import studies
from web_studies import claim, two_policies

IN_PROMPT = 3  # a system prompt, an earlier turn, the last one
ACT = '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>'


def ask(db: Database, texts: list[str], candidates: int = 2) -> int:
    """Each text once, in prompts of three turns and in `candidates` responses; returns how many comparisons."""
    made = 0
    remaining = iter(texts)
    while group := list(_some(remaining, IN_PROMPT + candidates)):
        group += [f"filled up {made}-{place}" for place in range(IN_PROMPT + candidates - len(group))]
        system, earlier, last, *responses = group
        turns = [("system", system), ("user", earlier), ("assistant", earlier), ("user", f"Question {made}: {last}")]
        messages = [{"role": role, "content": text if text.strip() else "(nothing)"} for role, text in turns]
        prompt = prompts.add(db, [NewPrompt(messages, split="train")], holdout_share=0.2, seed=0).ids[0]
        base = policies.add_base(
            db, source="tiny:", sha256="a" * 64, tokenizer_sha256="b" * 64, template_sha256="c" * 64
        )
        new = [NewCompletion(prompt, base.id, text, finish_reason="stop") for text in responses]
        comparisons.add(db, [NewComparison(prompt, completions.add(db, new))])
        made += 1
    return made


def _some(texts: Iterator[str], number: int) -> Iterator[str]:
    for _ in range(number):
        for text in texts:
            if _storable(text):
                yield text
                break


def _storable(text: str) -> bool:
    """The store itself keeps out what no page could show (a NUL, half a surrogate pair)."""
    return "\x00" not in text and not any("\ud800" <= character <= "\udfff" for character in text)


def fill_everything(db: Database) -> None:
    """Hostile names, notes, criteria, settings, guidelines, answers, pairs to decide on, acts, runs, logs, errors."""
    ask(db, [each.text for each in corpus(700)][:40])
    people = [annotators.ensure(db, f"{ACT} {n} {each.text[:150]}").id for n, each in enumerate(corpus(400)[:12])]
    for n, person in enumerate([*people, annotators.ensure(db, "local").id]):
        for question in questions.next_questions(db, person, limit=2).questions:
            improved = {"position": 0, "text": short(5_000)}
            name = question.comparison_public_id
            answer = NewJudgment(name, person, [1, 2], question.shown, f"key-{n}-{name}", strength=2)
            judgments.submit(db, replace(answer, rationale=short(5_000), improved=improved))
            flags.add(db, name, annotator_id=person, note=short(5_000))
    _look_through(db, people[:4])
    for language in ("en", "zh"):
        guidelines.add(db, f"# {ACT}\n\n{short(15_000)}", language=language, by=ACT)
    studies.change_settings(db, by=ACT, asked={"question": ACT})
    audit.note(db, actor=ACT, action=ACT, subject=ACT, detail={ACT: short(2_000)})
    with contextlib.suppress(InvalidInput):
        criteria.add(db, ACT[:60], short(300))
    invitations.make(db, "annotator", name=ACT[:100], tags=[ACT[:90]], languages=["en"], by=ACT)
    two_policies(db, short(20_000), ACT, question=short(2_000))
    runs.enqueue(db, "sample", {})
    lease = claim(db)
    run_records.log(db, lease, short(5_000))
    runs.fail(db, lease, f"It broke: {ACT} {short(2_000)}")


def _look_through(db: Database, people: list[int]) -> None:
    """What leads decide on: a pair that is held back, a check question, pairs on which people are divided."""
    sources = comparisons.listing(db)[:3]
    check_questions.make(db, sources[0].id, [1, 2], by=ACT)
    new = [NewComparison(one.prompt_id, one.completion_ids[::-1], held_back=True) for one in sources[1:]]
    comparisons.add(db, new)
    divided = [NewComparison(one.prompt_id, one.completion_ids, overlap=len(people)) for one in sources]
    for comparison in comparisons.add(db, divided):
        for place, person in enumerate(people):
            ranks = [1, 2] if place % 2 else [2, 1]
            judgments.submit(db, NewJudgment(comparison, person, ranks, [0, 1], f"divided-{comparison}-{person}"))


def ask_to_agree(db: Database) -> None:
    """A text to agree to."""
    information_texts.add(db, f"# {ACT}\n\n{short(15_000)}")
