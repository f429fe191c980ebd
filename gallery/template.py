"""The blank example: `nox -s new -- robust/cauchy` writes it, with its test.

The blank is a loss that works (half the squared error), so the page builds and the
test passes before the first change.
"""

import re
import sys
from pathlib import Path
from string import Template

from ownloss import catalogue

ROOT = Path(__file__).resolve().parents[1]

SCRIPT = Template('''\
r"""
$title
$underline

Say here in one sentence what the loss does to the gradient.

With the residual :math:`r = \\text{prediction} - \\text{target}`:

.. math:: \\ell(r) = \\frac{1}{2} r^2 \\qquad \\frac{\\partial \\ell}{\\partial r} = r

Source: author, *title*, journal (year), equation.
"""

import torch
from torch import Tensor


def $name(prediction: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """Half the squared error.

    Args:
        prediction: Tensor of any shape.
        target: Tensor of the same shape, in the same unit.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Returns:
        A scalar, or a tensor of the shape of ``prediction`` with ``"none"``.

    Raises:
        ValueError: The shapes differ, or ``reduction`` is not one of these.

    >>> prediction = torch.tensor([1.0, 3.0], requires_grad=True)
    >>> loss = $name(prediction, torch.zeros(2), reduction="sum")
    >>> loss.item()  # 0.5 + 4.5
    5.0
    >>> loss.backward()
    >>> prediction.grad
    tensor([1., 3.])

    >>> x = torch.tensor([0.5, 3.0], dtype=torch.float64, requires_grad=True)
    >>> torch.autograd.gradcheck($name, (x, torch.zeros_like(x)))
    True
    """
    if prediction.shape != target.shape:
        raise ValueError(
            f"prediction and target must have the same shape, got "
            f"{tuple(prediction.shape)} and {tuple(target.shape)}"
        )
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(
            f"reduction must be 'mean', 'sum' or 'none', got {reduction!r}"
        )
    loss = (prediction - target) ** 2 / 2
    return loss if reduction == "none" else getattr(loss, reduction)()


# %%
# The gradient is the residual
# ----------------------------
# Show first what is special about this loss: here, its gradient beside a neighbour's.

import matplotlib.pyplot as plt

residual = torch.linspace(-3, 3, 201, requires_grad=True)
zero = torch.zeros_like(residual)
loss = $name(residual, zero, reduction="none")
(gradient,) = torch.autograd.grad(loss.sum(), residual)
absolute = torch.nn.functional.l1_loss(residual, zero, reduction="sum")
(neighbour,) = torch.autograd.grad(absolute, residual)

fig, ax = plt.subplots()
ax.plot(residual.detach(), loss.detach(), label="$title")
ax.plot(residual.detach(), gradient, label="its gradient")
ax.plot(residual.detach(), neighbour, "--", label="gradient of the absolute error")
ax.set(xlabel="residual", ylabel="loss and gradient")
ax.set_title("The farther off, the larger the gradient")
ax.legend()

# %%
# Use it when ...; rather another loss when ...
# Answer here what its users ask, and show each answer by a line that runs.

x = torch.ones(32, requires_grad=True)
for reduction in ("mean", "sum"):
    loss = $name(x, torch.zeros(32), reduction=reduction)
    (gradient,) = torch.autograd.grad(loss, x)
    print(f"{reduction}: gradient of one sample {gradient[0]:.4f}")
''')

TEST = Template('''\
"""$title against torch's own, and against values worked by hand."""

import pytest
import torch


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_value_and_gradient_are_torchs(example, reduction):
    prediction = torch.linspace(-5, 5, 12, dtype=torch.float64, requires_grad=True)
    target = torch.full_like(prediction, 0.7)

    ours = example.$name(prediction, target, reduction)
    theirs = torch.nn.functional.mse_loss(prediction, target, reduction=reduction) / 2
    torch.testing.assert_close(ours, theirs)

    (our_gradient,) = torch.autograd.grad(3 * ours, prediction)
    (their_gradient,) = torch.autograd.grad(3 * theirs, prediction)
    torch.testing.assert_close(our_gradient, their_gradient)


def test_shapes_that_would_broadcast_are_refused(example):
    with pytest.raises(ValueError, match=r"\\(4, 1\\) and \\(4,\\)"):
        example.$name(torch.zeros(4, 1), torch.zeros(4))
''')


def write_blank(where: str, root: Path = ROOT) -> tuple[Path, Path]:
    """Write a blank example and its mirrored test.

    Args:
        where: Topic and name, such as ``"robust/cauchy"``. The topic must exist.
        root: The root of the repository.

    Returns:
        The paths of the example and of its test.

    Raises:
        ValueError: ``where`` is not topic/name, or the topic does not exist.
        FileExistsError: An example of this name exists, in whatever topic.
    """
    match = re.fullmatch(r"([a-z][a-z0-9_]*)/([a-z][a-z0-9_]*)", where)
    if match is None:
        raise ValueError(
            f"expected topic/name in lower case, such as robust/cauchy, got {where!r}"
        )
    topic, name = match.groups()
    examples = root / "src" / "examples"
    if not (examples / topic / "GALLERY_HEADER.rst").is_file():
        topics = sorted(path.parent.name for path in examples.glob("*/GALLERY_HEADER*"))
        raise ValueError(
            f"no topic {topic!r}; there are {', '.join(topics)}. A new one begins with "
            f"src/examples/{topic}/GALLERY_HEADER.rst"
        )
    if taken := [*examples.glob(f"*/{name}.py")]:
        raise FileExistsError(f"{taken[0].relative_to(root)} has this name already")

    title = name.replace("_", " ").capitalize()
    words = {"name": name, "title": title, "underline": "=" * len(title)}
    script = examples / topic / f"{name}.py"
    test = root / "tests" / "examples" / topic / f"test_{name}.py"
    test.parent.mkdir(parents=True, exist_ok=True)
    script.write_text(SCRIPT.substitute(words), encoding="utf-8")
    test.write_text(TEST.substitute(words), encoding="utf-8")
    catalogue.examples.cache_clear()
    return script, test


def main(arguments: list[str]) -> int:
    """Run the command; return its exit status."""
    if len(arguments) != 1:
        print("usage: nox -s new -- topic/name, such as robust/cauchy", file=sys.stderr)
        return 2
    try:
        written = write_blank(arguments[0])
    except (ValueError, FileExistsError) as error:
        print(error, file=sys.stderr)
        return 2
    for path in written:
        print(f"wrote {path.relative_to(ROOT)}")
    print(f"see it: nox -s docs -- {written[0].stem}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
