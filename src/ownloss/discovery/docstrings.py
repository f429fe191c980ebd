"""What a docstring tells: the shapes of arguments, the words used, a worked example."""

import ast
import contextlib
import doctest
import re
from typing import Any

__all__ = ["calls_in_examples", "choices", "entry_of", "shape_in"]

_SIZES = (
    (r"n|b|bs|bsz|batch\w*|minibatch|num_samples|n_samples|samples", "6"),
    (r"c|k|num_class\w*|n_class\w*|class\w*|num_labels|channels?|ch", "5"),
    (r"d|e|f|dim|embed\w*|features?|hidden\w*|n_features|feat\w*", "16"),
    (r"t|l|s|seq\w*|time\w*|length|steps?|frames", "12"),
    (r"h|w|height|width", "16"),
)
_TUPLE = re.compile(r"[(\[]\s*([A-Za-z_][\w]*(?:\s*,\s*[\w*.]+)*)\s*,?\s*[)\]]")
_CROSSES = re.compile(r"\b([A-Z](?:\s?[x\u00d7]\s?(?:[A-Z]|\d+))+)\b")
_LETTERS = re.compile(r"\b(B[NC]HW?D?)(?:[(\[]([WD]+)[)\]]|\b)")


def shape_in(text: str) -> str | None:
    """Read the first shape of a text, such as ``(N, C)`` or ``BxCxHxW``.

    Args:
        text: Part of a docstring, or of an error message.

    Returns:
        The sizes of a specification; None where there is no shape.

    >>> shape_in("scores of shape :math:`(N, C, H, W)`"), shape_in("expected BxCxHxW")
    ('2,3,16,16', '2,3,16,16')
    >>> shape_in("class indices (N,)"), shape_in("a tensor (optional)")
    ('6', None)
    """
    found: list[tuple[int, list[str]]] = []
    for match in _TUPLE.finditer(text):
        if "," not in match[0]:
            continue  # words in brackets
        found.append((match.start(), re.split(r"\s*,\s*", match[1])))
    for match in _CROSSES.finditer(text):
        found.append((match.start(), re.split(r"\s?[x\u00d7]\s?", match[1])))
    for match in _LETTERS.finditer(text):
        # `BNH[WD]` stands for two or three dimensions; N after B are the classes.
        letters = match[1] + ("W" if match[2] and "W" in match[2] else "")
        found.append((match.start(), ["B", "C", *letters[2:]]))
    for _, symbols in sorted(found):
        sizes = [size_of(symbol) for symbol in symbols if symbol not in ("*", "...")]
        if None in sizes or not sizes:
            continue
        if len(sizes) > 3:  # a picture: fewer samples, smaller numbers of channels
            sizes[0] = "2"
            sizes[1] = "3" if sizes[1] == "5" else sizes[1]
        return ",".join(size for size in sizes if size)
    return None


def size_of(symbol: str) -> str | None:
    """Give a size to a letter of a shape; None where it is not one."""
    if symbol.isdecimal():
        return symbol if 0 < int(symbol) <= 64 else None
    for pattern, size in _SIZES:
        if re.fullmatch(pattern, symbol, re.IGNORECASE):
            return size
    return None


def entry_of(name: str, doc: str) -> str:
    r"""Find what a docstring says of an argument.

    Args:
        name: The argument.
        doc: The docstring, in the style of Google, NumPy or Sphinx.

    Returns:
        Its entry on one line; empty where there is none.

    >>> entry_of("x", "Args:\n    x (Tensor): scores,\n        (N, C)\n    y: more")
    '(Tensor): scores, (N, C)'
    """
    lines = doc.splitlines()
    begins = re.compile(
        rf"^\s*(?:[-*]\s+)?(?::param\s+)?(?:\w+\s+)?[`*]*{re.escape(name)}[`*]*\s*(?=[:(])(.*)"
    )
    for number, line in enumerate(lines):
        match = begins.match(line)
        if not match:
            continue
        indent = len(line) - len(line.lstrip())
        said = [match[1].lstrip(": ") if match[1].startswith(":") else match[1]]
        for further in lines[number + 1 :]:
            deeper = len(further) - len(further.lstrip()) > indent
            if not further.strip() or not deeper:
                break
            said.append(further.strip())
        return " ".join(said).strip()
    return ""


def choices(name: str, doc: str) -> list[str]:
    """List the words in quotes that a docstring gives for an argument.

    >>> choices("mode", "mode: either 'binary' or ``'multiclass'``")
    ['binary', 'multiclass']
    """
    return re.findall(r"[\"'`]([A-Za-z_][\w-]*)[\"'`]", entry_of(name, doc))


_ALLOWED = (
    *(ast.Expression, ast.Call, ast.Name, ast.Load, ast.Attribute, ast.Constant),
    *(ast.Tuple, ast.List, ast.UnaryOp, ast.USub, ast.BinOp, ast.operator),
    *(ast.keyword, ast.Subscript, ast.Slice, ast.Starred, ast.Compare, ast.cmpop),
    *(ast.Dict, ast.unaryop),
)
_FORBIDDEN = {
    "hub",
    "load",
    "save",
    "compile",
    "utils",
    "distributed",
    "multiprocessing",
}


def harmless(node: ast.AST, known: dict[str, Any]) -> bool:
    """Whether an expression does no more than to make tensors of what is known."""
    for part in ast.walk(node):
        if isinstance(part, ast.Name) and part.id not in known:
            return False
        if not isinstance(part, (*_ALLOWED, ast.expr_context)):
            return False
        if isinstance(part, ast.Attribute) and (
            part.attr.startswith("_") or part.attr in _FORBIDDEN
        ):
            return False
    return True


Call = tuple[str, list[Any], dict[str, Any]]
"""How a loss was made, and the arguments of its call by position and by name."""


def calls_in_examples(doc: str, loss: Any, name: str) -> list[Call]:
    """Follow the examples of a docstring up to the calls of the loss.

    Only assignments and calls that make tensors are followed; nothing is imported,
    and what is anything else is left out.

    Args:
        doc: The docstring.
        loss: The class or function that the docstring is about.
        name: Its name.

    Returns:
        For each call, how the loss was made (empty for a function), the positional
        arguments and those by name.
    """
    import torch

    known: dict[str, Any] = {
        "torch": torch,
        "nn": torch.nn,
        "F": torch.nn.functional,
        "Tensor": torch.Tensor,
        "tensor": torch.tensor,
        "rand": torch.rand,
        "randn": torch.randn,
        "randint": torch.randint,
        "range": range,
        "list": list,
        name: loss,
    }
    made: dict[str, str] = {}
    calls: list[Call] = []
    for statement in statements(doc):
        value = getattr(statement, "value", None)
        if not isinstance(statement, (ast.Assign, ast.Expr)) or value is None:
            continue
        # `kornia.losses.dice_loss(...)` is the loss by another name.
        text = re.sub(rf"\b[\w.]+\.{re.escape(name)}\(", f"{name}(", ast.unparse(value))
        expression = ast.parse(text, mode="eval").body
        targets = getattr(statement, "targets", [])
        # The call may stand in another: `print(loss(prediction, target).item())`.
        called = [part for part in ast.walk(expression) if isinstance(part, ast.Call)]
        for call in called:
            maker = call.func if isinstance(call.func, ast.Call) else None
            if maker and isinstance(loss, type) and callee(maker) == name:
                expression_of_loss = ast.unparse(call.func)
            elif callee(call) in made:
                expression_of_loss = made[callee(call)]
            elif callee(call) == name and not isinstance(loss, type):
                expression_of_loss = ""
            else:
                continue
            words = {word.arg: word.value for word in call.keywords if word.arg}
            with contextlib.suppress(Exception):
                positional = [run(argument, known) for argument in call.args]
                named = {key: run(word, known) for key, word in words.items()}
                calls.append((expression_of_loss, positional, named))
        constructed = isinstance(expression, ast.Call) and callee(expression) == name
        if isinstance(loss, type) and constructed:
            if targets and isinstance(targets[0], ast.Name):
                made[targets[0].id] = text
            continue
        if not targets or callee_in(called, made, name):
            continue
        with contextlib.suppress(Exception):
            result = run(expression, known)
            for target in targets:
                assign(target, result, known)
    return calls


def callee_in(called: list[ast.Call], made: dict[str, str], name: str) -> bool:
    """Whether the loss is among what is called."""
    return any(callee(call) in (*made, name) for call in called)


def callee(call: ast.Call) -> str:
    """The name that is called; empty where it is an expression."""
    return call.func.id if isinstance(call.func, ast.Name) else ""


def run(node: ast.expr, known: dict[str, Any]) -> Any:
    """Evaluate an expression, if it is harmless."""
    if not harmless(node, known):
        raise ValueError(f"not followed: {ast.unparse(node)}")
    return eval(compile(ast.Expression(node), "<docstring>", "eval"), {}, known)


def assign(target: ast.expr, result: Any, known: dict[str, Any]) -> None:
    """Carry out an assignment to names."""
    if isinstance(target, ast.Name):
        known[target.id] = result
    elif isinstance(target, ast.Tuple):
        with contextlib.suppress(TypeError):
            for part, piece in zip(target.elts, result, strict=False):
                assign(part, piece, known)


def statements(doc: str) -> list[ast.stmt]:
    """The statements of all examples of a docstring."""
    try:
        sources = [
            example.source for example in doctest.DocTestParser().get_examples(doc)
        ]
    except ValueError:
        sources = re.findall(r"^\s*>>> (.*)$", doc, re.MULTILINE)
    blocks = re.findall(r"```(?:python)?\n(.*?)```", doc, re.DOTALL)
    blocks += re.findall(r"(?:::|code-block:: python)\n\n((?:[ \t]+.*\n|\n)+)", doc)
    for block in blocks:
        if ">>>" not in block:
            sources += re.split(r"\n(?=\S)", re.sub(r"(?m)^[ \t]+", "", block))
    found: list[ast.stmt] = []
    for source in sources:
        with contextlib.suppress(SyntaxError):
            found += ast.parse(source.strip()).body
    return found
