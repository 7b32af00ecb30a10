"""Audiences that every shop asks for, written in the rule language: where a new segment may start from.

They name standard event types only. Days and amounts are starting points, to be changed.
"""

from typing import Any, NamedTuple


class Template(NamedTuple):
    name: str
    description: str
    rule: dict[str, Any]


def bought(within: Any, **measure: Any) -> dict[str, Any]:
    return {"event": "purchase", "within": within, **measure}


def total(least: int) -> dict[str, Any]:
    return {"property": "orderTotal", "gte": least}


def never(condition: dict[str, Any]) -> dict[str, Any]:
    return {"not": condition}


TEMPLATES = (
    Template(
        "First-time buyer",
        "Bought for the first time, in the last week",
        {"all": [bought("7d"), never(bought({"to": "7d"}))]},
    ),
    Template(
        "Regular",
        "Came on five different days of the last 30",
        {"event": "*", "within": "30d", "unique": {"period": "day", "gte": 5}},
    ),
    Template(
        "Lapsed",
        "Bought once, but not in the last 90 days",
        {"all": [bought({"to": "90d"}), never(bought("90d"))]},
    ),
    Template(
        "Restarted",
        "Bought again after a break of 90 days",
        {"all": [bought("30d"), never(bought({"from": "120d", "to": "30d"})), bought({"to": "120d"})]},
    ),
    Template(
        "Abandoned view",
        "Looked at something of 50 or more and did not buy within an hour",
        {
            "sequence": [
                {"event": "productView", "where": {"property": "price", "gte": 50}},
                {"event": "purchase", "within": "1h", "absent": True},
            ],
            "within": "7d",
        },
    ),
    Template("VIP", "Spent 1,000 or more in the last 90 days", bought("90d", sum=total(1000))),
    Template(
        "Churn risk",
        "Bought 60 to 120 days ago, and not since",
        {"all": [bought({"from": "120d", "to": "60d"}), never(bought("60d"))]},
    ),
    Template(
        "RFM: champions",
        "Bought lately, often and for much",
        {"all": [bought("30d"), bought("365d", count={"gte": 5}), bought("365d", sum=total(1000))]},
    ),
    Template(
        "RFM: loyal",
        "Buy again and again",
        {"all": [bought("90d"), bought("365d", count={"gte": 3})]},
    ),
    Template(
        "RFM: at risk",
        "Bought often, but not in the last 90 days",
        {"all": [bought({"from": "365d", "to": "90d"}, count={"gte": 3}), never(bought("90d"))]},
    ),
    Template(
        "RFM: lost",
        "Bought more than a year ago, and not since",
        {"all": [bought({"to": "365d"}), never(bought("365d"))]},
    ),
)
