"""Copies of a loss, so that no run of it leaves a trace."""

import copy
import operator
import sys
import types
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from ownloss.checker.containers import tensors_in
from ownloss.checker.torch_insides import version_of

Loss = Callable[..., Any]


def copy_of(loss: Loss, dtype: torch.dtype | None) -> Loss:
    """Copy a loss with all that it holds, its floating tensors cast to `dtype`.

    Modules, callable objects, bound methods, partials and closures are copied. What a
    loss keeps on a class or in a global variable cannot be: it is shared.
    """
    if isinstance(loss, nn.Module):
        twin = _deep_copy(loss)
        return _cast_module(twin, dtype)
    if isinstance(loss, partial):
        return partial(
            copy_of(loss.func, dtype),
            *(_cast(_deep_copy(a), dtype) for a in loss.args),
            **{k: _cast(_deep_copy(v), dtype) for k, v in loss.keywords.items()},
        )
    if isinstance(loss, types.MethodType) and not isinstance(loss.__self__, type):
        owner: Any = loss.__self__
        return types.MethodType(loss.__func__, copy_of(owner, dtype))
    if isinstance(loss, types.FunctionType):
        return _copy_of_function(loss, dtype)
    if isinstance(loss, (types.BuiltinFunctionType, types.MethodType, type)):
        return loss
    called: Loss = _deep_copy(loss)
    if hasattr(called, "__dict__"):
        for name, held in vars(called).items():
            vars(called)[name] = _cast(held, dtype)
    return called


def _deep_copy(held: Any) -> Any:
    """A deep copy; what has a graph that is still pending comes without it.

    Such results, kept from an earlier call, torch refuses to copy.
    """
    try:
        return copy.deepcopy(held)
    except RuntimeError:
        pending = {id(t): t.detach().clone() for t in _with_graph(held)}
        if not pending:
            raise
        return copy.deepcopy(held, pending)


def _with_graph(held: Any, limit: int = 10_000) -> Iterator[Tensor]:
    """The tensors with a graph in containers and in attributes of objects."""
    waiting, seen = [held], set[int]()
    while waiting and len(seen) < limit:
        item = waiting.pop()
        if id(item) in seen or isinstance(item, (type, types.ModuleType)):
            continue
        seen.add(id(item))
        if isinstance(item, Tensor):
            if item.grad_fn is not None:
                yield item
        elif isinstance(item, dict):
            waiting += [*item.keys(), *item.values()]
        elif isinstance(item, (list, tuple, set, frozenset)):
            waiting += item
        elif hasattr(item, "__dict__"):
            waiting += vars(item).values()


def _copy_of_function(function: types.FunctionType, dtype: torch.dtype | None) -> Loss:
    """Copy a function with what it closes over and its defaults."""
    if not function.__closure__ and not function.__defaults__:
        return function
    cells = tuple(
        types.CellType(_copy_of_held(cell.cell_contents, dtype))
        if _filled(cell)
        else cell
        for cell in function.__closure__ or ()
    )
    twin = types.FunctionType(
        function.__code__,
        function.__globals__,
        function.__name__,
        function.__defaults__,
        cells or None,
    )
    twin.__kwdefaults__ = function.__kwdefaults__
    twin.__dict__.update(function.__dict__)
    return twin


def _copy_of_held(held: Any, dtype: torch.dtype | None) -> Any:
    if isinstance(held, (nn.Module, partial, types.FunctionType)):
        return copy_of(held, dtype)
    if isinstance(held, (Tensor, list, dict, tuple)) or (
        hasattr(held, "__dict__")
        and not isinstance(held, (type, types.ModuleType, types.MethodType))
        and not callable(held)
    ):
        return _cast(_deep_copy(held), dtype)
    return held


def _cells(loss: Any) -> tuple[types.CellType, ...]:
    """What a function closes over; nothing for anything else."""
    return (loss.__closure__ or ()) if isinstance(loss, types.FunctionType) else ()


def _filled(cell: types.CellType) -> bool:
    try:
        return cell.cell_contents is not cell
    except ValueError:
        return False


def _cast(held: Any, dtype: torch.dtype | None) -> Any:
    """Cast the floating tensors of a value, of containers and Modules in it."""
    if dtype is None:
        return held
    if isinstance(held, nn.Module):
        return _cast_module(held, dtype)
    if isinstance(held, Tensor):
        return cast(held, dtype)
    if isinstance(held, dict):
        for key, value in held.items():
            held[key] = _cast(value, dtype)
    elif isinstance(held, list):
        held[:] = [_cast(value, dtype) for value in held]
    elif type(held) is tuple:
        return tuple(_cast(value, dtype) for value in held)
    return held


def cast(tensor: Tensor, dtype: torch.dtype) -> Tensor:
    """Cast a floating or complex tensor; leave labels and masks alone."""
    if tensor.is_floating_point():
        return tensor.to(dtype)
    if tensor.is_complex() and dtype in (torch.float64, torch.float32):
        return tensor.to(dtype.to_complex())
    return tensor


def _cast_module(module: nn.Module, dtype: torch.dtype | None) -> nn.Module:
    if dtype is None:
        return module
    module.to(dtype)
    for part in module.modules():
        for name, held in list(vars(part).items()):
            if name not in ("_parameters", "_buffers", "_modules"):
                vars(part)[name] = _cast(held, dtype) if _is_data(held) else held
    return module


def _is_data(held: Any) -> bool:
    return isinstance(held, (Tensor, list, dict, tuple))


def data_of(loss: Any) -> list[Tensor]:
    """The data that a loss holds: what it closes over, its buffers and attributes.

    So are the tensors that its code names. Buffers, attributes and global tensors of
    zeros and ones, such as a mask, are no data.
    """
    held: list[Any] = []
    if isinstance(loss, partial):
        held += [*loss.args, *loss.keywords.values(), *data_of(loss.func)]
    for cell in _cells(loss):
        if _filled(cell):
            held.append(cell.cell_contents)
    kept: list[Any] = [b for module in modules_of(loss) for b in module.buffers()]
    owners: list[Any] = [p for module in modules_of(loss) for p in module.modules()]
    owner = loss.__self__ if isinstance(loss, types.MethodType) else loss
    if not owners and hasattr(owner, "__dict__") and not isinstance(owner, type):
        owners = [owner]
    if isinstance(loss, types.FunctionType):
        named = [loss.__globals__.get(name) for name in loss.__code__.co_names]
        kept += [value for value in named if isinstance(value, Tensor)]
    for part in owners:
        kept += [
            tensor
            for name, value in vars(part).items()
            if name not in ("_parameters", "_buffers", "_modules")
            for _, tensor in tensors_in(value)
        ]
    return [t for _, t in tensors_in(held)] + [t for t in kept if _holds_numbers(t)]


def _holds_numbers(held: Tensor) -> bool:
    """Whether a tensor holds numbers, and no mere zeros and ones."""
    if not held.is_floating_point() or held.is_nested:
        return False
    # Nothing can be asked of every entry of a sparse one.
    dense = held.layout is torch.strided and not held.is_meta
    return not dense or held.unique().numel() > 2


def is_of_torch(loss: Any) -> bool:
    """Whether a loss is torch's own, such as `nn.CrossEntropyLoss()`."""
    owner = loss if isinstance(loss, nn.Module) else getattr(loss, "func", loss)
    home = type(owner) if isinstance(owner, nn.Module) else owner
    return (getattr(home, "__module__", None) or "").startswith("torch.")


def modules_of(loss: Any) -> list[nn.Module]:
    """The Modules whose parameters belong to a loss: it, or what it closes over."""
    held: list[Any] = [loss]
    if isinstance(loss, partial):
        held += [loss.func, *loss.args, *loss.keywords.values()]
    if isinstance(loss, types.MethodType):
        held.append(loss.__self__)
    for function in list(held):
        if isinstance(function, types.FunctionType):
            held += [c.cell_contents for c in function.__closure__ or () if _filled(c)]
    return [h for h in held if isinstance(h, nn.Module)]


def fingerprint(loss: Any) -> list[Any]:
    """What a copy of a loss holds besides parameters; equal while nothing changes."""
    held: list[Any] = []
    for module in modules_of(loss):
        for part in module.modules():
            for name, value in [
                *vars(part).items(),
                *part.named_buffers(recurse=False),
            ]:
                if name not in ("_parameters", "_modules", "_buffers"):
                    held.append((name, _mark(value)))
    if not held and not isinstance(loss, types.BuiltinFunctionType):
        owner = loss.__self__ if isinstance(loss, types.MethodType) else loss
        held += (
            [(name, _mark(value)) for name, value in vars(owner).items()]
            if (hasattr(owner, "__dict__") and not isinstance(owner, type))
            else []
        )
    for cell in _cells(loss):
        if _filled(cell):
            held.append(_mark(cell.cell_contents))
    return held


def in_common(loss: Any) -> dict[tuple[Any, str], Any]:
    """What all copies of a loss share: what its classes hold, and global variables.

    Returns:
        The values, by the class or the module and the name; of a list, a dictionary or
        a set, a copy.
    """
    held = {**_on_classes(loss), **_in_modules(loss)}
    return {
        place: value.copy() if isinstance(value, (list, dict, set)) else value
        for place, value in held.items()
    }


def are_the_same(before: Any, now: Any) -> bool:
    """Whether nothing was assigned to a variable, or put into a list or the like."""
    if isinstance(before, dict) and isinstance(now, dict):
        kept = before.keys() == now.keys()
        return kept and all(before[key] is now[key] for key in now)
    if isinstance(before, list) and isinstance(now, list):
        return len(before) == len(now) and all(map(operator.is_, before, now))
    if isinstance(before, set) and isinstance(now, set):
        return {*map(id, before)} == {*map(id, now)}
    return before is now


_VARIABLES = (float, int, Tensor, list, dict, set)


def _in_modules(loss: Any) -> dict[tuple[Any, str], Any]:
    """The global variables of the modules in which a loss is written, that it names."""
    parts = [part for module in modules_of(loss) for part in module.modules()]
    functions = [getattr(loss, "__func__", loss), type(loss).__call__]
    functions += [type(part).forward for part in parts]
    found: dict[tuple[Any, str], Any] = {}
    for function in functions:
        code = getattr(function, "__code__", None)
        module = sys.modules.get(getattr(function, "__module__", None) or "")
        if code is None or module is None or vars(module) is not function.__globals__:
            continue
        for name in code.co_names:
            value = vars(module).get(name, code)  # itself, for what is no variable
            if value is None or isinstance(value, _VARIABLES):
                found[module, name] = value
    return found


def _on_classes(loss: Any) -> dict[tuple[Any, str], Any]:
    owners = {type(part) for module in modules_of(loss) for part in module.modules()}
    if not owners and not isinstance(loss, (type, types.FunctionType)):
        owners = {type(loss)}
    return {
        (cls, name): value
        for cls in owners
        if not cls.__module__.startswith(("torch.", "builtins"))
        for name, value in vars(cls).items()
        if not name.startswith("__") and not callable(value)
    }


def printed(value: object) -> str:
    """What an object prints; its type and place where it cannot be printed.

    >>> printed([1, 2])
    '[1, 2]'
    """
    try:
        return str(value)
    except Exception:  # a part of the loss, whose `__repr__` may be wrong
        return object.__repr__(value)


def _mark(value: Any) -> Any:
    if isinstance(value, Tensor):
        known = not value.is_meta and not nn.parameter.is_lazy(value)
        total = value.detach().double().sum().item() if known else 0.0
        return id(value), version_of(value), total
    if isinstance(value, (dict, list, set)):
        return id(value), len(value), printed(value)[:1000]
    if isinstance(value, (int, float, str, bool)):
        return value
    return id(value)
