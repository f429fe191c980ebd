"""Run lines of Python, and note the value and the gradient of each.

Every line gets a copy of each tensor that it uses. What autograd leaves at a copy is
what this one line sends back, so a tensor that several lines use has its gradient in
parts, one for each of them.
"""

import ast
from dataclasses import dataclass, field

import torch
from torch import Tensor


@dataclass
class Line:
    """A line that made a tensor.

    Attributes:
        name: What the tensor is called.
        code: The right side of the line; empty where the line only states numbers.
        value: The tensor.
        uses: The names of the tensors that the line uses, each with the copy that it
            got; the gradient of the copy is what the line sends back to that tensor.
    """

    name: str
    code: str
    value: Tensor
    uses: dict[str, Tensor] = field(default_factory=dict)


def trace(source: str) -> list[Line]:
    """Run lines that end in a loss, and its backward pass.

    Args:
        source: Lines of Python, each of which gives a new name to the result of one
            step; ``torch`` is there. A line that makes no tensor is run only.

    Returns:
        The lines that made a tensor, in order; the last is the loss.

    Raises:
        ValueError: A line has another form, or the last one is no loss.

    >>> source = "w = torch.ones(1).requires_grad_(); u = 9 * w**2; loss = 5 * u"
    >>> w, u, loss = trace(source)
    >>> loss.code, loss.value.item()
    ('5 * u', 45.0)
    >>> loss.uses["u"].grad, u.uses["w"].grad
    (tensor([5.]), tensor([90.]))
    """
    torch.manual_seed(0)
    names: dict[str, object] = {"torch": torch}
    lines: dict[str, Line] = {}
    for statement in ast.parse(source).body:
        text = ast.unparse(statement)
        if not isinstance(statement, ast.Assign):
            exec(text, names)  # noqa: S102 - lines of our own page
            continue
        target = statement.targets[0]
        if len(statement.targets) > 1 or not isinstance(target, ast.Name):
            raise ValueError(f"expected one name on the left of a line, got {text!r}")
        if target.id in names:
            raise ValueError(f"{text!r} gives a name again that is there already")
        used = [
            node.id
            for node in ast.walk(statement.value)
            if isinstance(node, ast.Name) and node.id in lines
        ]
        copies = {name: copy_of(lines[name].value) for name in used}
        value = eval(ast.unparse(statement.value), {**names, **copies})
        names[target.id] = value
        if isinstance(value, Tensor):
            if value.requires_grad:
                value.retain_grad()
            code = ast.get_source_segment(source, statement.value) or ""
            lines[target.id] = Line(target.id, code if copies else "", value, copies)
    if not lines:
        raise ValueError("expected lines that make tensors, got none")
    found = list(lines.values())
    loss = found[-1].value
    if loss.numel() != 1 or not loss.requires_grad:
        raise ValueError(
            f"the last line, {found[-1].name!r}, must be one number that requires "
            f"grad; it has shape {tuple(loss.shape)}, "
            f"requires_grad={loss.requires_grad}"
        )
    loss.backward()
    return found


def copy_of(value: Tensor) -> Tensor:
    """Return a tensor with a gradient of its own, which goes on to the original."""
    if value.requires_grad:
        value = value.clone()
        value.retain_grad()
    return value


def numbers(value: Tensor) -> list[str]:
    """Write a tensor for people, a line a row.

    Args:
        value: A tensor of any shape; of a large one only the shape is written. Beside
            a number a million times as large, what is left of rounding is written 0.

    Returns:
        The rows, with their columns below each other.

    >>> numbers(torch.tensor([[1.0, -0.5], [1 / 3, 20.0]]))
    ['[     1, -0.5]', '[0.3333,   20]']
    >>> numbers(torch.tensor(2.0)), numbers(torch.zeros(2, 3, 4))
    (['2'], ['shape (2, 3, 4)'])
    >>> numbers(torch.tensor([0.25, -3e-8])), numbers(torch.tensor([3e-8, -3e-8]))
    (['[0.25, 0]'], ['[3e-08, -3e-08]'])
    """
    if value.ndim > 2 or max(value.shape, default=0) > 6:
        return [f"shape {tuple(value.shape)}"]
    if value.ndim == 0:
        return [number(value.item())]
    if value.is_floating_point():
        value = value.masked_fill(value.abs() < 1e-6 * value.abs().max(), 0)
    rows = [
        list(map(number, row)) for row in value.reshape(-1, value.shape[-1]).tolist()
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [f"[{', '.join(map(str.rjust, row, widths))}]" for row in rows]


def number(value: float) -> str:
    """Write a number in up to four decimals, a very small or large one in powers.

    >>> [number(x) for x in (0.5, -1 / 3, -0.0, 1e-6, 123456.0, 7, True)]
    ['0.5', '-0.3333', '0', '1e-06', '1.235e+05', '7', 'True']
    """
    if not isinstance(value, float):
        return str(value)
    if value and not 1e-3 <= abs(value) < 1e5:
        return f"{value:.4g}"
    return f"{value + 0.0:.4f}".rstrip("0").rstrip(".")  # -0.0 + 0.0 is 0.0
