"""The judge: runs an answer, lets `ownloss.check` look at it, and says what is wrong.

A ``judge.py`` has these names; those that may be left out are in brackets.

- ``PAGE``, ``KIND``, ``DIFFICULTY``, ``HINTS``, ``DEFINES``: what `Exercise` says.
- ``cases()``: the inputs, each a `Case`.
- ``reference``: a trusted loss for the same inputs.
- [``loss_of(answer)``]: the loss to check; by default the answer itself, its ``apply``
  where it is a Function, or an instance where it is a Module.
- [``NEEDS``]: features that must work, of those that ``Report.supports`` has.
- [``IGNORES``]: kinds of mistakes that are none in this exercise.
- [``WITHOUT``]: names that an answer may not use, since they do what is asked.
- [``mistakes()``]: mistakes that many make, each a `Mistake`; where an answer gives
  the numbers of one, its sentence comes first.
- [``complaints(answer)``]: yields what is wrong and no check can know, a sentence each.

An exercise that asks for no loss has ``complaints`` and no ``cases``.
"""

import ast
import contextlib
import importlib
import inspect
import io
import re
import textwrap
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.autograd import Function

import ownloss
from ownloss.checker.findings import UNEXPLAINED, Finding, Symptom
from ownloss.checker.report import Report, printable
from ownloss.discovery.finding import import_file
from ownloss.discovery.sandbox import quiet
from ownloss.exercises import Exercise
from ownloss.exercises.cases import Case, Mistake, WrongAnswerError, with_gradient

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult

__all__ = ["Verdict", "judge_file", "judge_object"]

SECONDS = 10.0
"""So long may an answer compute, at one example."""

WHOLE = 30.0
"""So long may a whole check compute; most take one second."""

CHECK_SECONDS = 120.0
"""So long may it take on a busy machine."""

LONGEST_PRINT = 10

# Symptoms of a gradient or a value that is not what the task asks for. A check of
# somebody's loss warns where this may be meant; in an exercise it is a mistake.
_WRONG = {Symptom.GRADIENT, Symptom.UPSTREAM, Symptom.NO_GRADIENT, Symptom.VALUE}


@dataclass(frozen=True)
class Verdict:
    """What the judge says.

    Attributes:
        exercise: The exercise.
        outcome: ``'right'``, ``'wrong'``, or ``'undecided'`` where the answer could not
            be run or the check could not be completed.
        sentences: What is wrong, the most telling first.
        kinds: The kinds of mistakes that the check has found, one for each sentence
            of the check; empty where it has none.
        remarks: What is worth knowing of an answer that is right.
        printed: What the answer printed at the first example.
    """

    exercise: Exercise
    outcome: str
    sentences: list[str] = field(default_factory=list)
    kinds: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    printed: str = ""

    @property
    def right(self) -> bool:
        """Whether the exercise is solved."""
        return self.outcome == "right"

    def _lines(self) -> Iterator[tuple[str, str]]:
        name = self.exercise.name
        said = {
            "right": "right",
            "wrong": "not right yet",
            "undecided": "could not be judged",
        }
        yield "title", f"{name}: {said[self.outcome]}"
        for sentence in self.sentences:
            yield "", printable(sentence)
        for kind in dict.fromkeys(filter(None, self.kinds)):
            yield "dim", f"More: ownloss explain {kind}"
        for remark in self.remarks:
            yield "", f"Worth knowing: {printable(remark)}"
        if self.printed:
            yield "dim", "Your code printed, at the first example:"
            for line in self.printed.splitlines():
                yield "dim", f"  {printable(line)}"
        if self.outcome == "wrong":
            yield "dim", f"Stuck? ownloss exercise hint {name}"
        elif self.right:
            yield "dim", f"Compare: ownloss exercise answer {name}"

    def __str__(self) -> str:
        return "\n".join(
            line if style == "title" else f"  {line}" for style, line in self._lines()
        )

    def __repr__(self) -> str:
        return str(self)

    def __rich_console__(
        self, console: "Console", options: "ConsoleOptions"
    ) -> "RenderResult":
        """Render with colour and to the width of the terminal."""
        from rich.padding import Padding
        from rich.text import Text

        colour = {"right": "green", "wrong": "red", "undecided": "yellow"}
        for style, line in self._lines():
            if style == "title":
                yield Text(line, f"bold {colour[self.outcome]}")
            else:
                yield Padding(Text(line, style), (0, 0, 0, 2))


class _UndecidedError(Exception):
    """The answer cannot be judged; the text is a sentence."""


def judge_file(exercise: Exercise, path: Path) -> Verdict:
    """Judge what a file defines.

    Args:
        exercise: The exercise that it answers.
        path: The file; it is run.

    Returns:
        The verdict.
    """
    try:
        module, printed = _load(path)
        answer = _defined(exercise, vars(module), path.name)
    except _UndecidedError as error:
        return Verdict(exercise, "undecided", [str(error)])
    except WrongAnswerError as error:
        return Verdict(exercise, "wrong", [str(error)])
    source = path.read_text(encoding="utf-8", errors="replace")
    return _judge(exercise, answer, source, str(path), printed)


def judge_object(exercise: Exercise, answer: Any) -> Verdict:
    """Judge a function or class, such as one from a notebook.

    Args:
        exercise: The exercise that it answers.
        answer: The function or class.

    Returns:
        The verdict.
    """
    try:
        source = textwrap.dedent(inspect.getsource(answer))
        file = inspect.getsourcefile(answer) or ""
    except (TypeError, OSError):
        source = file = ""
    try:
        answer = _defined(exercise, {exercise.defines: answer}, "your answer")
    except WrongAnswerError as error:
        return Verdict(exercise, "wrong", [str(error)])
    return _judge(exercise, answer, source, file)


# --- reading the answer ----------------------------------------------------------


def _load(path: Path) -> tuple[ModuleType, str]:
    """Run the reader's file; give what it defines, and what it printed."""
    printed = io.StringIO()
    try:
        with quiet(SECONDS), contextlib.redirect_stdout(printed):
            return import_file(path), printed.getvalue()
    except TimeoutError as error:
        raise _UndecidedError(_loops(path.name, error)) from error
    except ImportError as error:
        raise _UndecidedError(_why_not_run(error.__cause__ or error, path)) from error


def _why_not_run(error: BaseException, path: Path) -> str:
    """Say in a sentence why a file cannot be run."""
    where = _line_in(error, str(path))
    if isinstance(error, SyntaxError):
        line = (error.text or "").strip()
        near = f": `{line}`" if line else ""
        return f"{path.name} is no Python yet, {error.msg} in line {error.lineno}{near}"
    if isinstance(error, TimeoutError):
        return _loops(path.name, error)
    if isinstance(error, ModuleNotFoundError) and error.name:
        return f"{path.name} imports `{error.name}`{where}, which is not installed."
    if isinstance(error, SystemExit):
        return f"{path.name} ends Python while it is read{where}: take `exit` out."
    return f"{path.name} cannot be run{where}: {_said(error)}"


def _loops(what: str, error: TimeoutError) -> str:
    said = str(error).removeprefix("it ")
    return f"{what} {said}: a loop?"


def _line_in(error: BaseException, file: str) -> str:
    """Name the line of a file that an exception comes from."""
    if isinstance(error, SyntaxError):
        return ""
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if _same(frame.filename, file)]
    return f" (line {lines[-1]})" if lines else ""


def _same(one: str, other: str) -> bool:
    return bool(one and other) and Path(one).resolve() == Path(other).resolve()


def _said(error: BaseException) -> str:
    """An exception in one line."""
    try:
        lines = str(error).strip().splitlines()
    except Exception:  # whose text cannot be made
        lines = []
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


def _expected(exercise: Exercise) -> ast.FunctionDef | ast.ClassDef:
    """What the stub defines."""
    for node in ast.parse(exercise.task).body:
        if (
            isinstance(node, ast.FunctionDef | ast.ClassDef)
            and node.name == exercise.defines
        ):
            return node
    raise LookupError(f"task.py of {exercise.name} defines no {exercise.defines}")


def _defined(exercise: Exercise, names: dict[str, Any], where: str) -> Any:
    """Take the answer out of what a file defines."""
    expected, name = _expected(exercise), exercise.defines
    kind = "class" if isinstance(expected, ast.ClassDef) else "function"
    if name not in names:
        own = [
            key
            for key, value in names.items()
            if getattr(value, "__module__", None) == names.get("__name__")
            and callable(value)
        ]
        has = f"; it defines {', '.join(f'`{key}`' for key in own)}" if own else ""
        raise WrongAnswerError(
            f"The judge looks for a {kind} `{name}`, and {where} has none{has}."
        )
    answer = names[name]
    base = _base(expected)
    if base and not (isinstance(answer, type) and issubclass(answer, base)):
        full = "torch.autograd.Function" if base is Function else "torch.nn.Module"
        got = "another class" if isinstance(answer, type) else _a(answer)
        raise WrongAnswerError(f"`{name}` must be a subclass of {full}; it is {got}.")
    if kind == "function" and (isinstance(answer, type) or not callable(answer)):
        got = "a class" if isinstance(answer, type) else _a(answer)
        raise WrongAnswerError(f"`{name}` must be a function; it is {got}.")
    return answer


def _base(expected: ast.FunctionDef | ast.ClassDef) -> type | None:
    """The class that an answer must inherit from."""
    if isinstance(expected, ast.FunctionDef):
        return None
    bases = [ast.unparse(base) for base in expected.bases]
    known = {"Function": Function, "Module": nn.Module}
    return next((known[b.rpartition(".")[2]] for b in bases if b), None)


def _a(value: Any) -> str:
    name = type(value).__name__
    return f"an {name}" if name[0] in "aeiou" else f"a {name}"


def _forbidden(judge: ModuleType, source: str, name: str) -> None:
    """Raise where an answer uses what does the exercise's work."""
    without = getattr(judge, "WITHOUT", ())
    try:
        tree = ast.parse(source)
    except SyntaxError:  # a cell with a magic; it is judged without this
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            used = node.attr
        elif isinstance(node, ast.Name):
            used = node.id
        else:
            continue
        if used in without:
            raise WrongAnswerError(
                f"`{name}` uses `{used}` (line {node.lineno}), which does what the "
                "exercise asks you to do yourself."
            )


# --- judging it ------------------------------------------------------------------


def _judge(
    exercise: Exercise, answer: Any, source: str, file: str, printed: str = ""
) -> Verdict:
    """Judge the function or class that a reader has written."""
    judge = importlib.import_module(f"ownloss.exercises.{exercise.folder.name}.judge")
    with torch.random.fork_rng(devices=[]):  # a notebook's own numbers stay
        return _judged(exercise, judge, answer, source, file, printed)


def _judged(
    exercise: Exercise,
    judge: ModuleType,
    answer: Any,
    source: str,
    file: str,
    printed: str,
) -> Verdict:
    output = io.StringIO()
    verdict = Verdict(exercise, "right")
    try:
        _forbidden(judge, source, exercise.defines)
        if hasattr(judge, "cases"):
            remarks = _check(exercise, judge, answer, file, output)
            verdict.remarks.extend(remarks)
        if hasattr(judge, "complaints"):
            _complain(exercise, judge, answer, file, output)
    except WrongAnswerError as error:
        verdict = Verdict(exercise, "wrong", [str(error)])
    except _MistakesError as error:
        verdict = Verdict(exercise, "wrong", error.sentences, error.kinds)
    except _UndecidedError as error:
        verdict = Verdict(exercise, "undecided", [str(error)])
    lines = (printed + output.getvalue()).splitlines()
    if len(lines) > LONGEST_PRINT:
        lines = [*lines[:LONGEST_PRINT], f"... and {len(lines) - LONGEST_PRINT} more"]
    return Verdict(
        exercise,
        verdict.outcome,
        verdict.sentences,
        verdict.kinds,
        verdict.remarks,
        "\n".join(lines),
    )


class _NoGraphError(Exception):
    """What an answer returned cannot be differentiated."""


class _MistakesError(Exception):
    """The check has found mistakes.

    Attributes:
        sentences: What they are.
        kinds: Of what kinds they are.
    """

    def __init__(self, sentences: list[str], kinds: list[str]) -> None:
        super().__init__(*sentences)
        self.sentences = sentences
        self.kinds = kinds


def _loss_of(exercise: Exercise, judge: ModuleType, answer: Any, file: str) -> Any:
    """Make the loss that is checked."""
    try:
        if hasattr(judge, "loss_of"):
            return judge.loss_of(answer)
        if isinstance(answer, type):
            return answer.apply if issubclass(answer, Function) else answer()
    except (WrongAnswerError, NotImplementedError):
        raise  # they say themselves what is wrong: the second, that it is not written
    except Exception as error:
        raise _raises(f"`{exercise.defines}`", error, file) from error
    return answer


def _check(
    exercise: Exercise,
    judge: ModuleType,
    answer: Any,
    file: str,
    output: io.StringIO,
) -> list[str]:
    """Check the answer at every case; give what is worth knowing."""
    remarks: dict[str, str] = {}  # one of each kind: the cases would repeat it
    name = exercise.defines
    with _guarded(name, file):
        loss = _loss_of(exercise, judge, answer, file)
    cases = list(judge.cases())
    _fits(exercise, answer, cases[0])
    for number, case in enumerate(cases):
        held = output if number == 0 else io.StringIO()
        with _guarded(name, file), quiet(SECONDS), contextlib.redirect_stdout(held):
            failure = _try(loss, case)
        with _guarded(name, file), quiet(WHOLE):
            report = ownloss.check(
                loss,
                *case.inputs,
                reference=judge.reference,
                mask=case.mask,
                seconds=CHECK_SECONDS,
            )
        try:
            found = _mistakes(judge, name, case, report, failure, file)
            remarks = {**found, **remarks}
        except _MistakesError as error:
            with _guarded(name, file), quiet(WHOLE):
                known = _known(judge, loss, cases)
                near = [] if known else _almost(judge, loss, cases[0])
            if not known:
                raise _MistakesError(near + error.sentences, error.kinds) from error
            # Beside the name of the mistake, what points to its line helps.
            kept = [
                (sentence, kind)
                for sentence, kind in zip(error.sentences, error.kinds, strict=False)
                if "(line " in sentence
            ]
            raise _MistakesError(
                known + [sentence for sentence, _ in kept], [kind for _, kind in kept]
            ) from error
        if number == 0:
            with _guarded(name, file), quiet(WHOLE):
                _features(judge, report)
    return list(remarks.values())


@contextlib.contextmanager
def _guarded(name: str, file: str) -> Iterator[None]:
    """Turn whatever an answer raises into one sentence."""
    try:
        yield
    except (WrongAnswerError, _MistakesError, _UndecidedError):
        raise
    except NotImplementedError as error:
        raise WrongAnswerError(_unwritten(name, error, file)) from error
    except TimeoutError as error:
        raise WrongAnswerError(_loops(f"`{name}`", error)) from error
    except (TypeError, ValueError) as error:
        # The check refuses what it was given in a sentence of its own.
        raise WrongAnswerError(_sentence(str(error))) from error
    except (Exception, SystemExit) as error:
        raise _raises(f"`{name}`", error, file) from error


def _unwritten(name: str, error: BaseException, file: str) -> str:
    where = _line_in(error, file)
    return (
        f"`{name}` is still to be written: `raise NotImplementedError`{where} is where "
        "your code goes."
    )


def _raises(what: str, error: BaseException, file: str) -> WrongAnswerError:
    where = _line_in(error, file)
    if isinstance(error, NotImplementedError):
        return WrongAnswerError(_unwritten(what.strip("`"), error, file))
    if isinstance(error, _NoGraphError):
        return WrongAnswerError(f"{what} has the right value, but {error}.")
    if isinstance(error, SystemExit):
        return WrongAnswerError(f"{what} ends Python{where}: take `exit` out.")
    return WrongAnswerError(f"{what} raises{where} {_said(error)}")


def _sentence(text: str) -> str:
    return text if text.endswith((".", "?", "!")) else f"{text}."


def _fits(exercise: Exercise, answer: Any, case: Case) -> None:
    """Raise where an answer cannot be called as the task says."""
    function, expected = answer, _expected(exercise)
    given: tuple[Any, ...] = case.inputs
    part = ""
    if isinstance(answer, type):
        forwards = [
            node
            for node in ast.walk(expected)
            if isinstance(node, ast.FunctionDef) and node.name == "forward"
        ]
        expected = forwards[0] if forwards else expected
        function = vars(answer).get("forward")
        function = getattr(function, "__func__", function)
        part = "`forward` of "
        module = issubclass(answer, nn.Module)
        # `forward` of the older style takes `ctx`, and there is no `setup_context`.
        if module or vars(answer).get("setup_context") is None:
            given = (None, *given)
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return
    if len(given) == len(case.inputs) and next(iter(signature.parameters), "") == "ctx":
        raise WrongAnswerError(
            f"{part}`{exercise.defines}` takes `ctx`, although there is a "
            "`setup_context`: a Function has one or the other."
        )
    try:
        signature.bind(*given)
    except TypeError:
        has = ", ".join(signature.parameters)
        wanted = ""
        if isinstance(expected, ast.FunctionDef):
            wanted = ", ".join(argument.arg for argument in expected.args.args)
        raise WrongAnswerError(
            f"{part}`{exercise.defines}` takes ({has}); the task says ({wanted})."
        ) from None


def _try(loss: Callable[..., Any], case: Case) -> BaseException | None:
    """Run a loss forward and backward once, as a reader would; give what it raised."""
    inputs = _copies(case)
    torch.manual_seed(0)
    try:
        found = loss(*inputs)
        tensors = found if isinstance(found, tuple) else (found,)
        total = sum(t.sum() for t in tensors if isinstance(t, Tensor))
        if isinstance(total, Tensor):
            if not total.requires_grad:
                return _NoGraphError(
                    "the result is a constant: nothing connects it with the inputs, "
                    "and `backward` cannot be called"
                )
            torch.autograd.backward(total)
    except (WrongAnswerError, NotImplementedError, TimeoutError):
        raise  # not an error of the loss: the judge has a sentence for each
    except (Exception, SystemExit) as error:
        return error
    return None


def _copies(case: Case, dtype: torch.dtype | None = None) -> list[Any]:
    """The inputs of a case, for one run; floating ones in another dtype if wanted."""
    inputs = []
    for value in case.inputs:
        if isinstance(value, Tensor):
            floating = dtype is not None and value.is_floating_point()
            copy = value.detach().to(dtype) if floating else value.detach()
            value = copy.clone().requires_grad_(value.requires_grad)
        inputs.append(value)
    return inputs


def _mistakes(
    judge: ModuleType,
    name: str,
    case: Case,
    report: Report,
    failure: BaseException | None,
    file: str,
) -> dict[str, str]:
    """Raise what a report says is wrong; give what is worth knowing, by its kind."""
    ignored = getattr(judge, "IGNORES", ())
    # How far out an answer must hold, an exercise says by its own cases.
    findings = [
        f for f in report.findings if f.kind not in ignored and f.aspect != "bold"
    ]
    needs = getattr(judge, "NEEDS", ())
    # Nobody asked for a second derivative, unless the task does: worth knowing only.
    twice = [f for f in findings if f.kind == "double-backward"]
    if "double backward" in needs:
        twice = []
    wrong = [
        f
        for f in findings
        if f not in twice
        and (
            f.severity == "error"
            or (f.severity == "warning" and _WRONG & (f.rests_on | f.explains))
            or (f.kind == "vmap" and "vmap" in needs)
        )
    ]
    if wrong:
        # Without an error, a warning or a note that counts here is the mistake.
        errors = [f for f in wrong if f.severity == "error"] or wrong
        raise _MistakesError(
            [_told(f, name, case, failure, file) for f in errors],
            [f.kind if f.kind != UNEXPLAINED else "" for f in errors],
        )
    if failure is not None:
        said = str(_raises(f"`{name}`", failure, file))
        raise WrongAnswerError(f"{case.words}: {said}" if case.words else said)
    if report.outcome == "incomplete":
        what = ", ".join([*report.skipped, *report.crashes]) or "all of the gradient"
        raise _UndecidedError(f"The check could not look at {what}.")
    return {
        f.kind: f.message for f in findings if f in twice or f.severity == "warning"
    }


def _known(judge: ModuleType, loss: Callable[..., Any], cases: list[Case]) -> list[str]:
    """Name the mistake that gives the same numbers as an answer, in every case."""
    listed: list[Mistake] = judge.mistakes() if hasattr(judge, "mistakes") else []
    own = [_numbers(loss, case) for case in cases]
    for mistake in listed:
        same = mistake.loss
        if mistake.gradient is not None:
            same = with_gradient(judge.reference, mistake.gradient, mistake.of)
        if same is None:
            continue
        values = mistake.loss is not None
        its = [_numbers(same, case) for case in cases]
        if all(
            _equal(gradients, its_gradients)
            and (not values or _equal(value, its_value))
            for (value, gradients), (its_value, its_gradients) in zip(
                own, its, strict=True
            )
        ):
            return [mistake.words]
    return []


def _almost(judge: ModuleType, loss: Callable[..., Any], case: Case) -> list[str]:
    """Say so where a value is off by less than two per cent."""
    value, _ = _numbers(loss, case)
    trusted, _ = _numbers(judge.reference, case)
    if not value or not trusted or value[0].shape != trusted[0].shape:
        return []
    off = (value[0] - trusted[0]).abs().max() / trusted[0].abs().max().clamp(min=1e-30)
    if not 1e-7 < off < 0.02:
        return []
    return [
        f"Almost right: the value is off by {100 * off.item():.2g} %, as by an "
        "epsilon, a clamp or a rounded constant."
    ]


def _numbers(loss: Callable[..., Any], case: Case) -> tuple[list[Tensor], list[Tensor]]:
    """The value of a loss and its gradients; nothing where it raises."""
    inputs = _copies(case, torch.float64)
    wanted = [x for x in inputs if isinstance(x, Tensor) and x.requires_grad]
    torch.manual_seed(0)
    try:
        found = loss(*inputs)
        gradients = torch.autograd.grad(found.sum(), wanted, materialize_grads=True)
    except (Exception, SystemExit):
        return [], []
    return [found.detach().double()], [g.double() for g in gradients]


def _equal(some: list[Tensor], others: list[Tensor]) -> bool:
    return (
        bool(some)
        and len(some) == len(others)
        and all(
            one.shape == other.shape
            and torch.allclose(one, other, rtol=1e-4, atol=1e-7, equal_nan=True)
            for one, other in zip(some, others, strict=True)
        )
    )


def _told(
    finding: Finding,
    name: str,
    case: Case,
    failure: BaseException | None,
    file: str,
) -> str:
    """Say a finding, with the line where the answer raised."""
    if finding.kind == UNEXPLAINED and "TimeoutError" in finding.message:
        said = f"`{name}` takes longer than {WHOLE:g} seconds of computing: a loop?"
    elif finding.kind == UNEXPLAINED and failure is not None:
        said = str(_raises(f"`{name}`", failure, file))
    else:
        said = re.sub(r" It may be meant: [^.]*\.", "", finding.message)
        # The class that carries a reader's formula is none of theirs.
        said = re.sub(r" \(the \w+ value that `Derived\.backward` returns\)", "", said)
    if not case.words:
        return said
    said = said.replace("At the inputs given the", "The", 1)
    return f"{case.words}: {said[0].lower()}{said[1:]}"


def _features(judge: ModuleType, report: Report) -> None:
    """Raise where a feature that the exercise is about does not work."""
    for feature in getattr(judge, "NEEDS", ()):
        support = report.supports[feature]
        if not support:
            called = feature if feature.startswith("torch.") else f"torch.{feature}"
            called = f"A {feature}" if " " in feature else f"`{called}`"
            said = support.wrong or _plainly(support.error)
            how = "gives a wrong result" if support.wrong else "does not work with it"
            raise WrongAnswerError(_sentence(f"{called} {how}: {said}"))


# What torch says of a transform, and what it means in an answer.
_PLAINLY = (
    (
        r"data-dependent control flow|Data-dependent|data-dependent branching",
        "an `if`, `while` or `bool` asks for the value of a tensor, and a transform "
        "has no single one",
    ),
    (
        r"\.item\(\)|aten::_local_scalar_dense|__float__|__int__|\.tolist",
        "`item`, `float` or `int` asks for the value of a tensor, and a transform "
        "has no single one",
    ),
    (
        r"setup_context",
        "the Function has no `setup_context`, its forward takes `ctx`",
    ),
    (
        r"generate_vmap_rule|does not have vmap support",
        "the Function says neither `generate_vmap_rule = True` nor has it a `vmap`",
    ),
    (
        r"vmap: inplace arithmetic",
        "it writes in place into a tensor that is not mapped; make a new tensor",
    ),
    (
        r"dynamic shape|nonzero|masked_select",
        "the shape of a result depends on values, as with a boolean index",
    ),
)


def _plainly(error: str) -> str:
    """Say what an error of a transform means; its own first line where unknown."""
    for pattern, meaning in _PLAINLY:
        if re.search(pattern, error):
            return meaning
    return error


def _complain(
    exercise: Exercise,
    judge: ModuleType,
    answer: Any,
    file: str,
    output: io.StringIO,
) -> None:
    """Raise what the judge of this exercise has to say."""
    with quiet(WHOLE), contextlib.redirect_stdout(output):
        try:
            said = list(judge.complaints(answer))
        except (WrongAnswerError, NotImplementedError, TimeoutError) as error:
            with _guarded(exercise.defines, file):
                raise error
        except (Exception, SystemExit) as error:
            raise _raises(f"`{exercise.defines}`", error, file) from error
    if said:
        raise WrongAnswerError(" ".join(map(_sentence, said)))
