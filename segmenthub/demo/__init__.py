"""The demo shop: an account that shows the product, made by a seeded generator, the same for the same instant.

catalogue   what the shop sells
shop        the account as `provision` reads it: platforms, segments, campaigns, token
behaviour   what visitors did in the last 90 days
load        puts it all into the database, in seconds
"""

from segmenthub.demo.load import load_demo

__all__ = ["load_demo"]
