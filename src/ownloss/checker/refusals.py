"""What cannot be checked, refused in one sentence."""

import inspect
import numbers
import operator
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ownloss.checker.arguments import Argument, spread
from ownloss.checker.budget import OutOfBudgetError
from ownloss.checker.containers import tensors_in
from ownloss.checker.errors import first_line
from ownloss.checker.observation import Observation
from ownloss.checker.packed import is_packed
from ownloss.checker.signatures import called_of, name_of
from ownloss.checker.torch_insides import is_transformed


def refuse(
    loss: Callable[..., Any], inputs: tuple[Any, ...], named: dict[str, Any]
) -> None:
    """Raise where there is nothing to check."""
    if isinstance(loss, type):
        raise TypeError(
            f"`{loss.__name__}` is a class; expected a loss to call, "
            f"such as an instance, `{loss.__name__}()`"
            + (", or `.apply`" if issubclass(loss, torch.autograd.Function) else "")
        )
    if not callable(loss):
        raise TypeError(
            f"the loss is {_a(loss)}; expected something to call, "
            "such as a function or a Module"
        )
    for _, tensor in tensors_in((inputs, named)):
        refuse_layout(tensor)
    refuse_arity(loss, inputs, named)


def refuse_layout(tensor: Tensor) -> None:
    """Raise where the entries of a tensor cannot be read and moved one by one."""
    if is_transformed(tensor):
        raise ValueError(
            "an input belongs to torch.vmap or torch.func.grad, which are running; "
            "expected a plain tensor: check the loss outside of them"
        )
    shape = tuple(tensor.shape)
    if tensor.is_meta:
        raise ValueError(
            f"an input of shape {shape} is on the meta device, which holds no numbers; "
            "expected a device such as 'cpu'"
        )
    if tensor.layout is not torch.strided and not is_packed(tensor):
        raise ValueError(
            f"an input of shape {shape} has the layout {tensor.layout}; expected a "
            "dense tensor, such as its to_dense()"
        )


def refuse_arity(
    loss: Callable[..., Any], inputs: tuple[Any, ...], named: dict[str, Any]
) -> None:
    """Raise where a callable cannot take the inputs."""
    try:
        function = called_of(loss) if isinstance(loss, torch.nn.Module) else loss
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return
    try:
        signature.bind(*inputs, **named)
    except TypeError as error:
        raise TypeError(
            f"`{name_of(loss)}` takes {signature} and was given {len(inputs)} "
            f"argument{'s' * (len(inputs) != 1)}: {error}"
        ) from None


def refuse_options(reference: Any, seed: Any, seconds: Any) -> None:
    """Raise where an option of the check could not be used."""
    if isinstance(reference, type):
        raise TypeError(
            f"the reference `{reference.__name__}` is a class; expected a loss to "
            f"call, such as an instance, `{reference.__name__}()`"
        )
    if reference is not None and not callable(reference):
        raise TypeError(
            f"the reference is {_a(reference)}; expected a loss to call, for the same "
            "inputs"
        )
    if isinstance(seed, bool) or not hasattr(type(seed), "__index__"):
        raise TypeError(f"seed is {_a(seed)}; expected an integer")
    if not -(2**63) <= operator.index(seed) < 2**63:
        raise ValueError(f"seed is {seed}; expected an integer of 64 bits")
    if isinstance(seconds, bool) or not isinstance(seconds, numbers.Real):
        raise TypeError(f"seconds is {_a(seconds)}; expected a number of seconds")
    if not float(seconds) >= 0:
        raise ValueError(f"seconds is {seconds}; expected a number that is at least 0")


def _a(value: Any) -> str:
    """The type of a value, for a sentence."""
    name = type(value).__name__
    return f"an {name}" if name[0] in "aeiou" else f"a {name}"


def refuse_comparison(seen: Observation) -> None:
    """Raise where nothing can be differentiated, or the loss cannot be compared."""
    loss = name_of(seen.loss)
    if not seen.inputs:
        raise ValueError(
            f"there is no floating tensor among the inputs of {loss}, and it has no "
            "parameters: nothing can be differentiated"
        )
    if seen.mask is not None:
        _refuse_mask(seen.mask, seen.inputs[0])
    if seen.reference.loss is None:
        return
    trusted = seen.reference.loss
    refuse_arity(trusted, seen.args, seen.kwargs)
    try:
        run = seen.reference.run()
    except OutOfBudgetError:
        return
    if run.error is not None and seen.base.error is None:
        raise ValueError(
            f"the reference `{name_of(trusted)}` raises {type(run.error).__name__} at "
            f"the inputs given: {first_line(run.error)}"
        )
    if run.error is None and not run.outputs:
        raise TypeError(
            f"the reference `{name_of(trusted)}` returns {_a(run.raw)}; expected a "
            "tensor of floating numbers"
        )


def _refuse_mask(mask: Any, first: Argument) -> None:
    if not isinstance(mask, torch.Tensor):
        raise TypeError(f"mask is {_a(mask)}; expected a boolean tensor")
    if mask.dtype != torch.bool:
        raise TypeError(f"mask is a tensor of {mask.dtype}; expected torch.bool")
    if spread(mask, first.value) is None:
        raise ValueError(
            f"mask has shape {tuple(mask.shape)}; expected that of `{first.name}`, "
            f"{tuple(first.value.shape)}, or its first dimensions"
        )


def refuse_result(
    loss: Callable[..., Any], raw: Any, error: BaseException | None
) -> None:
    """Raise where a loss returns nothing that could be a loss."""
    if error is not None or isinstance(raw, (bool, int, float)):
        return
    tensors = [tensor for _, tensor in tensors_in(raw)]
    if not tensors:
        hint = "; was `return` forgotten?" if raw is None else ""
        got = "None" if raw is None else type(raw).__name__
        raise TypeError(
            f"`{name_of(loss)}` returned {got}"
            f"; expected a tensor, or a tuple, list or dict with tensors{hint}"
        )
    if all(tensor.numel() == 0 for tensor in tensors):
        raise ValueError(
            f"`{name_of(loss)}` returned an empty tensor of shape "
            f"{tuple(tensors[0].shape)}; expected at least one number"
        )
