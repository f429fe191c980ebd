"""A softmax or a normalisation runs over the samples instead of the classes."""

import math
from collections.abc import Iterator
from itertools import islice
from typing import Any

import torch
from torch import Tensor

from ownloss.checker.arguments import Argument
from ownloss.checker.copies import cast
from ownloss.checker.findings import Finding, Kind, Symptom
from ownloss.checker.observation import Observation
from ownloss.checker.roles import Role
from ownloss.checker.trace import Call
from ownloss.checker.wording import apart

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

CALLS = 4

_NORMALISING = ("softmax", "log_softmax", "logsumexp")
_COMPARING = ("mul", "__mul__", "__rmul__", "kl_div", "sub", "__sub__", "mse_loss")


def find(seen: Observation) -> Iterator[Finding]:
    """Compare the dimension of each softmax with the one that the labels lack."""
    if not seen.base.finite or not seen.inputs or seen.inputs[0].parameter:
        return
    shape = seen.inputs[0].value.shape
    labels = [
        x
        for x in seen.arguments
        if not x.parameter and x.role is Role.LABELS and x.value.dim()
    ]
    if any(x.role is Role.LENGTHS for x in seen.arguments):
        labels = []  # they may be of another length than the prediction, as in CTC
    fits = {argument: _missing_dims(argument, shape) for argument in labels}
    if len(set(map(tuple, filter(None, fits.values())))) > 1:
        fits = {}  # labels of samples, and groups of the classes
    for argument, dims in fits.items():
        if len(dims) != 1:
            continue
        classes = dims[0]
        calls = seen.graph.trace.named(*_NORMALISING)
        over = [(c, _dim(c, shape)) for c in calls]
        if any(dim == classes for _, dim in over):
            continue  # one over each, as contrastive losses have it
        for call, dim in over:
            if dim is None:
                continue
            others = "samples" if dim == 0 else f"places of dimension {dim}"
            if seen.reference.loss is not None and not seen.reference.differs:
                return
            yield KIND.error(
                f"`{call.name}` ({call.where}) runs over dimension {dim} of "
                f"{tuple(shape)}, and `{argument.name}` of shape "
                f"{tuple(argument.value.shape)} says that the classes are in dimension "
                f"{classes}: the {others} compete with one another.",
                cure=f"Pass dim={classes}.",
                where=call.where,
                rests_on=(Symptom.AXIS,),
                explains=(Symptom.VALUE, Symptom.GROWTH, Symptom.PERFECT),
            )
            return
    if seen.reference.loss is None or seen.reference.differs:
        judges = (
            _unlike_reference,
            _over_samples,
            _over_places,
            _normalised_over_samples,
            _between_samples,
            _pairs_of_samples,
            _centred_together,
            _statistic_of_samples,
            _channels_of_all_images,
            _mixture_of_samples,
            _two_axes,
            _meeting_unlike_reference,
        )
        yield from islice((found for judge in judges for found in judge(seen)), 1)


def _say(seen: Observation, message: str, **details: Any) -> Finding:
    """An error where a reference says that it is one, else a warning."""
    say = KIND.error if seen.reference.differs else KIND.warning
    usual = {"rests_on": (Symptom.AXIS,), "explains": (Symptom.VALUE, Symptom.GROWTH)}
    return say(message, **{**usual, **details})


_ALONG = (
    *_NORMALISING,
    "cosine_similarity",
    "normalize",
    "cumsum",
    "cumprod",
    "logcumsumexp",
    "sort",
    "argsort",
    "diff",
    "std",
    "var",
    "flip",
)


def _unlike_reference(seen: Observation) -> Iterator[Finding]:
    """What runs over one dimension here, and over another one in the reference."""
    if not seen.reference.differs:
        return
    trusted: dict[tuple[str, tuple[int, ...]], set[int]] = {}
    for call in seen.reference.calls:
        dim = _along(call)
        if dim is not None:
            trusted.setdefault((call.name, call.shapes[0]), set()).add(dim)
    for call in seen.graph.trace.calls:
        dim = _along(call)
        if dim is None:
            continue
        dims = trusted.get((call.name, call.shapes[0]), set())
        if len(dims) == 1 and dim not in dims:
            (other,) = dims
            yield KIND.error(
                f"`{call.name}` ({call.where}) runs over dimension {dim} of "
                f"{call.shapes[0]}, in the reference over dimension {other}.",
                cure=f"Pass dim={other}.",
                where=call.where,
                rests_on=(Symptom.AXIS,),
                explains=(Symptom.VALUE, Symptom.GROWTH, Symptom.ORDER),
            )
            return


def _meeting_unlike_reference(seen: Observation) -> Iterator[Finding]:
    """Places along a dimension that meet here, and in the reference do not."""
    if not seen.reference.differs:
        return
    prediction = seen.inputs[0]
    here, there = (
        {
            dim
            for dim in range(prediction.value.dim())
            if _meet_along(seen, prediction, dim, loss)
        }
        for loss in (None, seen.reference.loss)
    )
    if not here - there:
        return
    dim = min(here - there)
    others = "samples" if dim == 0 and seen.batch.size else f"places of dimension {dim}"
    instead = min(there - here, default=None)
    which = "" if instead is None else f", in the reference over dimension {instead}"
    yield KIND.error(
        f"The gradient at one place changes with the other {others} of "
        f"`{prediction.name}` {tuple(prediction.value.shape)}; in the reference it "
        f"does not: something runs over dimension {dim}{which}.",
        where=prediction.name,
        rests_on=(Symptom.VALUE,),
        explains=(Symptom.AXIS, Symptom.VALUE, Symptom.GROWTH, Symptom.ORDER),
        aspect="meeting",
    )


def _meet_along(seen: Observation, prediction: Argument, dim: int, loss: Any) -> bool:
    """Whether the gradient at one place takes another direction as others move.

    Another length alone is a normaliser, such as a root over the batch.
    """
    shape = prediction.value.shape
    if shape[dim] < 2 or prediction.value.numel() == shape[dim]:
        return False
    moved = seen.points.jittered(1.0, 2)[seen.index(prediction)]
    value = cast(prediction.value, seen.dtype)
    own = value.narrow(dim, 0, 1)
    others = moved.narrow(dim, 1, shape[dim] - 1)
    gradients = []
    for point in (value, torch.cat([own, others], dim)):
        run = seen.run(seen.with_values({prediction: point}), loss=loss)
        gradient = seen.backward(run).values[0]
        if gradient is None or not run.finite or gradient.is_complex():
            return False
        gradients.append(gradient.narrow(dim, 0, 1).reshape(-1).double())
    before, after = gradients
    cosine = torch.nn.functional.cosine_similarity(before, after, dim=0)
    return bool(before.any() and after.any()) and bool(cosine.abs() < 1 - 1e-6)


_DEFAULT_DIMS = {"cosine_similarity": 1, "normalize": 1, "diff": -1, "sort": -1}


def _along(call: Call) -> int | None:
    """The one dimension that a call runs over; None if there is none."""
    if call.name not in _ALONG or not call.shapes or not call.shapes[0]:
        return None
    place = {"cosine_similarity": 2, "normalize": 2, "diff": 2}.get(call.name, 1)
    dim = call.kwargs.get("dim", call.args[place] if len(call.args) > place else None)
    if isinstance(dim, (tuple, list)):
        dim = dim[0] if len(dim) == 1 else None
    if dim is None and call.name in _SOFTMAX:
        dim = _implicit_dim(call.shapes[0])
    if dim is None:
        dim = _DEFAULT_DIMS.get(call.name)
    if not isinstance(dim, int) or isinstance(dim, bool):
        return None
    return dim % len(call.shapes[0])


def _over_samples(seen: Observation) -> Iterator[Finding]:
    """A softmax over the batch: with every sample twice the loss halves."""
    size = seen.batch.size
    calls = [c for c in seen.graph.trace.named(*_NORMALISING) if c.attached]
    over = [(call, _along(call)) for call in calls]
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


def _over_places(seen: Observation) -> Iterator[Finding]:
    """A softmax over the places that a mask tells of, not over what each place has."""
    shape = seen.inputs[0].value.shape
    if not shape or shape[-1] < 2:
        return
    for argument in seen.arguments:
        if argument.kept is None or argument.value.shape != shape[:-1]:
            continue
        for call in seen.graph.trace.named(*_NORMALISING):
            dim = _dim(call, shape)
            if dim is None or dim == len(shape) - 1:
                continue
            if not torch.isfinite(call.tensors[0].detach()).all():
                continue  # what does not count was taken out of it before
            yield _say(
                seen,
                f"`{call.name}` ({call.where}) runs over dimension {dim} of "
                f"{tuple(shape)}, and `{argument.name}` of shape "
                f"{tuple(argument.value.shape)} says that these are places: they "
                "compete with one another, the masked ones among them.",
                cure="Pass dim=-1.",
                where=call.where,
                explains=(Symptom.MASKED,),
            )
            return


def _normalised_over_samples(seen: Observation) -> Iterator[Finding]:
    """Vectors whose components are made 1 long over the batch."""
    calls = [
        (call, call.result)
        for call in seen.graph.trace.named("normalize", "cosine_similarity")
        if _along(call) == 0
    ]
    for call, result in (*calls, *seen.layout.divided_by_norms()):
        shape = call.shapes[0]
        if len(shape) != 2 or shape[0] != seen.batch.size or shape[1] < 2:
            continue
        if not call.attached or _between_features(seen, result, shape):
            continue
        yield _say(
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
    compete = seen.graph.trace.named(*_NORMALISING, "cross_entropy")
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


# What goes on from one entry to the next, or lets all compete: it keeps the shape.
_SOFTMAX = ("softmax", "log_softmax")
_CUMULATIVE = ("cumsum", "cumprod", "logcumsumexp", "flip")
_MIXING = (*_SOFTMAX, *_CUMULATIVE, "diff")
# What compares the members of a sample: over other samples it says nothing.
_RANKING = ("sort", "argsort", "std", "var")


def _between_samples(seen: Observation) -> Iterator[Finding]:
    """A softmax, a cumulative sum or a difference that runs from sample to sample."""
    parts = seen.layout.parts
    over = [(c, c.shapes[0]) for c in seen.graph.trace.calls if _along(c) == 0]
    both = {id(c.tensors[0]) for c in seen.graph.trace.calls if _along(c) == 1}
    for call, shape in (*over, *seen.layout.neighbours()):
        if len(shape) < 2 or id(call.tensors[0]) in both:
            continue  # one over each, as where two sets are matched
        sliced = call.name not in _ALONG
        if parts is not None and parts.fit(shape):
            mixes = sliced or call.name in _MIXING
            if not mixes and not (parts.members and call.name in _RANKING):
                continue
            why = f"{parts.why}: dimension 0 holds samples"
        elif call.name in _CUMULATIVE and seen.layout.of_distributions(call):
            why = "the rows are distributions: they sum to 1"
        elif _normalises(call, shape, seen) and seen.layout.samples_stay(call):
            why = "what it gives is put together row by row: each row is a sample"
        else:
            continue
        yield _say(
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
    if call.name in _SOFTMAX:
        return True
    if call.name not in ("cumsum", "cumprod") or len(shape) != 2:
        return False
    shapes = [tuple(x.value.shape) for x in seen.arguments]
    vectors = any(len(s) == 3 and s[:2] == shape for s in shapes)
    sums = any(len(s) == 2 and s[0] == shape[0] and s[1] != shape[1] for s in shapes)
    return vectors and sums


def _pairs_of_samples(seen: Observation) -> Iterator[Finding]:
    """The spread of an ensemble, taken between samples."""
    parts = seen.layout.parts
    if parts is None or not parts.members:
        return
    call = seen.layout.pairs_of_samples(parts)
    if call is not None:
        yield _say(
            seen,
            f"`{call.name}` ({call.where}) pairs the {parts.samples} samples with one "
            f"another, and {parts.why}: its members are not paired.",
            cure="Pair along dimension 1: `x[:, :, None] - x[:, None, :]`.",
            where=call.where,
        )


def _centred_together(seen: Observation) -> Iterator[Finding]:
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
            yield _say(
                seen,
                f"`{mean.name}` ({mean.where}) runs over all of {mean.shapes[0]}, and "
                "each row is scaled by itself afterwards: a constant added to one "
                f"sample of `{argument.name}` changes the loss from {before} to "
                f"{after}, and added to all samples it changes nothing.",
                cure="Centre each sample: `x - x.mean(-1, keepdim=True)`.",
                where=mean.where,
            )
            return


def _statistic_of_samples(seen: Observation) -> Iterator[Finding]:
    """Each step is scaled by all samples, each of which was to have its own scale."""
    found = seen.layout.statistic_of_samples()
    if found is not None:
        call, history = found
        yield _say(
            seen,
            f"`{call.name}` ({call.where}) runs over dimension 0 of `{history.name}` "
            f"{call.shapes[0]}, the samples, and a part of what it gives meets "
            f"`{seen.inputs[0].name}` {tuple(seen.inputs[0].value.shape)}, whose "
            "steps are others.",
            cure="Pass dim=1: a number for each sample.",
            where=call.where,
        )


def _mixture_of_samples(seen: Observation) -> Iterator[Finding]:
    """Weights that sum to 1 in each sample, and components summed over the samples."""
    found = seen.layout.summed_over_samples()
    if found is not None:
        call, weights = found
        yield _say(
            seen,
            f"`logsumexp` ({call.where}) runs over dimension 0 of {call.shapes[0]}, "
            f"the samples, and the logarithms of weights in it are normalised over "
            f"dimension 1 ({weights.where}).",
            cure="Sum over the components: `logsumexp(dim=1)`.",
            where=call.where,
        )


def _channels_of_all_images(seen: Observation) -> Iterator[Finding]:
    """A Gram matrix that has the channels of different images as neighbours."""
    call = seen.layout.channels_of_all_images()
    if call is not None:
        yield _say(
            seen,
            f"`{call.name}` ({call.where}) gives {tuple(call.result.shape)}: the "
            f"channels of all {seen.batch.size} images are compared with one another.",
            cure="Keep the images apart: `x = x.flatten(2)`, then `x @ x.mT`.",
            where=call.where,
        )


def _two_axes(seen: Observation) -> Iterator[Finding]:
    """Distributions of two inputs, over different dimensions, are compared."""
    origins = seen.graph.origins
    over: dict[int, tuple[Call, int]] = {}
    for call in seen.graph.trace.calls:
        results = [call.result] if isinstance(call.result, Tensor) else []
        if call.name in ("softmax", "log_softmax") and results and call.shapes:
            dim = call.kwargs.get("dim", call.args[1] if len(call.args) > 1 else None)
            if isinstance(dim, int):
                over[id(call.result)] = call, dim % max(len(call.shapes[0]), 1)
            continue
        known = [over[id(t)] for t in call.tensors if id(t) in over]
        if len(known) == 2 and call.name in _COMPARING:
            (first, a), (second, b) = known
            apart = not origins[id(first.result)] & origins[id(second.result)]
            if a != b and apart and first.shapes[0] == second.shapes[0]:
                odd = min(known, key=lambda found: found[1])
                yield _say(
                    seen,
                    f"`{odd[0].name}` ({odd[0].where}) runs over dimension {odd[1]}, "
                    f"and what it is compared with over dimension {max(a, b)}: these "
                    "are no two distributions over the same things.",
                    cure=f"Pass dim={max(a, b)} to both.",
                    where=odd[0].where,
                )
                return
        if len(known) == 1 and len(call.tensors) == 1 and results:
            over[id(call.result)] = known[0]  # detached, cast, ...


def _dim(call: Call, shape: tuple[int, ...]) -> int | None:
    """The dimension that a call runs over, if it is given the whole prediction."""
    first = call.args[0] if call.args else call.kwargs.get("input")
    if not isinstance(first, Tensor) or first.shape != shape or not call.attached:
        return None
    dim = call.kwargs.get("dim", call.args[1] if len(call.args) > 1 else None)
    if isinstance(dim, (tuple, list)):
        dim = dim[0] if len(dim) == 1 else None
    if dim is None and call.name != "logsumexp":
        dim = _implicit_dim(shape)
    return None if not isinstance(dim, int) else dim % len(shape)


def _missing_dims(labels: Argument, shape: tuple[int, ...]) -> list[int]:
    """The dimensions of a prediction without which it has the labels' shape."""
    dims = range(len(shape))
    return [d for d in dims if shape[:d] + shape[d + 1 :] == labels.value.shape]


def _implicit_dim(shape: tuple[int, ...]) -> int:
    """Torch's own choice for a softmax that is given none, with a warning."""
    return 0 if len(shape) in (0, 1, 3) else 1
