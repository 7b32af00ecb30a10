"""Which tables can be spread over machines, and by which column: the rules that keep it possible are guarded by
tests/segmenthub/test_scale.py."""

HOT = {
    "dmp_visitor": "key",
    "dmp_event": "visitor",
    "dmp_once": "key",
    "dmp_membership": "person",
    "dmp_membership_change": "person",
    "cdp_profile": "key",
    "cdp_identifier": "key",
    "cdp_link": "visitor",
    "cdp_device": "profile",
    "adserver_mark": "unit",
    "adserver_conversion": "visitor",
}
"""Tables of people and of what they do, with the column by which they are spread. Each primary and unique key holds it;
no foreign key, trigger or sequence belongs to them."""
