"""Right losses that lean on torch's own, or that check what they are given."""

import torch
import torch.nn.functional as F
from torch import nn

from . import right
from .inputs import binary, classification, labels, normal, regression, uniform


@right(reference=F.mse_loss)
def nn_mse():
    """nn.MSELoss."""
    return nn.MSELoss(), regression(4, 3)


@right(reference=F.huber_loss)
def nn_huber():
    """nn.HuberLoss, float32."""
    return nn.HuberLoss(), regression(4, 3, dtype=torch.float32)


@right()
def nn_kl_div():
    """nn.KLDivLoss with batchmean."""
    log_q = F.log_softmax(normal(4, 5, seed=1), 1).requires_grad_()
    p = F.softmax(normal(4, 5, seed=2), 1)
    return nn.KLDivLoss(reduction="batchmean"), (log_q, p)


@right()
def nn_gaussian_nll():
    """nn.GaussianNLLLoss: the variance must be positive."""
    inputs = (
        normal(5, 2, seed=1, grad=True),
        normal(5, 2, seed=2),
        uniform(5, 2, low=0.3, high=2.0, seed=3),
    )
    return nn.GaussianNLLLoss(), inputs


@right()
def nn_bce():
    """nn.BCELoss: probabilities must lie in 0 to 1."""
    return nn.BCELoss(), (uniform(5, 2, seed=1, grad=True), binary(5, 2, seed=2))


@right()
def nn_bce_with_pos_weight():
    """nn.BCEWithLogitsLoss with weights for the positives."""
    weight = torch.tensor([1.0, 3.0], dtype=torch.float64)
    inputs = normal(5, 2, seed=1, grad=True), binary(5, 2, seed=2)
    return nn.BCEWithLogitsLoss(pos_weight=weight), inputs


@right()
def nn_nll():
    """nn.NLLLoss on log-probabilities."""
    log_p = F.log_softmax(normal(6, 4, seed=1), 1).requires_grad_()
    return nn.NLLLoss(), (log_p, labels(4, 6, seed=2))


@right()
def nn_triplet():
    """nn.TripletMarginLoss."""
    inputs = tuple(normal(5, 4, seed=s, grad=True) for s in (1, 2, 3))
    return nn.TripletMarginLoss(margin=0.5), inputs


@right()
def nn_multilabel_soft_margin():
    """nn.MultiLabelSoftMarginLoss, one loss a row."""
    inputs = normal(4, 5, seed=1, grad=True), binary(4, 5, seed=2)
    return nn.MultiLabelSoftMarginLoss(reduction="none"), inputs


@right()
def nn_poisson():
    """nn.PoissonNLLLoss on rates."""
    rate = uniform(6, low=0.5, high=4.0, seed=1, grad=True)
    count = labels(5, 6, seed=2).double()
    return nn.PoissonNLLLoss(log_input=False), (rate, count)


@right()
def nn_adaptive_softmax():
    """nn.AdaptiveLogSoftmaxWithLoss returns a tuple and has parameters."""

    class AdaptiveLM(nn.Module):
        def __init__(self):
            super().__init__()
            self.head = nn.AdaptiveLogSoftmaxWithLoss(
                8, 8, [2, 5], div_value=2
            ).double()

        def forward(self, hidden, target):
            return self.head(hidden, target).loss

    return AdaptiveLM(), (normal(6, 8, seed=1, grad=True), labels(8, 6, seed=2))


@right(reference=F.mse_loss)
def shapes_are_checked():
    """Raises where the shapes differ."""

    def mse(prediction, target):
        if prediction.shape != target.shape:
            raise ValueError(
                f"prediction has shape {tuple(prediction.shape)}, "
                f"target {tuple(target.shape)}"
            )
        return (prediction - target).pow(2).mean()

    return mse, regression(4, 3)


@right()
def domain_is_checked():
    """Raises for probabilities outside 0 to 1."""

    class CheckedBrier(nn.Module):
        def forward(self, probability, target):
            if not ((probability >= 0) & (probability <= 1)).all():
                raise ValueError("probabilities must lie in 0 to 1")
            return (probability - target).pow(2).mean()

    return CheckedBrier(), (uniform(6, seed=1, grad=True), binary(6, seed=2))


@right(reference=lambda x, t: F.cross_entropy(x, t.long()))
def int32_labels():
    """Labels of dtype int32 are cast."""

    def cross_entropy(logits, target):
        return F.cross_entropy(logits, target.long())

    logits, target = classification(5, 3)
    return cross_entropy, (logits, target.int())


@right(reference=lambda x, t: F.binary_cross_entropy_with_logits(x, t.double()))
def boolean_targets():
    """Targets of dtype bool are cast to the prediction's."""

    def bce(logits, target):
        return F.binary_cross_entropy_with_logits(logits, target.to(logits.dtype))

    return bce, (normal(6, 2, seed=1, grad=True), binary(6, 2, seed=2).bool())


@right(reference=lambda p, t: (p - t) ** 2)
def scalars():
    """0-dimensional prediction and target."""

    def squared(prediction, target):
        return (prediction - target) ** 2

    prediction = torch.tensor(0.7, dtype=torch.float64, requires_grad=True)
    return squared, (prediction, torch.tensor(-0.2, dtype=torch.float64))


@right(reference=lambda p, t: F.mse_loss(p, t.to(p.dtype)))
def integer_targets_of_a_regression():
    """Integer targets are cast to the prediction's dtype."""

    def count_mse(prediction, count):
        return F.mse_loss(prediction, count.to(prediction.dtype))

    return count_mse, (normal(7, seed=1, grad=True), labels(9, 7, seed=2))


@right(reference=lambda x, t: F.cross_entropy(x, t))
def a_method_of_an_object():
    """A bound method of an ordinary object."""

    class Trainer:
        def __init__(self, weight):
            self.weight = weight

        def loss(self, logits, target):
            return self.weight * F.cross_entropy(logits, target)

    return Trainer(1.0).loss, classification(5, 3)


@right(reference=F.l1_loss)
def a_callable_object():
    """An object with __call__."""

    class L1:
        def __call__(self, prediction, target):
            return (prediction - target).abs().mean()

    return L1(), regression(4, 3)


@right()
def needs_two_rows():
    """Covariance alignment: a batch of one has no covariance, and is refused."""

    class CORAL(nn.Module):
        def forward(self, source, target):
            if len(source) < 2 or len(target) < 2:
                raise ValueError("a covariance takes at least two rows")
            a, b = torch.cov(source.T), torch.cov(target.T)
            return (a - b).pow(2).sum() / (4 * source.shape[1] ** 2)

    return CORAL(), (normal(6, 3, seed=1, grad=True), normal(5, 3, seed=2))


@right()
def losses_in_sequence():
    """nn.Sequential that ends in a loss of one argument."""

    class MeanSquare(nn.Module):
        def forward(self, x):
            return x.pow(2).mean()

    return nn.Sequential(nn.Tanh(), MeanSquare()), (normal(4, 3, seed=1, grad=True),)


@right(reference=lambda p, t, w: (w * (p - t).abs()).mean())
def pixel_weights():
    """A map of weights multiplies the error: no weight is a mask."""

    def weighted_l1(prediction, target, weight):
        return (weight * (prediction - target).abs()).mean()

    prediction, target = regression(2, 3, 4)
    return weighted_l1, (prediction, target, uniform(2, 3, 4, low=0.5, high=2.0))


@right()
def differences_of_pairs_given():
    """Pairs come as index tensors; scores are gathered."""

    def pair_loss(scores, better, worse):
        return F.softplus(scores[worse] - scores[better]).mean()

    better, worse = torch.tensor([0, 3, 4, 1]), torch.tensor([1, 2, 0, 5])
    return pair_loss, (normal(6, seed=1, grad=True), better, worse)


@right()
def graph_laplacian():
    """Smoothness over the edges of a graph given as an index."""

    class EdgeSmoothness(nn.Module):
        def forward(self, features, edges):
            source, target = edges
            return (features[source] - features[target]).pow(2).sum(1).mean()

    edges = torch.tensor([[0, 1, 2, 3, 4], [1, 2, 3, 4, 0]])
    return EdgeSmoothness(), (normal(5, 3, seed=1, grad=True), edges)


@right()
def batch_normalised():
    """Features are standardised over the batch, with eps, before they are compared."""

    def standardised(prediction, target):
        p = F.batch_norm(prediction, None, None, training=True)
        t = F.batch_norm(target, None, None, training=True)
        return F.mse_loss(p, t)

    return standardised, regression(6, 3)


@right()
def temperature_as_an_argument():
    """A Python float beside the tensors."""

    def scaled_ce(logits, target, temperature):
        return F.cross_entropy(logits / temperature, target)

    return scaled_ce, (*classification(5, 4), 2.0)


@right()
def bounded_below_by_a_constant():
    """Free bits: each KL term counts at least 0.1, so small ones have no gradient."""

    def free_bits(mu, log_var):
        kl = -0.5 * (1 + log_var - mu**2 - log_var.exp())
        return kl.mean(0).clamp(min=0.1).sum()

    inputs = (
        (0.6 * normal(6, 4, seed=1)).requires_grad_(),
        (0.3 * normal(6, 4, seed=2)).requires_grad_(),
    )
    return free_bits, inputs
