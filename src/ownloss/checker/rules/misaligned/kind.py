"""What misaligned places are."""

from ownloss.checker.findings import Kind

KIND = Kind(
    slug="misaligned",
    title="Predictions and labels of different places",
    meaning="A label is compared with the prediction of another place: a shift over "
    "the flattened batch instead of within rows, rows gathered in another order, "
    "(N, T, C) viewed as (N, C, T), `view` where `permute` was meant.",
    shows="One label is changed at a time; the predictions that react must have the "
    "same place, or the same distance, for every label.",
    cure="Shift within rows, `logits[:, :-1]` against `labels[:, 1:]`, and move "
    "dimensions with permute or transpose, never with view.",
)
