"""Whether the order of the samples carries meaning."""

from itertools import pairwise

import torch
from torch import Tensor

from ownloss.checker.observation import Observation
from ownloss.checker.roles import Role
from ownloss.checker.trace import Call

_POWERS = ("pow", "__pow__", "__rpow__", "float_power", "exp", "exp2")


def by_design(seen: Observation) -> bool:
    """Whether the samples are steps, or something else names them by their places."""
    return _is_a_sequence(seen) or _names_samples(seen)


def _is_a_sequence(seen: Observation) -> bool:
    """Whether the samples are steps, of which each is taken after the one before."""
    return (
        seen.layout.takes_steps
        or any(seen.graph.goes_through(x) for x in seen.batch.arguments)
        or any(_fades(seen, call) for call in seen.graph.trace.named(*_POWERS))
        or any(map(_is_triangular, _squares(seen)))
        or _starts_are_listed(seen)
    )


def _names_samples(seen: Observation) -> bool:
    """Whether something names the samples by their places, or is drawn for each."""
    # With random numbers for each sample, another one has others when shuffled.
    return (
        any(seen.batch.size in call.result.shape for call in seen.graph.draws)
        or any(seen.graph.picks_rows(x) or x.names_every_place for x in seen.arguments)
        or _each_has_its_own(seen)
    )


def _fades(seen: Observation, call: Call) -> bool:
    """Whether a call makes weights that fall by a factor from one sample to the next.

    Such are a discount of later steps and a kernel that fades with the time between
    two steps: powers of a number, or exponentials, of what no input is a part of.
    """
    weights = call.result
    if not isinstance(weights, Tensor) or not weights.is_floating_point():
        return False
    if any(seen.graph.origins.get(id(tensor)) for tensor in call.tensors):
        return False
    levels = weights.detach().flatten().unique()
    ratios = levels[1:] / levels[:-1]
    steps = abs(len(levels) - seen.batch.size) <= 1
    return steps and torch.allclose(ratios, ratios[:1], rtol=1e-3)


def _squares(seen: Observation) -> list[Tensor]:
    """The gradients of the inputs with a number for each pair of samples."""
    pairs = (seen.batch.size, seen.batch.size)
    gradients = seen.base_backward.values
    return [g for g in gradients if g is not None and g.shape == pairs]


def _is_triangular(gradient: Tensor) -> bool:
    """Whether only what lies on one side of the diagonal counts."""
    above, below = gradient.triu(1).any(), gradient.tril(-1).any()
    return bool(above != below)


def _starts_are_listed(seen: Observation) -> bool:
    """Whether a list of numbers says at which rows episodes or documents start."""
    size = seen.batch.size
    for given in (*seen.args, *seen.kwargs.values()):
        if not isinstance(given, (list, tuple)) or len(given) < 2:
            continue
        if not all(type(place) is int for place in given) or given[0] != 0:
            continue
        rises = all(a < b for a, b in pairwise(given))
        if rises and given[-1] <= size and len(given) != size:
            return True
    return False


def _each_has_its_own(seen: Observation) -> bool:
    """Whether scores of all pairs are labelled 0, 1, 2: each goes with its own."""
    size = seen.batch.size
    pairs = any(
        call.shapes[0] == (size, size) and call.attached
        for call in seen.graph.trace.named("cross_entropy", "nll_loss", "log_softmax")
    )
    own = list(range(size))
    return pairs and any(
        x.role is Role.LABELS and x.value.tolist() == own for x in seen.arguments
    )
