"""What a wrong reduction is."""

from ownloss.checker.findings import Kind

KIND = Kind(
    slug="reduction",
    title="Wrong reduction",
    meaning="The loss takes a mean where a sum is meant or the other way round, "
    "averages over the classes or counts padding, divides a term twice, or takes a "
    "root over the whole batch.",
    shows="The ratio to a reference is a size of the inputs. Without a reference: the "
    "loss grows with the batch as neither a mean nor a sum does.",
    cure="Decide what one unit is (a sample, a token, a pixel), sum everything, and "
    "divide once, by the number of units that count.",
)
