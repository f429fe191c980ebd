"""The samples in another order: whether it changes the loss, and which does not."""

from collections.abc import Iterator

import torch
from torch import Tensor

from ownloss.checker.observation import Observation
from ownloss.checker.runs import Run
from ownloss.checker.subject import Point


def shuffles(size: int) -> list[list[int]]:
    """Three orders of so many samples: backwards, at random, the first one last."""
    generator = torch.Generator().manual_seed(1)
    drawn = torch.randperm(size, generator=generator).tolist()
    return [list(reversed(range(size))), drawn, [*range(1, size), 0]]


def first_changed(seen: Observation, orders: list[list[int]]) -> Run | None:
    """The first run in one of these orders that gives another loss, if any does."""
    for order in orders:
        run = seen.run(seen.batch.rows(order))
        if run.finite and not _same(seen, run, order):
            matrices = (seen.run(point) for point in _with_columns(seen, order))
            if any(m.finite and _same(seen, m, order) for m in matrices):
                return None
            return run
    return None


def _with_columns(seen: Observation, order: list[int]) -> Iterator[Point]:
    """The shuffled batch, where matrices of all pairs are shuffled both ways.

    Such are similarities, distances, adjacencies and masks of pairs, (N, N), and the
    scores of N queries with N and more documents. In (T, N, C) the batch comes second.
    Costs of confusing N classes belong to no sample, and stay as they are.
    """
    wide = [
        argument
        for argument in seen.batch.arguments
        if argument.value.dim() > 1 and argument.value.shape[1] >= seen.batch.size
    ]
    square = [x for x in wide if x.value.shape[1] == seen.batch.size]
    both = [[x] for x in wide] + [wide] * (len(wide) > 1)
    for chosen, rows in [*((c, True) for c in both), *(([x], False) for x in square)]:
        point = seen.batch.rows(order)
        for argument in chosen:
            rest = range(seen.batch.size, argument.value.shape[1])
            place = seen.index(argument)
            value = point[place] if rows else seen.point[place]
            point[place] = value[:, [*order, *rest]]
        yield point
    for argument in square:
        if argument.floating and not argument.differentiable:
            point = seen.batch.rows(order)
            point[seen.index(argument)] = argument.value
            yield point
    for argument in seen.batch.arguments:
        # A last layer with as many classes as there are samples.
        table = argument in seen.inputs[1:] and argument.value.dim() > 1
        if table and argument.value.shape != seen.inputs[0].value.shape:
            point = seen.batch.rows(order)
            point[seen.index(argument)] = seen.point[seen.index(argument)]
            yield point
    second = [
        argument
        for argument in seen.arguments
        if argument not in seen.batch.arguments
        and argument.value.shape[1:2] == (seen.batch.size,)
    ]
    if second:
        # Steps, layers or views first, and in each all samples.
        point, places = seen.batch.rows(order), torch.tensor(order)
        for argument in second:
            value = seen.point[seen.index(argument)]
            point[seen.index(argument)] = value.index_select(1, places.to(value.device))
        yield point
    if square:
        # Units of a network, with weights of all pairs: every axis is in their order.
        yield [_reordered(value, order) for value in seen.point]


def _reordered(value: Tensor, order: list[int]) -> Tensor:
    """Entries in another order, along every dimension that is as long."""
    chosen = torch.tensor(order, device=value.device)
    for dim in range(value.dim()):
        if value.shape[dim] == len(order):
            value = value.index_select(dim, chosen)
    return value


def _same(seen: Observation, run: Run, order: list[int]) -> bool:
    """Whether a run on shuffled samples gives the same, or the same shuffled."""
    for now, before in zip(run.outputs, seen.base.outputs, strict=True):
        if now.shape != before.shape:
            return True
        if not any(_near(seen, now, value) for value in _moved(seen, before, order)):
            return False
    return True


def _moved(seen: Observation, output: Tensor, order: list[int]) -> Iterator[Tensor]:
    """An output as shuffled samples may leave it: as it is, its rows, all its pairs."""
    output, size = output.detach(), seen.batch.size
    dims = [dim for dim in (0, 1) if output.shape[dim : dim + 1] == (size,)]
    if not dims:
        yield output
        return
    chosen = torch.tensor(order, device=output.device)
    for dim in dims:
        yield output.index_select(dim, chosen)
    if len(dims) > 1:
        yield output.index_select(0, chosen).index_select(1, chosen)


def _near(seen: Observation, now: Tensor, before: Tensor) -> bool:
    size = before.abs().max().item() if before.numel() else 0.0
    near = max(1e-8, 1e3 * seen.precision.noise) * (1 + size)
    return torch.allclose(now.detach(), before, rtol=1e-6, atol=near)


def has_parts(seen: Observation) -> bool:
    """Whether the samples lie in equal parts or groups, or it goes backwards, too."""
    if _joins_views(seen):
        return False  # each of them is one view of all samples
    size = seen.batch.size
    counts = [n for n in range(2, size) if size % n == 0]
    for count in counts if _every_row_counts(seen) else [2] * (2 in counts):
        length = size // count
        parts = [b * length + i for b in range(count) for i in reversed(range(length))]
        groups = [b * length + i for b in reversed(range(count)) for i in range(length)]
        for order in (parts, groups):
            run = seen.run(seen.batch.rows(order))
            if run.finite and _same(seen, run, order):
                return True
    backwards = [*range(size)][::-1]
    run = seen.run(seen.batch.rows(backwards))
    return run.finite and _same(seen, run, backwards)


def _joins_views(seen: Observation) -> bool:
    """Whether two inputs of the same shape are put together, each of them a view."""
    for call in seen.graph.trace.named("cat", "concat", "stack"):
        sources = {seen.graph.origins.get(id(t), frozenset()) for t in call.tensors}
        alone = [names for names in sources if len(names) == 1]
        if len(alone) == len(sources) > 1 and len({*call.shapes}) == 1:
            return call.shapes[0][:1] == (seen.batch.size,)
    return False


def _every_row_counts(seen: Observation) -> bool:
    """Whether every sample gets a gradient: no part of the batch is left out."""
    gradient = seen.base_backward.values[0]
    if gradient is None or not gradient.dim():
        return False
    return bool((gradient.reshape(len(gradient), -1) != 0).any(1).all())
