"""Files are read row by row: what cannot be read is told where it stands, and the rest is read."""

import gzip
import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feedback_store import byte_files, json_lists, line_files
from feedback_store.errors import InvalidInput
from feedback_store.exchange_records import Problem

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text('ab\\"[]{},\n', max_size=4), inner, max_size=3),
    max_leaves=8,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "file"


def read(path: Path, content: bytes) -> list[tuple[int, Any]]:
    path.write_bytes(content)
    return [
        (number, row.reason if isinstance(row, Problem) else row)
        for number, row in line_files.json_rows(path, lambda row: row)
    ]


@given(items=st.lists(anything, max_size=6), indent=st.sampled_from([None, 1]), chunk=st.integers(1, 40))
@settings(max_examples=60, deadline=None)
def test_a_list_gives_its_items_whatever_the_chunks(
    tmp_path_factory: pytest.TempPathFactory, items: list[Any], indent: int | None, chunk: int
) -> None:
    path = tmp_path_factory.mktemp("list") / "file.json"
    text = json.dumps(items, indent=indent, ensure_ascii=False)
    path.write_bytes(text.encode())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(byte_files, "CHUNK_BYTES", chunk)
        found = list(json_lists.items(path))
    assert [json.loads(item) for _, item in found if isinstance(item, str)] == items
    lines = text.split("\n")
    assert all(item.split("\n")[0] in lines[number - 1] for number, item in found if isinstance(item, str))


def test_a_bad_item_is_told_and_the_others_are_read(path: Path) -> None:
    content = b'\xef\xbb\xbf [{"a": 1},\n {"a": nope},\r\n "\xff",\n {"a": 1, "a": 2}, 3,\n\n {"a": "]}"} ]\n'
    assert read(path, content) == [
        (1, {"a": 1}),
        (2, "Item 2: Not valid JSON: Expecting value at character 7."),
        (3, "Item 3: Not UTF-8: byte 2 of the item is 0xFF."),
        (4, "Item 4: The key 'a' occurs twice in one object."),
        (4, "Item 5: The item holds '3'; it has to be an object, {...}."),
        (6, {"a": "]}"}),
    ]


@pytest.mark.parametrize(
    ("content", "line", "words"),
    [
        (b'[{"a": 1},\n{"a": 2', 2, "Item 2: The list is broken or cut short from here on."),
        (b'[{"a": 1},\n{"a": [2}, {"a": 3}]', 2, "Item 2: The list is broken or cut short from here on."),
        (b'[{"a": 1},\n]', 2, "Item 2: Not valid JSON"),
        (b'[{"a": 1},\n,{"a": 2}]', 2, "Item 2: Not valid JSON"),
        (b'[{"a": 1}]\n{"a": 2}\n', 1, "Item 2: The list ends here; what follows it was not read."),
    ],
)
def test_a_list_that_is_no_list_is_told_where_it_breaks(path: Path, content: bytes, line: int, words: str) -> None:
    found = read(path, content)
    assert found[0] == (1, {"a": 1})
    assert found[1][0] == line and words in found[1][1]


@pytest.mark.parametrize("content", [b"[]", b" [ \n ]\n", b"", b"\n"])
def test_nothing_in_a_file_is_nothing(path: Path, content: bytes) -> None:
    assert read(path, content) == []


def test_a_long_item_is_left_out(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(byte_files, "LONGEST_BYTES", 2**20)
    content = b'[{"a": 1}, {"a": "%s"}, {"a": 3}]' % (b"x" * 2**21)
    assert read(path, content) == [(1, {"a": 1}), (1, "Item 2: The item is longer than 1 MB."), (1, {"a": 3})]


def test_a_line_of_100_mb_takes_no_more_memory_than_the_longest_that_is_read(path: Path) -> None:
    with path.open("wb") as file:
        file.write(b'{"a": 1}\n{"a": "')
        for _ in range(100):
            file.write(b"x" * 2**20)
        file.write(b'"}\n{"a": 3}\n')
    tracemalloc.start()
    found = [row for _, row in line_files.json_rows(path, lambda row: row)]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (found[0], found[2], found[1].reason) == ({"a": 1}, {"a": 3}, "The line is longer than 32 MB.")
    assert peak < 1.2 * byte_files.LONGEST_BYTES


@pytest.mark.parametrize("chunk", [1, 2, 3, 1000])
def test_line_ends_are_kept_where_they_are_wanted(path: Path, chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(byte_files, "CHUNK_BYTES", chunk)
    path.write_bytes("\ufeffa\r\nb\n\nc\rd\u2028e\r".encode())
    assert list(line_files.lines(path)) == [(1, "a"), (2, "b"), (4, "c"), (5, "d\u2028e")]
    assert [text for _, text in line_files.lines(path, blank=True, ends=True)] == [
        "a\r\n",
        "b\n",
        "\n",
        "c\r",
        "d\u2028e\r",
    ]


def test_lines_before_the_damage_of_a_compressed_file_are_read(tmp_path: Path) -> None:
    path = tmp_path / "rows.gz"
    whole = gzip.compress(b"".join(b"%d\n" % number for number in range(100_000)))
    path.write_bytes(whole[:-8])  # without its checksum
    found = list(line_files.lines(path))
    assert [text for _, text in found[:-1]] == [str(number) for number in range(100_000)]
    assert isinstance(found[-1][1], Problem) and found[-1][0] == 100_001


def table(path: Path, content: bytes) -> list[tuple[int, Any]]:
    path.write_bytes(content)
    return [
        (number, row.reason if isinstance(row, Problem) else row)
        for number, row in line_files.csv_rows(path, ("a",), lambda row: row)
    ]


def test_the_cells_of_a_csv_are_what_stands_there(path: Path) -> None:
    content = b'\xef\xbb\xbfb,a\r\n"=1+1",\'=2\r\n\r\n"x\r\ny\rz","+3 ""q"""\n,@SUM(A1)\n"\t4",-5'
    assert table(path, content) == [
        (2, {"b": "=1+1", "a": "'=2"}),
        (4, {"b": "x\r\ny\rz", "a": '+3 "q"'}),
        (7, {"b": "", "a": "@SUM(A1)"}),
        (8, {"b": "\t4", "a": "-5"}),
    ]


def test_a_bad_record_of_a_csv_is_told_and_the_others_are_read(path: Path) -> None:
    content = b'a,b\n1,2\n"3"x,4\n\xff,5\n6,7,8\n"9\n\xff\n",10\n11\n"12,13\n14,15\n'
    found = table(path, content)
    assert [row for _, row in found if isinstance(row, dict)] == [{"a": "1", "b": "2"}, {"a": "11"}]
    assert [(number, row.split(" ")[0]) for number, row in found if isinstance(row, str)] == [
        (3, "Not"), (4, "Not"), (5, "The"), (7, "Not"), (10, "Not"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "has no column `a`; its columns are none"),
        (b"x,y\n1,2\n", "has no column `a`; its columns are x, y"),
        (b"a,b,b\n", "has two columns `b`"),
    ],
)
def test_a_csv_without_the_right_header_is_refused(path: Path, content: bytes, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        table(path, content)
