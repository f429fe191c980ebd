"""Arguments in a few characters: ``8,5`` or ``8:labels:5`` or ``8,5:uniform``.

A specification is what ``ownloss check --input`` takes, what ``[tool.ownloss.inputs]``
in ``pyproject.toml`` holds, and what the guesses of :mod:`ownloss.discovery` are, so
that any guess can be pinned as it stands.
"""

import ast
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Generator, Tensor

__all__ = ["FORMS", "make", "make_all", "spec_of", "with_kind"]

DTYPES = {
    *("float16", "bfloat16", "float32", "float64"),
    *("complex64", "complex128", "int32", "int64", "bool"),
}

FORMS = """\
8,3               numbers from a normal distribution; 8,3:float64 in another dtype
8:labels:5        classes from 0 to 4; labels:5 has one for each row of the first tensor
8,3:uniform       between 0 and 1, such as probabilities or images
8,3:positive      larger than 0, such as widths or durations
8,3:negative      smaller than 0, such as log-probabilities of sequences
8,3:binary        0.0 or 1.0; 8,3:bool is False or True
8,3:signs         -1.0 or 1.0
8,5:probabilities sum to 1 over the classes, dimension 1 or the last of two
8,5:log-probabilities   their logarithms
8,5:one-hot       a single 1 among the classes
8,3:directions    vectors of length 1
8,4:boxes         two corners x1, y1, x2, y2
8:constant:12     the same integer
[8,3; 8,3]        a list
=2.5              a number, a text, None, ... as Python writes it
name=8,3          an argument given by its name
8,3:grad          differentiated, as any of them; else the first floating tensor is"""
"""The forms that a specification may have, for a reader."""


def make_all(
    specs: Sequence[str], seed: int = 0
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Make the arguments of a call.

    Args:
        specs: One specification for each argument.
        seed: Seed of the random numbers.

    Returns:
        The arguments by position, and those by name. The tensors marked ``grad``
        require a gradient; where none is, the first floating or complex one does.

    Raises:
        ValueError: A specification has none of the forms.

    >>> (prediction, target), _ = make_all(["8,3", "labels:3"])
    >>> prediction.shape, prediction.requires_grad, target.shape, target.dtype
    (torch.Size([8, 3]), True, torch.Size([8]), torch.int64)
    """
    import torch

    generator = torch.Generator().manual_seed(seed)
    marked = any(re.search(r":grad\b", spec) for spec in specs)
    positional: list[Any] = []
    named: dict[str, Any] = {}
    made: list[Tensor] = []
    for spec in specs:
        name, equals, rest = spec.partition("=")
        if equals and name.isidentifier():
            named[name] = make(rest, generator, made)
        else:
            positional.append(make(spec, generator, made))
    for tensor in made:
        if not marked and (tensor.is_floating_point() or tensor.is_complex()):
            tensor.requires_grad_()
            break
    return tuple(positional), named


def make(spec: str, generator: "Generator", made: "list[Tensor]") -> Any:
    """Make one argument.

    Args:
        spec: Its specification, without a name.
        generator: Draws the random numbers.
        made: The tensors made so far; those made here are added.

    Returns:
        A tensor, a list or a Python value.

    Raises:
        ValueError: The specification has none of the forms.
    """
    spec = spec.strip()
    if spec.startswith("="):
        try:
            return ast.literal_eval(spec[1:].strip())
        except (ValueError, SyntaxError):
            raise ValueError(
                f"expected a Python literal after '=', such as =2.5; got {spec!r}"
            ) from None
    if spec.startswith("[") and spec.endswith("]"):
        return [make(part, generator, made) for part in spec[1:-1].split(";")]
    if spec.startswith("labels") and made:
        spec = f"{len(made[0])}:{spec}"
    tensor = _tensor(spec, generator)
    if tensor is None:
        raise ValueError(
            "expected a shape such as 8,3, with a dtype such as 8,3:float64, or "
            "classes such as 8:labels:3 or labels:3 after a first tensor; "
            f"got {spec!r}; all forms: ownloss check --help"
        )
    made.append(tensor)
    return tensor


def _tensor(spec: str, generator: "Generator") -> "Tensor | None":
    """Make a tensor; None where the specification makes no sense."""
    import torch

    sizes, *kinds = spec.split(":")
    differentiated = kinds[-1:] == ["grad"]
    kinds = kinds[: len(kinds) - differentiated]
    if not re.fullmatch(r"(\d+(,\d+)*,?)?", sizes):
        return None
    shape = [int(size) for size in sizes.split(",") if size]

    def normal() -> "Tensor":
        return torch.randn(shape, generator=generator, dtype=torch.float64)

    def uniform() -> "Tensor":
        drawn = torch.rand(shape, generator=generator, dtype=torch.float64)
        return 0.02 + 0.96 * drawn  # not on the bounds, where slopes jump

    classes = -1 if len(shape) < 3 else 1
    match kinds:
        case ["labels", text] if text.isdecimal() and int(text) > 0:
            return torch.randint(int(text), shape, generator=generator)
        case ["constant", text] if re.fullmatch(r"-?\d+", text):
            return torch.full(shape, int(text))
        case [] | ["float32"]:
            tensor = normal().float()
        case ["bool" | "int32" | "int64" as kind]:
            return torch.randint(2, shape, generator=generator).to(getattr(torch, kind))
        case ["complex64" | "complex128" as kind]:
            drawn = torch.randn(shape, generator=generator, dtype=torch.complex128)
            tensor = drawn.to(getattr(torch, kind))
        case [kind] if kind in DTYPES:
            tensor = normal().to(getattr(torch, kind))
        case ["uniform"]:
            tensor = uniform().float()
        case ["positive"]:
            tensor = (0.5 + uniform() * 2).float()
        case ["negative"]:
            tensor = (-0.5 - uniform() * 2).float()
        case ["binary"]:
            return torch.randint(2, shape, generator=generator).float()
        case ["signs"]:
            return torch.randint(2, shape, generator=generator).float() * 2 - 1
        case ["probabilities"] if shape:
            tensor = normal().softmax(classes).float()
        case ["log-probabilities"] if shape:
            tensor = normal().log_softmax(classes).float()
        case ["one-hot"] if shape:
            chosen = normal().argmax(classes, keepdim=True)
            return torch.zeros(shape).scatter_(classes, chosen, 1.0)
        case ["directions"] if shape:
            tensor = torch.nn.functional.normalize(normal(), dim=classes).float()
        case ["boxes"] if shape and shape[-1] == 4:
            first, size = uniform()[..., :2], uniform()[..., 2:]
            tensor = torch.cat([first, first + 0.2 + size], -1).float()
        case _:
            return None
    return tensor.requires_grad_(differentiated)


def with_kind(sizes: Sequence[str], kind: str) -> str:
    """Join sizes and a kind to a specification.

    >>> with_kind(["6", "5"], "uniform"), with_kind(["6"], "")
    ('6,5:uniform', '6')
    """
    return ",".join(sizes) + (f":{kind}" if kind else "")


def spec_of(value: Any) -> str | None:
    """Describe an argument by a specification.

    Args:
        value: A tensor, a list of tensors, or a plain Python value.

    Returns:
        A specification that makes one like it; None where there is none.

    >>> import torch
    >>> spec_of(torch.tensor([0, 4, 1])), spec_of([torch.rand(2, 3)]), spec_of("mean")
    ('3:labels:5', '[2,3:uniform]', "='mean'")
    """
    import torch

    plain = (bool, int, float, str)
    if isinstance(value, plain) or value is None:
        return f"={value!r}"
    if isinstance(value, (list, tuple)):
        parts = [spec_of(part) for part in value]
        if parts and all(part and part[0] not in "=[" for part in parts):
            return f"[{'; '.join(map(str, parts))}]"
        return f"={value!r}" if all(isinstance(one, plain) for one in value) else None
    if not isinstance(value, torch.Tensor) or value.numel() > 500_000:
        return None
    # A picture of an example may have thousands of columns, which show nothing more.
    large = value.dim() > 2
    sizes = [str(64 if large and size > 256 else size) for size in value.shape]
    kind = kind_of(value.detach())
    if value.requires_grad and kind in ("", "uniform", "positive", "probabilities"):
        kind = f"{kind or 'float32'}:grad"
    return with_kind(sizes, kind)


def kind_of(values: "Tensor") -> str:
    """Tell of what kind the numbers of a tensor are; empty for any."""
    import torch

    if values.dtype == torch.bool:
        return "bool"
    if values.is_complex():
        return "complex64"
    if not values.numel():
        return "" if values.is_floating_point() else "labels:2"
    low, high = values.min().item(), values.max().item()
    if not values.is_floating_point():
        same = low == high and low > 1
        return f"constant:{low}" if same else f"labels:{max(int(high) + 1, 2)}"
    if values.numel() == 1:
        return ""
    classes = -1 if values.dim() < 3 else 1
    wide = values.dim() > 1 and values.shape[classes] > 1
    # In this order: each is a special case of one below it.
    if low >= 0 and bool(((values == 0) | (values == 1)).all()):
        one_hot = wide and bool((values.sum(classes) == 1).all())
        return "one-hot" if one_hot else "binary"
    if bool((values.abs() == 1).all()):
        return "signs"
    if wide and low >= 0 and bool(((values.sum(classes) - 1).abs() < 1e-4).all()):
        return "probabilities"
    if wide and high <= 0 and bool((values.logsumexp(classes).abs() < 1e-4).all()):
        return "log-probabilities"
    if low >= 0 and high <= 1:
        return "uniform"
    corners = values.shape[-1] == 4 and values.dim() < 4
    if corners and low >= 0 and bool((values[..., 2:] > values[..., :2]).all()):
        return "boxes"
    return "positive" if low > 0 else ""
