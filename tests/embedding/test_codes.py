"""Codes keep angles, and stay what they are: they are stored, and compared with those of years ago."""

import json
from typing import Any

import numpy as np
import pytest
from driving import law
from hypothesis import given
from hypothesis import strategies as st

from empla.embedding.codes import BITS, checked, codes, literals
from empla.embedding.embedder import MOST_DIMENSIONS, Vectors, model_id, normalised
from empla.errors import InvalidError


def bits(vectors: Vectors) -> Any:
    return np.array([[bit == "1" for bit in code] for code in codes(vectors)])


@pytest.mark.parametrize("dimensions", [8, 64, 256, 300, 768, 1024])
@pytest.mark.parametrize("angle", [0.1, 0.6, 1.2, np.pi / 2, 2.5])
def test_two_codes_differ_as_their_angle(dimensions: int, angle: float):
    numbers = np.random.default_rng(7).normal(size=(2, 300, dimensions)).astype(np.float32)
    one = normalised(numbers[0])
    across = normalised(numbers[1] - (numbers[1] * one).sum(1, keepdims=True) * one)
    other = normalised(np.cos(angle) * one + np.sin(angle) * across)
    share = (bits(one) != bits(other)).mean(1)
    deviation = np.sqrt(angle / np.pi * (1 - angle / np.pi) / BITS)  # of independent projections, at most
    assert abs(share.mean() - angle / np.pi) < 0.005
    assert share.std() < 1.2 * deviation
    assert np.abs(share - angle / np.pi).max() < 6 * deviation


def test_every_bit_tells_something():
    half = bits(normalised(np.random.default_rng(3).normal(size=(2000, 256)).astype(np.float32)))
    assert half.shape == (2000, BITS)
    assert np.abs(half.mean(0) - 0.5).max() < 0.06  # each is set in half of all
    correlated = np.abs(np.corrcoef(half.T.astype(np.float32)) - np.eye(BITS))
    assert correlated.max() < 0.4


def test_opposite_vectors_have_opposite_codes_and_length_does_not_matter():
    vectors = np.random.default_rng(5).normal(size=(20, 256)).astype(np.float32)
    assert (bits(vectors) != bits(-vectors)).all()
    assert codes(vectors) == codes(vectors * np.float32(1000))
    assert codes(np.zeros((1, 256), np.float32)) == ["0" * BITS]


@pytest.mark.parametrize(
    ("dimensions", "expected"),
    [
        (256,
         "1003820cb8c68105a5e542001522cbde853fcdcbc2dfe785a4341590571a8fc0f0c2f9cb0f8906dea736bf2a0827d820310f2f0ab9f156b45125eb5355e0d247"),
        (1024,
         "71a1d40afcf60958a747c2114008ecce05524adf93e073f5b6b913d8148fddbeb34c9bc947c3929e737e1542aa236d411014948a22ab72c766d4ec9c99e1537d"),
    ],
)  # fmt: skip
def test_the_code_of_a_vector_never_changes(dimensions: int, expected: str):
    """A red test here means that every code in every database is wrong: re-embed, or take the change back."""
    vector = np.array([[number * 37 % 101 - 50 for number in range(1, dimensions + 1)]], np.float32)
    assert f"{int(codes(vector)[0], 2):0128x}" == expected


def test_a_code_does_not_depend_on_what_is_beside_it():
    vectors = np.random.default_rng(9).normal(size=(50, 256)).astype(np.float32)
    assert codes(vectors) == [codes(vector.reshape(1, -1))[0] for vector in vectors]
    padded = np.zeros((50, BITS), np.float32)
    padded[:, :256] = vectors
    assert codes(padded) == codes(vectors)


def test_vectors_are_written_as_numbers_all_of_one_width():
    rows = np.array([[0.6, -0.8, 0, 0], [0, 0, 0, 0], [1 / 3, 0, 1e-9, 1e-9]], np.float32)
    assert literals(rows) == ["[0.6, -0.8, 0.0, 0.0]", "[0.0, 0.0, 0.0, 0.0]", "[0.333333, 0.0, 0.0, 0.0]"]
    vectors = normalised(np.random.default_rng(1).normal(size=(20, 1024)).astype(np.float32))
    read = np.array([json.loads(literal) for literal in literals(vectors)])
    assert np.abs(read - vectors).max() < 1e-6


@law(300)
@given(
    st.lists(st.floats(-1e6, 1e6, width=32), min_size=1, max_size=MOST_DIMENSIONS).filter(
        lambda numbers: max(map(abs, numbers)) > 1e-6
    )
)
def test_a_vector_from_outside_is_one_row_of_length_1(numbers: list[float]):
    row = checked(numbers)
    assert (row.shape, row.dtype) == ((1, len(numbers)), np.float32)
    assert abs(float(np.linalg.norm(row.astype(np.float64))) - 1) < 1e-5
    assert (np.sign(row[0]) * np.sign(np.array(numbers, np.float32)) >= 0).all()


@pytest.mark.parametrize(
    "vector", [[3e300, 4e300], [3e-300, 4e-300], [3, 4], np.array([3, 4], np.float16), (3.0, 4.0)], ids=repr
)
def test_a_vector_of_any_length_has_a_direction(vector: Any):
    assert checked(vector)[0].tolist() == [np.float32(0.6), np.float32(0.8)]


@pytest.mark.parametrize(
    ("vector", "said"),
    [
        ([], "a vector has 1 to 1024 numbers"),
        ([1.0] * 1025, "a vector has 1 to 1024 numbers"),
        ([[1.0, 2.0]], "a vector has 1 to 1024 numbers"),
        (np.ones((2, 2)), "a vector has 1 to 1024 numbers"),
        (3.0, "a vector has 1 to 1024 numbers"),
        ([1.0, float("nan")], "a vector is made of finite numbers"),
        ([1.0, float("inf")], "a vector is made of finite numbers"),
        ([0.0, 0.0, -0.0], "a vector of zeros has no direction"),
        (["one"], "a vector is a list of numbers"),
        ([[1.0], [1.0, 2.0]], "a vector is a list of numbers"),
        ({"a": 1}, "a vector is a list of numbers"),
        ([10**400], "a vector is a list of numbers"),
        ([True, False], "a vector is a list of numbers"),
        (["1.5", "2"], "a vector is a list of numbers"),
        ([1 + 2j], "a vector is a list of numbers"),
        (None, "a vector is a list of numbers"),
    ],
    ids=lambda each: repr(each)[:30],
)
def test_what_is_no_vector_is_refused_with_one_sentence(vector: Any, said: str):
    with pytest.raises(InvalidError) as raised:
        checked(vector)
    assert str(raised.value) == said


def test_a_models_number_is_of_its_name_and_fits():
    assert model_id("wordllama-256@0.2.2.post0") == 1383193298
    assert min(model_id(str(number)) for number in range(1000)) >= 0
    assert max(model_id(str(number)) for number in range(1000)) < 2**31
