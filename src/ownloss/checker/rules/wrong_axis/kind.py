"""What a wrong axis is, and how sure one can be of it."""

from typing import Any

from ownloss.checker.findings import Finding, Kind, Symptom
from ownloss.checker.observation import Observation

KIND = Kind(
    slug="wrong-axis",
    title="Over the wrong dimension",
    meaning="A softmax, a normalisation, a sort or a cumulative sum runs over the "
    "batch instead of the classes, or over time instead of the features: each sample "
    "competes with the others.",
    shows="The loss takes one label a sample, and the softmax that it calls runs over "
    "a dimension that the labels have, too. With a reference: the gradient at one "
    "place changes with others along a dimension, and that of the reference does not.",
    cure="Name the dimension of the classes: `log_softmax(dim=1)` for (N, C), "
    "`dim=-1` for (N, T, C).",
)


def say(seen: Observation, message: str, **details: Any) -> Finding:
    """An error where a reference says that it is one, else a warning."""
    severity = KIND.error if seen.reference.differs else KIND.warning
    usual = {"rests_on": (Symptom.AXIS,), "explains": (Symptom.VALUE, Symptom.GROWTH)}
    return severity(message, **{**usual, **details})
