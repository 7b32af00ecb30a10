"""Tables of a report: the same rows on the page and in a file that a spreadsheet opens."""

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from django.http import HttpResponse

from adserver.reports import Counts

DANGEROUS = ("=", "+", "-", "@", "\t", "\r", "\n")
"""With which a spreadsheet takes a text for a formula."""
COLUMNS = ("conversions", "ctr_percent")
"""In the file beside all that is counted."""


class Row(NamedTuple):
    """`label` is a text or a date."""

    label: Any
    counts: Counts
    link: str = ""


class Table(NamedTuple):
    """`of` names what each row is of; `decided`: whether what was decided belongs to a row (a creative is drawn only
    then)."""

    key: str
    title: str
    of: str
    rows: list[Row]
    decided: bool = True


def counts_file(table: Table, name: str) -> HttpResponse:
    head = [table.of, *Counts._fields, *COLUMNS]
    rows = [[row.label, *row.counts, row.counts.conversions, ctr(row.counts)] for row in table.rows]
    return file([head, *rows], name)


def ctr(counts: Counts) -> str:
    return "" if counts.ctr is None else f"{counts.ctr:.4f}"


def file(rows: Iterable[Sequence[Any]], name: str) -> HttpResponse:
    """With a mark that tells spreadsheets its encoding."""
    text = io.StringIO()
    csv.writer(text).writerows([harmless(cell) for cell in row] for row in rows)
    response = HttpResponse("\ufeff" + text.getvalue(), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    return response


def harmless(cell: Any) -> Any:
    """A text that no spreadsheet runs; numbers stay numbers."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(DANGEROUS) else cell
