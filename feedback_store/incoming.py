"""Taking a row of an import into the study.

Every format with judgments turns its rows into rows of the exchange format `comparisons`; this is the one place that
stores them. A comparison, completion or judgment whose id or key the study knows is not stored again: what is new in
the row is added to it, so that two copies of a study that were judged apart can be put together again. A row without
ids gets them from its content: taken in again after an undo, it is the same comparison with all that people said of it.
"""

import hashlib
import json
import secrets
from collections import Counter, OrderedDict
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from feedback_store import (
    annotators,
    canonical,
    comparisons,
    completions,
    exchange_keys,
    judgments,
    policies,
    prompts,
    taking_back,
)
from feedback_store.comparisons import Comparison, NewComparison
from feedback_store.completions import NewCompletion
from feedback_store.database import Database
from feedback_store.errors import InvalidInput
from feedback_store.judgments import NewJudgment
from feedback_store.prompts import NewPrompt

PSEUDO_ANNOTATOR = "imported"
RECENT = 500

Line = dict[str, Any]
Found = TypeVar("Found")


class _Recent(Generic[Found]):
    """What rows of an import stored or found lately, by content; rows that follow each other often share it."""

    def __init__(self) -> None:
        self._found: OrderedDict[str, Found] = OrderedDict()

    def get(self, content: str) -> Found | None:
        return self._found.get(content)

    def put(self, content: str, found: Found) -> Found:
        self._found[content] = found
        if len(self._found) > RECENT:
            self._found.popitem(last=False)
        return found

    def forget(self) -> None:
        self._found.clear()


@dataclass(frozen=True)
class Import:
    """The import that a row belongs to, and what its rows stored or found lately."""

    id: int
    holdout_share: float
    seed: int
    now: str
    priority: int  # of comparisons that name none: that of the open round's own pairs, or they would be asked last
    seen_prompts: _Recent[tuple[prompts.Prompt, Line]] = field(default_factory=_Recent)
    seen_completions: _Recent[int] = field(default_factory=_Recent)
    seen_policies: _Recent[int] = field(default_factory=_Recent)
    seen_people: _Recent[int] = field(default_factory=_Recent)
    brought: Counter[str] = field(default_factory=Counter)  # by the row that is being taken, by kind

    def forget(self) -> None:
        """Forget it all: a row was rolled back, and with it perhaps what it stored."""
        for recent in (self.seen_prompts, self.seen_completions, self.seen_policies, self.seen_people):
            recent.forget()


def take_prompt(db: Database, new: NewPrompt, into: Import) -> bool:
    """Store a prompt; tell whether the study did not have it. Raises InvalidInput."""
    prompt_id, is_new = prompts.add_one(db, new, holdout_share=into.holdout_share, seed=into.seed, now=into.now)
    _note(db, into, "prompt", prompt_id, is_new)
    return is_new


def take_comparison(db: Database, line: Line, into: Import, row_key: str) -> bool:
    """Store a row of the format `comparisons`; tell whether it brought anything new. Raises InvalidInput.

    `row_key` tells the row from all others of its file; ids that the row does not have are made of it.
    """
    _require_shape(line)
    prompt, own = _prompt(db, line, into)
    made = hashlib.sha256(row_key.encode()).hexdigest()[:16]
    held = _held(db, line.get("id") or made)
    taken = _taken(db, line, prompt.id, held, into)
    if held is not None and not line.get("id") and taken != held.completion_ids:
        held, made = None, secrets.token_hex(8)  # another comparison has the id that was made here
    is_fresh = held is None
    linked = _linked(db, line) if held is None else {}
    if held is None:
        new = _new_comparison(line, prompt.id, taken, own, made, linked, into.priority)
        comparison_id = comparisons.insert(db, new, now=line.get("created_at") or into.now)
        _note(db, into, "comparison", comparison_id, True)
        held = comparisons.get(db, comparison_id)
    is_new = is_fresh or _known_comparison(db, held, prompt.id, taken, into)
    for number, item in enumerate(line.get("judgments") or []):
        is_new |= _judgment(db, held, item, f"import-{made}-{number}", into, is_fresh)
    for flag in linked.get("flags", []):
        _flag(db, held.id, dict(zip((item.get("id") for item in line["completions"]), taken, strict=True)), flag)
    if line.get("judgments") or not is_fresh:
        comparisons.recount(db, held.id)
    return is_new


def _note(db: Database, into: Import, kind: str, item_id: int, is_new: bool) -> None:
    """Remember that the import brought an item; one that the study made itself is not the import's to take back."""
    if is_new:
        taking_back.bring_back(db, kind, item_id)
    brought = is_new or db.value("SELECT 1 FROM import_items WHERE kind = ? AND item_id = ? LIMIT 1", [kind, item_id])
    if brought:
        db.execute("INSERT OR IGNORE INTO import_items VALUES (?, ?, ?)", [into.id, kind, item_id])
    if is_new:
        into.brought[kind] += 1


def _require_shape(line: Line) -> None:
    for key in ("completions", "judgments"):
        value = line.get(key, [] if key == "judgments" else None)
        if value is None and key == "judgments":
            continue
        if not isinstance(value, list) or any(not isinstance(item, dict) for item in value):
            raise InvalidInput(f"`{key}` is {str(value)[:80]}; it has to be a list of objects.")
    texts = ("id", "purpose", "chosen_by", "created_at", "group", "split", "language", "reference", "qualification")
    for key in texts:
        if line.get(key) is not None and not isinstance(line[key], str):
            raise InvalidInput(f"`{key}` is {str(line[key])[:80]}; it has to be text.")
    for key in ("score", "probability"):
        number = line.get(key)
        if number is not None and (isinstance(number, bool) or not isinstance(number, (int, float))):
            raise InvalidInput(f"`{key}` is {str(number)[:80]}; it has to be a number.")
        if isinstance(number, int) and abs(number) >= 2**63:
            raise InvalidInput(f"`{key}` is {str(number)[:80]}; a whole number has to have less than 64 bits here.")
    for key in ("priority", "overlap"):
        _require_whole(line.get(key), key)
    if not isinstance(line.get("is_random", True), bool):
        raise InvalidInput(f"`is_random` is {str(line['is_random'])[:80]}; it has to be true or false.")


def _require_whole(number: Any, key: str) -> None:
    if number is not None and (isinstance(number, bool) or not isinstance(number, int) or abs(number) >= 2**63):
        raise InvalidInput(f"`{key}` is {str(number)[:80]}; it has to be a whole number.")


def _prompt(db: Database, line: Line, into: Import) -> tuple[prompts.Prompt, dict[str, Any]]:
    """Return the row's prompt, and what the row says of it that differs from what the study holds."""
    messages = line.get("prompt")
    new = NewPrompt(
        messages=prompts.from_text(messages) if isinstance(messages, str) else messages,  # type: ignore[arg-type]
        group=line.get("group"),
        split=line.get("split"),
        language=line.get("language") or "en",
        tags=line.get("tags") or [],
        reference=line.get("reference"),
        extra=line.get("prompt_extra") or {},
    )
    if not isinstance(new.extra, dict):
        raise InvalidInput(f"`prompt_extra` is {str(new.extra)[:80]}; it has to be an object.")
    exchange_keys.require_free(new.extra, exchange_keys.OF_PROMPT_ROW)
    content = canonical.sorted_dumps([vars(new), *(key in line for key in exchange_keys.OF_PROMPT)])
    recent = into.seen_prompts.get(content)
    if recent is not None:
        return recent
    prompt_id, is_new = prompts.add_one(db, new, holdout_share=into.holdout_share, seed=into.seed, now=into.now)
    _note(db, into, "prompt", prompt_id, is_new)
    prompt = prompts.get(db, prompt_id)
    held = {
        "language": prompt.language,
        "tags": prompt.tags,
        "reference": prompt.reference,
        "prompt_extra": prompt.extra,
    }
    said = {"language": new.language, "tags": new.tags, "reference": new.reference, "prompt_extra": new.extra}
    own = {key: said[key] for key in exchange_keys.OF_PROMPT if key in line and said[key] != held[key]}
    return into.seen_prompts.put(content, (prompt, own))


def _taken(db: Database, line: Line, prompt_id: int, held: Comparison | None, into: Import) -> list[int]:
    """Return the row's completions: those of the comparison that it is, else known or new ones."""
    texts = [item.get("text") for item in line["completions"]]
    if held is not None and held.prompt_id == prompt_id:
        known = completions.get(db, held.completion_ids)
        if [one.text for one in known] == texts:
            for one in known:
                back = db.execute("UPDATE completions SET withdrawn = 0 WHERE id = ? AND withdrawn = 1", [one.id])
                _note(db, into, "completion", one.id, bool(back.rowcount))
            return held.completion_ids
    taken: list[int] = []
    for item in line["completions"]:
        taken.append(_completion(db, prompt_id, item, taken, into))
    return taken


def _completion(db: Database, prompt_id: int, item: dict[str, Any], taken: list[int], into: Import) -> int:
    content = canonical.dumps([prompt_id, item])
    recent = into.seen_completions.get(content)
    if recent is not None and recent not in taken:
        return recent
    author = item.get("policy") or "unknown"
    policy_id = into.seen_policies.get(author) if isinstance(author, str) else None
    if policy_id is None:
        policy_id = into.seen_policies.put(author, policies.external(db, author, now=into.now).id)
    fields = {key: item.get(key) for key in ("seed", "sample_index", "sampling", "token_count", "finish_reason")}
    public_id = item.get("id")
    if public_id is not None and (not isinstance(public_id, str) or not public_id):
        raise InvalidInput(f"The `id` of a completion is {public_id!r}; it has to be text.")
    extra = exchange_keys.unknown(item, exchange_keys.OF_COMPLETION)
    new = NewCompletion(prompt_id, policy_id, item.get("text"), public_id=public_id, extra=extra, **fields)  # type: ignore[arg-type]
    completions.check(new)
    known = _known_completion(db, new, taken)
    is_new = known is None or bool(known["withdrawn"])
    if known is None:
        known = {"id": completions.insert(db, new, now=into.now)}
    elif known["withdrawn"]:
        db.execute("UPDATE completions SET withdrawn = 0 WHERE id = ?", [known["id"]])
    _note(db, into, "completion", known["id"], is_new)
    if recent is None:
        into.seen_completions.put(content, int(known["id"]))
    return int(known["id"])


def _known_completion(db: Database, new: NewCompletion, taken: list[int]) -> dict[str, Any] | None:
    if new.public_id is not None:
        found = db.row("SELECT id, prompt_id, text, withdrawn FROM completions WHERE public_id = ?", [new.public_id])
        if found is not None and (found["text"] != new.text or found["prompt_id"] != new.prompt_id):
            raise InvalidInput(
                f"The study has another completion with the id {new.public_id!r}: its text or prompt differs."
            )
        if found is not None:
            return found
    if new.seed is not None:
        drawn = db.row(
            "SELECT id, text, withdrawn FROM completions WHERE prompt_id = ? AND policy_id = ? AND seed = ? AND "
            "sample_index = ?",
            [new.prompt_id, new.policy_id, new.seed, new.sample_index],
        )
        if drawn is not None and (drawn["text"] != new.text or new.public_id is not None):
            raise InvalidInput(
                f"The study has another completion of this policy drawn by seed {new.seed}, {new.sample_index}."
            )
        return drawn
    if new.public_id is not None:
        return None
    same = db.rows(
        "SELECT id, sampling, extra, withdrawn FROM completions WHERE prompt_id = ? AND policy_id = ? AND text = ?"
        " AND seed IS NULL AND sample_index IS ? AND token_count IS ? AND finish_reason IS ? ORDER BY id",
        [new.prompt_id, new.policy_id, new.text, new.sample_index, new.token_count, new.finish_reason],
    )
    for row in same:
        sampling = json.loads(row["sampling"]) if row["sampling"] else None
        if row["id"] not in taken and sampling == new.sampling and json.loads(row["extra"]) == new.extra:
            return row
    return None


FLAG_KEYS = {"completion", "annotator", "note", "created_at", "resolved_at", "resolved_by"}


def _linked(db: Database, line: Line) -> dict[str, Any]:
    """What the row says of other rows, by key; what the study cannot link (it has no such row) is not in here, and
    stays in the comparison's `extra`.
    """
    found: dict[str, Any] = {}
    if isinstance(line.get("repeats"), str):
        repeated = db.value("SELECT id FROM comparisons WHERE public_id = ?", [line["repeats"]])
        found |= {"repeats": repeated} if repeated is not None else {}
    if isinstance(line.get("reserved_for"), str):
        person = annotators.by_name(db, line["reserved_for"])
        found |= {"reserved_for": person.id} if person is not None else {}
    flags = line.get("flags")
    if isinstance(flags, list) and flags and all(_is_flag(db, line, flag) for flag in flags):
        found["flags"] = flags
    return found


def _is_flag(db: Database, line: Line, flag: Any) -> bool:
    """Tell whether this is a flag as the export writes it, of a person who is in the study or judges in this row."""
    if not isinstance(flag, dict) or set(flag) != FLAG_KEYS:
        return False
    needed, optional = ("note", "created_at"), ("completion", "annotator", "resolved_at", "resolved_by")
    if any(not isinstance(flag[key], str) for key in needed):
        return False
    if any(not isinstance(flag[key], (str, type(None))) for key in optional):
        return False
    person, completion = flag["annotator"], flag["completion"]
    # Lists, not sets: a row may hold anything where a name or an id should be, and is refused for that later.
    judges = [item.get("annotator") for item in line.get("judgments") or []]
    is_here = person is None or person in judges or annotators.by_name(db, person) is not None
    return is_here and (completion is None or completion in [item.get("id") for item in line["completions"]])


def _flag(db: Database, comparison_id: int, completion_of: dict[Any, int], flag: dict[str, Any]) -> None:
    person = annotators.by_name(db, flag["annotator"]) if flag["annotator"] is not None else None
    completion = completion_of[flag["completion"]] if flag["completion"] is not None else None
    said = [flag[key] for key in ("note", "created_at", "resolved_at", "resolved_by")]
    db.execute(
        "INSERT INTO flags (comparison_id, completion_id, annotator_id, note, created_at, resolved_at, resolved_by)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        [comparison_id, completion, person.id if person else None, *said],
    )


def _new_comparison(
    line: Line,
    prompt_id: int,
    completion_ids: list[int],
    own: dict[str, Any],
    made: str,
    linked: dict[str, Any],
    asked_with: int,
) -> NewComparison:
    round_number = {"round": line["round"]} if line.get("round") is not None else {}
    known = (*exchange_keys.OF_COMPARISON, "qualification", *linked)
    return NewComparison(
        prompt_id,
        completion_ids,
        purpose=line.get("purpose") or "training",
        chosen_by=line.get("chosen_by") or "import",
        is_random=line.get("is_random", True),
        score=line.get("score"),
        probability=line.get("probability"),
        expert=line.get("expert"),
        extra={**round_number, **own, **exchange_keys.unknown(line, known)},
        priority=asked_with if line.get("priority") is None else line["priority"],
        overlap=1 if line.get("overlap") is None else line["overlap"],
        public_id=line.get("id") or made,
        qualification=line.get("qualification"),
        repeats_id=linked.get("repeats"),
        reserved_for=linked.get("reserved_for"),
    )


def _held(db: Database, public_id: str) -> Comparison | None:
    found = db.value("SELECT id FROM comparisons WHERE public_id = ?", [public_id])
    return None if found is None else comparisons.get(db, found)


def _known_comparison(db: Database, held: Comparison, prompt_id: int, completion_ids: list[int], into: Import) -> bool:
    """Take a withdrawn comparison back in; tell whether it was withdrawn."""
    if held.prompt_id != prompt_id or held.completion_ids != completion_ids:
        raise InvalidInput(
            f"The study has another comparison with the id {held.public_id!r}: its prompt or completions differ."
        )
    if held.withdrawn:
        db.execute("UPDATE comparisons SET withdrawn = 0 WHERE id = ?", [held.id])
    _note(db, into, "comparison", held.id, held.withdrawn)
    return held.withdrawn


def _judgment(
    db: Database, comparison: Comparison, item: dict[str, Any], made: str, into: Import, is_fresh: bool
) -> bool:
    """Store a judgment; tell whether it is new. `made` is its key where it has none of its own."""
    erased = None if is_fresh else _of_the_erased(db, comparison, item, made)
    if erased is not None:
        return _came_back(db, erased, into)
    new = _new_judgment(comparison, _person(db, item, into), item, made)
    known = None
    if not is_fresh or item.get("key") is not None:
        known = judgments.by_key(db, new.annotator_id, new.key)
    if known is not None:
        return _known_judgment(db, known, new, comparison, into)
    supersedes = _superseded(db, comparison, new.annotator_id, item)
    if new.skipped == judgments.UNDONE and supersedes is None:
        raise InvalidInput('A judgment skipped as "undone" has to name the judgment that it takes back (`supersedes`).')
    judgment_id = judgments.insert(
        db,
        new,
        comparison,
        late=item.get("late") or False,
        supersedes_id=supersedes,
        at=new.at,
        import_id=into.id,
        now=into.now,
    )
    _note(db, into, "judgment", judgment_id, True)
    return True


def _person(db: Database, item: dict[str, Any], into: Import) -> int:
    name = item.get("annotator")
    if not isinstance(name, str):
        raise InvalidInput(f"The `annotator` of a judgment is {name!r}; it has to be a name.")
    recent = into.seen_people.get(name)
    if recent is not None:
        return recent
    person = annotators.ensure(db, name, item.get("annotator_kind") or "imported", now=into.now)
    if person.paused_why == "withdrawn":
        raise InvalidInput(f"{name!r} withdrew from this study: no judgment of theirs comes back in by a file.")
    return into.seen_people.put(name, person.id)


def _new_judgment(comparison: Comparison, annotator_id: int, item: dict[str, Any], made: str) -> NewJudgment:
    fields = (
        "shown", "ranks", "strength", "skipped", "rationale", "criteria", "improved", "milliseconds", "input_device",
        "view", "at"
    )  # fmt: skip
    for key in ("both_bad", "late"):
        if item.get(key) not in (None, True, False):
            raise InvalidInput(f"`{key}` of a judgment is {item[key]!r}; it has to be true or false.")
    if not isinstance(item.get("key"), (str, type(None))):
        raise InvalidInput(f"The `key` of a judgment is {item['key']!r}; it has to be text.")
    ranks = item.get("ranks")
    if item.get("both_bad") and ranks is None and item.get("skipped") is None:
        ranks = [1] * len(comparison.completion_ids)
    new = NewJudgment(
        comparison=comparison.id,
        annotator_id=annotator_id,
        both_bad=bool(item.get("both_bad")),
        key=item["key"] if item.get("key") is not None else made,
        extra=exchange_keys.unknown(item, exchange_keys.OF_JUDGMENT),
        **{**{key: item.get(key) for key in fields}, "ranks": ranks},
    )
    return new


def _known_judgment(
    db: Database, known: judgments.Judgment, new: NewJudgment, comparison: Comparison, into: Import
) -> bool:
    fields = ("ranks", "shown", "both_bad", "skipped", "strength", "rationale", "criteria", "improved")
    if known.comparison_id != comparison.id or any(getattr(known, name) != getattr(new, name) for name in fields):
        raise InvalidInput(f"The key {new.key!r} of a judgment was used for another answer of the same person before.")
    return _came_back(db, known.id, into)


def _came_back(db: Database, judgment_id: int, into: Import) -> bool:
    """Take a judgment that the study has back in; tell whether it was withdrawn with its import."""
    cursor = db.execute("DELETE FROM withdrawn_judgments WHERE judgment_id = ?", [judgment_id])
    came_back = bool(cursor.rowcount)
    _note(db, into, "judgment", judgment_id, came_back)
    return came_back


def _of_the_erased(db: Database, comparison: Comparison, item: dict[str, Any], made: str) -> int | None:
    """Return the id of the judgment that this is of somebody who was erased; None where it is none of theirs.

    A file from before an erasure has the name and the words: by them it would come from somebody else. So it is known
    by its key and all that an erasure leaves, whatever the person is called in the file, and nothing of it is stored.
    """
    found = db.rows(
        "SELECT j.id, j.ranks, j.shown, j.both_bad, j.strength, j.milliseconds, j.input_device, j.view, j.at, j.late"
        " FROM judgments j JOIN annotators a ON a.id = j.annotator_id"
        " WHERE j.comparison_id = ? AND j.key = ? AND a.erased_at IS NOT NULL",
        [comparison.id, item["key"] if isinstance(item.get("key"), str) else made],
    )
    said = {name: item.get(name) for name in ("strength", "milliseconds", "input_device", "view", "at")}
    said |= {name: item.get(name) or False for name in ("both_bad", "late")}
    for row in found:
        row |= {name: json.loads(row[name]) if row[name] else None for name in ("ranks", "shown")}
        row |= {name: bool(row[name]) for name in ("both_bad", "late")}
        ranks = item.get("ranks")
        if row["both_bad"] and ranks is None:
            ranks = row["ranks"]  # a row may leave them out there
        if {name: row[name] for name in said} == said and (row["ranks"], row["shown"]) == (ranks, item.get("shown")):
            return int(row["id"])
    return None


def _superseded(db: Database, comparison: Comparison, annotator_id: int, item: dict[str, Any]) -> int | None:
    key = item.get("supersedes")
    if key is None:
        return None
    earlier = judgments.by_key(db, annotator_id, key) if isinstance(key, str) else None
    if earlier is None or earlier.comparison_id != comparison.id:
        raise InvalidInput(
            f"A judgment supersedes {canonical.dumps(key)[:80]}, which is no key of an earlier judgment of the same "
            "person here."
        )
    return earlier.id
