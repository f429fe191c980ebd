"""What a check leaves as it was.

A loss is run on copies. What a copy shares with it, or a loss that cannot be copied
holds itself, is put back at the end: attributes, lists, closures, defaults, globals,
data on classes, tensors and their `.grad`.
"""

import functools
import random
import sys
import threading
import types
import warnings
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from ownloss.checker.domains import stored
from ownloss.checker.runs import as_real
from ownloss.checker.torch_insides import outside_of_transforms

# Seeds, filters of warnings and watched Functions belong to the whole process: one
# check at a time. A loss may check another one, in the same thread.
_ONE_AT_A_TIME = threading.RLock()

# So many things are looked at, and tensors of so many elements.
MOST_THINGS = 5_000
LARGEST_TENSOR = 10_000_000

_DATA = (int, float, complex, str, bytes, bool, type(None), Tensor, list, dict, set)
_OF_OTHERS = ("torch", "numpy", "builtins", "functools", "collections", "typing")


@contextmanager
def everything_kept(*things: Any) -> Iterator[None]:
    """Run a loss without warnings and with gradients; leave no trace of it.

    Args:
        *things: the loss, its inputs, its reference: all that a run may reach.
    """
    with (
        _ONE_AT_A_TIME,
        outside_of_transforms(),
        on_the_processor(),
        without_autocast(),
        warnings.catch_warnings(),
        random_state_kept(),
        settings_kept(),
        state_kept(*things),
        torch.inference_mode(False),
        torch.enable_grad(),
    ):
        warnings.simplefilter("ignore")
        yield


# The default device of the caller, where it is not the processor.
_OUTER: list[torch.device] = []


@contextmanager
def on_the_processor() -> Iterator[None]:
    """Make new tensors on the processor, whatever the default device is."""
    # Torch 2.5's get_default_device does not know `with torch.device(...)`.
    outer = torch.empty(0).device
    if outer.type == "cpu":
        yield  # to enter one costs time at every call of torch
        return
    _OUTER.append(outer)
    try:
        with torch.device("cpu"):
            yield
    finally:
        _OUTER.pop()


# For each check, where the caller computes in which lower precision.
_AUTOCAST: list[dict[str, torch.dtype]] = []


@contextmanager
def without_autocast() -> Iterator[None]:
    """Compute in the precision of the tensors, whatever the caller does."""
    outer = {
        device: torch.get_autocast_dtype(device)
        for device in ("cpu", "cuda", "mps", "xpu")
        if torch.is_autocast_enabled(device)
    }
    _AUTOCAST.append(outer)
    try:
        with ExitStack() as stack:
            for device in outer:
                stack.enter_context(torch.autocast(device, enabled=False))
            yield
    finally:
        _AUTOCAST.pop()


def is_autocast(device: str) -> bool:
    """Whether the caller computes in lower precision on a device."""
    return bool(_AUTOCAST) and device in _AUTOCAST[-1]


def as_the_caller() -> AbstractContextManager[Any]:
    """Compute as the caller would, for a call of the loss.

    New tensors are made on its default device, but for the meta device, which holds
    no numbers: a loss cannot be checked there. Autocast is on where it was.
    """
    device = _OUTER[-1] if _OUTER and _OUTER[-1].type != "meta" else None
    autocast = _AUTOCAST[-1] if _AUTOCAST else {}
    return _entered(device, autocast) if device or autocast else nullcontext()


@contextmanager
def _entered(
    device: torch.device | None, autocast: dict[str, torch.dtype]
) -> Iterator[None]:
    with ExitStack() as stack:
        if device is not None:
            stack.enter_context(device)
        for where, dtype in autocast.items():
            stack.enter_context(torch.autocast(where, dtype=dtype))
        yield


@contextmanager
def random_state_kept() -> Iterator[None]:
    """Put every random state back where it was."""
    numpy = sys.modules.get("numpy")
    kept = torch.get_rng_state(), random.getstate()
    kept_numpy = numpy.random.get_state() if numpy else None
    kept_cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []
    try:
        yield
    finally:
        torch.set_rng_state(kept[0])
        random.setstate(kept[1])
        if numpy:
            numpy.random.set_state(kept_numpy)
        if kept_cuda:
            torch.cuda.set_rng_state_all(kept_cuda)


@contextmanager
def settings_kept() -> Iterator[None]:
    """Put the settings of torch back that a loss may change."""
    before = _settings()
    try:
        yield
    finally:
        if before != _settings():  # to set them imports half of torch
            torch.set_default_dtype(before["dtype"])
            torch.use_deterministic_algorithms(
                before["deterministic"], warn_only=before["warn only"]
            )
            torch.autograd.set_detect_anomaly(before["anomaly"])
            torch.backends.cudnn.benchmark = before["benchmark"]
            torch.backends.cudnn.deterministic = before["cudnn"]


def _settings() -> dict[str, Any]:
    return {
        "dtype": torch.get_default_dtype(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "warn only": torch.is_deterministic_algorithms_warn_only_enabled(),
        "anomaly": torch.is_anomaly_enabled(),
        "benchmark": torch.backends.cudnn.benchmark,
        "cudnn": torch.backends.cudnn.deterministic,
    }


@contextmanager
def state_kept(*things: Any) -> Iterator[None]:
    """Put back what can be changed in things, and in what they hold."""
    snapshot = Snapshot(*things)
    try:
        yield
    finally:
        snapshot.restore()


class Snapshot:
    """What can be changed in some things and in what they hold, as it is now."""

    def __init__(self, *things: Any) -> None:
        self._restorers: list[Callable[[], None]] = []
        self._waiting: deque[Any] = deque(things)
        self._known: dict[int, Any] = {}
        while self._waiting and len(self._known) < MOST_THINGS:
            thing = self._waiting.popleft()
            if id(thing) not in self._known:
                self._known[id(thing)] = thing
                self._visit(thing)

    def restore(self) -> None:
        """Put everything back."""
        with torch.no_grad():
            for restorer in self._restorers:
                restorer()

    def _visit(self, thing: Any) -> None:
        match thing:
            case Tensor():
                self._tensor(thing)
            case dict():
                self._dict(thing)
            case list() | set() | deque():
                self._sequence(thing)
            case tuple() | frozenset() | types.MappingProxyType():
                held = thing.values() if hasattr(thing, "values") else thing
                self._waiting.extend(held)
            case functools.partial():
                self._waiting.extend((thing.func, thing.args, thing.keywords))
            case types.MethodType():
                self._waiting.extend((thing.__self__, thing.__func__))
            case types.FunctionType():
                self._function(thing)
            case type():
                self._class(thing)
            case types.ModuleType() | types.BuiltinFunctionType() | str() | bytes():
                owner = getattr(thing, "__self__", None)
                if isinstance(owner, type):
                    self._waiting.append(owner)  # Function.apply
            case _:
                self._object(thing)

    def _tensor(self, tensor: Tensor) -> None:
        if tensor.is_meta or nn.parameter.is_lazy(tensor) or tensor.is_inference():
            return
        strided = tensor.layout == torch.strided and not tensor.is_nested
        if not strided or tensor.numel() > LARGEST_TENSOR:
            return
        value = tensor.detach().clone()
        # That of a tensor in the middle of a graph is nobody's, and torch warns.
        grad = tensor.grad if tensor.is_leaf else None
        leaf, differentiated = tensor.is_leaf, tensor.requires_grad

        def restore() -> None:
            if leaf and tensor.is_leaf and tensor.requires_grad != differentiated:
                tensor.requires_grad_(differentiated)
            # Not by its version: batch_norm writes its averages without counting.
            if tensor.shape == value.shape and not _equal(tensor, value):
                tensor.data.copy_(value)  # counted nowhere: a graph may hold it
            if tensor.is_leaf and tensor.grad is not grad:
                tensor.grad = grad

        self._restorers.append(restore)
        if grad is not None:
            self._waiting.append(grad)

    def _dict(self, held: dict[Any, Any]) -> None:
        before = dict(held)

        def restore() -> None:
            if _differ(held.items(), before.items()):
                held.clear()
                held.update(before)

        self._restorers.append(restore)
        self._waiting.extend(before.values())

    def _sequence(self, held: list[Any] | set[Any] | deque[Any]) -> None:
        before = list(held)

        def restore() -> None:
            if len(held) == len(before) and all(
                a is b for a, b in zip(held, before, strict=True)
            ):
                return
            held.clear()
            (held.update if isinstance(held, set) else held.extend)(before)

        self._restorers.append(restore)
        self._waiting.extend(before)

    def _function(self, function: types.FunctionType) -> None:
        self._waiting.extend((function.__defaults__, function.__kwdefaults__))
        self._waiting.append(vars(function))
        for cell in function.__closure__ or ():
            self._cell(cell)
        held = function.__globals__
        for name in function.__code__.co_names:
            value = held.get(name, self)
            local = getattr(value, "__globals__", None) is held
            if local and isinstance(value, types.FunctionType):
                self._waiting.append(value)
            elif value is not self and isinstance(value, _DATA):
                self._global(held, name, value)

    def _cell(self, cell: types.CellType) -> None:
        try:
            before = cell.cell_contents
        except ValueError:  # not yet filled
            return

        def restore() -> None:
            if cell.cell_contents is not before:
                cell.cell_contents = before

        self._restorers.append(restore)
        self._waiting.append(before)

    def _global(self, held: dict[str, Any], name: str, before: Any) -> None:
        def restore() -> None:
            if held.get(name) is not before:
                held[name] = before

        self._restorers.append(restore)
        self._waiting.append(before)

    def _class(self, cls: type) -> None:
        """The data on a class, such as what a Function keeps there."""
        if cls.__module__.partition(".")[0] in _OF_OTHERS:
            return
        names = {n for n in vars(cls) if not n.startswith("__")}
        before = {n: vars(cls)[n] for n in names if isinstance(vars(cls)[n], _DATA)}

        def restore() -> None:
            now = {n for n in vars(cls) if not n.startswith("__")}
            for name in now - names:
                delattr(cls, name)
            for name, value in before.items():
                if vars(cls).get(name) is not value:
                    setattr(cls, name, value)

        self._restorers.append(restore)
        self._waiting.extend(before.values())

    def _object(self, thing: Any) -> None:
        if type(thing).__module__ == "numpy" and type(thing).__name__ == "ndarray":
            self._array(thing)
        try:
            held = object.__getattribute__(thing, "__dict__")
        except AttributeError:
            return
        if isinstance(held, dict):
            self._waiting.append(held)
            self._waiting.append(type(thing))

    def _array(self, array: Any) -> None:
        if array.dtype == object or array.size > LARGEST_TENSOR:
            return
        before = array.copy()

        def restore() -> None:
            if array.flags.writeable and array.tobytes() != before.tobytes():
                array[...] = before

        self._restorers.append(restore)


def _differ(now: Any, before: Any) -> bool:
    """Whether two views of items hold other things, or in another order."""
    return len(now) != len(before) or any(
        a is not c or b is not d for (a, b), (c, d) in zip(now, before, strict=True)
    )


def _equal(one: Tensor, other: Tensor) -> bool:
    """Whether two tensors hold the same; NaN is what it was."""
    one, other = as_real(stored(one)), as_real(stored(other))
    if torch.equal(one, other):
        return True
    if not one.is_floating_point():
        return False
    return torch.allclose(one, other, rtol=0.0, atol=0.0, equal_nan=True)
