"""A softmax or a normalisation runs over the samples instead of the classes."""

from collections.abc import Iterator
from itertools import islice

from ownloss.checker.findings import Finding
from ownloss.checker.observation import Observation
from ownloss.checker.rules.wrong_axis.beside_reference import (
    meeting_unlike_reference,
    transposed_unlike_reference,
    unlike_reference,
)
from ownloss.checker.rules.wrong_axis.classes import (
    over_ctc,
    over_places,
    two_axes,
    unlike_labels,
)
from ownloss.checker.rules.wrong_axis.kind import KIND
from ownloss.checker.rules.wrong_axis.samples import (
    between_samples,
    centred_together,
    channels_of_all_images,
    mixture_of_samples,
    normalised_over_samples,
    over_samples,
    pairs_of_samples,
    statistic_of_samples,
    vectors_of_samples,
)

CALLS = 4

__all__ = ["CALLS", "KIND", "find"]


def find(seen: Observation) -> Iterator[Finding]:
    """Ask one question after the other, until one is answered."""
    if not seen.base.finite or not seen.inputs or seen.inputs[0].parameter:
        return
    if seen.reference.loss is not None and not seen.reference.differs:
        return
    judges = (
        unlike_labels,
        over_ctc,
        vectors_of_samples,
        transposed_unlike_reference,
        unlike_reference,
        over_samples,
        over_places,
        normalised_over_samples,
        between_samples,
        pairs_of_samples,
        centred_together,
        statistic_of_samples,
        channels_of_all_images,
        mixture_of_samples,
        two_axes,
        meeting_unlike_reference,
    )
    yield from islice((found for judge in judges for found in judge(seen)), 1)
