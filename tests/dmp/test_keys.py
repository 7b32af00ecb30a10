"""Keys of people: one for each account, kind and name, never the same for two."""

from uuid import UUID, uuid5

from hypothesis import given
from hypothesis import strategies as st

from dmp.keys import key

parts = st.tuples(st.uuids(), st.sampled_from("vpoe"), st.text())


@given(parts, parts)
def test_different_things_have_different_keys(one, other):
    assert (key(*one) == key(*other)) == (one == other)


@given(parts)
def test_a_key_is_the_uuid5_of_account_kind_and_name(thing):
    account, kind, name = thing
    assert key(account, kind, name) == uuid5(account, f"{kind}:{name}")
    assert isinstance(key(account, kind, name), UUID)
