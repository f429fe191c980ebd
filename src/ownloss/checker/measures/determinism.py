"""Whether a call can be repeated."""

import math
from functools import cached_property

from torch import Tensor, nn

from ownloss.checker.copies import modules_of, printed
from ownloss.checker.measures.precision import Precision
from ownloss.checker.subject import Point, Subject


class Determinism:
    """How two calls with the same inputs compare."""

    def __init__(self, subject: Subject, precision: Precision) -> None:
        self._subject = subject
        self._precision = precision

    @cached_property
    def changes(self) -> tuple[str, bool]:
        """What a call changes in a Module: its name, and whether it is a buffer."""
        return self.changed_by(self._subject.point)

    def changed_by(self, point: Point) -> tuple[str, bool]:
        """What a call with other inputs changes in a Module, after one as given."""
        session = self._subject.run().call
        modules = modules_of(session)
        before = [_state(module) for module in modules]
        self._subject.run(point, on=session)
        for module, old in zip(modules, before, strict=True):
            for name, value in _state(module).items():
                if name in old and str(old[name]) != str(value):
                    return name, name in dict(module.named_buffers())
        return "", False

    @cached_property
    def remembers(self) -> bool:
        """Whether what a call changes is a memory of many entries, no mere average."""
        name, registered = self.changes
        for module in modules_of(self._subject.loss):
            buffer = dict(module.named_buffers()).get(name)
            if registered and buffer is not None:
                return buffer.numel() > 1
        return False

    @cached_property
    def reproducible(self) -> bool:
        """Whether a fixed seed gives the same value again."""
        a, b = self._subject.run(), self._subject.run()
        if a.error is not None or (math.isnan(a.total) and math.isnan(b.total)):
            return True
        return a.total == b.total or self._precision.close(a.total, b.total)

    @cached_property
    def random(self) -> bool:
        """Whether the loss draws random numbers: it differs without a fixed seed."""
        if self._subject.base.error is not None:
            return False
        drawn = [self._subject.run(seeded=False).total for _ in range(2)]
        return any(
            a != b and not self._precision.close(a, b)
            for a, b in ((drawn[0], drawn[1]),)
        ) and not all(map(math.isnan, drawn))

    @cached_property
    def steady(self) -> bool:
        """Whether the same inputs give the same value in every call."""
        return self.reproducible and not self.random


def _state(module: nn.Module) -> dict[str, object]:
    state: dict[str, object] = {n: b.clone() for n, b in module.named_buffers()}
    for path, part in module.named_modules():
        for name, value in vars(part).items():
            if not name.startswith("_"):
                kept = value.clone() if isinstance(value, Tensor) else printed(value)
                state[f"{path}.{name}".lstrip(".")] = kept
    return state
