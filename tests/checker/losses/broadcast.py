"""(N, 1) against (N,) becomes (N, N)."""

import warnings

import torch
import torch.nn.functional as F
from torch import nn
from torch.autograd import Function

from . import mistake, right
from .inputs import binary, normal, uniform


def _column(loss):
    """The trusted loss, with the target brought to the prediction's shape."""
    return lambda prediction, target: loss(prediction, target.reshape(prediction.shape))


@mistake("broadcast", reference=_column(F.mse_loss))
def column_against_row():
    """The model's (N, 1) output meets a (N,) target."""

    def mse(prediction, target):
        return torch.mean((prediction - target) ** 2)

    return mse, (normal(6, 1, seed=1, grad=True), normal(6, seed=2))


@right(reference=_column(F.mse_loss))
def column_against_row_made_equal():
    """The same with the target brought to the prediction's shape."""

    def mse(prediction, target):
        return torch.mean((prediction - target.view_as(prediction)) ** 2)

    return mse, (normal(6, 1, seed=1, grad=True), normal(6, seed=2))


@mistake("broadcast", reference=_column(lambda p, t: torch.sqrt(F.mse_loss(p, t))))
def rmse_squeezes_only_the_prediction():
    """The prediction is squeezed, the (N, 1) target is not."""

    class RMSELoss(nn.Module):
        def __init__(self, eps=0.0):
            super().__init__()
            self.eps = eps

        def forward(self, yhat, y):
            yhat = yhat.squeeze(1)
            return torch.sqrt(((yhat - y) ** 2).mean() + self.eps)

    inputs = normal(7, 1, seed=1, dtype=torch.float32, grad=True)
    return RMSELoss(), (inputs, normal(7, 1, seed=2, dtype=torch.float32))


@mistake(
    "broadcast",
    reference=lambda p, t: ((p - t.reshape(p.shape)) ** 2).sum(1).mean(),
)
def function_squeezes_the_target():
    """A Function squeezes its target; autograd sums the (N, N) gradient silently."""

    class SquaredError(Function):
        @staticmethod
        def forward(ctx, output, target):
            target = torch.squeeze(target)
            ctx.save_for_backward(output, target)
            return torch.mean(torch.sum((output - target) ** 2, dim=1))

        @staticmethod
        def backward(ctx, grad_output):
            output, target = ctx.saved_tensors
            return 2 * (output - target) / output.shape[0] * grad_output, None

    return SquaredError.apply, (normal(4, 1, seed=1, grad=True), normal(4, 1, seed=2))


def _bce(probability, target, weight):
    loss = F.binary_cross_entropy(
        probability, target.reshape(probability.shape), reduction="none"
    )
    return (weight.reshape(probability.shape) * loss).mean()


@mistake("broadcast", reference=_bce)
def sample_weights_in_a_column():
    """Per-sample losses (N,) are multiplied by weights (N, 1)."""

    class WeightedBCE(nn.Module):
        def forward(self, probability, target, weight):
            loss = -(
                target * torch.log(probability)
                + (1 - target) * torch.log(1 - probability)
            )
            return (weight * loss).mean()

    inputs = (
        uniform(8, seed=1, grad=True),
        binary(8, seed=2),
        uniform(8, 1, low=0.5, high=2.0, seed=3),
    )
    return WeightedBCE(), inputs


def _cox(theta, time, event):
    theta, event = theta.flatten(), event.flatten()
    at_risk = (time[None, :] >= time[:, None]).to(theta.dtype)
    log_risk = torch.log((at_risk * theta.exp()).sum(1))
    return -((theta - log_risk) * event).mean()


@mistake("broadcast", reference=_cox)
def cox_with_events_in_a_column():
    """Survival: log-likelihoods (N,) times an event indicator (N, 1)."""

    def cox_loss(hazard, time, event):
        theta = hazard.reshape(-1)
        risk_set = (time[None, :] >= time[:, None]).to(theta.dtype)
        exp_theta = torch.exp(theta)
        log_risk = torch.log(torch.sum(exp_theta * risk_set, dim=1))
        return -torch.mean((theta - log_risk) * event)

    inputs = (
        normal(6, 1, seed=1, grad=True),
        uniform(6, high=9.0, seed=2),
        binary(6, 1, seed=7),
    )
    return cox_loss, inputs


@mistake("broadcast", reference=lambda mean, var, y: F.gaussian_nll_loss(mean, y, var))
def gaussian_likelihood_with_a_flat_variance():
    """mean and target are (N, 1), the predicted variance is (N,)."""

    def nll(mean, variance, target):
        return 0.5 * (variance.log() + (target - mean) ** 2 / variance).mean()

    inputs = (
        normal(5, 1, seed=1, grad=True),
        uniform(5, low=0.5, high=2.0, seed=2, grad=True),
        normal(5, 1, seed=3),
    )
    return nll, inputs


@mistake(
    "broadcast",
    reference=lambda q, a, r: F.smooth_l1_loss(q.gather(1, a[:, None])[:, 0], r),
)
def q_values_kept_as_a_column():
    """DQN: gather keeps (N, 1), the returns are (N,)."""

    def td_loss(q_values, actions, returns):
        chosen = q_values.gather(1, actions.unsqueeze(1))
        delta = chosen - returns
        quadratic = delta.abs().clamp(max=1.0)
        return (0.5 * quadratic**2 + delta.abs() - quadratic).mean()

    actions = torch.tensor([0, 2, 1, 1, 0, 2])
    return td_loss, (normal(6, 3, seed=1, grad=True), actions, normal(6, seed=2))


@mistake(
    "broadcast",
    reference=lambda p, t: (p - t[:, None]).abs().mean((1, 2, 3)).mean(),
)
def image_without_its_channel():
    """A (N, 1, H, W) prediction meets (N, H, W) depth maps: all pairs of images."""

    class DepthL1(nn.Module):
        def forward(self, prediction, depth):
            return (prediction - depth).abs().mean()

    return DepthL1(), (normal(3, 1, 4, 4, seed=1, grad=True), normal(3, 4, 4, seed=2))


@mistake("broadcast", reference=_column(F.binary_cross_entropy_with_logits))
def logits_in_a_column_by_hand():
    """softplus(x) - t * x with (N, 1) logits and (N,) labels."""

    def logistic(logits, target):
        return (F.softplus(logits) - target * logits).mean()

    inputs = (
        normal(7, 1, seed=1, dtype=torch.float32, grad=True),
        binary(7, seed=2, dtype=torch.float32),
    )
    return logistic, inputs


@mistake(
    "broadcast",
    reference=lambda p, o, a: (
        -torch.minimum(
            (p - o).exp() * a[:, 0], (p - o).exp().clamp(0.8, 1.2) * a[:, 0]
        ).mean()
    ),
)
def advantage_in_a_column():
    """PPO: ratios are (N,), the critic's advantages (N, 1)."""

    class PPO(nn.Module):
        def forward(self, log_prob, old, advantage):
            ratio = torch.exp(log_prob - old)
            clipped = torch.clamp(ratio, 0.8, 1.2)
            return -torch.min(ratio * advantage, clipped * advantage).mean()

    old = -uniform(6, high=2.0, seed=1)
    new = (old + 0.5 * normal(6, seed=4)).requires_grad_()
    return PPO(), (new, old, normal(6, 1, seed=2))


@mistake(
    "broadcast",
    reference=lambda p, t: ((p - t[:, :, None]) ** 2).mean(),
)
def sequences_without_the_feature_dimension():
    """(N, T, 1) forecasts meet (N, T) series: every time with every row."""

    class ForecastMSE(nn.Module):
        def forward(self, forecast, series):
            return (forecast - series).pow(2).mean()

    return ForecastMSE(), (normal(4, 4, 1, seed=1, grad=True), normal(4, 4, seed=2))


def _weighed(prediction, target, weight):
    each = F.smooth_l1_loss(prediction, target, reduction="none").sum(1)
    return (each * weight).sum() / weight.sum()


@mistake("broadcast", reference=_weighed)
def weights_as_a_column():
    """A loss a box, (N,), meets weights that somebody made (N, 1)."""

    def weighed(prediction, target, weight):
        each = F.smooth_l1_loss(prediction, target, reduction="none").sum(1)
        return (each * weight[:, None]).sum() / weight.sum()

    return weighed, (
        normal(5, 4, seed=1, grad=True),
        normal(5, 4, seed=2),
        uniform(5, seed=3),
    )


@right(reference=_weighed)
def weights_a_box():
    """The same with one weight a box."""
    return _weighed, (
        normal(5, 4, seed=1, grad=True),
        normal(5, 4, seed=2),
        uniform(5, seed=3),
    )


class _Quantiles(nn.Module):
    def __init__(self, *, columns):
        super().__init__()
        levels = torch.tensor([0.1, 0.5, 0.9], dtype=torch.float64)
        self.register_buffer("levels", levels)
        self.columns = columns

    def forward(self, prediction, target):
        error = (target[:, None] if self.columns else target) - prediction
        return torch.maximum(self.levels * error, (self.levels - 1) * error).mean()


@mistake("broadcast", reference=_Quantiles(columns=True))
def target_along_the_quantiles():
    """Three samples and three quantiles: target j meets quantile j of all samples."""
    inputs = normal(3, 3, seed=1, grad=True), normal(3, seed=2)
    return _Quantiles(columns=False), inputs


def _balance(logits):
    share = F.one_hot(logits.argmax(1), 4).double().mean(0)
    return 4 * (share * logits.softmax(1).mean(0)).sum()


@mistake("broadcast", reference=_balance)
def scores_of_the_best_for_all_experts():
    """(4,) meets (1,): each expert's share is multiplied with the same mean score."""

    def balance(logits):
        share = F.one_hot(logits.argmax(1), 4).double().mean(0)
        return 4 * (share * logits.softmax(1).topk(1, 1).values.mean(0)).sum()

    return balance, (normal(12, 4, seed=1, grad=True),)


def _preferences(reward, margin):
    chosen, rejected = reward.chunk(2)
    return -F.logsigmoid(chosen - rejected - margin[:, None]).mean()


@mistake("broadcast", reference=_preferences)
def margins_beside_a_column():
    """Rewards (2N, 1) of a linear layer, in two halves, and margins (N,)."""

    def loss(reward, margin):
        chosen, rejected = reward.chunk(2)
        return -F.logsigmoid(chosen - rejected - margin).mean()

    return loss, (normal(6, 1, seed=1, grad=True), normal(3, seed=2).abs())


@right(reference=_preferences)
def margins_in_a_column():
    """The same with margins (N, 1): one for each pair."""
    return _preferences, (normal(6, 1, seed=1, grad=True), normal(3, seed=2).abs())


def _per_graph(energies, graph, wanted):
    total = torch.zeros(len(wanted), 1, dtype=energies.dtype)
    total = total.index_add(0, graph, energies)
    return F.smooth_l1_loss(total[:, 0], wanted)


@mistake("broadcast", reference=_per_graph)
def graphs_against_all_graphs():
    """Sums of nodes (G, 1) against the energies of the graphs (G,)."""

    def loss(energies, graph, wanted):
        total = torch.zeros(len(wanted), 1, dtype=energies.dtype)
        total = total.index_add(0, graph, energies)
        with warnings.catch_warnings(action="ignore"):  # torch's, of the sizes
            return F.smooth_l1_loss(total, wanted)

    graph = torch.tensor([0, 0, 1, 1, 1, 2, 3, 3])
    return loss, (normal(8, 1, seed=1, grad=True), graph, normal(4, seed=2))
