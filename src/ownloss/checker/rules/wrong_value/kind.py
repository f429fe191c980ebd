"""What a wrong value is."""

from ownloss.checker.findings import Kind

KIND = Kind(
    slug="wrong-value",
    title="Not the loss that was meant",
    meaning="The gradient is the derivative of the value, but the value is wrong: "
    "softmax twice, probabilities for log-probabilities, labels reversed, a similarity "
    "for a distance, a standard deviation for a variance.",
    shows="The value is not the reference's. Without one: a perfect prediction is not "
    "the minimum, or a function of torch is given what it does not expect.",
    cure="Compare the formula with its source at two or three inputs worked by hand.",
)
