"""Right losses with state, structure, physics or arguments of other kinds."""

import torch
import torch.nn.functional as F
from torch import nn

from . import right
from .inputs import binary, classification, labels, normal, regression, uniform


@right()
def learned_task_weights():
    """Homoscedastic uncertainty over a list of predictions."""

    class MultiTask(nn.Module):
        def __init__(self, tasks=2):
            super().__init__()
            self.log_var = nn.Parameter(torch.zeros(tasks, dtype=torch.float64))

        def forward(self, predictions, targets):
            losses = torch.stack(
                [F.mse_loss(p, t) for p, t in zip(predictions, targets, strict=True)]
            )
            return (torch.exp(-self.log_var) * losses + self.log_var).sum()

    predictions = [normal(4, 2, seed=1, grad=True), normal(4, 3, seed=2, grad=True)]
    return MultiTask(), (predictions, [normal(4, 2, seed=3), normal(4, 3, seed=4)])


@right()
def total_with_parts():
    """Returns the total and a dictionary of its parts."""

    class TotalLoss(nn.Module):
        def forward(self, prediction, target):
            parts = {
                "l1": F.l1_loss(prediction, target),
                "mse": F.mse_loss(prediction, target),
            }
            return sum(parts.values()), parts

    return TotalLoss(), regression(4, 3)


@right()
def named_tuple_of_heads():
    """Nested tuples in, one number out."""

    def loss(outputs, targets):
        (box, score), mask_logits = outputs
        box_target, score_target, mask = targets
        return (
            F.smooth_l1_loss(box, box_target)
            + F.binary_cross_entropy_with_logits(score, score_target)
            + F.binary_cross_entropy_with_logits(mask_logits, mask)
        )

    outputs = (
        (normal(3, 4, seed=1, grad=True), normal(3, seed=2, grad=True)),
        normal(3, 2, 2, seed=3, grad=True),
    )
    targets = normal(3, 4, seed=4), binary(3, seed=5), binary(3, 2, 2, seed=6)
    return loss, (outputs, targets)


@right(reference=lambda p, t, _: F.mse_loss(p, t))
def optional_argument():
    """The weight is None."""

    def weighted_mse(prediction, target, weight=None):
        loss = (prediction - target) ** 2
        if weight is not None:
            loss = weight * loss
        return loss.mean()

    return weighted_mse, (*regression(4, 3), None)


@right()
def reduction_as_a_string():
    """A reduction argument of the constructor, here 'sum'."""

    class Poly(nn.Module):
        def __init__(self, reduction="mean"):
            super().__init__()
            self.reduction = reduction

        def forward(self, prediction, target):
            loss = (prediction - target).pow(4)
            if self.reduction == "none":
                return loss
            return loss.mean() if self.reduction == "mean" else loss.sum()

    return Poly("sum"), regression(3, 3)


@right()
def labels_and_weights_broadcast_on_purpose():
    """All pairs of rows are compared: the broadcast is the loss."""

    def pairwise_rank(score, relevance):
        s = score[:, None] - score[None, :]
        better = (relevance[:, None] > relevance[None, :]).to(score.dtype)
        return (better * F.softplus(-s)).sum() / better.sum().clamp(min=1)

    return pairwise_rank, (normal(6, seed=1, grad=True), labels(4, 6, seed=2))


@right()
def physics_residual():
    """PINN: the residual of an equation by autograd.grad with create_graph."""

    class HeatResidual(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = nn.Sequential(nn.Linear(2, 6), nn.Tanh(), nn.Linear(6, 1))
            self.net.double()

        def forward(self, points):
            if not points.requires_grad:
                points = points.detach().requires_grad_()
            u = self.net(points)
            (du,) = torch.autograd.grad(u.sum(), points, create_graph=True)
            (d2u,) = torch.autograd.grad(du[:, 0].sum(), points, create_graph=True)
            return (du[:, 1] - 0.1 * d2u[:, 0]).pow(2).mean()

    return HeatResidual(), (uniform(6, 2, seed=1, grad=True),)


@right()
def energy_of_a_pendulum():
    """Conservation of energy along a simulated trajectory."""

    def energy_drift(state):
        angle, velocity = state.unbind(-1)
        energy = 0.5 * velocity**2 + 9.81 * (1 - torch.cos(angle))
        return (energy - energy[:, :1]).pow(2).mean()

    return energy_drift, (normal(3, 5, 2, seed=1, grad=True),)


@right()
def laplacian_smoothing_of_a_mesh():
    """A Laplacian in a buffer, for a batch of meshes with six vertices each."""

    class MeshSmoothing(nn.Module):
        def __init__(self, vertices=6):
            super().__init__()
            eye = torch.eye(vertices, dtype=torch.float64)
            neighbours = eye.roll(1, 0) + eye.roll(-1, 0)
            self.register_buffer("laplacian", eye - 0.5 * neighbours)

        def forward(self, vertices):
            return (self.laplacian @ vertices).pow(2).sum(-1).mean()

    return MeshSmoothing(), (normal(2, 6, 3, seed=1, grad=True),)


@right()
def rotation_by_frobenius():
    """Rotation matrices, compared in the Frobenius norm with a floor."""

    def rotation_loss(prediction, target):
        delta = prediction.transpose(1, 2) @ target
        eye = torch.eye(3, dtype=delta.dtype)
        return ((delta - eye).pow(2).sum((1, 2)) + 1e-12).sqrt().mean()

    matrices = torch.linalg.qr(normal(4, 3, 3, seed=2))[0]
    return rotation_loss, (normal(4, 3, 3, seed=1, grad=True), matrices)


@right()
def chamfer():
    """Chamfer distance of two clouds: nearest neighbours both ways."""

    def chamfer_distance(x, y):
        d2 = (x[:, :, None] - y[:, None]).pow(2).sum(-1)
        return d2.amin(2).mean() + d2.amin(1).mean()

    return chamfer_distance, (
        normal(2, 5, 3, seed=1, grad=True),
        normal(2, 4, 3, seed=2),
    )


@right()
def log_determinant():
    """Stein's loss of covariance matrices, by Cholesky."""

    class SteinLoss(nn.Module):
        def forward(self, factor, covariance):
            eye = torch.eye(factor.shape[-1], dtype=factor.dtype)
            sigma = factor @ factor.mT + 0.1 * eye
            ratio = torch.linalg.solve(sigma, covariance)
            return (
                ratio.diagonal(dim1=-2, dim2=-1).sum(-1) - torch.logdet(ratio)
            ).mean() - factor.shape[-1]

    a = normal(3, 2, 2, seed=2)
    covariance = a @ a.mT + 0.5 * torch.eye(2, dtype=torch.float64)
    return SteinLoss(), (normal(3, 2, 2, seed=1, grad=True), covariance)


@right()
def weight_decay_inside():
    """A penalty on the loss's own parameters."""

    class RidgeLoss(nn.Module):
        def __init__(self, features=3, decay=0.01):
            super().__init__()
            self.linear = nn.Linear(features, 1).double()
            self.decay = decay

        def forward(self, x, y):
            penalty = sum(p.pow(2).sum() for p in self.parameters())
            residual = self.linear(x).squeeze(-1) - y
            return residual.pow(2).mean() + self.decay * penalty

    return RidgeLoss(), (normal(6, 3, seed=1, grad=True), normal(6, seed=2))


@right()
def frozen_parameters():
    """A Module whose parameters do not ask for a gradient."""

    class FixedProjection(nn.Module):
        def __init__(self):
            super().__init__()
            self.projection = nn.Linear(4, 2, bias=False).double()
            self.projection.requires_grad_(False)

        def forward(self, prediction, target):
            return (self.projection(prediction) - self.projection(target)).abs().mean()

    return FixedProjection(), regression(5, 4)


@right(reference=F.mse_loss)
def counts_its_calls():
    """State that changes nothing: a counter for the log."""

    class CountingMSE(nn.Module):
        def __init__(self):
            super().__init__()
            self.calls = 0

        def forward(self, prediction, target):
            self.calls += 1
            return F.mse_loss(prediction, target)

    return CountingMSE(), regression(4, 2)


@right(reference=F.cross_entropy)
def partial_of_torch():
    """functools.partial over torch's own loss."""
    import functools

    loss = functools.partial(F.cross_entropy, reduction="mean")
    return loss, classification(5, 3)


@right()
def prediction_without_requires_grad():
    """No input asks for a gradient: the first floating one is meant."""

    def loss(prediction, target):
        return torch.log1p((prediction - target).pow(2)).mean()

    return loss, (normal(5, 2, seed=1), normal(5, 2, seed=2))


@right()
def target_first():
    """Arguments in the order of scikit-learn: target, prediction."""

    def mean_absolute_percentage(target, prediction):
        return ((prediction - target).abs() / target.abs().clamp(min=0.1)).mean()

    return mean_absolute_percentage, (normal(6, seed=1), normal(6, seed=2, grad=True))


def _balanced(logits, target):
    weight = torch.where(target > 0, (1 - target).sum() / target.sum(), 1.0)
    return F.binary_cross_entropy_with_logits(
        logits, target, weight=weight.to(logits.dtype)
    )


@right(reference=_balanced, proof="reference")
def larger_batch():
    """A few thousand numbers, float32."""

    class BalancedBCE(nn.Module):
        def forward(self, logits, target):
            positive = target.sum()
            ratio = (target.numel() - positive) / positive.clamp(min=1)
            return F.binary_cross_entropy_with_logits(logits, target, pos_weight=ratio)

    inputs = (
        normal(64, 50, seed=1, dtype=torch.float32, grad=True),
        binary(64, 50, seed=2, dtype=torch.float32),
    )
    return BalancedBCE(), inputs
