"""Webhooks: an account's servers are told when somebody enters or leaves a segment.

`outbox` makes messages of the history of memberships, each exactly once; `deliver` sends them until they are taken, at
least once and in no promised order; `post` is one request, to an address that `addresses` has let through.
"""
