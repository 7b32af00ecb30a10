"""Rules tried on people who are written in a file: `manage.py evaluate`.

A line is {rule, timezone, now, attributes, segments, events: [{event, time, ...}]}. Nothing is defined for it before:
types follow from the values in the line and in its rule.

attributes   {name: value | [values] | {"values": [...], "changed": time}}
segments     [name | {"name", "entered_at"}] or {name: entered_at}: those that the person is in, since first seen where
             no time is given
first_seen   time; else that of the first event; else now
bucket       what `sample` hashes, the visitorId of a real person
"""
