"""Rules that show each kind of condition."""

EXAMPLES = {
    "vip": {"event": "purchase", "within": "90d", "sum": {"property": "orderTotal", "gte": 1000}},
    "churn_risk": {
        "all": [
            {"event": "purchase", "within": {"from": "120d", "to": "60d"}},
            {"not": {"event": "purchase", "within": "60d"}},
        ]
    },
    "abandoned_view": {
        "sequence": [
            {"event": "productView", "where": {"property": "price", "gte": 50}},
            {"event": "purchase", "within": "1h", "absent": True},
        ],
        "within": "7d",
    },
    "same_sku_funnel": {
        "sequence": [{"event": "productView"}, {"event": "addToCart", "within": "30m"}],
        "same": ["sku"],
        "within": "30d",
    },
    "shoe_fans": {
        "event": "productView",
        "where": {
            "any": [{"property": "category", "eq": "shoes"}, {"property": "breadcrumb", "startsWith": "Home > Shoes"}]
        },
        "within": "30d",
        "count": {"gte": 3},
    },
    "first_time_buyer": {
        "all": [{"event": "purchase", "within": "7d"}, {"not": {"event": "purchase", "within": {"to": "7d"}}}]
    },
    "regulars": {"event": "*", "within": "30d", "unique": {"period": "day", "gte": 5}},
    "brand_explorer": {"event": "productView", "within": "14d", "unique": {"property": "brand", "gte": 4}},
    "last_page_checkout": {"event": "pageView", "last": {"property": "path", "startsWith": "/checkout"}},
    "nike_adidas": {"attribute": "favoriteBrands", "hasAll": ["Nike", "adidas"]},
    "not_tr": {"attribute": "country", "nin": ["tr"]},
    "adults": {"attribute": "age", "gte": 18, "lt": 65},
    "birthday_week": {"attribute": "birthDate", "anniversary": "7d"},
    "trial_stuck": {"attribute": "plan", "eq": "trial", "for": "14d"},
    "long_vip": {
        "all": [
            {"segment": "vip", "for": "30d"},
            {"not": {"segment": "staff"}},
            {"attribute": "consent.ads", "eq": True},
        ]
    },
    "holdout": {"sample": {"from": 0, "to": 10, "salt": "q3"}},
    "never_bought": {"not": {"event": "purchase"}},
    "this_month": {"event": "purchase", "within": {"calendar": "month"}},
    "in_session": {"event": "productView", "within": "session", "count": {"gte": 3}},
}
