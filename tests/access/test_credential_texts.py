"""What is no credential is refused before anybody asks the database."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from empla.access import credentials
from empla.access.credentials import PREFIX, Credential, Kind
from empla.errors import UnauthorizedError

KINDS: list[Kind] = ["key", "refresh", "link"]
_ids = st.binary(min_size=16, max_size=16).map(lambda raw: UUID(bytes=raw))
_secrets = st.binary(min_size=32, max_size=32)


def made(kind: Kind, ids: tuple[UUID, UUID, UUID], first: bytes, second: bytes) -> Credential:
    return Credential(kind, *ids, (first, second) if kind == "refresh" else (first,))


@given(st.sampled_from(KINDS), st.tuples(_ids, _ids, _ids), _secrets, _secrets)
def test_a_text_reads_as_it_was_written(kind: Kind, ids: tuple[UUID, UUID, UUID], first: bytes, second: bytes):
    credential = made(kind, ids, first, second)
    assert credentials.read(kind, credential.text) == credential
    assert credential.text.startswith(credential.shown)
    assert len(credential.shown) == len(PREFIX[kind]) + 8
    assert not {first.hex(), credential.text} & {repr(credential)}


@given(st.sampled_from(KINDS), st.tuples(_ids, _ids, _ids), _secrets, _secrets, st.integers(0, 200), st.characters())
def test_a_slip_of_the_pen_is_no_credential(
    kind: Kind, ids: tuple[UUID, UUID, UUID], first: bytes, second: bytes, place: int, sign: str
):
    text = made(kind, ids, first, second).text
    place %= len(text)
    for wrong in (
        text[:place] + sign + text[place + 1 :],
        text[:place],
        text + sign,
        text[:place] + sign + text[place:],
    ):
        if wrong != text:
            with pytest.raises(UnauthorizedError) as error:
                credentials.read(kind, wrong)
            assert str(error.value) == credentials.REFUSED


@given(st.sampled_from(KINDS), st.text(max_size=400))
def test_any_other_text_is_none(kind: Kind, text: str):
    for wrong in (text, PREFIX[kind] + text):
        with pytest.raises(UnauthorizedError):
            credentials.read(kind, wrong)


def test_one_kind_is_not_another():
    ids = (UUID(int=1), UUID(int=2), UUID(int=3))
    for kind in KINDS:
        for other in KINDS:
            text = made(kind, ids, b"s" * 32, b"t" * 32).text
            if other != kind:
                for wrong in (text, PREFIX[other] + text.removeprefix(PREFIX[kind])):
                    with pytest.raises(UnauthorizedError):
                        credentials.read(other, wrong)


def test_no_secret_is_shown():
    credential = made("key", (UUID(int=1), UUID(int=2), UUID(int=3)), b"s" * 32, b"")
    assert "ssss" not in repr(credential)
    assert len(credential.text) == 6 + 112
