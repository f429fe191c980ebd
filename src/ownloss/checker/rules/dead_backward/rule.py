"""A hand-written backward that autograd never calls."""

import inspect
import sys
from collections.abc import Callable, Iterator
from difflib import get_close_matches
from types import FrameType
from typing import Any

import torch
from torch import nn
from torch.autograd import Function
from torch.autograd.function import BackwardCFunction

from ownloss.checker.copies import modules_of
from ownloss.checker.errors import first_line, text_of
from ownloss.checker.findings import Finding, Kind, Symptom
from ownloss.checker.observation import Observation

KIND = Kind(
    slug="dead-backward",
    title="Backward is never called",
    meaning="Autograd calls the backward of a Function that was used by `.apply`, and "
    "no other: not a method `backward` of a Module, nor that of a Function whose "
    "forward was called directly.",
    shows="A backward is written, and never runs.",
    cure="Put forward and backward into a torch.autograd.Function and call it by "
    "`.apply`.",
)
CALLS = 1

# What torch says of a Function without a backward.
_HAS_NONE = "must implement either the backward"

_DETAILS = {
    "explains": (Symptom.FAILS, Symptom.NO_GRADIENT, Symptom.GRADIENT),
}


def find(seen: Observation) -> Iterator[Finding]:
    """Look for Modules with a backward, and Functions used without apply."""
    for module in modules_of(seen.loss):
        for part in module.modules():
            if _is_dead(type(part)):
                name = type(part).__name__
                yield KIND.error(
                    f"`{name}.backward` is never called: autograd only uses the "
                    f"backward of a Function called by apply, `{name}` is a Module.",
                    where=name,
                    **_DETAILS,
                )
                return
    made = _made_inside(seen)
    if made:
        yield KIND.error(
            f"`{made}.backward` is never called: autograd only uses the backward of a "
            f"Function called by apply, `{made}` is a Module.",
            where=made,
            **_DETAILS,
        )
        return
    if _HAS_NONE in text_of(seen.base_backward.error):
        yield from _misspelt(seen)
        return
    legacy = _is_legacy(seen.base.error)
    direct = _called_directly(seen)
    if direct:
        yield KIND.error(
            f"`{direct}.backward` is never called: autograd only uses it on a Function "
            f"called by apply; here `{direct}.forward` is called directly.",
            cure=f"Call `{direct}.apply(...)`.",
            where=direct,
            **_DETAILS,
        )
    elif legacy:
        yield KIND.error(
            "The loss uses a Function in the old way, as an instance, which torch "
            "refuses: its backward can never be called.",
            cure="Make forward and backward static methods with ctx as their first "
            "argument, and call the class by `.apply`.",
            evidence={"error": first_line(seen.base.error)},
            **_DETAILS,
        )


def _made_inside(seen: Observation) -> str:
    """A Module with a dead backward that the loss makes and calls; "" if none."""
    names = {call.inside for call in seen.graph.trace.calls}
    if not any(name.endswith(".forward") for name in names):
        return ""
    dead = {}
    waiting: list[type] = list(nn.Module.__subclasses__())
    while waiting:
        cls = waiting.pop()
        waiting += cls.__subclasses__()
        named = f"{cls.__qualname__}.forward" in names and "backward" in vars(cls)
        if named and not cls.__module__.startswith("torch.") and _is_dead(cls):
            dead[_code(cls)] = cls.__name__
    used: list[str] = []

    def watch(frame: FrameType, event: str, arg: Any) -> None:
        if event == "call" and frame.f_code in dead:
            used.append(dead[frame.f_code])

    if dead:
        _watched(seen, watch)
    return used[0] if used else ""


def _watched(seen: Observation, watch: Callable[[FrameType, str, Any], None]) -> None:
    """Call the loss once, and show each frame that is entered."""
    before = sys.getprofile()
    sys.setprofile(watch)
    try:
        seen.run(dtype=seen.native)
    finally:
        # A profiler written in C, such as cProfile's, is no function: it is enabled.
        getattr(before, "enable", lambda: sys.setprofile(before))()


def _misspelt(seen: Observation) -> Iterator[Finding]:
    """A Function whose backward has another name."""
    for cls in seen.graph.functions:
        if cls.backward is Function.backward and cls.vjp is Function.vjp:
            name, methods = cls.__name__, [n for n in vars(cls) if n[0] != "_"]
            near = get_close_matches("backward", methods, n=1, cutoff=0.7)
            never = f"its `{near[0]}` is never called, and " if near else ""
            yield KIND.error(
                f"`{name}` has no method `backward`: {never}autograd raises.",
                cure="Define `backward(ctx, grad_output)`, spelt like this.",
                where=name,
                **_DETAILS,
            )
            return


def _is_dead(cls: type) -> bool:
    """Whether a Module has a backward of its own that is no step of a trainer.

    Such a step, `def backward(self, loss): loss.backward()`, is called by whoever
    trains, and calls autograd.
    """
    backward = getattr(cls, "backward", None)
    if backward is None or cls.__module__.startswith("torch.nn"):
        return False
    code = getattr(inspect.unwrap(backward), "__code__", None)
    return code is None or "backward" not in code.co_names


def _is_legacy(error: BaseException | None) -> bool:
    said = text_of(error)
    return "Legacy autograd function" in said or (
        isinstance(error, NotImplementedError) and "autograd.Function" in said
    )


def _code(cls: Any) -> Any:
    """The code of forward; classes made twice by one function share it."""
    return getattr(cls.forward, "__code__", None)


def _called_directly(seen: Observation) -> str:
    """Find a Function whose forward runs without a context of autograd's own.

    A forward that gets the context of another Function, from a subclass or a borrower,
    or that is called inside of one, where nothing is recorded, is only a helper.
    """
    forwards = {}
    waiting: list[Any] = list(Function.__subclasses__())
    while waiting:
        cls = waiting.pop()
        waiting += cls.__subclasses__()
        code = _code(cls) if "forward" in vars(cls) else None
        if code is not None and not cls.__module__.startswith("torch."):
            forwards[code] = cls
    if not forwards:
        return ""
    direct: list[type] = []

    def watch(frame: FrameType, event: str, arg: Any) -> None:
        if event == "call" and frame.f_code in forwards:
            cls = forwards[frame.f_code]
            names = frame.f_code.co_varnames[: frame.f_code.co_argcount]
            has_context = any(
                isinstance(frame.f_locals.get(name), BackwardCFunction)
                for name in names
            )
            new_style = cls.setup_context is not Function.setup_context
            caller = frame.f_back.f_globals.get("__name__", "") if frame.f_back else ""
            by_apply = caller.startswith("torch.")
            if torch.is_grad_enabled() and not (
                has_context or (new_style and by_apply)
            ):
                direct.append(cls)

    _watched(seen, watch)
    used = {_code(c) for c in seen.graph.functions}
    for cls in direct:
        if not issubclass(cls, nn.Module) and _code(cls) not in used:
            return cls.__name__
    return ""
