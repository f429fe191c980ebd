"""Which finding comes first, and which is left out."""

import importlib
import pkgutil
from pathlib import Path

from ownloss.check import kinds, rules
from ownloss.check.explaining import Symptom, most_telling

SCALE, SIGN = kinds()["scale"], kinds()["sign"]


def test_an_error_comes_before_a_warning():
    warning = SCALE.warning("may be", weight=99)
    error = SIGN.error("is", weight=1)
    assert most_telling([warning, error]) == [error, warning]


def test_the_more_specific_comes_first():
    vague, specific = SCALE.error("a", weight=10), SIGN.error("b", weight=20)
    assert most_telling([vague, specific]) == [specific, vague]


def test_what_is_explained_is_left_out():
    cause = SIGN.error("b", explains=(Symptom.GRADIENT,), weight=20)
    effect = SCALE.error("a", rests_on=(Symptom.GRADIENT,), weight=10)
    assert most_telling([effect, cause]) == [cause]


def test_what_is_explained_in_part_stays():
    cause = SIGN.error("b", explains=(Symptom.GRADIENT,), weight=20)
    effect = SCALE.error("a", rests_on=(Symptom.GRADIENT, Symptom.VALUE), weight=10)
    assert most_telling([effect, cause]) == [cause, effect]


def test_no_rule_knows_another():
    for module in pkgutil.iter_modules(rules.__path__):
        path = Path(importlib.import_module(f"{rules.__name__}.{module.name}").__file__)
        assert "ownloss.check.rules" not in path.read_text(encoding="utf-8")
        assert path.stem.replace("_", "-") in kinds()
