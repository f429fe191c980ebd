"""Whether samples are compared, normalised or summed up with one another."""

import math
from collections.abc import Iterator
from typing import Any

from torch import Tensor

from ownloss.checker.copies import cast
from ownloss.checker.findings import Finding, Symptom
from ownloss.checker.measures.axes import NORMALISING, PICKING, SOFTMAX, along
from ownloss.checker.observation import Observation
from ownloss.checker.rules.wrong_axis.kind import KIND, say
from ownloss.checker.trace import Call
from ownloss.checker.wording import apart


def over_samples(seen: Observation) -> Iterator[Finding]:
    """A softmax over the batch: with every sample twice the loss halves."""
    size = seen.batch.size
    calls = [c for c in seen.graph.trace.named(*NORMALISING) if c.attached]
    over = [(call, along(call)) for call in calls]
    if not over or any(dim != 0 or len(c.shapes[0]) < 2 for c, dim in over):
        return
    call = over[0][0]
    halves = math.isclose(seen.batch.growth(2), 1 / 2, rel_tol=1e-5)
    if call.shapes[0][0] == size and call.shapes[0][-1] > 1 and halves:
        yield KIND.error(
            f"`{call.name}` ({call.where}) runs over dimension 0 of "
            f"{call.shapes[0]}, the batch: the samples compete with one another, and "
            "the loss halves when every sample is taken twice.",
            cure="Pass dim=-1.",
            where=call.where,
            rests_on=(Symptom.AXIS,),
            explains=(Symptom.VALUE, Symptom.GROWTH),
        )


def normalised_over_samples(seen: Observation) -> Iterator[Finding]:
    """Vectors whose components are made 1 long over the batch."""
    calls = [
        (call, call.result)
        for call in seen.graph.trace.named("normalize", "cosine_similarity")
        if along(call) == 0
    ]
    for call, result in (*calls, *seen.layout.divided_by_norms()):
        shape = call.shapes[0]
        if len(shape) != 2 or shape[0] != seen.batch.size or shape[1] < 2:
            continue
        if not call.attached or _between_features(seen, result, shape):
            continue
        yield say(
            seen,
            f"`{call.name}` ({call.where}) runs over dimension 0 of {shape}, the "
            "batch: each sample changes with the others"
            + ("." if call.name == "cosine_similarity" else ", and none is 1 long."),
            cure="Pass dim=1.",
            where=call.where,
        )
        return


def _between_features(
    seen: Observation, normalised: Any, shape: tuple[int, ...]
) -> bool:
    """Whether products of the columns follow, (C, C): their correlations.

    The products of the rows of one matrix have the same eigenvalues. Where they compete
    with one another, they are similarities of samples.
    """
    rows, columns = shape
    origins = seen.graph.origins
    names = origins.get(id(normalised), frozenset())
    compete = seen.graph.trace.named(*NORMALISING, "cross_entropy")
    for call in seen.graph.trace.named("matmul", "__matmul__", "mm", "einsum"):
        made = call.result.shape[-2:] if isinstance(call.result, Tensor) else ()
        sources = [origins.get(id(t), frozenset()) for t in call.tensors]
        if not any(names & source for source in sources):
            continue
        if tuple(made) == (columns, columns) != (rows, rows):
            return True
        if made and not compete and all(source == names for source in sources):
            return True
    return False


_CUMULATIVE = ("cumsum", "cumprod", "logcumsumexp", "flip")

_MIXING = (*SOFTMAX, *_CUMULATIVE, "diff")

# What compares the members of a sample: over other samples it says nothing.
_RANKING = ("sort", "argsort", "std", "var", *PICKING)


def between_samples(seen: Observation) -> Iterator[Finding]:
    """A softmax, a cumulative sum or a difference that runs from sample to sample."""
    parts = seen.layout.parts
    over = [(c, c.shapes[0]) for c in seen.graph.trace.calls if along(c) == 0]
    steps = [*seen.layout.neighbours()]
    both = {id(c.tensors[0]) for c in seen.graph.trace.calls if along(c) == 1}
    for call, shape in (*over, *steps):
        members = parts is not None and parts.members and call.name in PICKING
        if len(shape) < 2 or (id(call.tensors[0]) in both and not members):
            continue  # one over each, as where two sets are matched
        sliced = any(call is step for step, _ in steps)
        if parts is not None and parts.fit(shape):
            mixes = sliced or call.name in _MIXING
            if not mixes and not (parts.members and call.name in _RANKING):
                continue
            why = f"{parts.why}: dimension 0 holds samples"
        elif call.name in _CUMULATIVE and seen.layout.of_distributions(call):
            why = "the rows are distributions, or differences of two"
        elif _normalises(call, shape, seen) and seen.layout.samples_stay(call):
            why = "what it gives is put together row by row: each row is a sample"
        else:
            continue
        yield say(
            seen,
            f"`{call.name}` ({call.where}) runs over dimension 0 of {shape}, from one "
            f"sample to the next, and {why}.",
            cure="Pass dim=1." if not sliced else "Slice dimension 1: `x[:, 1:]`.",
            where=call.where,
            explains=(Symptom.VALUE, Symptom.GROWTH, Symptom.ORDER),
        )
        return


def _normalises(call: Call, shape: tuple[int, ...], seen: Observation) -> bool:
    """Whether a call over the batch is a softmax, or multiplies up as along rays.

    A trajectory is summed up over its steps, too: there must be vectors for each entry
    of (N, K), and a vector to compare their sum with for each of N.
    """
    if shape[0] != seen.batch.size:
        return False
    if call.name in SOFTMAX:
        return True
    if call.name not in ("cumsum", "cumprod") or len(shape) != 2:
        return False
    shapes = [tuple(x.value.shape) for x in seen.arguments]
    vectors = any(len(s) == 3 and s[:2] == shape for s in shapes)
    sums = any(len(s) == 2 and s[0] == shape[0] and s[1] != shape[1] for s in shapes)
    return vectors and sums


def pairs_of_samples(seen: Observation) -> Iterator[Finding]:
    """The spread of an ensemble, taken between samples."""
    parts = seen.layout.parts
    if parts is None or not parts.members:
        return
    call = seen.layout.pairs_of_samples(parts)
    if call is not None:
        yield say(
            seen,
            f"`{call.name}` ({call.where}) pairs the {parts.samples} samples with one "
            f"another, and {parts.why}: its members are not paired.",
            cure="Pair along dimension 1: `x[:, :, None] - x[:, None, :]`.",
            where=call.where,
        )


def centred_together(seen: Observation) -> Iterator[Finding]:
    """One mean of all samples, where each sample is scaled by itself."""
    for mean, argument in seen.layout.centred_together():
        value = cast(argument.value, seen.dtype)
        one = value.clone()
        one[0] += argument.size
        everything, alone = (
            seen.run(seen.with_values({argument: moved})).total
            for moved in (value + argument.size, one)
        )
        close = seen.precision.close
        if close(everything, seen.value, 100) and not close(alone, seen.value, 1e6):
            before, after = apart(seen.value, alone)
            yield say(
                seen,
                f"`{mean.name}` ({mean.where}) runs over all of {mean.shapes[0]}, and "
                "each row is scaled by itself afterwards: a constant added to one "
                f"sample of `{argument.name}` changes the loss from {before} to "
                f"{after}, and added to all samples it changes nothing.",
                cure="Centre each sample: `x - x.mean(-1, keepdim=True)`.",
                where=mean.where,
            )
            return


def statistic_of_samples(seen: Observation) -> Iterator[Finding]:
    """Each step is scaled by all samples, each of which was to have its own scale."""
    found = seen.layout.statistic_of_samples()
    if found is not None:
        call, history = found
        yield say(
            seen,
            f"`{call.name}` ({call.where}) runs over dimension 0 of `{history.name}` "
            f"{call.shapes[0]}, the samples, and a part of what it gives meets "
            f"`{seen.inputs[0].name}` {tuple(seen.inputs[0].value.shape)}, whose "
            "steps are others.",
            cure="Pass dim=1: a number for each sample.",
            where=call.where,
        )


def mixture_of_samples(seen: Observation) -> Iterator[Finding]:
    """Weights that sum to 1 in each sample, and components summed over the samples."""
    found = seen.layout.summed_over_samples()
    if found is not None:
        call, weights = found
        yield say(
            seen,
            f"`logsumexp` ({call.where}) runs over dimension 0 of {call.shapes[0]}, "
            f"the samples, and the logarithms of weights in it are normalised over "
            f"dimension 1 ({weights.where}).",
            cure="Sum over the components: `logsumexp(dim=1)`.",
            where=call.where,
        )


def channels_of_all_images(seen: Observation) -> Iterator[Finding]:
    """A Gram matrix that has the channels of different images as neighbours."""
    call = seen.layout.channels_of_all_images()
    if call is not None:
        yield say(
            seen,
            f"`{call.name}` ({call.where}) gives {tuple(call.result.shape)}: the "
            f"channels of all {seen.batch.size} images are compared with one another.",
            cure="Keep the images apart: `x = x.flatten(2)`, then `x @ x.mT`.",
            where=call.where,
        )


def vectors_of_samples(seen: Observation) -> Iterator[Finding]:
    """A cross product of three samples, in place of three coordinates."""
    for call in seen.graph.trace.named("cross", "linalg_cross"):
        dim, shape = along(call), call.shapes[0]
        coordinates = len(shape) > 1 and shape[-1] == 3 and dim != len(shape) - 1
        named = "dim" in call.kwargs or len(call.args) > 2
        # (3, N) may as well be coordinates first.
        samples = dim == 0 and len(shape) > 2 and seen.batch.size == 3
        if coordinates and (samples or not named):
            yield say(
                seen,
                f"`{call.name}` ({call.where}) runs over dimension {dim} of {shape}: "
                "there are three by chance, and the coordinates are the last ones.",
                cure="Pass dim=-1.",
                where=call.where,
                explains=(Symptom.VALUE, Symptom.GROWTH, Symptom.ORDER, Symptom.PLACE),
            )
            return
