"""The format `comparisons` loses nothing that people said."""

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from feedback_store import annotators, comparisons, completions, flags, judgments, policies, prompts
from feedback_store.completions import NewCompletion
from feedback_store.database import Database
from feedback_store.exchange import export, import_file
from feedback_store.filters import Filters
from feedback_store.prompts import NewPrompt

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=30)
filled = texts.filter(lambda text: text.strip() != "")
further = st.dictionaries(
    st.text("abcxyz_", min_size=8, max_size=12), st.none() | st.booleans() | st.integers() | texts, max_size=3
)


def messages_of(row: dict[str, Any]) -> str:
    prompt = row["prompt"]
    return json.dumps(prompts.from_text(prompt) if isinstance(prompt, str) else prompt, sort_keys=True)


@st.composite
def judgment_rows(draw: st.DrawFn, candidates: int) -> dict[str, Any]:
    ranks = draw(
        st.lists(st.integers(1, candidates), min_size=candidates, max_size=candidates).filter(lambda r: 1 in r)
    )
    kind = draw(st.sampled_from(["ranks", "both bad", "skip"]))
    order = draw(st.none() | st.permutations(range(candidates)).map(list))
    verdict: dict[str, Any] = {
        "ranks": {"ranks": ranks},
        "both bad": {"ranks": [1] * candidates, "both_bad": True},
        "skip": {"ranks": None, "skipped": "unclear"},
    }[kind]
    return {
        "annotator": draw(st.sampled_from(["a1", "名前", "c"])),
        **verdict,
        "shown": order,
        "strength": draw(st.none() | st.integers(1, 3)),
        "rationale": draw(st.none() | texts),
        "milliseconds": draw(st.none() | st.integers(0, 10**9)),
        "criteria": draw(st.none() | st.dictionaries(texts, st.integers(-3, 3), max_size=2)),
        "at": draw(st.none() | st.just("2026-11-23T10:00:00Z")),
        **draw(further),
    }


@st.composite
def comparison_rows(draw: st.DrawFn) -> dict[str, Any]:
    candidates = draw(st.integers(2, 4))
    completion = st.fixed_dictionaries({"text": texts, "policy": filled}, optional={"finish_reason": st.just("length")})
    row = {
        "prompt": draw(
            filled | st.lists(st.fixed_dictionaries({"role": st.just("user"), "content": filled}), min_size=1)
        ),
        "split": draw(st.sampled_from([None, "train", "holdout"])),
        "completions": draw(st.lists(completion, min_size=candidates, max_size=candidates)),
        "judgments": draw(st.lists(judgment_rows(candidates), max_size=3)),
        "tags": draw(st.lists(texts, max_size=2)),
        "language": draw(st.sampled_from(["en", "zh"])),
        "purpose": draw(st.sampled_from(["training", "evaluation"])),
        "score": draw(st.none() | st.floats(-1e9, 1e9)),
        **draw(further),
    }
    return row


@given(st.lists(comparison_rows(), min_size=1, max_size=4, unique_by=messages_of))
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_what_goes_in_comes_out_and_a_second_round_is_byte_identical(rows: list[dict[str, Any]]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = folder / "rows.jsonl"
        source.write_text("".join(json.dumps(row) + "\n" for row in rows))
        exported = []
        for number in range(2):
            with Database.create(folder / f"study-{number}") as db:
                report = import_file(db, source, "comparisons", strict=True)
                assert report.problems == []
                source = export(db, "comparisons", folder / f"out-{number}").folder / "comparisons.jsonl"
                exported.append(source.read_bytes())
    assert exported[0] == exported[1]
    for given_row, line in zip(rows, exported[0].decode().split("\n"), strict=False):
        assert_kept(given_row, json.loads(line))


def assert_kept(given_row: dict[str, Any], found: dict[str, Any]) -> None:
    """Everything given is in what was found."""
    wanted = {**given_row, "prompt": json.loads(messages_of(given_row))}
    if wanted["split"] is None:
        wanted.pop("split")
    for key in ("completions", "judgments"):
        assert all(_within(one, other) for one, other in zip(wanted.pop(key), found[key], strict=True))
    assert _within(wanted, found)


def _within(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return all(key in other and other[key] == value for key, value in one.items())


def test_a_study_judged_here_goes_through_with_every_field(
    based: Database, fresh: Callable, compare: Callable, judge: Callable, tmp_path: Path
) -> None:
    prompt_id = prompts.add(based, [NewPrompt(prompts.from_text("Why?"), tags=["t"])], holdout_share=1, seed=0).ids[0]
    drawn = [
        NewCompletion(prompt_id, 1, text, 7, place, {"temperature": 0.7}, 3, "stop") for place, text in enumerate("ab")
    ]
    comparisons.add(
        based,
        [
            comparisons.NewComparison(
                prompt_id, completions.add(based, drawn), chosen_by="margin", is_random=False, score=0.1,
                probability=0.5,
                expert=[1, 2], extra={"note": "n"}, priority=3, overlap=2,
            )
        ],
    )  # fmt: skip
    judge(
        based,
        1,
        [1, 2],
        strength=2,
        rationale="r",
        criteria={"a": 1},
        improved={"position": 0, "text": "x"},
        view="raw",
    )
    judge(based, 1, [2, 1], input_device="keyboard", milliseconds=10, extra={"flag": True})
    judge(based, 1, None, name="bob", skipped="unclear")
    judgments.undo(based, annotators.ensure(based, "ann").id, "u1")
    compare(based, 2, candidates=3)
    judge(based, 2, [1, 1, 1], both_bad=True)
    annotators.ensure(based, "robot", "simulated")
    judge(based, 3, [3, 1, 2], name="robot")
    first = export(based, "comparisons", tmp_path / "one")
    assert (first.counts["comparisons"], first.counts["judgments"], first.counts["kept"]) == (3, 6, 3)
    source = first.folder / "comparisons.jsonl"
    copy = fresh()
    assert import_file(copy, source, "comparisons").problems == []
    second = export(copy, "comparisons", tmp_path / "two")
    assert (second.folder / "comparisons.jsonl").read_bytes() == source.read_bytes()
    assert judgments.count(copy) == judgments.count(based) == 2
    assert policies.by_name(copy, "base").kind == "external"
    row = json.loads(source.read_text().splitlines()[0])
    assert list(row)[:6] == ["prompt", "group", "split", "expert", "completions", "judgments"]
    assert (row["round"], row["chosen_by"], row["note"], row["group"]) == (1, "margin", "n", None)
    assert list(row["judgments"][0])[:9] == [
        "annotator", "shown", "ranks", "strength", "both_bad", "skipped", "rationale", "milliseconds", "at"
    ]  # fmt: skip
    assert [one["supersedes"] for one in row["judgments"]] == [
        None,
        row["judgments"][0]["key"],
        None,
        row["judgments"][1]["key"],
    ]


def test_rows_that_disagree_about_a_prompt_both_keep_what_they_say(
    db: Database, fresh: Callable, tmp_path: Path
) -> None:
    texts = [{"text": "a", "policy": "x"}, {"text": "a", "policy": "x"}]
    rows = [
        {"prompt": "Why?", "completions": texts, "tags": ["one"], "round": 4},
        {"prompt": "Why?", "completions": texts, "tags": ["two"], "language": "de", "prompt_extra": {"k": 1}},
        {"prompt": "Why?", "completions": texts},
    ]
    source = tmp_path / "rows.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    import_file(db, source, "comparisons", strict=True)
    first = export(db, "comparisons", tmp_path / "one").folder / "comparisons.jsonl"
    found = [json.loads(line) for line in first.read_text().splitlines()]
    assert [(row["tags"], row["language"], row["round"]) for row in found] == [
        (["one"], "en", 4), (["two"], "de", None), (["one"], "en", None),
    ]  # fmt: skip
    # Equal texts of one author are one completion, but not twice in one comparison.
    assert db.value("SELECT COUNT(*) FROM completions") == 2
    copy = fresh()
    import_file(copy, first, "comparisons", strict=True)
    second = export(copy, "comparisons", tmp_path / "two").folder / "comparisons.jsonl"
    assert second.read_bytes() == first.read_bytes()


def test_what_the_schema_has_further_is_written_and_survives(
    db: Database, fresh: Callable, compare: Callable, judge: Callable, tmp_path: Path
) -> None:
    [first, second] = compare(db, 2)
    ann = annotators.ensure(db, "ann").id
    with db.transaction():
        db.execute("INSERT INTO guidelines (id, version, language, text, created_at) VALUES (1, 4, 'de', 'Read.', '')")
        db.execute("INSERT INTO study_settings (id, name, value, at) VALUES (77, 'asked', '{\"strength\":true}', '')")
        db.execute(
            "INSERT INTO flags (comparison_id, annotator_id, note, created_at) VALUES (?, ?, 'odd', '2026')",
            [first, ann],
        )
        db.execute(
            "UPDATE comparisons SET qualification = 'doctor', reserved_for = ?, repeats_id = ? WHERE id = ?",
            [ann, first, second],
        )
    judge(db, first, [1, 2], guideline_id=1, asked_id=77, rationale="\u202eback")
    judge(db, second, [1, 2])
    source = export(db, "comparisons", tmp_path / "one").folder / "comparisons.jsonl"
    one, two = (json.loads(line) for line in source.read_text().splitlines())
    assert one["flags"] == [
        {"completion": None, "annotator": "ann", "note": "odd", "created_at": "2026", "resolved_at": None,
         "resolved_by": None}
    ]  # fmt: skip
    said = one["judgments"][0]
    assert (said["marks"], said["guideline"], said["asked"]) == (
        ["bidi"], {"version": 4, "language": "de"}, {"strength": True},
    )  # fmt: skip
    assert (two["qualification"], two["repeats"], two["reserved_for"]) == ("doctor", one["id"], "ann")
    assert "flags" not in two
    assert "marks" not in two["judgments"][0]
    copy = fresh()
    assert import_file(copy, source, "comparisons", strict=True).problems == []
    again = export(copy, "comparisons", tmp_path / "two").folder / "comparisons.jsonl"
    assert again.read_bytes() == source.read_bytes()
    assert [flag.note for flag in flags.current(copy)] == ["odd"]
    repeat = comparisons.get(copy, two["id"])
    assert repeat.repeats_id == comparisons.get(copy, one["id"]).id
    assert repeat.reserved_for == annotators.ensure(copy, "ann").id


def test_what_cannot_be_linked_is_kept_as_it_came(fresh: Callable, tmp_path: Path) -> None:
    row = {
        "prompt": "Why?", "completions": [{"text": "So.", "id": "a"}, {"text": "Thus.", "id": "b"}],
        "repeats": "gone", "reserved_for": "nobody",
        "flags": [{"completion": "a", "annotator": "nobody", "note": "", "created_at": "2026", "resolved_at": None,
                   "resolved_by": None}],
    }  # fmt: skip
    source = tmp_path / "in.jsonl"
    source.write_text(json.dumps(row))
    study = fresh()
    assert import_file(study, source, "comparisons", strict=True).problems == []
    first = export(study, "comparisons", tmp_path / "one").folder / "comparisons.jsonl"
    kept = json.loads(first.read_text())
    assert {key: kept[key] for key in ("repeats", "reserved_for", "flags")} == {
        key: row[key] for key in ("repeats", "reserved_for", "flags")
    }
    copy = fresh()
    import_file(copy, first, "comparisons", strict=True)
    again = export(copy, "comparisons", tmp_path / "two").folder / "comparisons.jsonl"
    assert again.read_bytes() == first.read_bytes()
    assert flags.current(study) == []


def test_a_filtered_export_can_be_imported(
    db: Database, fresh: Callable, compare: Callable, judge: Callable, tmp_path: Path
) -> None:
    [first, second] = compare(db, 2)
    judge(db, first, [1, 2], at="2026-11-20T10:00:00.000Z")
    judge(db, first, [2, 1], at="2026-11-22T10:00:00.000Z")
    judge(db, second, [1, 2], name="bob", at="2026-11-22T10:00:00.000Z")
    report = export(db, "comparisons", tmp_path / "out", filters=Filters(person="ann", since="2026-11-21"))
    [row] = [json.loads(line) for line in (tmp_path / "out/comparisons.jsonl").read_text().splitlines()]
    # Its predecessor is not in the file, so the judgment replaces nothing there.
    assert [(one["ranks"], one["supersedes"]) for one in row["judgments"]] == [([2, 1], None)]
    assert report.left_out == {"filter: no judgment of it passes": 1}
    assert report.judgments_left_out == {"filter: since": 1, "filter: person": 1}
    assert import_file(fresh(), tmp_path / "out/comparisons.jsonl", "comparisons").problems == []
