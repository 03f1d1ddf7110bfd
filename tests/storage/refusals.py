"""How a bad state is told: one sentence that says what to do, and no secret."""

from collections.abc import Generator
from contextlib import contextmanager

import pytest

from empla.errors import EmplaError, UnavailableError

SECRET = "topsecret"


@contextmanager
def refused(*words: str, kind: type[EmplaError] = UnavailableError) -> Generator[None]:
    """One sentence with these words in it, and without the password."""
    with pytest.raises(kind) as caught:
        yield
    sentence = str(caught.value)
    for word in words:
        assert word in sentence
    assert "\n" not in sentence
    assert SECRET not in sentence
