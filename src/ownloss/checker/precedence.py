"""Which finding comes first, and which is left out because another one explains it.

This list is the only place that ranks kinds of mistakes. A finding whose symptoms are
all explained by one that comes before it is left out.
"""

from ownloss.checker.findings import Finding, Symptom

# From the most specific to the most general. An entry is a kind, or a kind and the
# aspect of it that a finding names; a kind without an aspect stands for all others.
ORDER = (
    "dead-backward",
    "nan-trap: given",
    "grad-count",
    "reduction: position",
    "unused-input: position",
    "broadcast",
    "mutates-input",
    "shared-state: gradient",
    "inplace-saved",
    "needs-input-grad",
    "nondeterministic",
    "grad-meta",
    "unused-input: reference",
    "wrong-axis",
    "mask-leak: reference",
    "misaligned",
    "mask-leak",
    "mean-of-means",
    "batch-size",
    "batch-order: reference",
    "detached",
    "flat",
    "reduction: reference",
    "vmap",
    "wrong-value: misuse against the reference",
    "shared-state",
    "low-precision: reference",
    "empty-batch",
    "grad-output",
    "nan-trap",
    "overflow",
    "stop-gradient",
    "reduction: calls",
    "wrong-axis: meeting",
    "reduction: rows",
    "ctx-leak: calls",
    "reduction: twice",
    "ctx-leak: module",
    "partial-detach",
    "formula: swapped",
    "wrong-value: misuse",
    "missing-grad",
    "noncontiguous",
    "sign",
    "wrong-value: swapped",
    "reduction: padding",
    "scale",
    "wrong-value",
    "reduction",
    "ctx-leak",
    "double-backward",
    "batch-order",
    "formula",
    "unused-input",
    "wrong-value: labels",
    "wrong-value: minimum",
    "wrong-value: jump",
    "reduction: mixture",
    "reduction: growth",
    "nan-trap: bold",
    "low-precision",
    "overflow: small eps",
    "formula: whole",
    "vmap: refused",
)

_SEVERITIES = ("error", "warning", "note")


def rank(finding: Finding) -> tuple[int, int]:
    """The place of a finding: by severity, then by `ORDER`.

    Raises:
        LookupError: neither its kind nor its aspect is in `ORDER`.
    """
    entry = f"{finding.kind}: {finding.aspect}" if finding.aspect else finding.kind
    if entry not in ORDER:
        raise LookupError(f"{entry!r} has no place in ownloss.checker.precedence.ORDER")
    return _SEVERITIES.index(finding.severity), ORDER.index(entry)


def most_telling(findings: list[Finding]) -> list[Finding]:
    """Sort findings, and leave out what one before it explains."""
    kept: list[Finding] = []
    explained: set[Symptom] = set()
    for finding in sorted(findings, key=rank):
        same = any(f.kind == finding.kind for f in kept)
        if finding.rests_on and finding.rests_on <= explained and not same:
            continue
        kept.append(finding)
        explained |= finding.explains
    return kept
