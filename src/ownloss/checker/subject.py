"""A loss and its inputs: runs it on copies, forward and backward; judges nothing."""

import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import cached_property, partial
from typing import Any

import torch
from torch import Tensor, nn

from ownloss.checker.arguments import Argument, arguments_of
from ownloss.checker.budget import Budget
from ownloss.checker.containers import tensors_in, with_tensors
from ownloss.checker.copies import (
    are_the_same,
    cast,
    copy_of,
    fingerprint,
    in_common,
    modules_of,
)
from ownloss.checker.functions import nodes_of
from ownloss.checker.keeping import as_the_caller
from ownloss.checker.randomness import seed_everything
from ownloss.checker.runs import Backward, Run
from ownloss.checker.signatures import parameter_names
from ownloss.checker.trace import OnlyFiniteEigenvalues

Point = list[Tensor]
"""A value for every argument, parameters included."""

LARGEST_PARAMETERS = 100_000
# Above so many elements, the inputs given are run in their own dtype.
VERY_MANY_ELEMENTS = 4_000_000
# Of more, the same are taken again: a prime number, so that rows differ.
RANDOM_NUMBERS = 1_000_003


class Subject:
    """A loss and the inputs that it is checked at.

    Every run is made on copies of the loss and of its inputs.

    Attributes:
        loss: the loss.
        args, kwargs: what it is called with.
        seed: what every run is seeded with.
        budget: what the runs may cost.
        arguments: every tensor that the loss depends on, parameters last.
        inputs: those of them that are differentiated.
        point: the values given, one an argument.
        dtype: the dtype that runs are made in: float64 where the loss can, and the
            inputs are not very many.
        base: the run at the inputs given.
        base_backward: its gradients.
        stateful: whether that run changed what the loss holds.
        left_in_common: what that run left where all copies see it, on classes and in
            global variables, with what had been there.
    """

    def __init__(
        self,
        loss: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        *,
        seed: int,
        budget: Budget,
    ) -> None:
        self.loss = loss
        self.args, self.kwargs = args, dict(kwargs)
        self.seed = seed
        self.budget = budget
        self._copies: dict[Any, Any] | None = None
        self._chosen: list[int] | None = None
        self._checkpoints: bool | None = None
        self._eigenvalues = OnlyFiniteEigenvalues()
        self._guarded = True
        self.arguments = arguments_of(parameter_names(loss), args, kwargs)
        self.argument_count = len(self.arguments)
        self._parameter_places: list[tuple[int, str]] = []
        self.arguments += self._parameters()
        self.point: Point = [argument.value for argument in self.arguments]
        self.inputs = [x for x in self.arguments if x.differentiable]
        before = in_common(loss)
        self._begin()
        self.left_in_common = {
            place: before.get(place)
            for place, value in in_common(loss).items()
            if not are_the_same(before.get(place), value)
        }

    def _parameters(self) -> list[Argument]:
        found = []
        for place, module in enumerate(modules_of(self.loss)):
            for name, parameter in module.named_parameters():
                if nn.parameter.is_lazy(parameter) or parameter.is_meta:
                    continue
                small = parameter.numel() <= LARGEST_PARAMETERS
                if parameter.requires_grad and small:
                    self._parameter_places.append((place, name))
                    found.append(
                        Argument(name, -1, parameter.detach().clone(), True, True)
                    )
        return found

    # --- running -----------------------------------------------------------------

    @cached_property
    def device(self) -> torch.device:
        """Where the inputs lie."""
        return self.arguments[0].value.device if self.arguments else torch.device("cpu")

    @cached_property
    def native(self) -> torch.dtype:
        """The dtype of the first differentiable input."""
        dtype = self.inputs[0].value.dtype if self.inputs else torch.float32
        return dtype.to_real() if dtype.is_complex else dtype

    def _begin(self) -> None:
        """Make the first run: in float64 where the loss can, else as it was given."""
        elements = sum(x.value.numel() for x in self.inputs)
        self.dtype = torch.float64
        if elements > VERY_MANY_ELEMENTS and self.native == torch.float32:
            self.dtype = torch.float32
        self.base, stateful = self._first_run(self.dtype)
        failed = self.base.error is not None or not self.base.outputs
        stored = self.native.itemsize == 1  # torch does not compute with such numbers
        if failed and self.native != self.dtype and not stored:
            given, its_stateful = self._first_run(self.native)
            if given.error is None:
                self.base, self.dtype, stateful = given, self.native, its_stateful
        self._guarded = self._eigenvalues.used
        # At once: a later run may write into parameters that the graph has saved.
        self.base_backward = self.backward(self.base)
        self.stateful = stateful
        if not stateful:
            self._copies = {(id(self.loss), self.dtype): self.base.call}

    def _first_run(self, dtype: torch.dtype) -> tuple[Run, bool]:
        """Run on a fresh copy, and see whether that changes what the copy holds."""
        twin = self._copy(dtype)
        before = fingerprint(twin)
        with self.budget.call(always=True):
            run = self._run(self.point, dtype, on=twin)
        return run, fingerprint(twin) != before

    def fresh_copy(self, dtype: torch.dtype, loss: Any = None) -> Any:
        """A copy of the loss, or of another one, that no run has used."""
        loss = self.loss if loss is None else loss
        try:
            return copy_of(loss, dtype)
        except Exception:  # a loss that cannot be copied is used as it is
            return loss

    def _copy(self, dtype: torch.dtype, loss: Any = None) -> Any:
        loss = self.loss if loss is None else loss
        key = (id(loss), dtype)
        if self._copies is not None and key in self._copies:
            return self._copies[key]
        twin = self.fresh_copy(dtype, loss)
        if self._copies is not None:
            self._copies[key] = twin
        return twin

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
        with self.budget.call():
            return self._run(
                self.point if point is None else point,
                dtype or self.dtype,
                grad=grad,
                on=on,
                loss=loss,
                exact=exact,
                seeded=seeded,
            )

    def _run(
        self,
        values: Point,
        dtype: torch.dtype,
        *,
        grad: bool = True,
        on: Any = None,
        loss: Any = None,
        exact: bool = False,
        seeded: bool = True,
    ) -> Run:
        twin = self._copy(dtype, loss) if on is None else on
        tensors: list[Tensor] = []
        for argument, value in zip(self.arguments, values, strict=True):
            if argument.parameter:
                continue
            if not exact:
                value = cast(value, dtype).detach().clone()
            if argument.differentiable and grad:
                value = value.detach().requires_grad_()
            tensors.append(value)
        run = Run(tensors, call=twin)
        given = iter(tensors)
        args = with_tensors(self.args, given)
        kwargs = with_tensors(self.kwargs, given)
        if loss is None and on is None:
            run.tensors = tensors + self._set_parameters(twin, values, dtype)
        elif loss is None:
            run.tensors = tensors + self._parameters_of(twin)
        if seeded:
            seed_everything(self.seed)
        try:
            with as_the_caller(), self._guard():
                run.raw = twin(*args, **kwargs)
        except (Exception, SystemExit) as error:
            run.error = _kept(error)
            return run
        run.outputs = self.outputs_of(run.raw, loss is None)
        return run

    def _guard(self) -> AbstractContextManager[Any]:
        """What keeps a probe from ending the process, where a loss can do that."""
        return self._eigenvalues if self._guarded else nullcontext()

    def call(self, loss: Any, args: tuple[Any, ...], kwargs: Any = None) -> Any:
        """Call a copy of the loss with other arguments, as they are.

        Args:
            loss: the copy.
            args: its positional arguments.
            kwargs: its keyword arguments; those given if None.
        """
        with self.budget.call(), as_the_caller():
            return loss(*args, **(self.kwargs if kwargs is None else kwargs))

    def _parameters_of(self, twin: Any) -> list[Tensor]:
        """The parameters of a copy, in the order of the arguments.

        One that the copy has no more is stood for by the value that it had.
        """
        if not self._parameter_places:
            return []
        held = [dict(module.named_parameters()) for module in modules_of(twin)]
        return [
            held[place].get(name, argument.value)
            for (place, name), argument in zip(
                self._parameter_places,
                self.arguments[self.argument_count :],
                strict=True,
            )
        ]

    def _set_parameters(
        self, twin: Any, values: Point, dtype: torch.dtype
    ) -> list[Tensor]:
        held = self._parameters_of(twin)
        for parameter, value in zip(held, values[self.argument_count :], strict=True):
            # Writing would invalidate the graphs of earlier runs.
            if not torch.equal(parameter, value.to(parameter.dtype)):
                with torch.no_grad():
                    parameter.copy_(value)
        return held

    def outputs_of(self, raw: Any, remember: bool = True) -> list[Tensor]:
        """The floating tensors that count as loss, of what a call returned.

        Args:
            raw: what the call returned.
            remember: whether the first call decides which of several tensors count.
        """
        if isinstance(raw, float):
            return [torch.tensor(raw, dtype=torch.float64)]
        found = [
            tensor
            for _, tensor in tensors_in(raw)
            if tensor.is_floating_point() or tensor.is_complex()
        ]
        if not remember:
            return [t for t in found if t.requires_grad] or found
        if self._chosen is None:
            attached = [i for i, t in enumerate(found) if t.requires_grad]
            self._chosen = attached or list(range(len(found)))
        return [found[i] for i in self._chosen if i < len(found)]

    def backward(
        self,
        run: Run,
        weights: list[Tensor] | None = None,
        *,
        create_graph: bool = False,
        retain: bool = False,
        as_laid_out: bool = False,
    ) -> Backward:
        """Backpropagate `weights` (ones if None) through a run.

        Args:
            run: the run.
            weights: what to multiply the outputs by, one tensor an output.
            create_graph: whether the gradients can be differentiated again.
            retain: whether the graph is kept for another time.
            as_laid_out: pass `weights` as grad_output with their own memory layout.
        """
        wanted = [t for argument, t in self.pairs(run) if argument.differentiable]
        if run.error is not None:
            return Backward([None] * len(wanted), run.error)
        attached = [(i, o) for i, o in enumerate(run.outputs) if o.requires_grad]
        if not attached:
            return Backward([None] * len(wanted))
        weigh = [o if weights is None else weights[i].to(o.dtype) for i, o in attached]
        reached = [t for t in wanted if t.requires_grad]
        differentiate = partial(
            torch.autograd.grad,
            create_graph=create_graph,
            retain_graph=retain or create_graph,
            allow_unused=True,
        )
        found: Sequence[Tensor | None]
        with self.budget.backward():
            try:
                if as_laid_out:
                    outputs = [o for _, o in attached]
                    found = differentiate(outputs, reached, weigh)
                else:
                    # Passing grad_outputs would make torch import sympy: that is slow.
                    if weights is None:
                        weigh = [torch.ones_like(o) for _, o in attached]
                    terms = [
                        (o * w.conj()).real.sum() if o.is_complex() else (o * w).sum()
                        for (_, o), w in zip(attached, weigh, strict=True)
                    ]
                    total = sum(terms[1:], start=terms[0])
                    if self._reenters(run):
                        found = _by_backward(total, reached, retain, create_graph)
                    else:
                        found = differentiate(total, reached)
            except (Exception, SystemExit) as error:
                return Backward([None] * len(wanted), _kept(error))
        given = iter(found)
        return Backward(
            [_dense(next(given)) if t.requires_grad else None for t in wanted]
        )

    def inputs_again(
        self, tensors: list[Tensor] | None = None
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """What the loss was given, around other tensors or those given.

        Returns:
            Positional and keyword arguments; what is differentiated requires it.
        """
        arguments = self.arguments[: self.argument_count]
        values = self.point if tensors is None else tensors
        given = iter(
            [
                value.detach().requires_grad_(argument.differentiable)
                for argument, value in zip(arguments, values, strict=False)
            ]
        )
        return with_tensors(self.args, given), with_tensors(self.kwargs, given)

    def _reenters(self, run: Run) -> bool:
        """Whether the loss checkpoints by running forward again inside of backward."""
        if self._checkpoints is None:
            nodes = nodes_of(run.outputs)
            self._checkpoints = any("CheckpointFunction" in n.name() for n in nodes)
        return self._checkpoints

    def pairs(self, run: Run) -> Iterator[tuple[Argument, Tensor]]:
        """The arguments with the tensors that a run was given for them."""
        return zip(self.arguments, run.tensors, strict=False)

    def index(self, argument: Argument) -> int:
        """The place of an argument in a point."""
        return self.arguments.index(argument)

    def with_values(self, values: dict[Argument, Tensor]) -> Point:
        """The point given, with other values for some arguments."""
        return [values.get(argument, argument.value) for argument in self.arguments]

    def random_like(self, value: Tensor, seed: int = 0) -> Tensor:
        """Normal numbers in the shape of a tensor, the same for the same seed."""
        generator = torch.Generator().manual_seed((self.seed * 1000 + seed) % 2**63)
        dtype = cast(value, self.dtype).dtype
        if not dtype.is_floating_point and not dtype.is_complex:
            dtype = self.dtype
        count = min(value.numel(), RANDOM_NUMBERS)
        noise = torch.randn(count, generator=generator, dtype=dtype)
        if count < value.numel():
            noise = noise.repeat(-(-value.numel() // count))[: value.numel()]
        return noise.reshape(value.shape).to(value.device)

    # --- the run at the inputs given --------------------------------------------

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


def _kept(error: Exception | SystemExit) -> Exception | SystemExit:
    """An error that keeps where it was raised, and lets go of what was held there.

    A frame may hold tensors, or the generator of a context that must end: in torch
    2.5, the hooks of a checkpoint are in force until its frame is gone.
    """
    traceback.clear_frames(error.__traceback__)
    return error


def _by_backward(
    total: Tensor, reached: list[Tensor], retain: bool, create_graph: bool
) -> list[Tensor | None]:
    """The gradients by `backward()`, which checkpoints with reentry insist on."""
    kept = [tensor.grad for tensor in reached]
    try:
        for tensor in reached:
            tensor.grad = None
        total.backward(retain_graph=retain or create_graph, create_graph=create_graph)
        return [tensor.grad for tensor in reached]
    finally:
        for tensor, gradient in zip(reached, kept, strict=True):
            tensor.grad = gradient


def _dense(gradient: Tensor | None) -> Tensor | None:
    """A gradient with all its zeros, where torch keeps a few rows only."""
    if gradient is None or gradient.layout == torch.strided:
        return gradient
    return gradient.to_dense()
