"""The panel's pages of the account: its settings, platforms, attributes, users, API tokens and refused requests."""

from accounts.admin import configuration, members, refusals, tokens

__all__ = ["configuration", "members", "refusals", "tokens"]
