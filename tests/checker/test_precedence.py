"""Which finding comes first, and which is left out."""

import pytest

from ownloss.checker import kinds
from ownloss.checker.findings import Symptom
from ownloss.checker.precedence import ORDER, most_telling

# Sign stands before scale in the order.
SCALE, SIGN = kinds()["scale"], kinds()["sign"]


def test_an_error_comes_before_a_warning():
    warning, error = SIGN.warning("may be"), SCALE.error("is")
    assert most_telling([warning, error]) == [error, warning]


def test_the_more_specific_comes_first():
    vague, specific = SCALE.error("a"), SIGN.error("b")
    assert most_telling([vague, specific]) == [specific, vague]


def test_an_aspect_has_a_place_of_its_own():
    given = kinds()["nan-trap"].error("a", aspect="given")
    special = kinds()["nan-trap"].error("b")
    between = kinds()["grad-output"].error("c")
    assert most_telling([special, between, given]) == [given, between, special]


def test_what_is_explained_is_left_out():
    cause = SIGN.error("b", explains=(Symptom.GRADIENT,))
    effect = SCALE.error("a", rests_on=(Symptom.GRADIENT,))
    assert most_telling([effect, cause]) == [cause]


def test_what_is_explained_in_part_stays():
    cause = SIGN.error("b", explains=(Symptom.GRADIENT,))
    effect = SCALE.error("a", rests_on=(Symptom.GRADIENT, Symptom.VALUE))
    assert most_telling([effect, cause]) == [cause, effect]


def test_what_has_no_place_is_refused():
    with pytest.raises(LookupError, match="'scale: nonsense' has no place"):
        most_telling([SCALE.error("a", aspect="nonsense")])


def test_an_entry_stands_once_in_the_order():
    assert len(ORDER) == len(set(ORDER))
