"""Write the arguments of a call after a recipe."""

import inspect
import re
from collections.abc import Iterator

from ownloss.discovery.constructing import NO_GUESS, values_for
from ownloss.discovery.finding import CannotGuessError, Found
from ownloss.discovery.recipes import CLASSES, FEATURES, Recipe, of_role, role_of

__all__ = ["arguments", "needed", "roles_of"]

_MADE_BY_MODELS = re.compile(r"logit|out|feat|pred|logp|prob|emb")
"""``teacher_logits`` is a tensor, ``teacher`` is a model."""

_FEATURES = re.compile(r"^(?!.*(logit|_scores?$)).*(embed|feat)")


def needed(found: Found) -> list[inspect.Parameter]:
    """The arguments that a call has to give: those without default, and a target."""
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    plain = [p for p in found.parameters if p.kind not in variadic]
    wanted = [p for p in plain if p.default is p.empty]
    if not wanted and any(p.kind == p.VAR_POSITIONAL for p in found.parameters):
        kind = inspect.Parameter.POSITIONAL_ONLY
        wanted = [inspect.Parameter(name, kind) for name in ("input", "target")]
    roles = [role_of(p.name) for p in wanted]
    if "target" not in roles:
        # `labels=None`: asked for by all but one use. Nothing may be left out before.
        for parameter in plain[len(wanted) :][:1]:
            if parameter.default is None and role_of(parameter.name) == "target":
                wanted.append(parameter)
    return wanted


def arguments(
    found: Found, wanted: list[inspect.Parameter], recipe: Recipe
) -> Iterator[tuple[str, ...]]:
    """Write the arguments of a call after a recipe, in a few variants."""
    roles = roles_of(wanted)
    options = [
        options_for(found, parameter, role, recipe)
        for parameter, role in zip(wanted, roles, strict=True)
    ]
    # Features beside logits: each has a shape of its own, and the samples in common.
    predicted = [i for i, role in enumerate(roles) if role == "prediction"]
    features = [i for i in predicted if _FEATURES.search(wanted[i].name.lower())]
    if "target" in roles and 0 < len(features) < len(predicted):
        for i in features:
            options[i] = [f"{recipe.shape[0]},{FEATURES}"]
    longest = max((len(option) for option in options), default=0)
    for variant in range(min(longest, 4)):
        specs = [option[min(variant, len(option) - 1)] for option in options]
        # Where several are predicted, or the target comes first, it has to be said
        # what is differentiated.
        first = roles[0] == "prediction" and roles.count("prediction") == 1
        if not first or any(":grad" in spec for spec in specs):
            specs = [
                differentiated(spec) if role == "prediction" else spec
                for spec, role in zip(specs, roles, strict=True)
            ]
        written = tuple(
            by_name(parameter, spec)
            for parameter, spec in zip(wanted, specs, strict=True)
        )
        yield written
        if len(written) > 1 and wanted[-1].default is None:
            yield written[:-1]  # the target may be left out


def roles_of(wanted: list[inspect.Parameter]) -> list[str]:
    """What each argument is for, where they are seen together."""
    roles = [role_of(parameter.name) for parameter in wanted]
    free = [i for i, role in enumerate(roles) if role == "prediction"]
    if "target" not in roles and len(free) > 1 and "order" not in roles:
        roles[free[-1]] = "target"
    elif sorted(roles) == ["mask", "prediction"]:
        roles[roles.index("mask")] = "target"
    return roles


def options_for(
    found: Found, parameter: inspect.Parameter, role: str, recipe: Recipe
) -> list[str]:
    """Say how an argument may look, the most usual first."""
    name, annotation = parameter.name.lower(), str(parameter.annotation)
    unknown, tensor = "empty" in annotation, "Tensor" in annotation
    number = re.search(r"\b(int|float|bool)\b", annotation)
    cannot = NO_GUESS.search(name) and not _MADE_BY_MODELS.search(name)
    if cannot and not tensor and not number:
        raise CannotGuessError(f"its call needs {parameter.name!r}")
    if not (tensor or unknown) and (number or re.search(r"\bstr\b", annotation)):
        values = values_for(parameter, found.doc)
        if not values:
            raise CannotGuessError(f"its call needs {parameter.name!r}")
        return [f"={value}" for value in values]
    if unknown and (scalar := scalar_for(name)):
        return [f"={scalar}"]
    if role == "prediction":
        options = [recipe.prediction]
    elif role == "target":
        options = [recipe.target]
    else:
        options = list(of_role(role, name, recipe))
    if re.search(r"\b(list|List|Sequence|tuple|Tuple)\b", annotation):
        return [f"[{option}; {option}]" for option in options]
    return options


def differentiated(spec: str) -> str:
    """Mark a tensor as differentiated."""
    if ":grad" in spec or not spec[0].isdecimal():
        return spec
    return f"{spec}:grad" if ":" in spec else f"{spec}:float32:grad"


def by_name(parameter: inspect.Parameter, spec: str) -> str:
    """Write an argument by its name, where it has to be given so."""
    if parameter.kind != parameter.KEYWORD_ONLY:
        return spec
    return f"{parameter.name}{spec}" if spec[0] == "=" else f"{parameter.name}={spec}"


def scalar_for(name: str) -> str:
    """A number for an argument that is named like one; empty where it is not."""
    if re.search(r"^(epoch|step|iteration|global_step|cur_\w+)$", name):
        return "1"
    if re.search(r"^(num_class(es)?|n_class(es)?|classes_num|num_labels)$", name):
        return str(CLASSES)
    if re.search(
        r"^(alpha|beta|gamma|delta|eps|temperature|tau|margin|smooth|lam|lambda_?\w*"
        r"|quantile|q|scale|\w+_temperature|\w+_margin|(\w+_)?logit_(scale|bias))$",
        name,
    ):
        return "0.5"
    return ""
