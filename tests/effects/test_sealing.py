"""A sealed secret opens with its key, in its place, unchanged; and in no other way."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from empla.errors import EmplaError, InvalidError, UnavailableError
from empla.sealing import Keyring, new_key

KEYS = [new_key() for _ in range(3)]


def ring(*keys: str) -> Keyring:
    return Keyring.parse(SecretStr(",".join(keys)))


@given(secret=st.text(), context=st.text())
def test_what_was_sealed_opens_in_its_place_alone(secret: str, context: str):
    keys = ring(KEYS[0])
    sealed = keys.seal(secret, context=context)
    assert keys.open(sealed, context=context).get_secret_value() == secret
    with pytest.raises(InvalidError, match="another place"):
        keys.open(sealed, context=f"{context}x")
    assert keys.seal(secret, context=context) != sealed


@given(data=st.data())
def test_a_changed_byte_is_noticed(data: st.DataObject):
    keys = ring(KEYS[0])
    sealed = bytearray(keys.seal("password", context="acme/smtp"))
    sealed[data.draw(st.integers(0, len(sealed) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises(EmplaError):
        keys.open(bytes(sealed), context="acme/smtp")
    whole = keys.seal("password", context="acme/smtp")
    with pytest.raises(InvalidError):
        keys.open(whole[: data.draw(st.integers(0, len(whole) - 1))], context="acme/smtp")


def test_keys_are_rotated():
    old = ring(KEYS[0]).seal("password", context="c")
    both = ring(KEYS[1], KEYS[0])
    assert both.open(old, context="c").get_secret_value() == "password"
    assert both.needs_resealing(old)
    new = both.seal("password", context="c")
    assert not both.needs_resealing(new)
    only = ring(KEYS[1])
    assert only.open(new, context="c").get_secret_value() == "password"
    with pytest.raises(UnavailableError, match="was sealed with a key that EMPLA_SECRET_KEYS no longer holds"):
        only.open(old, context="c")


def test_a_key_may_lack_its_padding_and_have_space_around_it():
    keys = ring(f" {KEYS[0].rstrip('=')} ", f"\n{KEYS[1]}")
    assert keys.open(ring(KEYS[1]).seal("s", context="c"), context="c").get_secret_value() == "s"


@pytest.mark.parametrize(
    "text",
    ["", ",", KEYS[0] + ",", "short", KEYS[0][:-4], KEYS[0] + "AAAA", "ключ", "*" * 43, KEYS[0] * 2, f"{KEYS[0]} {KEYS[1]}",
     f"{KEYS[0]},{KEYS[0]}", base64.standard_b64encode(b"\xff" * 32).decode()],
    ids=list("abcdefghijkl"),  # the keys differ from run to run
)  # fmt: skip
def test_malformed_keys_are_refused_and_not_shown(text: str):
    with pytest.raises(InvalidError, match="EMPLA_SECRET_KEYS") as refused:
        Keyring.parse(SecretStr(text))
    assert not any(part in str(refused.value) for part in text.split(",") if len(part) > 4)
    assert refused.value.__cause__ is None


def test_no_key_is_shown():
    keys = ring(*KEYS)
    assert repr(keys) == str(keys) == "Keyring(3 keys)"
    sealed = keys.seal("password", context="c")
    assert b"password" not in sealed
    assert "password" not in repr(keys.open(sealed, context="c"))
