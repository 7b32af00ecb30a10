"""Webhooks: an account's servers are told when somebody enters or leaves a segment.

Who writes history marks each change that a webhook asked for, in the same statement; `outbox` makes messages of what is
marked, each once, however late it was committed; `deliver` sends them until they are taken, at least once and in no
promised order; `post` is one request, to an address that `addresses` has let through.
"""


def untold(account: str, segment: str) -> str:
    """SQL: whether a webhook is to be told of a change of this segment. Asked for rows that are written alone, so that
    it costs nothing where nobody enters or leaves."""
    return f"""EXISTS (SELECT FROM dmp_webhook w WHERE w.account_id = {account} AND w.active
        AND (w.segment_id IS NULL OR w.segment_id = {segment}))"""
