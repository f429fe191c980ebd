"""What a trusted reference shares with a loss is no mistake of the loss."""

import re
from contextlib import suppress

from ownloss.checker.budget import OutOfBudgetError
from ownloss.checker.findings import Finding, Symptom
from ownloss.checker.observation import Observation
from ownloss.checker.rules import rules


def without_shared(seen: Observation, findings: list[Finding]) -> list[Finding]:
    """Leave out what is found of the reference, too.

    Args:
        seen: the loss, with a reference or without.
        findings: what was found of the loss.
    """
    accused = {f.kind for f in findings if f.severity != "note"}
    if seen.reference.loss is None or not accused:
        return findings
    args, kwargs = seen.inputs_again()
    try:
        trusted = Observation(
            seen.reference.loss, args, kwargs, budget=seen.budget, mask=seen.mask
        )
    except OutOfBudgetError:
        return findings
    shared = set()
    for rule in rules():
        if rule.kind.slug in accused:
            # A rule that cannot look at the reference acquits of nothing.
            with suppress(Exception, OutOfBudgetError):
                shared |= {
                    _said(finding)
                    for finding in rule.find(trusted)
                    if finding.severity != "note"
                }
    return [
        f
        for f in findings
        if f.severity == "note" or _said(f) not in shared or _stands(seen, f)
    ]


def _stands(seen: Observation, finding: Finding) -> bool:
    """Whether a finding is about a gradient that the reference does not have."""
    about = {Symptom.GRADIENT, Symptom.NO_GRADIENT} & finding.rests_on
    return bool(about) and not seen.reference.same_gradients


def _said(finding: Finding) -> tuple[str, str, str]:
    """What a finding says, whatever the names and the numbers."""
    claim = finding.message.partition(":")[0]
    claim = re.sub(r"`[^`]*`|\([^)]*\)|[-+\d.]+", "", claim)
    return finding.kind, finding.aspect, " ".join(claim.split())
