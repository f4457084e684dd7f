"""The format `openai`: exactly the keys that the service takes."""

import json
from pathlib import Path

from feedback_store.database import Database
from feedback_store.exchange import export
from judged_studies import LONG, Study, fill


def test_rows_have_exactly_the_keys_of_the_format(db: Database, tmp_path: Path) -> None:
    study = Study(db)
    study.judge(study.compare(LONG, texts=["No.", "Yes."]), [2, 1])
    export(db, "openai", tmp_path / "out")
    assert json.loads((tmp_path / "out/train.jsonl").read_text()) == {
        "input": {"messages": LONG, "tools": [], "parallel_tool_calls": True},
        "preferred_output": [{"role": "assistant", "content": "Yes."}],
        "non_preferred_output": [{"role": "assistant", "content": "No."}],
    }


def test_a_prompt_that_ends_with_the_assistant_is_dropped(db: Database, tmp_path: Path) -> None:
    study = Study(db)
    study.judge(study.compare(LONG[:2]), [1, 2])
    assert export(db, "openai", tmp_path / "out").dropped == {"the prompt does not end with the user": 1}


def test_rows_a_judgment(db: Database, tmp_path: Path) -> None:
    fill(db)
    majority = export(db, "openai", tmp_path / "majority")
    single = export(db, "openai", tmp_path / "single", rows="judgments")
    # The split pair gives two rows, and the first comparison, judged twice, gives two.
    assert single.counts["kept"] == majority.counts["kept"] + 3
    assert "even split" not in single.dropped
