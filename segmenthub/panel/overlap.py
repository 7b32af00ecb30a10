"""How segments overlap: numbers at this instant, as a picture and as a table of combinations."""

from typing import Any, NamedTuple

from django.http import HttpRequest

from accounts.clock import now
from accounts.models import Role
from accounts.snapshot import configuration
from dmp.models import Segment
from dmp.segments.overlap import Overlap, overlap
from dmp.segments.preview import TooSlow
from segmenthub.panel.pages import Page, above

LETTERS = "ABCDE"
LEAST, MOST = 2, len(LETTERS)
DRAWN = 3
"""Circles can show so many segments; the table shows all."""
PLACES: dict[int, dict[int, tuple[int, int]]] = {
    2: {0b01: (112, 124), 0b10: (288, 124), 0b11: (200, 124)},
    3: {
        **{0b001: (96, 92), 0b010: (304, 92), 0b100: (200, 262)},
        **{0b011: (200, 76), 0b101: (140, 184), 0b110: (260, 184), 0b111: (200, 144)},
    },
}
"""Where the picture writes the number of a combination."""


class Row(NamedTuple):
    """A segment among those compared."""

    letter: str
    segment: Segment
    size: str
    only: str
    share: str


class Combination(NamedTuple):
    """The people who are in just these; `share` of everybody in any, in per cent."""

    letters: list[tuple[str, bool]]
    names: str
    number: str
    share: float


class Picture(NamedTuple):
    """All that is shown of a level."""

    level: str
    rows: list[Row]
    combinations: list[Combination]
    union: str
    intersection: str
    numbers: list[tuple[int, int, str]]
    """Of the circles: x, y and the number there."""
    empty: bool


class OverlapPage(Page):
    """For those who may see members: a combination of narrow segments tells of single people."""

    least = Role.ANALYST
    template = "panel/overlap.html"
    title = "Overlap of segments"

    def context(self, request: HttpRequest, *args: Any, **kwargs: Any) -> dict[str, Any]:
        offered = list(Segment.objects.filter(account=self.account).order_by("name"))
        by_key = {str(segment.pk): segment for segment in offered}
        asked = dict.fromkeys(request.GET.getlist("segment"))
        chosen = [by_key[key] for key in asked if key in by_key][:MOST]
        found, at = configuration(self.account.pk), now()
        pictures: list[Picture] = []
        too_slow = False
        if found is not None and len(chosen) >= LEAST:
            try:
                pictures = [picture(each, chosen) for each in overlap(found, [row.pk for row in chosen], at)]
            except TooSlow:
                too_slow = True
        return {
            "parents": above("dmp_segment_changelist", "Segments"),
            "offered": offered,
            "choices": [(letter, chosen[n].pk if n < len(chosen) else None) for n, letter in enumerate(LETTERS)],
            "chosen": chosen,
            "enough": len(chosen) >= LEAST,
            "may_choose": len(offered) >= LEAST,
            "pictures": pictures,
            "too_slow": too_slow,
            "at": at,
        }


def picture(found: Overlap, chosen: list[Segment]) -> Picture:
    numbers = sorted(found.combinations.items(), key=lambda item: (-item[1], item[0]))
    places = PLACES.get(len(chosen), {})
    return Picture(
        found.level,
        [row(found, place, segment) for place, segment in enumerate(chosen)],
        [combination(mask, people, found.union, chosen) for mask, people in numbers],
        f"{found.union:,}",
        f"{found.intersection:,}",
        [(*place, f"{found.combinations.get(mask, 0):,}") for mask, place in places.items()],
        not found.union,
    )


def row(found: Overlap, place: int, segment: Segment) -> Row:
    size = found.size(place)
    share = f"{100 * size / found.union:.1f} %" if found.union else "–"
    return Row(LETTERS[place], segment, f"{size:,}", f"{found.only(place):,}", share)


def combination(mask: int, people: int, union: int, chosen: list[Segment]) -> Combination:
    inside = [bool(mask >> place & 1) for place in range(len(chosen))]
    names = [f"“{segment}”" for segment, is_in in zip(chosen, inside, strict=True) if is_in]
    told = f"only {names[0]}" if len(names) == 1 else " and ".join(names)
    return Combination(list(zip(LETTERS, inside, strict=False)), told, f"{people:,}", 100 * people / union)
