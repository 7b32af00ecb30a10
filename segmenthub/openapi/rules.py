"""The rule language of segments as JSON schema. What names and types an account has is checked when a rule is saved; so
are limits that a schema cannot say (depth, number of conditions, windows that end before they begin)."""

from dmp.computed import KINDS, LIMIT, MAX_LIMIT, NEED_NO_PROPERTY
from dmp.segments.operands import EVERY_TYPE, MAX_NEEDLE, MAX_PATTERN, MAX_VALUES
from dmp.segments.parse import MAX_OFFSET
from dmp.segments.rules import NUMERIC
from segmenthub.openapi.schemas import Schema, ref

TEXT: Schema = {"type": "string"}
NUMBER: Schema = {"type": "number"}
SCALAR: Schema = {"type": ["string", "number", "boolean"]}
LIST: Schema = {"type": "array", "items": SCALAR, "minItems": 1, "maxItems": MAX_VALUES}
BOUND: Schema = {"type": ["string", "number"]}
DURATION = ref("RuleDuration")


def only(properties: Schema, required: list[str], **more: object) -> Schema:
    return {
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": False,
        **more,
    }


COMPARISONS: Schema = dict.fromkeys(NUMERIC, NUMBER)
OPERATORS: Schema = {
    **dict.fromkeys(("eq", "ne"), SCALAR),
    **dict.fromkeys(("in", "nin", "hasAll"), LIST),
    **dict.fromkeys(("gt", "gte", "lt", "lte"), BOUND),
    **dict.fromkeys(("contains", "startsWith", "endsWith"), {"type": "string", "maxLength": MAX_NEEDLE}),
    "matches": {"type": "string", "maxLength": MAX_PATTERN, "description": "A regular expression of RE2."},
    "exists": {"type": "boolean"},
    "size": ref("RuleNumbers"),
    **dict.fromkeys(("last", "next", "anniversary"), DURATION),
}
assert set(EVERY_TYPE) <= set(OPERATORS)


def tests(besides: Schema, required: str) -> Schema:
    """At least one operator beside the other keys."""
    some = {"anyOf": [{"required": [operator]} for operator in OPERATORS]}
    return only({**besides, **OPERATORS}, [required], **some)


def measured(property: str = "property") -> Schema:
    some = {"anyOf": [{"required": [operator]} for operator in NUMERIC]}
    return only({property: TEXT, **COMPARISONS}, [property], maxProperties=3, **some)


def groups(name: str) -> list[Schema]:
    inner = ref(name)
    lists = [only({kind: {"type": "array", "items": inner, "minItems": 1}}, [kind]) for kind in ("all", "any")]
    return [*lists, only({"not": inner}, ["not"])]


MEASURES: Schema = {
    "count": ref("RuleNumbers"),
    **dict.fromkeys(("sum", "avg", "min", "max"), measured()),
    "unique": {
        "oneOf": [
            measured(),
            {**measured("period"), "properties": {"period": {"enum": ["day", "week", "month"]}, **COMPARISONS}},
        ]
    },
    **dict.fromkeys(("first", "last"), tests({"property": TEXT}, "property")),
}
NAMES = list(MEASURES)
TWO = [{"required": [one, other]} for index, one in enumerate(NAMES) for other in NAMES[index + 1 :]]
AT_MOST_ONE: Schema = {"not": {"anyOf": TWO}}
EVENT: Schema = {"event": ref("RuleEvents"), "where": ref("RuleWhere")}
TIME: Schema = {"type": "string", "description": "ISO 8601; without a zone in the account's."}
PROPERTY: Schema = {"property": TEXT}
COMPUTED: Schema = {
    "oneOf": [
        only({"as": {"enum": list(kinds)}, **EVENT, "within": ref("RuleWindow"), **more}, ["as", "event", *required])
        for kinds, more, required in (
            (sorted(NEED_NO_PROPERTY), {}, []),
            ([kind for kind in KINDS if kind not in {*NEED_NO_PROPERTY, "lastList"}], PROPERTY, ["property"]),
            (
                ["lastList"],
                {**PROPERTY, "limit": {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": LIMIT}},
                ["property"],
            ),
        )
    ],
    "description": "What of a person's events an attribute is, exact at each read; times are ISO text. "
    "count, sum and uniqueCount of nothing are 0, the others then have no value. avg is rounded to 6 decimals. first, "
    "last and lastList take values, not events: one without the property is passed over; lastList holds each value "
    "once, the newest first. Of equally frequent values mostFrequent takes the newest, then the least. timeSinceLast "
    "is in seconds. Rules name it as any attribute, without “for”.",
    "examples": [
        {"as": "sum", "event": "purchase", "property": "orderTotal", "within": "90d"},
        {"as": "lastList", "event": "productView", "property": "sku", "where": {"property": "price", "gte": 50}},
    ],
}
RULES: Schema = {
    "ComputedAttribute": COMPUTED,
    "RuleDuration": {"type": "string", "pattern": "^[1-9][0-9]{0,4}(s|m|h|d|w)$", "examples": ["30d"]},
    "RuleNumbers": only(COMPARISONS, [], minProperties=1, maxProperties=2),
    "RuleEvents": {
        "oneOf": [TEXT, {"type": "array", "items": TEXT, "minItems": 1}],
        "description": "The code of an event type, a list of codes, or “*” for any.",
    },
    "RuleWhere": {
        "oneOf": [*groups("RuleWhere"), tests({"property": TEXT}, "property")],
        "description": "Of one and the same event.",
    },
    "RuleWindow": {
        "oneOf": [
            DURATION,
            {"const": "session"},
            only({"from": DURATION, "to": DURATION}, [], minProperties=1),
            only({"after": TIME, "before": TIME}, [], minProperties=1),
            only(
                {
                    "calendar": {"enum": ["day", "week", "month", "year"]},
                    "offset": {"type": "integer", "minimum": -MAX_OFFSET, "maximum": 0},
                },
                ["calendar"],
            ),
        ]
    },
    "RuleStep": only({**EVENT, "within": DURATION, "absent": {"const": True}}, ["event"]),
    "Rule": {
        "oneOf": [
            *groups("Rule"),
            tests({"attribute": TEXT, "for": DURATION}, "attribute"),
            only({**EVENT, "within": ref("RuleWindow"), **MEASURES}, ["event"], **AT_MOST_ONE),
            only(
                {
                    "sequence": {"type": "array", "items": ref("RuleStep"), "minItems": 2, "maxItems": 5},
                    "within": ref("RuleWindow"),
                    "same": {"type": "array", "items": TEXT, "minItems": 1},
                },
                ["sequence"],
            ),
            only({"segment": TEXT, "for": DURATION}, ["segment"]),
            only(
                {
                    "sample": only(
                        {
                            "from": {"type": "number", "minimum": 0, "maximum": 100},
                            "to": {"type": "number", "minimum": 0, "maximum": 100},
                            "salt": TEXT,
                        },
                        ["from", "to"],
                    )
                },
                ["sample"],
            ),
        ],
        "description": "Who is in a segment. Conditions nest at most 5 deep, 50 in all.",
        "examples": [{"event": "purchase", "within": "90d", "sum": {"property": "orderTotal", "gte": 1000}}],
    },
}
