"""What a mask that leaks is."""

from ownloss.checker.findings import Kind

KIND = Kind(
    slug="mask-leak",
    title="Masked entries count",
    meaning="Entries that a mask or an ignored label leaves out still move the loss: "
    "the mask is inverted, is applied to a part only, or multiplies a NaN by 0.",
    shows="The masked entries of the prediction are changed, then set to NaN; neither "
    "may move the loss.",
    cure="Mask both operands or the result by torch.where, not by multiplying, and "
    "divide by `mask.sum()`.",
)
