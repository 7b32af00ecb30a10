"""Puts the demo shop into the database: the account by `provision`, its events by the recording verb in batches."""

import io
import json
from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from random import Random
from typing import Any
from uuid import UUID

from django.db import transaction
from PIL import Image, ImageDraw, ImageFont

from accounts.models import Account
from accounts.snapshot import Configuration, configuration
from adserver import media
from cdp.identifiers import name
from cdp.identity import record_and_identify
from cdp.models import Profile
from dmp.attributes import write_all
from dmp.segments.build import build_now
from segmenthub.demo import shop
from segmenthub.demo.behaviour import Behaviour, Person, people
from segmenthub.demo.catalogue import SEED, products
from segmenthub.demo.showings import show
from segmenthub.provision import parse, provision

BATCH = 2000


def load_demo(now: datetime) -> dict[str, Any]:
    """Makes the demo account as it would be at `now`. Gives what `manage.py demo` prints; an account that exists
    already is left as it is."""
    told = {"account": shop.ACCOUNT, "email": shop.EMAIL, "password": shop.PASSWORD}
    with transaction.atomic():
        if Account.objects.filter(pk=shop.ACCOUNT).exists():
            return told | {"token": None, "created": False}
        made = provision(parse(json.dumps(shop.BASE).encode()))
        draw_picture()
        live = {"account": {"id": shop.ACCOUNT}, "campaigns": shop.campaigns(now)}
        provision(parse(json.dumps(live).encode()))
        found = configuration(UUID(shop.ACCOUNT))
        assert found is not None
        fill(found, now)
    build_now(found.id)
    built = configuration(found.id)
    assert built is not None
    show(built, now, Random(SEED))  # noqa: S311
    return told | {"token": made.tokens[shop.TOKEN], "created": True}


def fill(found: Configuration, now: datetime) -> None:
    random = Random(SEED)  # noqa: S311  # the demo is the same each time
    everyone = people(random)
    behaviour = Behaviour(random, products(), now)
    events = behaviour.events(everyone)
    while batch := list(islice(events, BATCH)):
        record_and_identify(found, batch, behaviour.names, now, imported=True)
    describe(found, everyone, behaviour, now)


def describe(found: Configuration, everyone: list[Person], behaviour: Behaviour, now: datetime) -> None:
    """Attributes of those who became known."""
    wanted: dict[UUID, list[dict[str, list[Any]]]] = {
        key: [
            {
                "email": [person.email],
                "firstName": [person.first],
                "lastName": [person.last],
                "birthDate": [person.born.isoformat()],
                "country": [person.country],
                "newsletter": [person.newsletter],
                "consent.ads": [person.newsletter],
            }
        ]
        for person, key in known(found, everyone, behaviour)
    }
    write_all(Profile, wanted, "demo", now)


def known(found: Configuration, everyone: list[Person], behaviour: Behaviour) -> Iterator[tuple[Person, UUID]]:
    for person in everyone:
        if person.email and (said := name(found.id, person.email)).key in behaviour.names:
            yield person, said.key


def draw_picture() -> None:
    """The picture of the VIP campaign: an evening sky over hills."""
    size = 1200, 400
    image = Image.new("RGB", size)
    draw = ImageDraw.Draw(image)
    for y in range(size[1]):
        part = y / size[1]
        draw.line([(0, y), (size[0], y)], fill=(int(40 + 200 * part), int(30 + 110 * part), int(90 + 30 * part)))
    for number, colour in enumerate(((70, 50, 90), (50, 36, 70), (32, 24, 50))):
        base = 250 + number * 45
        points = [(x, base + ((x * (3 + number)) // 7 % 160 - 80) ** 2 // 90) for x in range(0, size[0] + 40, 40)]
        draw.polygon([(0, size[1]), *points, (size[0], size[1])], fill=colour)
    draw.text((70, 90), "Early access", font=ImageFont.load_default(84), fill="white")
    draw.text(
        (74, 195), "For our best customers, a day before all others", font=ImageFont.load_default(34), fill="white"
    )
    file = io.BytesIO()
    image.save(file, "PNG")
    account = Account.objects.get(pk=shop.ACCOUNT)
    media.store(account, file, name=shop.PICTURE, alt="Early access for our best customers")
