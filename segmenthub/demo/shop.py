"""The demo account in the form that `provision` reads."""

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings

ACCOUNT = "7d4b1c9e-3f53-4c7e-9d7b-2f6f1b8a9c01"
EMAIL = "demo@example.com"
PASSWORD = "demo-shop"  # noqa: S105  # printed at each start: a demo's
WEB, APP = "www.example.com", "com.example.shop"
PICTURE = "VIP early access"
TOKEN = "Shop server"  # noqa: S105  # its name
ALL_ACCESS = ["profiles:read", "profiles:write", "visitors:read", "visitors:write", "segments:read", "explain"]

BASE: dict[str, Any] = {
    "account": {"id": ACCOUNT, "name": "Demo shop", "timezone": "Europe/Istanbul"},
    "users": [
        {"email": EMAIL, "name": "Demo owner", "role": "owner", "password": PASSWORD},
        {"email": "marketer@example.com", "name": "Mary Marketer", "role": "marketer", "password": PASSWORD},
    ],
    "platforms": [{"code": WEB, "type": "web"}, {"code": APP, "type": "android"}],
    "attributes": [
        {"name": "email", "personal": True, "identifier": "email"},
        {"name": "firstName", "personal": True},
        {"name": "lastName", "personal": True},
        {"name": "birthDate", "type": "date", "personal": True},
        {"name": "country"},
        {"name": "gender"},
        {"name": "favoriteBrands", "many": True},
        {"name": "newsletter", "type": "boolean"},
    ],
    "events": [
        {
            "code": "addToCart",
            "description": "A product was put into the cart.",
            "properties": [
                {"name": "sku", "required": True},
                {"name": "price", "type": "number"},
                {"name": "quantity", "type": "number"},
            ],
        }
    ],
    "segments": [
        {
            "name": "Jackets right now",
            "description": "Looked at two jackets in 5 minutes.",
            "rule": {
                "event": "productView",
                "where": {"property": "category", "eq": "jackets"},
                "within": "5m",
                "count": {"gte": 2},
            },
        },
        {
            "name": "Cart abandoner",
            "description": "Put something into the cart, then nothing for 20 seconds.",
            "rule": {
                "all": [
                    {"event": "addToCart", "within": "10m"},
                    {"not": {"event": "addToCart", "within": "20s"}},
                    {"not": {"event": "purchase", "within": "10m"}},
                ]
            },
        },
        {
            "name": "VIP",
            "description": "Spent 600 or more in the last 90 days.",
            "rule": {"event": "purchase", "within": "90d", "sum": {"property": "orderTotal", "gte": 600}},
        },
        {
            "name": "Churn",
            "description": "Bought before, but not in the last 45 days.",
            "rule": {"all": [{"event": "purchase"}, {"not": {"event": "purchase", "within": "45d"}}]},
        },
        {
            "name": "Newsletter",
            "description": "Asked for the newsletter.",
            "rule": {"attribute": "newsletter", "eq": True},
        },
        {
            "name": "Shoe fans",
            "description": "Looked at three or more shoes in the last 30 days.",
            "rule": {
                "event": "productView",
                "where": {"property": "category", "eq": "shoes"},
                "within": "30d",
                "count": {"gte": 3},
            },
        },
        {"name": "Staff", "description": "Our own people: see no campaigns."},
    ],
    "placements": [
        {"code": "home-hero", "name": "Home page, top", "width": 1200, "height": 400},
        {"code": "sidebar", "name": "Side of lists and products", "width": 300, "height": 600},
        {"code": "checkout-bar", "name": "Bar above cart and checkout"},
    ],
    "tokens": [{"name": TOKEN, "access": ALL_ACCESS, "read_attributes": ["*"], "write_attributes": ["*"]}],
}


def text(title: str, body: str, button: str) -> dict[str, str]:
    return {"title": title, "text": body, "button": button}


def campaigns(now: datetime) -> list[dict[str, Any]]:
    """Live ones, one that is over, one in the making. Creatives need the picture PICTURE, and lead to `/demo/`."""
    site = f"{settings.API_URL}/demo"
    home = f"{site}/"
    hero = {"placement": "home-hero", "exclude_segments": ["Staff"]}
    return [
        hero | {
            "slug": "vip-early-access", "name": "VIP early access", "status": "live", "tier": 1, "segments": ["VIP"],
            "creatives": [{"name": "Picture", "type": "image", "media": PICTURE, "link": f"{site}/early-access"}],
        },
        hero | {
            "slug": "win-back", "name": "Win back: 15 % for those we miss", "status": "live", "tier": 3,
            "segments": ["Churn"],
            "creatives": [
                {"name": "A", "content": text("We miss you", "15 % off your next order", "Come back"), "link": home},
                {"name": "B", "content": text("It has been a while", "Take 15 % off", "See what is new"), "link": home},
            ],
        },
        hero | {
            "slug": "cart-reminder", "name": "Your cart is waiting", "status": "live", "tier": 2,
            "segments": ["Cart abandoner"],
            "creatives": [
                {"name": "A", "content": text("Your cart is waiting", "Order today and it leaves today", "To the cart"),
                 "link": f"{site}/cart"}
            ],
        },
        hero | {
            "slug": "jackets-now", "name": "Jackets: 10 % today", "status": "live", "tier": 4,
            "segments": ["Jackets right now"],
            "creatives": [
                {"name": "A", "content": text("10 % off jackets", "Today only, because you are looking", "All jackets"),
                 "link": f"{site}/jackets"}
            ],
        },
        hero | {
            "slug": "winter-sale", "name": "Winter sale", "status": "live", "tier": 5, "weight": 30,
            "holdout_percent": 10,
            "creatives": [
                {"name": "Calm", "content": text("Winter sale", "Up to 30 % off", "Shop"), "link": f"{site}/sale"},
                {"name": "Urgent", "content": text("Ends Sunday", "Up to 30 % off", "Hurry"), "link": f"{site}/sale"},
            ],
        },
        hero | {
            "slug": "new-jackets", "name": "New jackets are in", "status": "live", "tier": 5, "weight": 10,
            "creatives": [
                {"name": "A", "content": text("New jackets", "For rain and snow", "Look"), "link": f"{site}/jackets"}
            ],
        },
        {
            "slug": "shoe-week", "name": "Shoe week", "status": "live", "placement": "sidebar", "tier": 3,
            "segments": ["Shoe fans"], "exclude_segments": ["Staff"], "paths": ["/shoes*", "/"],
            "creatives": [
                {"name": "A", "content": text("Shoe week", "Second pair half price", "Shoes"), "link": f"{site}/shoes"}
            ],
        },
        {
            "slug": "get-the-app", "name": "Get the app", "status": "live", "placement": "sidebar", "tier": 4,
            "devices": ["mobile", "tablet"], "platforms": [WEB],
            "creatives": [
                {"name": "A", "content": text("Our app", "Faster on your phone", "Get it"), "link": f"{site}/sale"}
            ],
        },
        {
            "slug": "newsletter", "name": "House: newsletter", "status": "live", "placement": "sidebar", "tier": 9,
            "exclude_segments": ["Newsletter"],
            "creatives": [
                {"name": "A", "content": text("Stay close", "News once a week", "Sign up"), "link": f"{site}/login"}
            ],
        },
        {
            "slug": "free-shipping", "name": "Free shipping above 50", "status": "live", "placement": "checkout-bar",
            "paths": ["/cart*", "/checkout*"], "tier": 5,
            "creatives": [{"name": "A", "content": {"title": "Free shipping above 50"}}],
        },
        {
            "slug": "autumn-sale", "name": "Autumn sale", "status": "paused", "placement": "home-hero",
            "starts_at": (now - timedelta(days=60)).isoformat(), "ends_at": (now - timedelta(days=30)).isoformat(),
            "creatives": [{"name": "A", "content": text("Autumn sale", "20 % off", "Shop"), "link": f"{site}/sale"}],
        },
        {
            "slug": "spring-preview", "name": "Spring preview", "status": "draft", "placement": "home-hero",
            "creatives": [{"name": "A", "content": text("Spring", "Be the first to see it", "Look"), "link": home}],
        },
    ]  # fmt: skip
