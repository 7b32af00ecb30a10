"""The demo shop at `/demo/`: pages of the demo account's shop, with the SDK as any shop has it, and what its side panel
reads. Nobody has a session here: cart and login are cookies of the page's own script."""

import json
import re
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any, NamedTuple
from urllib.parse import unquote
from uuid import UUID

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST, require_safe

from accounts.body import read_object
from accounts.clock import now
from accounts.door import error_response
from accounts.errors import ApiError, NotFound
from accounts.snapshot import Configuration, configuration
from adserver.views import read_query
from dmp.incoming import visitor_id
from dmp.values import wrong
from segmenthub.demo import seen, shop
from segmenthub.demo.catalogue import Product, products

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "frame-src 'self'; font-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
CATEGORIES = {
    "shoes": "From the first kilometre to the last tram home.",
    "jackets": "Rain, wind, frost: there is one for it.",
    "packs": "For a day, for a month, for the keys.",
    "camping": "A roof, a stove, a light.",
    "hats": "Ears and noses, taken care of.",
    "socks": "The most underrated piece of gear.",
}
COLLECTIONS: dict[str, tuple[str, str, Callable[[Product], bool]]] = {
    "sale": (
        "Winter sale",
        "Up to 30 % off what the season leaves behind.",
        lambda product: int(product.sku[-1]) % 3 == 0,
    ),
    "early-access": ("Early access", "For our best customers, a day before all others.", lambda p: p.price > 150),
}
MOST_PIECES = 9
ORDER = re.compile(r"DEMO-[A-Z0-9]{8}")
LOGINS = (
    ("VIP", "Spent 600 or more in the last 90 days"),
    ("Churn", "Bought before, but not in the last 45 days"),
    ("Newsletter", "Asked for the newsletter"),
)
View = Callable[..., HttpResponse]


class Line(NamedTuple):
    product: Product
    pieces: int

    @property
    def total(self) -> Decimal:
        return self.product.price * self.pieces


def demo() -> Configuration | None:
    """The demo account, None where it is not: then there is no shop."""
    found = configuration(UUID(shop.ACCOUNT))
    return found if found is not None and found.active else None


def page(view: View) -> View:
    """Serves a page where the demo account is, under a policy that lets in nothing that is inline or from elsewhere."""

    @require_safe
    def served(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        response = view(request, *args, **kwargs) if demo() else missing(request)
        response["Content-Security-Policy"] = POLICY
        response["Cache-Control"] = "no-store"
        return response

    return served


def missing(request: HttpRequest) -> HttpResponse:
    return render(request, "demo/missing.html", {"has_shop": demo() is not None}, status=404)


def show(request: HttpRequest, template: str, event: dict[str, Any] | None = None, **context: Any) -> HttpResponse:
    """A page that sends `event` when it is looked at, else a page view."""
    common = {
        "account": shop.ACCOUNT,
        "platform": shop.WEB,
        "event": json.dumps(event or {"event": "pageView"}, default=float),
        "categories": CATEGORIES,
        "user": unquote(request.COOKIES.get("demo_user", ""))[:255],
        "pieces": sum(line.pieces for line in cart_of(request)),
    }
    return render(request, f"demo/{template}.html", common | context)


def cart_of(request: HttpRequest) -> list[Line]:
    """The lines of the cookie `demo_cart`, such as SH-1001*2~JA-1020*1; what cannot be read is left out."""
    known = {product.sku: product for product in products()}
    said = (part.partition("*") for part in request.COOKIES.get("demo_cart", "").split("~"))
    return [
        Line(known[sku], min(int(pieces), MOST_PIECES))
        for sku, _, pieces in said
        if sku in known and re.fullmatch("[1-9]", pieces)
    ]


def total(lines: Iterable[Line]) -> Decimal:
    return sum((line.total for line in lines), Decimal(0))


@page
def home(request: HttpRequest) -> HttpResponse:
    picked = [next(p for p in products() if p.kind.art == art) for art in ("down", "runner", "tent", "shell", "trek")]
    more = [p for p in products() if p.category in ("jackets", "shoes", "hats", "camping") and p not in picked]
    return show(request, "home", products=[*picked, *more[::4]][:11])


@page
def category(request: HttpRequest, category: str) -> HttpResponse:
    if category in CATEGORIES:
        found = [product for product in products() if product.category == category]
        return show(request, "category", title=category.title(), text=CATEGORIES[category], products=found)
    if category in COLLECTIONS:
        title, text, fits = COLLECTIONS[category]
        return show(request, "category", title=title, text=text, products=list(filter(fits, products())))
    return missing(request)


@page
def product(request: HttpRequest, category: str, sku: str) -> HttpResponse:
    found = next((one for one in products() if one.path == f"/{category}/{sku}"), None)
    if found is None:
        return missing(request)
    event = {"event": "productView", "sku": found.sku, "price": found.price, "brand": found.brand}
    event |= {"breadcrumb": found.breadcrumb, "category": found.category}
    others = [one for one in products() if one.category == category and one != found]
    return show(request, "product", event, product=found, others=others[:4])


@page
def cart(request: HttpRequest) -> HttpResponse:
    lines = cart_of(request)
    return show(request, "cart", lines=lines, total=total(lines))


@page
def checkout(request: HttpRequest) -> HttpResponse:
    lines = cart_of(request)
    return show(request, "checkout", lines=lines, total=total(lines)) if lines else redirect("/demo/cart")


@page
def done(request: HttpRequest) -> HttpResponse:
    """The order is what lies in the cart; the page's script empties it, so that a reload orders nothing."""
    order, lines = request.GET.get("order", ""), cart_of(request)
    if not ORDER.fullmatch(order):
        return redirect("/demo/cart")
    event = {"event": "purchase", "orderId": order, "orderTotal": total(lines)}
    event["purchasedItems"] = [line.product.sku for line in lines for _ in range(line.pieces)]
    return show(request, "done", event if lines else None, order=order, lines=lines, total=total(lines), pieces=0)


@page
def login(request: HttpRequest) -> HttpResponse:
    found = demo()
    assert found is not None  # else there is no page
    people = [(segment, text, seen.somebody(found, segment, now())) for segment, text in LOGINS]
    return show(request, "login", people=[one for one in people if one[2]])


def answers(view: Callable[[HttpRequest, Configuration], Any]) -> View:
    """Serves JSON where the demo account is; whatever happens it is the API's envelope."""

    def answered(request: HttpRequest) -> HttpResponse:
        try:
            found = demo()
            if found is None:
                raise NotFound
            response: HttpResponse = JsonResponse(view(request, found))
        except ApiError as error:
            response = error_response(error)
        response["Cache-Control"] = "no-store"
        return response

    return answered


@require_safe
@answers
def look(request: HttpRequest, found: Configuration) -> Any:
    """`?visitor=`: who that is now."""
    return seen.seen(found, visitor_id({"visitorId": request.GET.get("visitor")}), now())


@csrf_exempt  # it changes nothing
@require_POST
@answers
def explain(request: HttpRequest, found: Configuration) -> Any:
    """The body is an event as it was sent, with `shown`: the campaigns that it was answered with."""
    body = read_object(request)
    shown = body.pop("shown", [])
    if not isinstance(shown, list):
        raise wrong("shown", "wrong_type", "is a list of slugs")
    found, query = read_query(request, found, body)
    return {"placements": seen.why(found, query, shown)}
