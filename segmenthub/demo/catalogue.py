"""What the demo shop sells: shoes, clothes and gear for the outdoors, with prices in its own currency."""

from decimal import Decimal
from random import Random
from typing import NamedTuple

BRANDS = ("Nordlys", "Alba", "Trailhead", "Kestrel", "Marlow & Finch", "Sundown")
KINDS = {
    "Women > Shoes": (("Trail runner", 129), ("City sneaker", 89), ("Ankle boot", 159), ("Sandal", 59)),
    "Men > Shoes": (("Trail runner", 135), ("Leather sneaker", 109), ("Hiking boot", 189), ("Slip-on", 65)),
    "Women > Jackets": (("Rain shell", 179), ("Down jacket", 249), ("Fleece", 99)),
    "Men > Jackets": (("Rain shell", 185), ("Down jacket", 259), ("Softshell", 139)),
    "Outdoor > Packs": (("Day pack", 79), ("Trekking pack", 199), ("Hip bag", 35)),
    "Outdoor > Camping": (("Two-person tent", 329), ("Sleeping bag", 149), ("Stove", 69), ("Head torch", 39)),
    "Accessories > Hats": (("Beanie", 29), ("Cap", 25)),
    "Accessories > Socks": (("Hiking socks", 19), ("Merino socks", 22)),
}


class Product(NamedTuple):
    sku: str
    name: str
    price: Decimal
    brand: str
    breadcrumb: str
    category: str

    @property
    def path(self) -> str:
        return f"/{self.category}/{self.sku.lower()}"


def products(random: Random) -> list[Product]:
    """Two or three brands of each kind."""
    found: list[Product] = []
    for place, kinds in KINDS.items():
        category = place.split(" > ")[1].lower()
        for name, price in kinds:
            for brand in random.sample(BRANDS, random.choice((2, 3))):
                cents = Decimal(price) * Decimal(random.randrange(85, 125)) / 100
                sku = f"{category[:2].upper()}-{1001 + len(found)}"
                shown = cents.quantize(Decimal(1)) - Decimal("0.10")
                found.append(Product(sku, f"{brand} {name}", shown, brand, f"Home > {place} > {name}", category))
    return found
