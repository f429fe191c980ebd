"""The rooms of the checker: who may use whom, and nobody opens another's drawers."""

import ast
from pathlib import Path

import pytest

import ownloss.checker

HOME = Path(ownloss.checker.__file__).parent
FILES = sorted(
    path for path in HOME.rglob("*.py") if path.name not in ("wrong.py", "right.py")
)

# A module imports from those above it only.
ORDER = [
    "numeric",
    "torch_insides",
    "signatures",
    "packed",
    "containers",
    "randomness",
    "domains",
    "roles",
    "arguments",
    "copies",
    "runs",
    "budget",
    "trace",
    "errors",
    "functions",
    "keeping",
    "subject",
    "measures.points",
    "measures.graph",
    "measures.rows",
    "measures.branches",
    "measures.precision",
    "measures.batch",
    "measures.fit",
    "measures.axes",
    "measures.layout",
    "measures.selection",
    "measures.gradient",
    "measures.intent",
    "measures.determinism",
    "measures.reference",
    "measures.influence",
    "measures.departure",
    "smaller",
    "observation",
    "refusals",
    "probes",
    "probes.probe",
    "probes.far",
    "probes.ties",
    "probes.selections",
    "probes.special",
    "probes.outcome",
    "wording",
    "findings",
    "precedence",
    # What a long rule is made of: what it says, and a module for each question.
    "rules.*.kind",
    "rules.*.*",
    "rules.*",
    "rules",
    "acquittal",
    "features",
    "report",
    "",
]


def name_of(path: Path) -> str:
    parts = path.relative_to(HOME).with_suffix("").parts
    return general(".".join(part for part in parts if part != "__init__"))


def general(name: str) -> str:
    """The entry of ORDER for a module: all rules have the same place."""
    match name.split("."):
        case ["rules", _, "rule"]:
            return "rules.*"
        case ["rules", _, "kind"]:
            return "rules.*.kind"
        case ["rules", _, _]:
            return "rules.*.*"
    return name


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imported_by(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(tree_of(path)):
        if not isinstance(node, ast.ImportFrom) or node.module is None:
            continue
        if node.module == "ownloss.checker":
            found |= {alias.name for alias in node.names}
        elif node.module.startswith("ownloss.checker."):
            found.add(node.module.removeprefix("ownloss.checker."))
    return found


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_imports_go_one_way(path: Path):
    above = ORDER[: ORDER.index(name_of(path))]
    assert {general(name) for name in imported_by(path)} <= set(above)


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_nobody_uses_a_private_member_of_another(path: Path):
    if name_of(path) == "torch_insides":
        return  # what torch keeps to itself; each name has its test
    private = [
        f"{ast.unparse(node)}, line {node.lineno}"
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Attribute)
        and node.attr.startswith("_")
        and not node.attr.startswith("__")
        and not (isinstance(node.value, ast.Name) and node.value.id in ("self", "cls"))
    ]
    assert private == []
