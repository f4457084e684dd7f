"""The files of an exported data set: train.jsonl, test.jsonl, dropped.jsonl, a card that `datasets` reads, and
checksums.

Source of the card: https://huggingface.co/docs/hub/datasets-manual-configuration.
"""

import hashlib
from collections import Counter
from pathlib import Path
from typing import Any, TextIO

from feedback_store import canonical

FILE_OF_SPLIT = {"train": "train.jsonl", "holdout": "test.jsonl"}


class DatasetFiles:
    """Writes rows to the files of a folder, and counts them.

    Use it as a context manager and call `finish` at the end.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.train = self.test = 0
        self.dropped: Counter[str] = Counter()
        self._languages: set[str] = set()
        names = (*FILE_OF_SPLIT.values(), "dropped.jsonl")
        self._files: dict[str, TextIO] = {
            name: (folder / name).open("w", encoding="utf-8", newline="\n") for name in names
        }

    def __enter__(self) -> "DatasetFiles":
        return self

    def __exit__(self, *_: object) -> None:
        for file in self._files.values():
            file.close()

    def add(self, split: str, row: dict[str, Any], language: str) -> None:
        """Write a row to the file of its prompt's split."""
        self._files[FILE_OF_SPLIT[split]].write(canonical.dumps(row) + "\n")
        self.train += split == "train"
        self.test += split != "train"
        self._languages.add(language)

    def drop(self, row_id: str, reason: str) -> None:
        """Write down that a row was left out, and why."""
        self._files["dropped.jsonl"].write(canonical.dumps({"id": row_id, "reason": reason}) + "\n")
        self.dropped[reason] += 1

    def finish(self, *, title: str, text: str) -> None:
        """Write the card and the checksums."""
        self.__exit__()
        (self.folder / "README.md").write_text(self._card(title, text), encoding="utf-8")
        names = sorted(path.name for path in self.folder.iterdir())
        sums = [f"{hashlib.sha256((self.folder / name).read_bytes()).hexdigest()}  {name}\n" for name in names]
        (self.folder / "SHA256SUMS").write_text("".join(sums), encoding="utf-8")

    def _card(self, title: str, text: str) -> str:
        # `datasets` refuses a configuration with an empty file.
        filled = [("train", self.train, "train.jsonl"), ("test", self.test, "test.jsonl")]
        lines = ["---"]
        if self.train or self.test:
            lines += ["configs:", "- config_name: default", "  data_files:"]
            lines += [f"  - split: {split}\n    path: {name}" for split, count, name in filled if count]
        if self._languages:
            lines += ["language:", *(f"- {canonical.dumps(name)}" for name in sorted(self._languages))]
        lines += ["---", "", f"# {title}", "", text.strip(), "", "| file | rows |", "|---|---|"]
        lines += [f"| {name} | {count} |" for _, count, name in filled]
        lines += [f"| dropped.jsonl | {self.dropped.total()} |", "", "| dropped because | rows |", "|---|---|"]
        lines += [f"| {reason} | {count} |" for reason, count in sorted(self.dropped.items())]
        return "\n".join(lines) + "\n"
