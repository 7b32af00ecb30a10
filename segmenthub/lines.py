"""Files of the import commands: JSON Lines or CSV with a header, packed by gzip or not, `-` for standard input.

Lines come one at a time, so that a file of any size needs little memory. `Report` counts them, keeps those that were
refused, shows how far it is and ends with the counts.
"""

import csv
import gzip
import io
import os
import sys
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, BinaryIO, Protocol, Self, cast

import msgspec
from django.core.management import CommandError
from tqdm import tqdm

from accounts.body import MAX_BYTES, check_shape, parse_object
from accounts.errors import Malformed
from dmp.values import present

STDIN = "-"
BOM = b"\xef\xbb\xbf"
GZIP = b"\x1f\x8b"
UTF_16 = (b"\xff\xfe", b"\xfe\xff")
DELIMITERS = (",", ";", "\t")
TOO_LONG = f"The line is longer than {MAX_BYTES // 1024} KiB."
SHOWN_EVERY = 1000  # lines
TOLD_EVERY = 10.0  # seconds, where there is no terminal
encode = msgspec.json.encode


@dataclass(slots=True)
class Line:
    """A line of a file: `value` is its object, None when `problem` says why there is none. The texts of a CSV file
    (`from_csv`) are not typed yet; its empty cells are left out."""

    number: int
    raw: bytes | str
    value: dict[str, Any] | None
    problem: str | None = None
    from_csv: bool = False


class Output(Protocol):
    """Where a command writes: a stream, or Django's wrapper of one."""

    def write(self, text: str, /) -> Any: ...
    def isatty(self) -> bool: ...


class Counted(io.RawIOBase):
    """A file that knows how many bytes were read from it, a pipe too."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file
        self.position = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        count: int = self.file.readinto(buffer) or 0  # type: ignore[attr-defined]
        self.position += count
        return count


class Unpacked(Counted):
    """What a packed file holds, as far as it can be unpacked: a broken one gives all that comes before the break."""

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__(gzip.GzipFile(fileobj=file))  # type: ignore[arg-type]

    def readinto(self, buffer: Any) -> int:
        some = cast(gzip.GzipFile, self.file).read1(len(buffer))
        buffer[: len(some)] = some
        return len(some)


class Source:
    """An opened file. `broken` says why reading ended before the file did."""

    def __init__(self, path: str) -> None:
        try:
            file = sys.stdin.buffer if path == STDIN else open(path, "rb", buffering=0)  # noqa: SIM115
            self.size = None if path == STDIN else os.fstat(file.fileno()).st_size
        except OSError as error:
            raise CommandError(f"{path}: {error.strerror}.") from None
        self.file = file
        self.counted = Counted(cast(IO[bytes], file))
        self.stream: BinaryIO = io.BufferedReader(self.counted, 1 << 18)
        self.broken: str | None = None
        name = path.lower()
        if name.endswith(".gz") or (path == STDIN and self.start(2) == GZIP):
            name = name.removesuffix(".gz")
            self.stream = cast(BinaryIO, io.BufferedReader(Unpacked(self.stream), 1 << 18))
        start = self.start(1 << 10)
        if start.startswith(UTF_16):
            self.close()
            raise CommandError(f"{path}: The file is UTF-16. Save it as UTF-8.")
        self.csv = not start.lstrip(BOM + b" \t\r\n").startswith(b"{") if path == STDIN else name.endswith(".csv")

    def close(self) -> None:
        if self.file is not sys.stdin.buffer:
            self.file.close()

    def start(self, count: int) -> bytes:
        """The first bytes, which are read again later."""
        try:
            return cast(io.BufferedReader, self.stream).peek(count)[:count]
        except (OSError, EOFError, zlib.error):
            return b""  # told when the lines are read

    def lines(self) -> Iterator[tuple[int, bytes]]:
        """Numbered physical lines without a BOM; of one that is too long MAX_BYTES + 1 bytes."""
        number = 0
        try:
            while line := self.stream.readline(MAX_BYTES + 3):
                number += 1
                if number == 1:
                    line = line.removeprefix(BOM)
                if not line.endswith(b"\n") and len(line) > MAX_BYTES:
                    self.skip_line()
                yield number, line.rstrip(b"\r\n") if len(line) <= MAX_BYTES + 2 else line[: MAX_BYTES + 1]
        except (OSError, EOFError, zlib.error) as error:
            self.broken = f"The file cannot be read after line {number}: {error}."

    def skip_line(self) -> None:
        while (more := self.stream.readline(1 << 16)) and not more.endswith(b"\n"):
            pass


def json_lines(source: Source) -> Iterator[Line]:
    """Lines whose JSON is not parsed yet."""
    for number, raw in source.lines():
        if raw and not raw.isspace():
            yield Line(number, raw, None)


def parsed(line: Line) -> Line:
    """The line with its object, or with what is wrong with it."""
    if line.from_csv or not isinstance(line.raw, bytes):
        return line
    if len(line.raw) > MAX_BYTES:
        line.problem = TOO_LONG
    else:
        try:
            line.value = parse_object(line.raw)
        except Malformed as error:
            line.problem = error.message.replace("The body", "The line")
    return line


class Rows:
    """Physical lines for the CSV parser, which remembers those of the row that is being read: a quoted cell may go on
    over several."""

    def __init__(self, source: Source) -> None:
        self.lines = source.lines()
        self.first = 0
        self.raw = b""

    def __iter__(self) -> Iterator[str]:
        for number, raw in self.lines:
            self.first = self.first or number
            if len(self.raw) <= MAX_BYTES:
                self.raw += b"\n" + raw if self.raw else raw
            yield "\n" if len(raw) > MAX_BYTES else raw.decode("utf-8", "surrogateescape") + "\n"

    def take(self) -> tuple[int, bytes]:
        """Number and bytes of the row that was read, which end here."""
        taken = self.first, self.raw
        self.first, self.raw = 0, b""
        return taken


def csv_lines(source: Source) -> Iterator[Line]:
    rows = Rows(source)
    texts = iter(rows)
    header = next((text for text in texts if text.strip()), None)
    if header is None:
        return
    delimiter = max(DELIMITERS, key=header.count)  # the first of them when there is but one column
    names = read_header(header, delimiter)
    rows.take()
    reader = csv.reader(texts, delimiter=delimiter, strict=True)
    while True:
        try:
            cells = next(reader)
            problem = None
        except StopIteration:
            return
        except csv.Error as error:
            cells, problem = [], f"The line is not valid CSV: {error}."
        number, raw = rows.take()
        if problem or any(cells) or len(raw) > MAX_BYTES:
            yield csv_line(number, raw, names, cells, problem)


def read_header(header: str, delimiter: str) -> list[str]:
    names = [name.strip() for name in next(csv.reader([header], delimiter=delimiter))]
    twice = sorted({name for name in names if names.count(name) > 1})
    if not all(names) or twice:
        raise CommandError(f"The header names the column “{twice[0]}” twice." if twice else "A column has no name.")
    return names


def csv_line(number: int, raw: bytes, names: list[str], cells: list[str], problem: str | None) -> Line:
    value = {name: cell for name, cell in zip(names, cells, strict=False) if present(cell)}
    if len(raw) > MAX_BYTES:
        problem = TOO_LONG
    elif not problem and any(cells[len(names) :]):
        problem = f"The line has {len(cells)} cells, the header {len(names)}."
    elif not problem:
        problem = text_problem(raw, value)
    return Line(number, raw, None if problem else value, problem, from_csv=True)


def text_problem(raw: bytes, value: dict[str, Any]) -> str | None:
    try:
        raw.decode()
        check_shape(value)
    except UnicodeDecodeError:
        return "The line is not valid UTF-8."
    except Malformed as error:
        return error.message.replace("The body", "The line")
    return None


class Report:
    """How an import goes: `with Report(path, rejects) as report: for line in report.lines(): ...`.

    Counts what was read, `stored`, `duplicate` and refused, writes refused lines to `rejects` (a file that is made
    with the first of them), shows progress on `stderr` and at the end the counts as one line of JSON on `stdout`.
    """

    def __init__(
        self, path: str, rejects: str | None = None, stdout: Output | None = None, stderr: Output | None = None
    ) -> None:
        self.rejects = Path(rejects or f"{'stdin' if path == STDIN else path}.rejected.jsonl")
        if path != STDIN and self.rejects.resolve() == Path(path).resolve():
            raise CommandError("Refused lines cannot be written to the file that is read.")
        self.source = Source(path)
        self.stdout, self.stderr = stdout or sys.stdout, stderr or sys.stderr
        self.read = self.stored = self.duplicate = self.refused = 0
        self._rejected: IO[bytes] | None = None
        self._told_at = time.monotonic()
        self._bar: tqdm[Any] = tqdm(
            total=self.source.size, unit="B", unit_scale=True, disable=not self.stderr.isatty(), file=sys.stderr
        )

    def __enter__(self) -> Self:
        return self

    def lines(self) -> Iterator[Line]:
        """The lines of the file, counted."""
        return map(parsed, self.unparsed())

    def unparsed(self) -> Iterator[Line]:
        """The lines, counted, for who parses JSON elsewhere (`parsed`)."""
        for line in csv_lines(self.source) if self.source.csv else json_lines(self.source):
            self.read += 1
            if self.read % SHOWN_EVERY == 0:
                self.show()
            yield line

    def add(self, stored: int = 0, duplicate: int = 0) -> None:
        self.stored += stored
        self.duplicate += duplicate

    def refuse(self, line: Line, reason: str) -> None:
        """Keeps a line that was not stored, with the reason."""
        self.refused += 1
        if self._rejected is None:
            self._rejected = self.rejects.open("wb")
        text = line.raw.decode("utf-8", "replace") if isinstance(line.raw, bytes) else line.raw
        self._rejected.write(encode({"line": line.number, "reason": reason, "text": text}) + b"\n")

    def counts(self) -> dict[str, int]:
        return {"read": self.read, "stored": self.stored, "duplicate": self.duplicate, "refused": self.refused}

    def show(self) -> None:
        if not self._bar.disable:
            self._bar.update(self.source.counted.position - self._bar.n)
            self._bar.set_postfix(self.counts(), refresh=False)
        elif time.monotonic() - self._told_at >= TOLD_EVERY:
            self._told_at = time.monotonic()
            self.tell()

    def tell(self) -> None:
        self.stderr.write(", ".join(f"{name} {count:,}" for name, count in self.counts().items()) + "\n")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.show()
        self._bar.close()
        self.source.close()
        if self._rejected is not None:
            self._rejected.close()
            self.stderr.write(f"Refused lines are in {self.rejects}.\n")
        elif kind is None:
            self.rejects.unlink(missing_ok=True)  # what an earlier run left would mislead
        if kind is not None:
            self.tell()
            return
        self.stdout.write(encode(self.counts()).decode() + "\n")
        if self.source.broken:
            raise CommandError(self.source.broken)
