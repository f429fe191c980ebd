"""The loss depends on the order of the samples."""

from collections.abc import Iterator

import torch
from torch import Tensor

from ownloss.checker.findings import Finding, Kind, Symptom
from ownloss.checker.observation import Observation
from ownloss.checker.roles import Role
from ownloss.checker.runs import Run
from ownloss.checker.subject import Point
from ownloss.checker.wording import apart

KIND = Kind(
    slug="batch-order",
    title="The order of the samples matters",
    meaning="The loss assumes sorted samples, or treats the first few specially: a "
    "shuffled batch gives another value. Losses of sequences do so by design.",
    shows="All inputs are shuffled together, along the first dimension.",
    cure="Sort inside the loss, or say in its docstring what order it expects.",
)
CALLS = 12


def find(seen: Observation) -> Iterator[Finding]:
    """Shuffle the batch; leave out structures that are meant."""
    size = seen.batch.size
    if size < 3 or not seen.base.finite or not seen.determinism.steady:
        return
    if not _aligned(seen):
        return
    shuffled = _first_changed(seen, _shuffles(size))
    if shuffled is None or seen.batch.grouped:
        return
    wrong = _reference_does_not(seen)
    if not wrong and _by_design(seen, size):
        return
    say = KIND.error if wrong else KIND.warning
    before, after = apart(seen.value, shuffled.total)
    yield say(
        f"Shuffling the samples changes the loss from {before} to "
        f"{after}{_assumption(seen)}.",
        evidence={"value": seen.value, "shuffled": shuffled.total},
        rests_on=(Symptom.ORDER,),
        explains=(Symptom.VALUE,) if wrong else (),
        aspect="reference" if wrong else "",
    )


def _reference_does_not(seen: Observation) -> bool:
    """Whether there is a reference, another value, and the reference has no order."""
    if seen.reference.loss is None or not seen.reference.differs:
        return False
    here = seen.reference.run()
    for order in _shuffles(seen.batch.size):
        there = seen.reference.run(seen.batch.rows(order))
        if not there.finite or not seen.precision.close(here.total, there.total, 100):
            return False
    return True


def _aligned(seen: Observation) -> bool:
    """Whether every argument with several entries has the batch as first dimension.

    It does not where another argument has several views of each sample, in a row, has
    all entries of the samples as its rows, or says how many of them belong together.
    """
    if any(map(seen.batch.is_split_by, seen.arguments)):
        return False
    shapes = [x.value.shape for x in seen.batch.arguments if x.value.dim() > 1]
    for argument in seen.arguments:
        count, *rest = argument.value.shape or (0,)
        few, many = sorted((count, seen.batch.size))
        views = 1 < few < many and many % few == 0
        alike = any([*shape[1:]] == rest for shape in shapes)
        flat = any(count == x.value.numel() for x in seen.batch.arguments)
        for_pairs = not rest and many == 2 * few
        if argument.floating and views and (alike or flat or for_pairs):
            return False
    return all(
        argument in seen.batch.arguments
        or argument.value.dim() == 0
        or argument.value.shape[0] != seen.batch.size
        for argument in seen.arguments
        if not argument.parameter
    )


def _shuffles(size: int) -> list[list[int]]:
    generator = torch.Generator().manual_seed(1)
    drawn = torch.randperm(size, generator=generator).tolist()
    return [list(reversed(range(size))), drawn, [*range(1, size), 0]]


def _first_changed(seen: Observation, orders: list[list[int]]) -> Run | None:
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


def _by_design(seen: Observation, size: int) -> bool:
    """Whether the order carries meaning: equal parts, groups, or neighbours."""
    if seen.layout.takes_steps:
        return True
    if any(seen.graph.goes_through(x) for x in seen.batch.arguments):
        return True
    # With random numbers for each sample, another one has others when shuffled.
    if any(size in call.result.shape for call in seen.graph.draws):
        return True
    if any(seen.graph.picks_rows(x) or x.names_every_place for x in seen.arguments):
        return True
    if _each_has_its_own(seen, size):
        return True
    if _joins_views(seen):
        return False  # each of them is one view of all samples
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


def _each_has_its_own(seen: Observation, size: int) -> bool:
    """Whether scores of all pairs are labelled 0, 1, 2: each goes with its own."""
    pairs = any(
        call.shapes[0] == (size, size) and call.attached
        for call in seen.graph.trace.named("cross_entropy", "nll_loss", "log_softmax")
    )
    own = list(range(size))
    return pairs and any(
        x.role is Role.LABELS and x.value.tolist() == own for x in seen.arguments
    )


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


def _assumption(seen: Observation) -> str:
    for call in seen.graph.trace.calls:
        if call.name in ("cumsum", "logcumsumexp", "cumprod", "cummax", "flip"):
            place = f" ({call.where})" if call.where else ""
            return f": `{call.name}`{place} assumes an order"
    return ": it assumes an order, or treats some samples specially"
