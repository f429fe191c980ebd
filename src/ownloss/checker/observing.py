"""Runs a loss and collects numbers; says nothing about what they mean."""

import math
import random
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from ownloss.checker.inputs import (
    Leaf,
    jittered,
    leaves_of,
    parameter_names,
    scaled,
    tensors_in,
    with_tensors,
)
from ownloss.checker.numeric import UNKNOWN, Slope, slope
from ownloss.checker.sessions import cast, copy_of, data_of, fingerprint, modules_of
from ownloss.checker.tracing import (
    CUTS,
    Call,
    FunctionCall,
    Recorder,
    Trace,
    WithoutCuts,
    function_nodes,
    nodes_of,
)

Point = list[Tensor]
"""A value for every tensor that the loss depends on."""

# Above so many elements, the first samples stand for all where they can.
MANY_ELEMENTS = 10_000
# Coordinates looked at one by one; beyond that, random directions.
COORDINATES = 20
LARGEST_PARAMETERS = 100_000


@dataclass(eq=False)
class Run:
    """One call of the loss.

    Attributes:
        leaves: the tensors that it was given, parameters included.
        outputs: the floating tensors that it returned and that count as loss.
        raw: what it returned.
        error: what it raised, if it raised.
        call: the copy of the loss that was called.
    """

    leaves: list[Tensor]
    outputs: list[Tensor] = field(default_factory=list)
    raw: Any = None
    error: Exception | None = None
    call: Any = None

    @property
    def total(self) -> float:
        """The sum of all outputs; NaN where the loss raised."""
        if self.error is not None or not self.outputs:
            return math.nan
        return sum(_real(o.detach()).double().sum().item() for o in self.outputs)

    @property
    def finite(self) -> bool:
        """Whether it ran and every output is finite."""
        return self.error is None and all(
            bool(torch.isfinite(o.detach()).all()) for o in self.outputs
        )

    def weighted(self, weights: list[Tensor]) -> float:
        """The outputs' sum, each entry times its weight."""
        if self.error is not None or len(weights) != len(self.outputs):
            return math.nan
        total = 0.0
        for output, weight in zip(self.outputs, weights, strict=True):
            if output.shape != weight.shape:
                return math.nan
            total += (_real(output.detach()).double() * _real(weight)).sum().item()
        return total


@dataclass(eq=False)
class Gradients:
    """The gradients of one run, one an input; None where none arrived."""

    values: list[Tensor | None]
    error: Exception | None = None

    @property
    def finite(self) -> bool:
        """Whether every gradient is finite."""
        return self.error is None and all(
            g is None or bool(torch.isfinite(g.detach()).all()) for g in self.values
        )


@dataclass(eq=False)
class GradientCheck:
    """The gradient of one input at one point, by backward and by differences.

    Attributes:
        leaf: the input.
        at: says at which inputs, for a sentence.
        indices: the entries looked at, in the flattened input.
        analytic: what backward says; None if no gradient arrived.
        numeric: what differences say, an entry each.
        wrong: which entries differ by more than the numeric error.
        elsewhere_wrong: whether a random direction shows a difference that these
            entries do not.
        tolerance: the largest difference that was let pass.
    """

    leaf: Leaf
    at: str
    indices: list[int]
    analytic: Tensor | None
    numeric: Tensor
    wrong: Tensor
    elsewhere_wrong: bool
    tolerance: float

    @property
    def ok(self) -> bool:
        """Whether the gradient is right."""
        return not bool(self.wrong.any()) and not self.elsewhere_wrong

    @property
    def matters(self) -> bool:
        """Whether the loss depends on this input here."""
        return bool((self.numeric.abs() > 10 * self.tolerance).any())

    @property
    def vanishes(self) -> bool:
        """Whether no gradient arrives, or nothing but zeros."""
        return self.analytic is None or not bool((self.analytic != 0).any())

    @property
    def ratio(self) -> float:
        """The factor that the gradient is off by; NaN if no single one explains it."""
        if self.vanishes or not self.matters or self.elsewhere_wrong:
            return math.nan
        ratio = ((self.analytic @ self.numeric) / (self.numeric @ self.numeric)).item()
        rest = (self.analytic - ratio * self.numeric).abs().max().item()
        allowed = max(1.0, abs(ratio)) * self.tolerance
        allowed += 1e-5 * self.analytic.abs().max().item()
        return ratio if rest <= allowed else math.nan


class Observation:
    """A loss, its inputs, and everything that was found out by running it.

    Every number is computed when first asked for and then kept. All runs are made on
    copies of the loss and of its inputs.
    """

    def __init__(
        self,
        loss: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        *,
        reference: Callable[..., Any] | None = None,
        mask: Tensor | None = None,
        seed: int = 0,
        seconds: float = 8.0,
    ) -> None:
        self.loss = loss
        self.args, self.kwargs = args, dict(kwargs)
        self.reference = reference
        self.mask = mask
        self.seed = seed
        self.deadline = time.monotonic() + seconds
        self.skipped: list[str] = []
        self.failures: dict[str, Exception] = {}
        self.cacheable = False
        self._sessions: dict[Any, Any] = {}
        self._chosen: list[int] | None = None
        self.leaves = leaves_of(parameter_names(loss), args, kwargs)
        self.argument_count = len(self.leaves)
        self.leaves += self._parameters()
        self.point: Point = [leaf.value for leaf in self.leaves]
        self.inputs = [leaf for leaf in self.leaves if leaf.differentiable]
        self.dtype = self._working_dtype()
        self.cacheable = not self.stateful

    def _parameters(self) -> list[Leaf]:
        found = []
        for module in modules_of(self.loss):
            for name, parameter in module.named_parameters():
                small = parameter.numel() <= LARGEST_PARAMETERS
                if parameter.requires_grad and small:
                    found.append(Leaf(name, -1, parameter.detach(), True, True))
        return found

    # --- running -----------------------------------------------------------------

    @cached_property
    def device(self) -> torch.device:
        """Where the inputs lie."""
        return self.leaves[0].value.device if self.leaves else torch.device("cpu")

    @cached_property
    def native(self) -> torch.dtype:
        """The dtype of the first differentiable input."""
        dtype = self.inputs[0].value.dtype if self.inputs else torch.float32
        return dtype.to_real() if dtype.is_complex else dtype

    def _working_dtype(self) -> torch.dtype:
        """Float64 where the loss runs in it, else what it was given."""
        if self.native == torch.float64:
            return torch.float64
        wide = self.run(dtype=torch.float64)
        if wide.error is None and wide.outputs:
            return torch.float64
        given = self.run(dtype=self.native)
        return torch.float64 if given.error is not None else self.native

    @cached_property
    def stateful(self) -> bool:
        """Whether a call changes what the loss holds."""
        try:
            twin = copy_of(self.loss, self.dtype)
        except Exception:
            return True
        before = fingerprint(twin)
        self.run(on=twin)
        return fingerprint(twin) != before

    def _fresh(self, dtype: torch.dtype, loss: Any = None) -> Any:
        loss = self.loss if loss is None else loss
        key = (id(loss), dtype)
        if self.cacheable and key in self._sessions:
            return self._sessions[key]
        try:
            twin = copy_of(loss, dtype)
        except Exception:  # a loss that cannot be copied is used as it is
            twin = loss
        if self.cacheable:
            self._sessions[key] = twin
        return twin

    def time_left(self) -> float:
        """Seconds until the checker should come to an end."""
        return self.deadline - time.monotonic()

    def affords(self, runs: int, share: float = 0.25) -> bool:
        """Whether so many runs fit into a share of the time that is left."""
        return runs * self.cost < share * self.time_left()

    @cached_property
    def cost(self) -> float:
        """Seconds that one run takes."""
        start = time.perf_counter()
        self.run()
        return time.perf_counter() - start

    def run(
        self,
        point: Point | None = None,
        *,
        dtype: torch.dtype | None = None,
        grad: bool = True,
        on: Any = None,
        loss: Any = None,
        exact: bool = False,
        seeded: bool = True,
    ) -> Run:
        """Call the loss on copies of a point.

        Args:
            point: what to call it on; the inputs given if None.
            dtype: the floating dtype; the working one if None.
            grad: whether the differentiable inputs require a gradient.
            on: a copy of the loss to use again; a fresh one if None.
            loss: another loss to run, such as the reference.
            exact: pass the tensors of the point as they are, layout included.
            seeded: whether to set the random seed first.
        """
        dtype = dtype or self.dtype
        values = self.point if point is None else point
        session = self._fresh(dtype, loss) if on is None else on
        leaves: list[Tensor] = []
        for leaf, value in zip(self.leaves, values, strict=True):
            if leaf.parameter:
                continue
            if not exact:
                value = cast(value, dtype).detach().clone()
            if leaf.differentiable and grad:
                value = value.detach().requires_grad_()
            leaves.append(value)
        run = Run(leaves, call=session)
        given = iter(leaves)
        args = with_tensors(self.args, given)
        kwargs = with_tensors(self.kwargs, given)
        if loss is None and on is None:
            run.leaves = leaves + self._set_parameters(session, values, dtype)
        elif loss is None:
            run.leaves = leaves + self._parameters_of(session)
        if seeded:
            seed_everything(self.seed)
        try:
            run.raw = session(*args, **kwargs)
        except Exception as error:
            run.error = error
            return run
        run.outputs = self._outputs_of(run.raw, loss is None)
        return run

    def _parameters_of(self, session: Any) -> list[Tensor]:
        return [
            parameter
            for module in modules_of(session)
            for parameter in module.parameters()
            if parameter.requires_grad and parameter.numel() <= LARGEST_PARAMETERS
        ]

    def _set_parameters(
        self, session: Any, values: Point, dtype: torch.dtype
    ) -> list[Tensor]:
        held = self._parameters_of(session)
        for parameter, value in zip(held, values[self.argument_count :], strict=True):
            # Writing would invalidate the graphs of earlier runs.
            if not torch.equal(parameter, value.to(parameter.dtype)):
                with torch.no_grad():
                    parameter.copy_(value)
        return held

    def _outputs_of(self, raw: Any, remember: bool) -> list[Tensor]:
        if isinstance(raw, float):
            return [torch.tensor(raw, dtype=torch.float64)]
        found = [
            tensor
            for _, tensor in tensors_in(raw)
            if tensor.is_floating_point() or tensor.is_complex()
        ]
        if not remember:
            attached = [t for t in found if t.requires_grad]
            return attached or found
        if self._chosen is None:
            attached = [i for i, t in enumerate(found) if t.requires_grad]
            self._chosen = attached or list(range(len(found)))
        return [found[i] for i in self._chosen if i < len(found)]

    def gradients(
        self,
        run: Run,
        weights: list[Tensor] | None = None,
        *,
        create_graph: bool = False,
        retain: bool = False,
        as_laid_out: bool = False,
    ) -> Gradients:
        """Backpropagate `weights` (ones if None) through a run.

        Args:
            run: the run.
            weights: what to multiply the outputs by, one tensor an output.
            create_graph: whether the gradients can be differentiated again.
            retain: whether the graph is kept for another time.
            as_laid_out: pass `weights` as grad_output with their own memory layout.
        """
        wanted = [t for leaf, t in self.pairs(run) if leaf.differentiable]
        if run.error is not None:
            return Gradients([None] * len(wanted), run.error)
        attached = [(i, o) for i, o in enumerate(run.outputs) if o.requires_grad]
        if not attached:
            return Gradients([None] * len(wanted))
        weigh = [o if weights is None else weights[i].to(o.dtype) for i, o in attached]
        reached = [t for t in wanted if t.requires_grad]
        options = {"create_graph": create_graph, "allow_unused": True}
        options["retain_graph"] = retain or create_graph
        try:
            if as_laid_out:
                outputs = [o for _, o in attached]
                found = torch.autograd.grad(outputs, reached, weigh, **options)
            else:
                # Passing grad_outputs would make torch import sympy, which takes long.
                if weights is None:
                    weigh = [torch.ones_like(o) for _, o in attached]
                terms = [
                    (o * w.conj()).real.sum() if o.is_complex() else (o * w).sum()
                    for (_, o), w in zip(attached, weigh, strict=True)
                ]
                found = torch.autograd.grad(sum(terms), reached, **options)
        except Exception as error:
            return Gradients([None] * len(wanted), error)
        given = iter(found)
        return Gradients([next(given) if t.requires_grad else None for t in wanted])

    def pairs(self, run: Run) -> Iterator[tuple[Leaf, Tensor]]:
        """The leaves with the tensors that a run was given for them."""
        return zip(self.leaves, run.leaves, strict=False)

    # --- the run at the inputs given ----------------------------------------------

    @cached_property
    def base(self) -> Run:
        """The run at the inputs given, in the working dtype."""
        return self.run()

    @cached_property
    def base_gradients(self) -> Gradients:
        """Its gradients."""
        return self.gradients(self.run())

    @cached_property
    def given(self) -> Run:
        """The run at the inputs given, in their own dtype."""
        return self.run(dtype=self.native) if self.native != self.dtype else self.base

    @cached_property
    def value(self) -> float:
        """The loss at the inputs given; the sum, if it returns several numbers."""
        return self.base.total

    @cached_property
    def scalar(self) -> bool:
        """Whether the loss is a single number."""
        return len(self.base.outputs) == 1 and self.base.outputs[0].numel() == 1

    @cached_property
    def trace(self) -> Trace:
        """The calls of torch made by the loss, in the dtype of its inputs."""
        trace = Trace()
        with trace:
            self.traced = self.run(dtype=self.native)
        return trace

    @cached_property
    def nodes(self) -> list[Any]:
        """The nodes of the loss's graph."""
        return nodes_of(self.base.outputs)

    @cached_property
    def functions(self) -> list[type]:
        """The classes of the hand-written Functions in the graph."""
        classes = [type(n)._forward_cls for n in function_nodes(self.nodes)]
        return list(dict.fromkeys(classes))

    @cached_property
    def cuts(self) -> list[Call]:
        """The calls that cut a path of the graph, outside of Functions."""
        return [
            call
            for call in self.trace.calls
            if call.name in CUTS
            and (call.recording or call.name == "no_grad")
            and (call.attached or call.name in ("tensor", "as_tensor", "no_grad"))
        ]

    @cached_property
    def cuts_explain(self) -> bool:
        """Whether the gradient is the numeric one once nothing is detached."""
        wrong = [c for c in self.checks if not c.ok]
        with WithoutCuts():
            run = self.run(on=copy_of(self.loss, self.dtype))
            found = self.gradients(run)
        if found.error is not None:
            return False
        for check in wrong:
            gradient = found.values[self.inputs.index(check.leaf)]
            if gradient is None:
                return False
            entries = _real(gradient).double().reshape(-1)[check.indices]
            if not torch.allclose(entries, check.numeric, atol=check.tolerance):
                return False
        return bool(wrong)

    @cached_property
    def hooked(self) -> bool:
        """Whether the loss registers a hook that may change a gradient."""
        return bool(self.trace.named("register_hook"))

    @cached_property
    def handmade(self) -> bool:
        """Whether anything but torch's own derivatives is in the gradient."""
        return bool(self.functions) or self.hooked

    def recorded(
        self, dtype: torch.dtype | None = None, weights: list[Tensor] | None = None
    ) -> list[FunctionCall]:
        """Run forward and backward once, and write down what each Function did."""
        recorder = Recorder()
        with recorder.watching(self.functions):
            run = self.run(dtype=dtype)
            self.gradients(run, weights)
        return recorder.calls

    @cached_property
    def function_calls(self) -> list[FunctionCall]:
        """What each Function did at the inputs given, in their own dtype."""
        return self.recorded(self.native)

    @cached_property
    def reroutes(self) -> list[FunctionCall]:
        """Functions that hand their input on: only there to change the gradient."""
        return [call for call in self.function_calls if call.identity]

    # --- numeric derivatives --------------------------------------------------------

    @cached_property
    def noise(self) -> float:
        """The relative rounding error of the loss's value."""
        coarse = [o.dtype for o in self.base.outputs] + [self.dtype]
        if self.dtype == torch.float64 and self._rounds_to_single():
            coarse.append(torch.float32)
        return max(torch.finfo(d.to_real() if d.is_complex else d).eps for d in coarse)

    def _rounds_to_single(self) -> bool:
        """Whether the loss computes in float32, whatever its inputs are."""
        runs = [self.run(self.jittered(0.3, seed)) for seed in (1, 2)]
        outputs = [o.detach() for run in runs for o in run.outputs]
        if outputs and all(
            bool((o != 0).all()) and torch.equal(o, o.float().to(o.dtype))
            for o in outputs
            if not o.is_complex()
        ):
            return True
        # A step too small for float32 changes nothing, one that is not does.
        totals = [
            self.run(self.jittered(amount, 3)).total for amount in (1e-12, 1e-10, 1e-5)
        ]
        return totals[0] == totals[1] != totals[2]

    def along(
        self,
        point: Point,
        directions: dict[int, Tensor],
        weights: list[Tensor] | None = None,
        loss: Any = None,
    ) -> Slope:
        """Differentiate the loss at a point along a direction, numerically.

        Args:
            point: where.
            directions: for some leaves, by index, the direction to move along.
            weights: what the outputs are multiplied by before they are summed.
            loss: another loss, such as the reference.
        """

        def value(distance: float) -> float:
            moved = list(point)
            for index, direction in directions.items():
                moved[index] = point[index].to(direction.dtype) + distance * direction
            run = self.run(moved, loss=loss)
            if weights is not None:
                return run.weighted(weights)
            return run.total

        length = max(d.abs().max().item() for d in directions.values()) or 1.0
        sizes = [max(min(self.leaves[i].size, 10.0), 1e-3) for i in directions]
        step = min(sizes) * max(1e-3, 2 * self.noise ** (1 / 3)) / length
        at_zero = value(0.0)
        if not math.isfinite(at_zero):
            return UNKNOWN
        return slope(value, at_zero, step, self.noise)

    def check_gradient(
        self,
        leaf: Leaf,
        point: Point | None = None,
        at: str = "",
        weights: list[Tensor] | None = None,
        coordinates: int = COORDINATES,
    ) -> GradientCheck | None:
        """Compare backward with differences for one input at one point.

        Returns:
            None where the loss or its gradient cannot be computed there.
        """
        point = self.point if point is None else point
        run = self.run(point)
        found = self.gradients(run, weights)
        if run.error is not None or found.error is not None or not run.finite:
            return None
        place = self.inputs.index(leaf)
        gradient = found.values[place]
        index = self.leaves.index(leaf)
        size = _real(point[index]).numel()
        flat = torch.zeros(size, dtype=torch.float64)
        if gradient is not None:
            if not torch.isfinite(gradient).all():
                return None
            flat = _real(gradient.detach()).double().reshape(-1)
        entries = self._entries(flat, coordinates)
        slopes = [
            self.along(point, {index: self._unit(point[index], i)}, weights)
            for i in entries
        ]
        known = [(i, s) for i, s in zip(entries, slopes, strict=True) if s.reliable]
        if not known:
            return None
        numeric = torch.tensor([s.value for _, s in known], dtype=torch.float64)
        analytic = flat[[i for i, _ in known]]
        relative = 1e-5 if self.noise < 1e-12 else 3e-3
        largest = max(numeric.abs().max().item(), analytic.abs().max().item())
        tolerance = relative * largest + 1e-9
        errors = max((s.error for _, s in known), default=0.0)
        wrong = torch.tensor(
            [
                not s.admits(a, tolerance)
                for (_, s), a in zip(known, analytic.tolist(), strict=True)
            ]
        )
        elsewhere = False
        if len(entries) < size and not wrong.any():
            elsewhere = self._direction_differs(point, index, flat, weights, relative)
        return GradientCheck(
            leaf,
            at,
            [i for i, _ in known],
            None if gradient is None else analytic,
            numeric,
            wrong,
            elsewhere,
            max(tolerance, 10 * errors),
        )

    def _entries(self, gradient: Tensor, count: int) -> list[int]:
        """The entries to look at: all of a small input, else the telling ones."""
        size = gradient.numel()
        count = min(count, max(4, int(0.1 * self.time_left() / (5 * self.cost + 1e-9))))
        if size <= count:
            return list(range(size))
        order = gradient.abs().argsort(descending=True).tolist()
        generator = torch.Generator().manual_seed(self.seed)
        some = torch.randint(size, (count,), generator=generator).tolist()
        picked = order[: count // 4] + order[-(count // 4) :] + some
        return sorted(set(picked))[:count]

    def _unit(self, value: Tensor, entry: int) -> Tensor:
        unit = torch.zeros_like(_real(cast(value, self.dtype))).reshape(-1)
        unit[entry] = 1
        unit = unit.reshape(_real(value).shape)
        return torch.view_as_complex(unit) if value.is_complex() else unit

    def _direction_differs(
        self,
        point: Point,
        index: int,
        gradient: Tensor,
        weights: list[Tensor] | None,
        relative: float,
    ) -> bool:
        differs = []
        for seed in (1, 2):
            direction = self.random_like(point[index], seed)
            numeric = self.along(point, {index: direction}, weights)
            terms = _real(direction).reshape(-1).double() * gradient
            scale = terms.square().sum().sqrt().item()
            allowed = 10 * relative * scale + 1e-9
            if not numeric.reliable or numeric.kinked:
                return False
            differs.append(not numeric.admits(terms.sum().item(), allowed))
        return all(differs)

    def random_like(self, value: Tensor, seed: int = 0) -> Tensor:
        """Normal numbers in the shape of a tensor, the same for the same seed."""
        generator = torch.Generator().manual_seed(self.seed * 1000 + seed)
        dtype = cast(value, self.dtype).dtype
        if not dtype.is_floating_point and not dtype.is_complex:
            dtype = self.dtype
        noise = torch.randn(value.shape, generator=generator, dtype=dtype)
        return noise.to(value.device)

    # --- other points -----------------------------------------------------------------

    def index(self, leaf: Leaf) -> int:
        """The place of a leaf in a point."""
        return self.leaves.index(leaf)

    def with_values(self, values: dict[Leaf, Tensor]) -> Point:
        """The point given, with other values for some leaves."""
        return [values.get(leaf, leaf.value) for leaf in self.leaves]

    def jittered(self, amount: float, seed: int = 0) -> Point:
        """The point given, every real input moved at random inside its domain."""
        moved = []
        for index, leaf in enumerate(self.leaves):
            value = leaf.value
            if leaf.floating:
                value = cast(value, self.dtype)
                noise = self.random_like(value, 100 * seed + index)
                value = jittered(leaf, value, amount, noise)
            moved.append(value)
        return moved

    def scaled(self, factor: float, point: Point | None = None) -> Point:
        """A point whose differentiable arguments are `factor` times as extreme."""
        return [
            scaled(leaf, cast(value, self.dtype), factor)
            if leaf.differentiable and not leaf.parameter
            else value
            for leaf, value in zip(self.leaves, point or self.point, strict=True)
        ]

    @cached_property
    def other_batch(self) -> Point:
        """Other values and other labels, of the same shapes; the same parameters."""
        moved = self.jittered(0.7, 5)[: self.argument_count]
        for i, leaf in enumerate(self.leaves[: self.argument_count]):
            if not leaf.differentiable and leaf in self.batched:
                # Repeats, so that classes are counted differently, too.
                rows = [(k + 1) // 2 % self.batch for k in range(self.batch)]
                moved[i] = moved[i][rows]
        return [*moved, *self.point[self.argument_count :]]

    @cached_property
    def other_points(self) -> list[tuple[str, Point]]:
        """Points at which a mistake may show that does not show at the one given."""
        return [
            ("at inputs moved a little", self.jittered(0.3, 1)),
            ("at inputs drawn afresh", self.jittered(1.0, 2)),
            ("at inputs five times as large", self.scaled(5.0)),
            ("at inputs a tenth as large", self.scaled(0.1)),
        ]

    @cached_property
    def checks(self) -> list[GradientCheck]:
        """Gradient against differences for every input, at the point given."""
        if self.base.error is not None:
            return []
        found = []
        for leaf in self.inputs:
            if self.time_left() < 0.5:
                break
            check = self.check_gradient(leaf, at="at the inputs given")
            if check is not None:
                found.append(check)
        return found

    @cached_property
    def checks_elsewhere(self) -> list[GradientCheck]:
        """The same at other points, where a derivative is written by hand."""
        found = []
        for at, point in self.other_points:
            for leaf in self.inputs:
                if not self.affords(5 * COORDINATES):
                    self.skipped.append("gradients at other inputs")
                    return found
                check = self.check_gradient(leaf, point, at)
                if check is not None:
                    found.append(check)
        return found

    @cached_property
    def all_checks(self) -> list[GradientCheck]:
        """Gradient against differences, here and, if handmade, at other points."""
        return self.checks + (self.checks_elsewhere if self.handmade else [])

    def constant_ratio(self, leaf: Leaf) -> float:
        """The one factor that a gradient is off by at every point; NaN if none is."""
        ratios = [c.ratio for c in self.all_checks if c.leaf is leaf and c.matters]
        if not ratios or not all(map(math.isfinite, ratios)):
            return math.nan
        spread = max(ratios) - min(ratios)
        return ratios[0] if spread <= 1e-3 * abs(ratios[0]) else math.nan

    def ratio_with_double_batch(self, leaf: Leaf) -> float:
        """The factor with every sample twice, which tells a batch size from others."""
        if not self.batch or leaf not in [*self.batched, *self.inputs]:
            return math.nan
        point = self.rows([*range(self.batch)] * 2)
        found = self.check_gradient(leaf, point, coordinates=6)
        return found.ratio if found is not None else math.nan

    @cached_property
    def surrogates(self) -> list[FunctionCall]:
        """Functions with a step function in front and a gradient nevertheless."""
        return [call for call in self.function_calls if self._is_step(call)]

    def _is_step(self, call: FunctionCall) -> bool:
        moved, real = [], False
        for arg in call.args:
            if isinstance(arg, Tensor) and arg.is_floating_point():
                real = True
                size = arg.detach().abs().mean()
                arg = arg.detach() + 1e-4 * size * torch.rand_like(arg)
            moved.append(arg)
        if not real or not call.outputs:
            return False
        try:
            seed_everything(self.seed)
            again = call.function.apply(
                *[a.detach() if isinstance(a, Tensor) else a for a in call.args]
            )
            other = call.function.apply(*moved)
        except Exception:
            return False
        if not isinstance(again, Tensor) or not isinstance(other, Tensor):
            return False
        gradients = [g for g in call.gradients if isinstance(g, Tensor)]
        alive = any(bool((g != 0).any()) for g in gradients)
        same = (again == other).double().mean().item() if again.numel() else 0.0
        return alive and same > 0.8 and bool(again.numel())

    @cached_property
    def deliberate(self) -> str:
        """Why a gradient that is no derivative looks meant; empty if it does not."""
        if self.hooked:
            return "a hook changes the gradient"
        if self.reroutes:
            name = self.reroutes[0].name
            return f"`{name}` hands its input on and only changes the gradient"
        if self.surrogates:
            name = self.surrogates[0].name
            return f"`{name}` has steps, and a gradient in their place"
        return ""

    # --- the batch ------------------------------------------------------------------

    @cached_property
    def batch(self) -> int:
        """The number of samples: the first size of the first input; 0 if unclear.

        It is unclear where there are other inputs and none of them has that size.
        """
        arguments = [x for x in self.leaves if not x.parameter and x.value.dim()]
        first = next((x for x in arguments if x.differentiable), None)
        if first is None or first.top != arguments[0].top:
            return 0
        size = first.value.shape[0]
        others = [x for x in arguments if x is not first]
        shared = any(x.value.shape[0] == size for x in others)
        if any(size in data.shape for data in data_of(self.loss)):
            return 0  # the loss holds numbers for these very samples
        return size if shared or not others else 0

    @cached_property
    def batched(self) -> list[Leaf]:
        """The arguments whose first dimension is the batch."""
        return [
            leaf
            for leaf in self.leaves
            if not leaf.parameter
            and leaf.value.dim()
            and leaf.value.shape[0] == self.batch > 0
        ]

    def of_few_samples(self) -> "Observation":
        """The same loss on the first samples, where there are very many; else itself.

        Most of what is looked for shows in a few samples, and costs what they cost.
        """
        elements = sum(leaf.value.numel() for leaf in self.batched)
        if elements <= MANY_ELEMENTS or self.batch < 16 or not self.given.finite:
            return self
        count = max(8, self.batch * MANY_ELEMENTS // elements)
        given = iter(
            [
                leaf.value[:count].clone().requires_grad_(leaf.differentiable)
                if leaf in self.batched
                else leaf.value.clone().requires_grad_(leaf.differentiable)
                for leaf in self.leaves[: self.argument_count]
            ]
        )
        few = Observation(
            self.loss,
            with_tensors(self.args, given),
            with_tensors(self.kwargs, given),
            reference=self.reference,
            mask=self.mask[:count] if self.mask is not None else None,
            seed=self.seed,
            seconds=self.time_left(),
        )
        if few.given.error is not None or not few.given.finite:
            return self
        few.skipped.append(f"samples after the first {count} of {self.batch}")
        return few

    def rows(self, rows: list[int], point: Point | None = None) -> Point:
        """A point that consists of these samples."""
        chosen = torch.tensor(rows, dtype=torch.long)
        return [
            value[chosen.to(value.device)] if leaf in self.batched else value
            for leaf, value in zip(self.leaves, point or self.point, strict=True)
        ]

    @cached_property
    def alone(self) -> list[Run]:
        """The loss of every sample alone, of at most eight."""
        return [self.run(self.rows([i])) for i in range(min(self.batch, 8))]

    @cached_property
    def versus(self) -> dict[str, tuple[float, float]]:
        """The loss and its reference at several inputs; empty without a reference.

        The names are those of the points: `here`, `moved`, `afresh`, `double` (every
        sample twice), `fewer` (without the last sample), `row 0`, `row 1`, ...
        """
        if self.reference is None:
            return {}
        count = self.argument_count  # the reference has parameters of its own
        points = {"here": self.point}
        for name, moved in (
            ("moved", self.jittered(0.3, 1)),
            ("afresh", self.jittered(1.0, 2)),
        ):
            points[name] = [*moved[:count], *self.point[count:]]
        if self.batch > 1:
            points["double"] = self.rows([*range(self.batch)] * 2)
            points["fewer"] = self.rows([*range(self.batch - 1)])
            for i in range(min(self.batch, 6)):
                points[f"row {i}"] = self.rows([i])
        found = {}
        for name, point in points.items():
            own, trusted = self.run(point), self.reference_run(point)
            if own.error is None and trusted.error is None:
                found[name] = (own.total, trusted.total)
        return found

    @cached_property
    def value_differs(self) -> bool:
        """Whether the value is not the reference's, at the inputs given or near."""
        return any(
            not self.same_as_reference(*self.versus[name])
            for name in ("here", "moved", "afresh")
            if name in self.versus
        )

    def same_as_reference(self, own: float, trusted: float) -> bool:
        """Whether two values agree as well as two implementations do."""
        if math.isnan(own) or math.isnan(trusted):
            return math.isnan(own) and math.isnan(trusted)
        if math.isinf(own) or math.isinf(trusted):
            return own == trusted
        relative = max(1e-5, 1e3 * self.noise)
        return abs(own - trusted) <= relative * max(abs(own), abs(trusted)) + 1e-7

    @cached_property
    def reference_ratio(self) -> float:
        """The factor between loss and reference; NaN if it varies with the values."""
        pairs = [
            self.versus[n] for n in ("here", "moved", "afresh") if n in self.versus
        ]
        if len(pairs) < 2 or any(not b or not math.isfinite(a / b) for a, b in pairs):
            return math.nan
        ratios = [a / b for a, b in pairs]
        if max(ratios) - min(ratios) > 1e-4 * abs(ratios[0]):
            return math.nan
        return ratios[0]

    @cached_property
    def row_weights(self) -> list[float]:
        """How much each sample counts in the batch, against the same sample alone.

        Empty where the samples do not add up: where the gradient of a sample in the
        batch is not a multiple of its gradient alone.
        """
        if not self.scalar or not 2 <= self.batch <= 64 or not self.inputs:
            return []
        leaf = self.inputs[0]
        if leaf not in self.batched or self.base_gradients.values[0] is None:
            return []
        together = self.base_gradients.values[0]
        weights = []
        for i in range(min(self.batch, 12)):
            run = self.run(self.rows([i]))
            found = self.gradients(run)
            if not run.finite or found.error is not None or found.values[0] is None:
                return []
            alone, inside = found.values[0][0], together[i]
            square = (alone.abs() ** 2).sum().item()
            if square == 0:
                if bool((inside != 0).any()):
                    return []
                weights.append(math.nan)
                continue
            weight = (_real(alone) * _real(inside)).sum().item() / square
            rest = (inside - weight * alone).abs().max().item()
            if rest > 1e-4 * inside.abs().max().item() + 1e-12:
                return []
            weights.append(weight)
        return weights

    def growth(self, times: int = 2) -> float:
        """The value with every sample several times, as a multiple; NaN if unknown."""
        if not self.scalar or self.batch < 2 or not self.value:
            return math.nan
        run = self.run(self.rows([*range(self.batch)] * times))
        return run.total / self.value if run.finite else math.nan

    @cached_property
    def reproducible(self) -> bool:
        """Whether a fixed seed gives the same value again."""
        a, b = self.run(), self.run()
        if a.error is not None or (math.isnan(a.total) and math.isnan(b.total)):
            return True
        return a.total == b.total or self.close(a.total, b.total)

    @cached_property
    def random(self) -> bool:
        """Whether the loss draws random numbers: it differs without a fixed seed."""
        if self.base.error is not None:
            return False
        drawn = [self.run(seeded=False).total for _ in range(2)]
        return any(
            a != b and not self.close(a, b) for a, b in ((drawn[0], drawn[1]),)
        ) and not all(map(math.isnan, drawn))

    @cached_property
    def steady(self) -> bool:
        """Whether the same inputs give the same value in every call."""
        return self.reproducible and not self.random

    def reference_run(self, point: Point | None = None) -> Run:
        """The trusted loss on the same inputs."""
        return self.run(point, loss=self.reference)

    def close(self, a: float, b: float, loose: float = 1.0) -> bool:
        """Whether two values of the loss are equal but for rounding."""
        relative = min(max(1e-9, 20 * self.noise) * loose, 1e-3)
        return abs(a - b) <= relative * max(abs(a), abs(b)) + 1e-12


def _real(tensor: Tensor) -> Tensor:
    return torch.view_as_real(tensor.resolve_conj()) if tensor.is_complex() else tensor


def seed_everything(seed: int) -> None:
    """Seed torch, `random` and, where it is imported, NumPy."""
    torch.default_generator.manual_seed(seed)
    random.seed(seed)
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed(seed)
    if torch.cuda.is_initialized():
        torch.cuda.manual_seed_all(seed)


@contextmanager
def random_state_kept() -> Iterator[None]:
    """Put every random state back where it was."""
    numpy = sys.modules.get("numpy")
    kept = torch.get_rng_state(), random.getstate()
    kept_numpy = numpy.random.get_state() if numpy else None
    try:
        yield
    finally:
        torch.set_rng_state(kept[0])
        random.setstate(kept[1])
        if numpy:
            numpy.random.set_state(kept_numpy)
