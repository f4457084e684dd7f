"""What every format that can be exported has to hold, found by itself.

Counts add up, `datasets` opens it, the card says how it was made, checksums are right, texts come out as they went in.
"""

import hashlib
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from feedback_store import exchange
from feedback_store.database import Database
from feedback_store.dataset_card import Licences
from feedback_store.errors import InvalidInput
from feedback_store.exchange_records import ExportReport
from feedback_store.filters import Filters
from judged_studies import Study, fill

FORMATS = exchange.formats_that("write")
KINDS = [(name, kind) for name in FORMATS for kind in exchange._module(name).OPTIONS.get("file_type", ("jsonl",))]
SHAPES = [(name, shape) for name in FORMATS for shape in exchange._module(name).OPTIONS.get("shape", ())]
SUBJECTS = ("ties", "both bad", "skip", "disagreement", "ranking", "edit", "check", "duplicate", "licence", "consent",
            "language", "filters")  # fmt: skip
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1, max_size=40)


def options_of(name: str, kind: str) -> dict[str, str]:
    return {"file_type": kind} if "file_type" in exchange._module(name).OPTIONS else {}


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    with Database.create(tmp_path_factory.mktemp("contract") / "study") as db:
        fill(db)
        yield db


def assert_adds_up(report: ExportReport, name: str) -> None:
    counts, unit = report.counts, exchange._module(name).UNIT
    assert counts[unit] == counts["kept"] + counts["dropped"]
    assert counts["dropped"] == sum(report.dropped.values())
    assert counts["rows"] == counts["train"] + counts["test"]
    if unit.endswith(" that pass"):
        there = unit.removesuffix(" that pass")
        reasons = report.judgments_left_out if there == "judgments" else report.left_out
        assert counts[unit] == counts[there] - sum(reasons.values())


@pytest.mark.parametrize(("name", "kind"), KINDS)
def test_counts_add_up_checksums_hold_and_datasets_opens_it(
    judged: Database, tmp_path: Path, name: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    from datasets import load_dataset

    report = exchange.export(judged, name, tmp_path / "out", **options_of(name, kind))
    assert_adds_up(report, name)
    sums = dict(reversed(line.split("  ")) for line in (tmp_path / "out/SHA256SUMS").read_text().splitlines())
    assert sorted([*sums, "SHA256SUMS"]) == report.files
    for file, digest in sums.items():
        assert hashlib.sha256((tmp_path / "out" / file).read_bytes()).hexdigest() == digest
    opened = load_dataset(str(tmp_path / "out"), cache_dir=str(tmp_path / "cache"))
    assert {split: part.num_rows for split, part in opened.items()} == (
        {name: report.counts["rows"]}
        if name == "comparisons"
        else {split: report.counts[split] for split in ("train", "test")}
    )
    if (tmp_path / "out/dropped.jsonl").exists():
        dropped = [json.loads(line) for line in (tmp_path / "out/dropped.jsonl").read_text().splitlines()]
        assert len(dropped) == report.counts["dropped"]
        assert len({row["id"] for row in dropped}) == len(dropped)


@pytest.mark.parametrize("name", FORMATS)
def test_the_card_says_how_everything_was_handled(judged: Database, tmp_path: Path, name: str) -> None:
    licences = Licences("CC-BY-4.0", "MIT")
    exchange.export(judged, name, tmp_path / "out", filters=Filters(split="train"), licences=licences)
    card = (tmp_path / "out/README.md").read_text()
    assert [subject for subject in SUBJECTS if subject not in card.lower()] == []
    for words in ("Filters: split train", "Licence: CC-BY-4.0", "Licence: MIT", "| filter: split | 1 |", "SHA256SUMS"):
        assert words in card


@pytest.mark.parametrize(("name", "shape"), SHAPES)
@pytest.mark.parametrize("rows", ["comparisons", "judgments"])
def test_every_shape_adds_up(judged: Database, tmp_path: Path, name: str, shape: str, rows: str) -> None:
    report = exchange.export(judged, name, tmp_path / "out", shape=shape, rows=rows)
    assert_adds_up(report, name)
    assert report.counts["kept"] > 0


@pytest.mark.parametrize("name", FORMATS)
def test_a_preview_says_what_the_export_does_and_writes_nothing(judged: Database, tmp_path: Path, name: str) -> None:
    before = sorted(path.name for path in judged.folder.rglob("*"))
    seen = exchange.preview(judged, name)
    assert len(seen.rows) == 3
    report = exchange.export(judged, name, tmp_path / "out")
    assert (seen.counts, seen.dropped) == (report.counts, report.dropped)
    written = {path.name for path in judged.folder.rglob("*")} - set(before)
    assert written <= {"secret.key"}


@pytest.mark.parametrize("name", FORMATS)
def test_an_empty_study_gives_a_folder_with_a_card(tmp_path: Path, name: str) -> None:
    with Database.create(tmp_path / "study") as db:
        report = exchange.export(db, name, tmp_path / "out")
    assert report.counts["rows"] == 0
    assert (tmp_path / "out/README.md").exists()


@pytest.mark.parametrize(("name", "kind"), KINDS)
def test_the_same_study_gives_the_same_bytes(judged: Database, tmp_path: Path, name: str, kind: str) -> None:
    for turn in ("one", "two"):
        exchange.export(judged, name, tmp_path / turn, **options_of(name, kind))
    assert (tmp_path / "one/SHA256SUMS").read_text() == (tmp_path / "two/SHA256SUMS").read_text()


@pytest.mark.parametrize("name", FORMATS)
def test_an_unknown_option_is_refused(judged: Database, tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidInput, match="has no option 'colour'"):
        exchange.export(judged, name, tmp_path / "out", colour="red")
    assert not (tmp_path / "out").exists()


ROUND_TRIPS = [name for name in FORMATS if hasattr(exchange._module(name), "read")]


@pytest.mark.parametrize("name", ROUND_TRIPS)
@given(
    said=st.lists(
        st.tuples(texts.filter(str.strip), texts, texts).filter(lambda one: one[1] != one[2]),
        min_size=1, max_size=6, unique_by=lambda one: one[0],
    )
)  # fmt: skip
@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_texts_come_back_as_they_were(name: str, said: list[tuple[str, str, str]]) -> None:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        with Database.create(folder / "one") as db, db.transaction():
            study = Study(db)
            for asked, first, second in said:
                study.judge(study.compare([{"role": "user", "content": asked}], texts=[first, second]), [2, 1])
        with Database.open(folder / "one") as db:
            written = exchange.export(db, name, folder / "out")
        file = next(path for path in (folder / "out").glob("*.jsonl") if path.stem in ("train", "comparisons"))
        with Database.create(folder / "two") as db:
            report = exchange.import_file(db, file, name, holdout_share=0.0)
            assert (report.added, report.problems) == (written.counts["rows"], [])
            stored = {row["text"] for row in db.rows("SELECT text FROM completions")}
            asked_again = {json.loads(row["messages"])[0]["content"] for row in db.rows("SELECT messages FROM prompts")}
        kept = said if not written.dropped else [one for one in said if one[0] in asked_again]
        assert asked_again == {asked for asked, _, _ in kept}
        assert stored == (set() if name == "prompts" else {text for _, *answers in kept for text in answers})
        assert len(said) - len(kept) == sum(written.dropped.values())
        assert set(written.dropped) <= {"a turn mark inside a text"}
