"""Which entries of one input act on the gradient at which entries of another."""

from collections.abc import Callable
from typing import Any

from torch import Tensor

from ownloss.checker.arguments import Argument
from ownloss.checker.copies import cast
from ownloss.checker.domains import Domain
from ownloss.checker.measures.reference import Reference
from ownloss.checker.measures.selection import Selection
from ownloss.checker.roles import Role
from ownloss.checker.subject import Subject

MOST_PLACES = 16
Place = tuple[int, ...]


class Influence:
    """How the inputs of a loss act on its prediction, the first of them."""

    def __init__(
        self, subject: Subject, selection: Selection, reference: Reference
    ) -> None:
        self._subject = subject
        self._selection = selection
        self._reference = reference
        self._known: dict[tuple[Argument, bool], dict[Place, list[Place]]] = {}

    def of(self, argument: Argument) -> dict[Place, list[Place]]:
        """For entries of an input: those of the prediction whose gradient reacts."""
        return self._asked(argument, False)

    def in_reference(self, argument: Argument) -> dict[Place, list[Place]]:
        """The same of the reference."""
        return self._asked(argument, True)

    def _asked(self, argument: Argument, trusted: bool) -> dict[Place, list[Place]]:
        key = argument, trusted
        if key not in self._known:
            loss = self._reference.loss if trusted else None
            self._known[key] = self._reacting(argument, loss)
        return self._known[key]

    def _reacting(
        self, argument: Argument, loss: Callable[..., Any] | None
    ) -> dict[Place, list[Place]]:
        base = self._gradient({}, loss)
        if base is None or base.is_complex() or not base.numel():
            return {}
        value = argument.value
        count = value.numel()
        scale = base.abs().max()
        reacting = {}
        for flat in range(0, count, max(1, count // MOST_PLACES)):
            changed = self._changed(argument, flat)
            if changed is None:
                continue
            other = cast(value, self._subject.dtype).clone().reshape(-1)
            other[flat] = changed
            there = self._gradient({argument: other.reshape(value.shape)}, loss)
            if there is None:
                break
            # Class weights and ignored labels change the denominator of all samples.
            factor = _common_factor(there, base, 1e-6 * scale)
            moved = (there - factor * base).abs() > 1e-6 * scale
            entries = [tuple(entry) for entry in moved.nonzero().tolist()]
            reacting[_place(flat, value.shape)] = entries
        return reacting

    def _changed(self, argument: Argument, flat: int) -> float | Tensor | None:
        """Another value for an entry; None if it has a meaning of its own."""
        value = argument.value
        entry = value.reshape(-1)[flat]
        if argument.role is Role.LABELS:
            special = self._selection.singled_out(argument)
            if entry < 0 or int(entry) in special:
                return None
            usual = [x for x in value.unique().tolist() if x not in special and x >= 0]
            return next((x for x in usual if x != entry), None)
        if argument.domain in (Domain.MASK, Domain.BINARY):
            return ~entry if argument.domain is Domain.MASK else 1 - entry
        return cast(entry, self._subject.dtype) + argument.size

    def _gradient(
        self, values: dict[Argument, Tensor], loss: Callable[..., Any] | None
    ) -> Tensor | None:
        if not values and loss is None:
            return self._subject.base_backward.values[0]
        run = self._subject.run(self._subject.with_values(values), loss=loss)
        found = self._subject.backward(run)
        return None if found.error is not None else found.values[0]


def _place(flat: int, shape: Place) -> Place:
    """The indices of an entry, given its number.

    torch.unravel_index does the same, and imports sympy for it: that is slow.
    """
    indices = []
    for size in reversed(shape):
        flat, index = divmod(flat, size)
        indices.append(index)
    return tuple(reversed(indices))


def _common_factor(now: Tensor, before: Tensor, near: Tensor) -> Tensor:
    """What most entries of a gradient are multiplied by; 1 if there is no such."""
    alive = before.abs() > near
    ratios = now[alive] / before[alive]
    if len(ratios) > 2:
        factor = ratios.median()
        if (ratios - factor).abs().le(1e-6 * factor.abs()).double().mean() > 0.5:
            return factor
    return now.new_ones(())
