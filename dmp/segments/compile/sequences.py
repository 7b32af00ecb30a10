"""Sequences as relations (person, ok, next)."""

from typing import Any

from dmp.segments import rules
from dmp.segments.compile.events import Leaf, named, relative_where, where_sql
from dmp.segments.compile.values import NEVER, Names, of_property
from dmp.segments.compile.windows import OWN, Bounds, bounds_of, coming, first_of, ripens, soonest


def sequence(leaf: rules.Sequence, names: Names, matching: Any) -> Leaf:
    """Step by step the events that can be reached: only neighbours bind each other."""
    window = bounds_of(leaf.window, names)
    steps, found = chain(
        leaf, [step_of(leaf, index, window, names, matching) for index in range(len(leaf.steps))], names
    )
    if names.settled and only_loses(leaf):  # its first events leave before the others
        next = f"min(a.time) + {names.add(window.leaves, 'interval')}" if window.leaves else NEVER
        return Leaf(
            f"""WITH {steps} SELECT a.person, true AS ok, {next} AS next FROM step0 a
            WHERE a.person IN ({found}) GROUP BY a.person""",  # noqa: S608
            False,
        )
    relation = f"""SELECT person, bool_or(ok) AS ok, min(at) AS at, min(coming) AS coming FROM (
            (WITH {steps} SELECT person, true AS ok, {NEVER} AS at, {NEVER} AS coming FROM ({found}) f)
            UNION ALL ({instants(leaf, window, names)})
        ) b GROUP BY person"""  # noqa: S608
    next = "CASE WHEN NOT ok THEN coming ELSE at END" if only_loses(leaf) else "at"
    return Leaf(f"SELECT person, ok, {next} AS next FROM ({relation}) s", False)  # noqa: S608


def step_of(leaf: rules.Sequence, index: int, window: Bounds, names: Names, matching: Any) -> str:
    """(person, time, and where the rule asks for it same): the events of a step until now."""
    step = leaf.steps[index]
    conditions = [named(step.events, names), where_sql(step.where, step.events, names, matching), "e.time <= %(now)s"]
    if not step.absent:
        conditions += [window.reach, window.inside]
    columns = ["e.person", "e.time"]
    if leaf.same:
        keys = [of_property(views[index], names) for views in leaf.same]
        conditions += [f"cardinality({key}) > 0" for key in keys]
        columns.append(f"jsonb_build_array({', '.join(keys)}) AS same")
    join = "" if step.absent else window.join
    return f"SELECT {', '.join(columns)} FROM did e {join} WHERE {' AND '.join(conditions)}"  # noqa: S608


def chain(leaf: rules.Sequence, steps: list[str], names: Names) -> tuple[str, str]:
    """The steps as relations, and a query of the people whose events complete the sequence."""
    parts = [f"step0 AS MATERIALIZED ({steps[0]})"]
    last = len(steps) - 1
    bound = "b.person = a.person AND b.time > a.time" + (" AND b.same = a.same" if leaf.same else "")
    for index in range(1, last + 1):
        step = leaf.steps[index]
        length = names.add(step.within, "interval") if step.within else None
        if step.absent:
            parts.append(f"absent AS MATERIALIZED ({steps[index]})")
            passed = f"a.time <= %(now)s - {length}" if length else "true"
            within = f"b.time <= a.time + {length}" if length else "true"
            return (
                ", ".join(parts),
                f"""SELECT a.person FROM step{index - 1} a WHERE {passed} AND NOT EXISTS (
                SELECT FROM absent b WHERE {bound} AND {within})""",
            )  # noqa: S608
        within = f" AND b.time <= a.time + {length}" if length else ""
        parts.append(
            f"""step{index} AS MATERIALIZED (SELECT b.* FROM ({steps[index]}) b WHERE EXISTS (
                SELECT FROM step{index - 1} a WHERE {bound}{within}))"""  # noqa: S608
        )
    return ", ".join(parts), f"SELECT person FROM step{last}"  # noqa: S608


def instants(leaf: rules.Sequence, window: Bounds, names: Names) -> str:
    """(person, ok, at, coming) of those who did what any step names: when that changes."""
    codes = [step.events for step in leaf.steps]
    asked = OWN if None in codes else named(tuple(sorted({code for some in codes for code in some or ()})), names)
    last = leaf.steps[-1]
    changes = [soonest(window, names, *(relative_where(step.where, names) for step in leaf.steps))]
    changes += [coming(names)] if window.enters else []  # a step is strictly after another, whatever the window
    changes += [ripens(last.within, names)] if last.absent and last.within else []
    reach = window.reach if isinstance(leaf.window, rules.Rolling) else "true"  # what is older never counts again
    return f"""SELECT e.person, false, {first_of(changes)}, {coming(names)}
        FROM did e {window.join} WHERE {asked} AND {reach} GROUP BY e.person"""  # noqa: S608


def only_loses(leaf: rules.Sequence) -> bool:
    """Whether time alone can only take events away: then what does not hold needs a new one."""
    moves = any(part.values.is_relative for step in leaf.steps for part in rules.leaves(step.where))
    rolls = isinstance(leaf.window, rules.Rolling) and not leaf.window.until
    return rolls and not moves and not leaf.steps[-1].absent
