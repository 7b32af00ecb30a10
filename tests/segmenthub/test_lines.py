"""Files of the import commands, as people have them."""

import gzip
import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError

from accounts.body import MAX_BYTES
from segmenthub.lines import BOM, Line, Report


class Files:
    """Writes a file and reads its lines."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, content: bytes | str, name: str = "some.jsonl") -> str:
        raw = content if isinstance(content, bytes) else content.encode()
        (self.folder / name).write_bytes(gzip.compress(raw) if name.lower().endswith(".gz") else raw)
        return str(self.folder / name)

    def lines(self, content: bytes | str, name: str = "some.jsonl") -> list[Line]:
        return self.read(self.write(content, name))

    def read(self, path: str) -> list[Line]:
        with Report(path, str(self.folder / "no.jsonl"), io.StringIO(), io.StringIO()) as report:
            return list(report.lines())

    def values(self, content: bytes | str, name: str = "some.jsonl") -> list[dict[str, Any] | None]:
        return [line.value for line in self.lines(content, name)]


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


# --- JSON Lines ---


@pytest.mark.parametrize("name", ["some.jsonl", "some.ndjson", "some.json", "some.jsonl.gz", "SOME.JSONL.GZ"])
def test_each_line_is_an_object(files: Files, name: str) -> None:
    assert files.values('{"a": 1}\n{"a": 2}\n', name) == [{"a": 1}, {"a": 2}]


def test_empty_lines_are_left_out_and_counted(files: Files) -> None:
    lines = files.lines('\n{"a": 1}\r\n \t\n{"a": 2}')
    assert [(line.number, line.value) for line in lines] == [(2, {"a": 1}), (4, {"a": 2})]


@pytest.mark.parametrize("text", ["[1]", "1", '"a"', "null", "{", '{"a": NaN}', '{"a": 1} {"b": 2}'])
def test_what_is_no_object_has_a_problem_and_the_next_line_is_read(files: Files, text: str) -> None:
    wrong, good = files.lines(f'{text}\n{{"a": 1}}\n')
    assert (wrong.value, bool(wrong.problem)) == (None, True)
    assert good.value == {"a": 1}


def test_a_problem_speaks_of_the_line(files: Files) -> None:
    [line] = files.lines("{")
    assert "The line" in str(line.problem)


# --- CSV ---


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("name", ["some.csv", "some.csv.gz"])
def test_a_row_is_an_object_of_texts(files: Files, delimiter: str, name: str) -> None:
    text = "name,age\r\nAnn,41\r\nBob,\r\n".replace(",", delimiter)
    assert files.values(text, name) == [{"name": "Ann", "age": "41"}, {"name": "Bob"}]


def test_a_quoted_cell_may_hold_lines_quotes_and_delimiters(files: Files) -> None:
    lines = files.lines('name,city\n"Ann\nMarie ""A"", Dr.",Rome\nBob,Oslo\n', "some.csv")
    assert [line.value for line in lines] == [
        {"name": 'Ann\nMarie "A", Dr.', "city": "Rome"},
        {"name": "Bob", "city": "Oslo"},
    ]
    assert [line.number for line in lines] == [2, 4]


def test_a_row_with_too_many_cells_has_a_problem(files: Files) -> None:
    wrong, good = files.lines("a,b\n1,2,3\n4,5\n", "some.csv")
    assert wrong.problem == "The line has 3 cells, the header 2."
    assert good.value == {"a": "4", "b": "5"}


def test_a_quote_that_never_ends_has_a_problem(files: Files) -> None:
    [line] = files.lines('a,b\n1,"2\n', "some.csv")
    assert "not valid CSV" in str(line.problem)


@pytest.mark.parametrize(("header", "message"), [("a,b,a", "“a” twice"), ("a,,b", "no name")])
def test_a_header_that_says_too_little_is_refused(files: Files, header: str, message: str) -> None:
    with pytest.raises(CommandError, match=message):
        files.lines(f"{header}\n1,2,3\n", "some.csv")


# --- encodings ---


@pytest.mark.parametrize(("name", "text"), [("some.jsonl", '{"a": "ß"}\n'), ("some.csv", "a\nß\n")])
def test_a_byte_order_mark_is_left_out(files: Files, name: str, text: str) -> None:
    assert files.values(BOM + text.encode(), name) == [{"a": "ß"}]


@pytest.mark.parametrize(("name", "text"), [("some.jsonl", '{"a": "ß"}\n{"a": "b"}\n'), ("some.csv", "a\nß\nb\n")])
def test_a_line_of_another_encoding_has_a_problem(files: Files, name: str, text: str) -> None:
    wrong, good = files.lines(text.encode("latin-1"), name)
    assert "utf-8" in str(wrong.problem).lower()
    assert good.value == {"a": "b"}


@pytest.mark.parametrize("name", ["some.jsonl", "some.csv"])
def test_a_file_in_utf_16_is_refused(files: Files, name: str) -> None:
    with pytest.raises(CommandError, match="Save it as UTF-8"):
        files.lines("a,b\n1,2\n".encode("utf-16"), name)


# --- sizes ---


@pytest.mark.parametrize("end", ["\n", ""])
def test_a_very_long_line_has_a_problem_and_is_not_kept(files: Files, end: str) -> None:
    first, *rest = files.lines('{"a": "%s"}' % ("x" * 40 * MAX_BYTES) + end + ('{"a": 1}' if end else ""))
    assert "longer than 64 KiB" in str(first.problem)
    assert len(first.raw) <= MAX_BYTES + 1
    assert [line.value for line in rest] == ([{"a": 1}] if end else [])


def test_a_very_long_row_has_a_problem(files: Files) -> None:
    wrong, good = files.lines(f"a,b\n{'x' * 2 * MAX_BYTES},1\n2,3\n", "some.csv")
    assert "longer than 64 KiB" in str(wrong.problem)
    assert good.value == {"a": "2", "b": "3"}


def test_a_line_of_exactly_the_limit_is_read(files: Files) -> None:
    text = '{"a": [%s1]}' % ("1," * 400)
    [line] = files.lines(text + " " * (MAX_BYTES - len(text)) + "\r\n")
    assert line.problem is None


@pytest.mark.parametrize("name", ["some.jsonl", "some.csv", "some.jsonl.gz", "some.csv.gz"])
@pytest.mark.parametrize("content", [b"", BOM, b"\n\n"])
def test_an_empty_file_has_no_lines(files: Files, name: str, content: bytes) -> None:
    assert files.lines(content, name) == []


# --- packed, broken, missing, standard input ---


def test_a_packed_file_that_breaks_off_gives_what_comes_before(files: Files) -> None:
    path = Path(files.write("".join(f'{{"a": {number}}}\n' for number in range(50_000)), "some.jsonl.gz"))
    path.write_bytes(path.read_bytes()[:-2000])
    broken = Report(str(path), stdout=io.StringIO(), stderr=io.StringIO())
    with pytest.raises(CommandError, match="cannot be read after line [1-9]"), broken:
        assert all(line.value for line in broken.lines())
    assert broken.read > 1000


def test_what_only_is_called_packed_is_told(files: Files) -> None:
    path = Path(files.write("", "some.jsonl.gz"))
    path.write_text('{"a": 1}\n')
    with pytest.raises(CommandError, match="cannot be read"):
        files.read(str(path))


def test_a_missing_file_is_told(files: Files, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="No such file"):
        files.read(str(tmp_path / "none.jsonl"))


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
@pytest.mark.parametrize("text", ['{"a": "1"}\n{"a": "2"}\n', "a\n1\n2\n"])
def test_standard_input_is_recognised(files: Files, monkeypatch: pytest.MonkeyPatch, pack: Any, text: str) -> None:
    stdin = io.TextIOWrapper(io.BytesIO(pack(text.encode())))
    monkeypatch.setattr(sys, "stdin", stdin)
    assert [line.value for line in files.read("-")] == [{"a": "1"}, {"a": "2"}]
    assert not stdin.buffer.closed


# --- the report ---


def report(path: str, folder: Path, refused: int) -> dict[str, int]:
    """Refuses the first lines of a file, stores the others; gives the counts."""
    out = io.StringIO()
    with Report(path, str(folder / "no.jsonl"), out, io.StringIO()) as told:
        for number, line in enumerate(told.lines()):
            told.refuse(line, "why") if number < refused else told.add(stored=1)
    return json.loads(out.getvalue())  # type: ignore[no-any-return]


def test_the_report_counts_and_keeps_what_was_refused(files: Files, tmp_path: Path) -> None:
    counts = report(files.write('{"a": 1}\n{"a": 2}\n'), tmp_path, refused=1)
    assert counts == {"read": 2, "stored": 1, "duplicate": 0, "refused": 1}
    assert json.loads((tmp_path / "no.jsonl").read_text()) == {"line": 1, "reason": "why", "text": '{"a": 1}'}


def test_a_run_that_refuses_nothing_removes_what_an_earlier_one_left(files: Files, tmp_path: Path) -> None:
    path = files.write('{"a": 1}\n')
    report(path, tmp_path, refused=1)
    report(path, tmp_path, refused=0)
    assert not (tmp_path / "no.jsonl").exists()


def test_refused_lines_are_not_written_over_the_file(files: Files) -> None:
    path = files.write('{"a": 1}\n')
    with pytest.raises(CommandError, match="cannot be written to the file"):
        Report(path, path)
