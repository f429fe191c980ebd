"""What each tool says of each exhibit: `nox -s museum` makes the table of the museum.

Every tool is given the wrong loss and the cured one, the way its documentation says. It
finds a mistake if it objects to the wrong one in a way in which it does not object to
the cured one; whoever objects to both has found nothing.

A loss is not a model: what tests a training run gets a model whose prediction for each
sample is a row of a table, a parameter that begins as the page's first input.
"""

import ast
import contextlib
import copy
import datetime
import io
import json
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import gradcheck, gradgradcheck

import ownloss
from tests.museum.exhibits import MUSEUM, Exhibit, exhibits

TABLE = MUSEUM / "verdicts.json"
WITH_REFERENCE = "ownloss.check with a reference"
RATE = 0.05  # of the steps in training, for both that take steps
Objections = dict[str, str]
"""What a tool objects to, by the name of its test, with the first line of its words."""


class Predictions(nn.Module):
    """A model that has learned its predictions by heart, a row a sample."""

    def __init__(self, prediction: Tensor) -> None:
        super().__init__()
        self.rows = nn.Parameter(prediction.detach().clone())

    def forward(self, samples: Tensor) -> Tensor:
        """Give the rows of the samples, which are rows of an identity matrix."""
        return torch.tensordot(samples, self.rows, dims=1)


class LossAsModel(nn.Module):
    """A loss that is called as a model is."""

    def __init__(self, loss: Callable[..., Tensor]) -> None:
        super().__init__()
        self.loss = loss

    def forward(self, *inputs: Any) -> Tensor:
        """Give the loss."""
        return self.loss(*inputs)


class Case:
    """A wrong or a cured loss, in the forms in which the tools take it."""

    def __init__(self, exhibit: Exhibit, which: str) -> None:
        names = exhibit.run(sessions=False)
        self.exhibit, self.which = exhibit, which
        self.loss: Callable[..., Tensor] = names[which]
        self.inputs: tuple[Any, ...] = names["inputs"]
        self.reference, self.mask = names.get("reference"), names.get("mask")

    @property
    def double(self) -> tuple[Any, ...]:
        """The inputs in double precision; the same ones require a gradient."""
        return tuple(
            value.detach().double().requires_grad_(value.requires_grad)
            if isinstance(value, Tensor) and value.is_floating_point()
            else copy.deepcopy(value)
            for value in self.inputs
        )

    @property
    def model(self) -> Predictions:
        """A model that predicts the page's first input."""
        return Predictions(self.inputs[0])

    @property
    def samples(self) -> Tensor:
        """What to call the model with to get every row."""
        return torch.eye(len(self.inputs[0]))

    def total(self, prediction: Tensor, *rest: Any) -> Tensor:
        """The loss as one number: what a training step differentiates."""
        return self.loss(prediction, *(rest or self.inputs[1:])).sum()

    def source(self) -> str:
        """The page's code that this loss is made of, as a file."""
        tree = ast.parse("\n".join(self.exhibit.definitions()))
        kept: list[ast.stmt] = []
        wanted = {self.which, "inputs"}
        for node in reversed(tree.body):
            made = names_made(node)
            if made & wanted or isinstance(node, ast.Import | ast.ImportFrom):
                kept.insert(0, node)
                used = (n for n in ast.walk(node) if isinstance(n, ast.Name))
                wanted |= {name.id for name in used}
        return ast.unparse(ast.Module(kept, []))


def names_made(node: ast.stmt) -> set[str]:
    """What a statement of a module gives a name to."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return {node.name}
    stored = (n for n in ast.walk(node) if isinstance(n, ast.Name))
    return {n.id for n in stored if isinstance(n.ctx, ast.Store)}


def first_line(said: object) -> str:
    """What was said, in one line, with no address of an object in it."""
    lines = str(said).strip().splitlines() or [type(said).__name__]
    return lines[0].strip().rstrip(",:")


def objection(name: str, call: Callable[[], Any]) -> Objections:
    """Call what raises if it objects."""
    try:
        call()
    except Exception as error:
        return {name: first_line(error)}
    return {}


def by_gradcheck(case: Case) -> Objections:
    """First derivatives against differences."""
    return objection("gradcheck", lambda: gradcheck(case.loss, case.double))


def by_gradgradcheck(case: Case) -> Objections:
    """Second derivatives against differences of first ones."""
    return objection("gradgradcheck", lambda: gradgradcheck(case.loss, case.double))


def by_pytest_torch(case: Case) -> Objections:
    """What it offers for a gradient, a training step and its accumulation."""
    import pytest_torch as offered

    model, samples, total = case.model, case.samples, case.total
    tensors = [v for v in case.inputs if isinstance(v, Tensor)]
    found: Objections = {}

    def try_out(name: str, *args: Any, **options: Any) -> None:
        call = getattr(offered, name)
        found.update(objection(name, lambda: call(*args, **options)))

    try_out("assert_gradcheck", case.loss, case.inputs)
    for name in ("assert_gradients_finite", "assert_all_params_receive_grad"):
        try_out(name, model, samples, total)
    for name in ("assert_loss_decreases", "assert_overfits_one_batch"):
        try_out(name, model, samples, total, lr=RATE)
    by_sample = len(tensors) == len(case.inputs) and all(
        value.dim() and len(value) == len(samples) for value in tensors
    )
    if by_sample and len(samples) > 1:  # else the batch cannot be split
        try_out(
            "assert_accumulation_equivalent",
            lambda: offered.TrainingSetup(
                copy.deepcopy(model), torch.optim.SGD(model.parameters(), lr=0.1)
            ),
            (samples, *case.inputs[1:]),
            loss_fn=lambda model, batch: total(model(batch[0]), *batch[1:]),
            accumulation_steps=len(samples),
            cycles=1,
        )
    return found


def by_torchtest2(case: Case) -> Objections:
    """All of its checks; what fails, and what is warned of.

    Its gradcheck is of a model, so the loss is one for once.
    """
    import torchtest2

    rest = case.inputs[1:]
    model = case.model
    report = torchtest2.check_model(
        model,
        case.samples,
        rest,
        optimizer=torch.optim.Adam(model.parameters(), lr=RATE),
        loss_fn=lambda prediction, given: case.total(prediction, *given),
    )
    needed = {"forward", "gradcheck"}
    others = [name for name in torchtest2.CHECKS if name not in needed]
    of_loss = torchtest2.check_model(
        LossAsModel(case.loss), case.inputs, gradcheck=True, skip=others
    )
    told = [*report.failures, *report.warnings, *of_loss.failures]
    return {result.name: first_line(result.message) for result in told}


def by_torch_preflight(case: Case) -> Objections:
    """Its rules, on the loss as a file: it reads code and runs none."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "loss.py")
        file.write_text(case.source(), encoding="utf-8")
        command = [sys.executable, "-m", "torch_preflight", "check", "--format", "json"]
        ran = subprocess.run([*command, str(file)], capture_output=True, text=True)
    found = json.loads(ran.stdout)
    return {d["code"]: first_line(d["message"]) for d in found["diagnostics"]}


def by_ownloss(case: Case, reference: Callable[..., Any] | None = None) -> Objections:
    """Errors and warnings of the checker; a note is no objection."""
    told = {"reference": reference, "mask": case.mask}
    report = ownloss.check(case.loss, *case.inputs, **told, seconds=300)
    return {
        f"{finding.severity}: {finding.kind}": first_line(finding.message)
        for finding in report.findings
        if finding.severity != "note"
    }


def by_ownloss_with_reference(case: Case) -> Objections:
    """The same where the page has a loss to trust."""
    return by_ownloss(case, case.reference) if case.reference else {}


TOOLS: dict[str, Callable[[Case], Objections]] = {
    "gradcheck": by_gradcheck,
    "gradgradcheck": by_gradgradcheck,
    "pytest-torch": by_pytest_torch,
    "torchtest2": by_torchtest2,
    "torch-preflight": by_torch_preflight,
    "ownloss.check": by_ownloss,
    WITH_REFERENCE: by_ownloss_with_reference,
}


def verdict(tool: str, exhibit: Exhibit) -> dict[str, Any]:
    """What a tool says of an exhibit.

    Returns:
        `finds`, what it objects to in the wrong loss alone, by the name of its test;
        `objects_to_both` and `objects_to_the_cure`, the names of the tests that do so.
    """
    said = []
    for which in ("wrong", "cured"):
        torch.manual_seed(0)
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            said.append(TOOLS[tool](Case(exhibit, which)))
    wrong, cured = said
    return {
        "finds": {name: words for name, words in wrong.items() if name not in cured},
        "objects_to_both": [name for name in wrong if name in cured],
        "objects_to_the_cure": [name for name in cured if name not in wrong],
    }


def versions() -> dict[str, str]:
    """What was asked, and with what."""
    packages = ["torch", "pytest-torch", "torchtest2", "torch-preflight", "ownloss"]
    return {name: metadata.version(name).partition("+")[0] for name in packages}


def row(exhibit: Exhibit) -> dict[str, Any]:
    """What each tool says of an exhibit."""
    print(f"{exhibit.name} ...", flush=True)
    said = {tool: verdict(tool, exhibit) for tool in TOOLS}
    return {"name": exhibit.name, "title": exhibit.title, "said": said}


def main(*names: str) -> None:
    """Write the table, unless it is there already; ask of some exhibits, or of all."""
    known = json.loads(TABLE.read_text("utf-8")) if TABLE.exists() else {}
    made, kept = known.pop("made", None), {}
    if names and known.get("versions") == versions():
        kept = {
            row["name"]: row for row in known["exhibits"] if row["name"] not in names
        }
    asked = [kept.get(one.name) or row(one) for one in exhibits()]
    table = {"versions": versions(), "exhibits": asked}
    if known == table:
        print(f"{TABLE.name} says so already, since {made}")
        return
    table = {"made": datetime.date.today().isoformat(), **table}
    text = json.dumps(table, indent=1, ensure_ascii=False) + "\n"
    TABLE.write_text(text, encoding="utf-8")
    print(f"wrote {TABLE}")


if __name__ == "__main__":
    main(*sys.argv[1:])
