"""What the demo shop sells: shoes, clothes and gear for the outdoors, with prices in its own currency."""

from decimal import Decimal
from functools import cache
from random import Random
from typing import NamedTuple

SEED = 20
BRANDS = ("Nordlys", "Alba", "Trailhead", "Kestrel", "Marlow & Finch", "Sundown")
TONES = dict(zip(BRANDS, ("fjord", "rose", "pine", "slate", "sand", "ember"), strict=True))


class Kind(NamedTuple):
    """`art` is the drawing that shows it."""

    name: str
    price: int
    art: str
    text: str


KINDS = {
    "Women > Shoes": (
        Kind("Trail runner", 129, "runner", "Grips on wet rock and still feels light after thirty kilometres."),
        Kind("City sneaker", 89, "sneaker", "Soft leather, stitched sole: for the way to work and the way back."),
        Kind("Ankle boot", 159, "boot", "Waxed leather that gets better with each winter."),
        Kind("Sandal", 59, "sandal", "Two straps and a cork bed. Summer needs no more."),
    ),
    "Men > Shoes": (
        Kind("Trail runner", 135, "runner", "Grips on wet rock and still feels light after thirty kilometres."),
        Kind("Leather sneaker", 109, "sneaker", "Full-grain leather with nothing on it that does not have to be."),
        Kind("Hiking boot", 189, "boot", "A firm ankle, a sole that can be renewed, and years of paths."),
        Kind("Slip-on", 65, "slipon", "For the hut, the harbour and the stairs down to the bakery."),
    ),
    "Women > Jackets": (
        Kind("Rain shell", 179, "shell", "Three layers that keep a day of rain outside. Packs into its pocket."),
        Kind("Down jacket", 249, "down", "Warm as a stove at 390 grams, filled with traceable down."),
        Kind("Fleece", 99, "fleece", "Recycled and soft; the layer that stays on."),
    ),
    "Men > Jackets": (
        Kind("Rain shell", 185, "shell", "Three layers that keep a day of rain outside. Packs into its pocket."),
        Kind("Down jacket", 259, "down", "Warm as a stove at 410 grams, filled with traceable down."),
        Kind("Softshell", 139, "fleece", "Keeps off wind and breathes uphill."),
    ),
    "Outdoor > Packs": (
        Kind("Day pack", 79, "pack", "22 litres, a pocket for the bottle and one for the map."),
        Kind("Trekking pack", 199, "trek", "60 litres that sit on the hips and not on the shoulders."),
        Kind("Hip bag", 35, "hip", "Keys, phone, an apple."),
    ),
    "Outdoor > Camping": (
        Kind("Two-person tent", 329, "tent", "Stands in three minutes and through the storm after them."),
        Kind("Sleeping bag", 149, "bag", "Comfortable down to minus four."),
        Kind("Stove", 69, "stove", "Boils a litre in three minutes, also in the wind."),
        Kind("Head torch", 39, "torch", "400 lumens and a red light that wakes nobody."),
    ),
    "Accessories > Hats": (
        Kind("Beanie", 29, "beanie", "Merino, knitted in one piece."),
        Kind("Cap", 25, "cap", "Keeps the sun out of the summit."),
    ),
    "Accessories > Socks": (
        Kind("Hiking socks", 19, "socks", "No seam where it would rub."),
        Kind("Merino socks", 22, "socks", "Warm when wet, fresh for days."),
    ),
}


class Product(NamedTuple):
    sku: str
    name: str
    price: Decimal
    brand: str
    breadcrumb: str
    category: str
    kind: Kind

    @property
    def path(self) -> str:
        return f"/{self.category}/{self.sku.lower()}"

    @property
    def tone(self) -> str:
        return TONES[self.brand]

    @property
    def department(self) -> str:
        return self.breadcrumb.split(" > ")[1]


@cache
def products() -> list[Product]:
    """Two or three brands of each kind, the same each time."""
    random = Random(SEED)  # noqa: S311
    found: list[Product] = []
    for place, kinds in KINDS.items():
        category = place.split(" > ")[1].lower()
        for kind in kinds:
            for brand in random.sample(BRANDS, random.choice((2, 3))):
                cents = Decimal(kind.price) * Decimal(random.randrange(85, 125)) / 100
                sku = f"{category[:2].upper()}-{1001 + len(found)}"
                shown = cents.quantize(Decimal(1)) - Decimal("0.10")
                name, breadcrumb = f"{brand} {kind.name}", f"Home > {place} > {kind.name}"
                found.append(Product(sku, name, shown, brand, breadcrumb, category, kind))
    return found
