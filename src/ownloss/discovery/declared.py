"""Inputs that are declared beside a loss, or in ``pyproject.toml``."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ownloss.discovery.finding import Found

__all__ = ["declared", "inputs_in_pyproject", "inputs_of_module"]


def inputs_of_module(found: Found) -> Iterator[tuple[str, tuple[Any, ...]]]:
    """Ask the function ``example_inputs`` that stands beside a loss.

    It returns a tuple, the inputs of every loss of its file, or a dict from the name
    of a loss, or a call of its constructor such as ``"Focal(gamma=2)"``, to a tuple.

    Args:
        found: The loss.

    Yields:
        How the loss is made (empty where that is not said), and its inputs.

    Raises:
        ValueError: The function returns anything else.
    """
    function = getattr(found.module, "example_inputs", None)
    if function is None:
        return
    inputs = function()
    if isinstance(inputs, Mapping):
        for key, given in inputs.items():
            if name_in(str(key)) == found.name:
                if not isinstance(given, (tuple, list)):
                    raise ValueError(
                        f"example_inputs() in {found.path.name} gives "
                        f"{type(given).__name__} for {key!r}; expected a tuple"
                    )
                yield str(key), tuple(given)
    elif isinstance(inputs, (tuple, list)):
        yield "", tuple(inputs)
    else:
        raise ValueError(
            f"example_inputs() in {found.path.name} returns {type(inputs).__name__}; "
            "expected a tuple of inputs, or a dict from names of losses to tuples"
        )


def inputs_in_pyproject(start: Path) -> dict[str, list[str]]:
    """Read ``[tool.ownloss.inputs]`` of the nearest ``pyproject.toml``.

    Args:
        start: A file or folder; it and its parents are looked into.

    Returns:
        From a loss, or a call of its constructor, to its specifications.

    Raises:
        ValueError: The file or the table makes no sense.
    """
    start = start.resolve()
    for folder in (start, *start.parents):
        path = folder / "pyproject.toml"
        if not path.is_file():
            continue
        try:
            settings = tomllib.loads(path.read_text(encoding="utf-8"))
        except (tomllib.TOMLDecodeError, OSError) as error:
            raise ValueError(f"{path} cannot be read: {error}") from error
        inputs: dict[str, list[str]] = (
            settings.get("tool", {}).get("ownloss", {}).get("inputs", {})
        )
        for key, specs in inputs.items():
            if not isinstance(specs, list) or not all(
                isinstance(spec, str) for spec in specs
            ):
                raise ValueError(
                    f"{path}: [tool.ownloss.inputs] has {key!r} = {specs!r}; expected "
                    'a list of texts, such as ["8,5", "labels:5"]'
                )
        return inputs
    return {}


def declared(
    found: Found, inputs: dict[str, list[str]]
) -> Iterator[tuple[str, list[str]]]:
    """Take from the inputs of ``pyproject.toml`` those of one loss.

    Args:
        found: The loss.
        inputs: What :func:`inputs_in_pyproject` has read.

    Yields:
        How the loss is made (its bare name where that is not said), and its inputs.
    """
    for key, specs in inputs.items():
        if name_in(key) == found.name:
            yield key, specs


def name_in(expression: str) -> str:
    """The name of the loss in ``Focal(gamma=2)``.

    >>> name_in("Focal(gamma=2)"), name_in("huber")
    ('Focal', 'huber')
    """
    return re.match(r"\w*", expression.strip())[0]  # type: ignore[index]
