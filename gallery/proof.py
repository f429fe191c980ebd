"""What an example proves about itself: the calls of gradcheck in its doctests.

They are the inputs that the checker and the support matrix take an example by, so
nobody lists them a second time.
"""

import doctest
import io
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import dataclass
from typing import Any
from unittest import mock

import torch

from ownloss import catalogue
from ownloss.catalogue import Example


@dataclass(frozen=True)
class Proof:
    """One call of ``torch.autograd.gradcheck``.

    Attributes:
        loss: The function that was checked.
        inputs: What it was checked with.
        passed: Whether backward agreed with finite differences. A gradient that is
            meant to differ does not.
    """

    loss: Callable[..., Any]
    inputs: tuple[Any, ...]
    passed: bool


def proofs(example: Example) -> list[Proof]:
    """Run the doctests of an example, and note each gradcheck.

    Args:
        example: An example of the catalogue.

    Returns:
        The calls in their order; none where the example has no gradcheck.
    """
    noted: list[Proof] = []
    gradcheck = torch.autograd.gradcheck

    def noting(loss: Callable, inputs: Any, *options: Any, **named: Any) -> bool:
        many = isinstance(inputs, (tuple, list))
        arguments = tuple(inputs) if many else (inputs,)
        passed = False
        try:
            passed = gradcheck(loss, inputs, *options, **named)
        finally:
            noted.append(Proof(loss, arguments, passed))
        return passed

    module = catalogue.load(example)
    with (
        mock.patch.object(torch.autograd, "gradcheck", noting),
        redirect_stdout(io.StringIO()),
    ):
        runner = doctest.DocTestRunner(verbose=False)
        for test in doctest.DocTestFinder().find(module):
            # A loss may use names of its doctest when it is called again or compiled.
            test.globs = module.__dict__
            runner.run(test, clear_globs=False)
    return noted
