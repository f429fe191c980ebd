"""The gradient points uphill."""

import math

import torch
import torch.nn.functional as F
from torch import nn
from torch.autograd import Function

from . import mistake, right
from .evidence import formula
from .inputs import binary, classification, labels, normal, regression


@mistake("sign", reference=F.mse_loss)
def mse_target_minus_prediction():
    """backward takes the residual the other way round."""

    class MSE(Function):
        @staticmethod
        def forward(ctx, prediction, target):
            ctx.save_for_backward(prediction, target)
            return (prediction - target).pow(2).mean()

        @staticmethod
        def backward(ctx, grad_output):
            prediction, target = ctx.saved_tensors
            return grad_output * 2 * (target - prediction) / target.numel(), None

    return MSE.apply, regression(5, 4)


def _centers_loss(features, target):
    centers = normal(3, 3, seed=9)
    return 0.5 * (features - centers[target]).pow(2).sum(1).mean()


@mistake("sign", reference=_centers_loss)
def centers_pushed_away():
    """The features' gradient is right, the centres' has the features' sign."""

    class CenterLossFunc(Function):
        @staticmethod
        def forward(ctx, features, target, centers):
            picked = centers[target]
            ctx.save_for_backward(features, target, centers)
            return 0.5 * (features - picked).pow(2).sum(1).mean()

        @staticmethod
        def backward(ctx, grad_output):
            features, target, centers = ctx.saved_tensors
            diff = (features - centers[target]) / len(features)
            grad_centers = torch.zeros_like(centers).index_add_(0, target, diff)
            return grad_output * diff, None, grad_output * grad_centers

    class CenterLoss(nn.Module):
        def __init__(self, classes, size):
            super().__init__()
            self.centers = nn.Parameter(normal(classes, size, seed=9))

        def forward(self, features, target):
            return CenterLossFunc.apply(features, target, self.centers)

    inputs = normal(7, 3, seed=1, grad=True), labels(3, 7, seed=2)
    return CenterLoss(3, 3), inputs


@right(reference=_centers_loss)
def centers_pulled():
    """The same with the centres drawn towards their features."""

    class CenterLossFunc(Function):
        @staticmethod
        def forward(ctx, features, target, centers):
            picked = centers[target]
            ctx.save_for_backward(features, target, centers)
            return 0.5 * (features - picked).pow(2).sum(1).mean()

        @staticmethod
        def backward(ctx, grad_output):
            features, target, centers = ctx.saved_tensors
            diff = (features - centers[target]) / len(features)
            grad_centers = torch.zeros_like(centers).index_add(0, target, -diff)
            return grad_output * diff, None, grad_output * grad_centers

    class CenterLoss(nn.Module):
        def __init__(self, classes, size):
            super().__init__()
            self.centers = nn.Parameter(normal(classes, size, seed=9))

        def forward(self, features, target):
            return CenterLossFunc.apply(features, target, self.centers)

    inputs = normal(7, 3, seed=1, grad=True), labels(3, 7, seed=2)
    return CenterLoss(3, 3), inputs


@mistake("sign", reference=F.cross_entropy)
def softmax_gradient_of_the_log_likelihood():
    """backward returns onehot - p: the gradient of the likelihood, not of its minus."""

    class SoftmaxNLL(Function):
        @staticmethod
        def forward(logits, target):
            return F.nll_loss(F.log_softmax(logits, dim=-1), target)

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.save_for_backward(*inputs)

        @staticmethod
        def backward(ctx, grad_output):
            logits, target = ctx.saved_tensors
            p = logits.softmax(dim=-1)
            onehot = F.one_hot(target, p.shape[-1]).to(p.dtype)
            return grad_output * (onehot - p) / p.shape[0], None

    return SoftmaxNLL.apply, classification(4, 6)


@mistake(
    "sign",
    reference=lambda mu, t, s: (
        (s + 0.5 * ((t - mu) / s.exp()) ** 2).mean() + 0.5 * math.log(2 * math.pi)
    ),
)
def gaussian_mean_climbs():
    """Heteroscedastic likelihood: log sigma is right, mu has the wrong sign."""

    class GaussianNLL(Function):
        @staticmethod
        def forward(ctx, mu, target, log_sigma):
            z = (target - mu) / log_sigma.exp()
            ctx.save_for_backward(mu, target, log_sigma)
            return (log_sigma + 0.5 * z**2 + 0.5 * math.log(2 * math.pi)).mean()

        @staticmethod
        def backward(ctx, grad_output):
            mu, target, log_sigma = ctx.saved_tensors
            sigma = log_sigma.exp()
            z = (target - mu) / sigma
            scale = grad_output / z.numel()
            return scale * z / sigma, None, scale * (1 - z**2)

    inputs = (
        normal(6, seed=1, grad=True),
        normal(6, seed=2),
        (0.3 * normal(6, seed=3)).requires_grad_(),
    )
    return GaussianNLL.apply, inputs


@mistake("sign", reference=lambda x, y: F.relu(1 - (2 * y - 1) * x).mean())
def hinge_gradient_without_minus():
    """Hinge: the derivative of 1 - y * x is -y; backward returns y."""

    class Hinge(Function):
        @staticmethod
        def forward(ctx, scores, target):
            y = 2 * target - 1
            margin = 1 - y * scores
            ctx.save_for_backward(margin, y)
            return margin.clamp(min=0).mean()

        @staticmethod
        def backward(ctx, grad_output):
            margin, y = ctx.saved_tensors
            return grad_output * (margin > 0) * y / y.numel(), None

    return Hinge.apply, (normal(10, seed=1, grad=True), binary(10, seed=2))


@mistake("sign", reference=F.margin_ranking_loss)
def ranking_second_score_climbs():
    """Pairwise ranking: both scores get the first one's gradient."""

    class MarginRanking(Function):
        @staticmethod
        def forward(ctx, x1, x2, y):
            active = (-y * (x1 - x2)) > 0
            ctx.save_for_backward(active, y)
            return torch.where(active, -y * (x1 - x2), 0.0).mean()

        @staticmethod
        def backward(ctx, grad_output):
            active, y = ctx.saved_tensors
            grad = -grad_output * y * active / y.numel()
            return grad, grad, None

    first = normal(8, seed=1, dtype=torch.float32, grad=True)
    second = normal(8, seed=2, dtype=torch.float32, grad=True)
    return MarginRanking.apply, (first, second, 2 * binary(8, dtype=torch.float32) - 1)


@mistake("sign", reference=lambda r, f: F.softplus(-r).mean() + F.softplus(f).mean())
def fake_scores_pushed_up():
    """GAN: the gradient of the fake scores is the generator's, not the critic's."""

    class LogisticGAN(Function):
        @staticmethod
        def forward(ctx, real, fake):
            ctx.save_for_backward(real, fake)
            return F.softplus(-real).mean() + F.softplus(fake).mean()

        @staticmethod
        def backward(ctx, grad_output):
            real, fake = ctx.saved_tensors
            grad_real = -torch.sigmoid(-real) / real.numel()
            grad_fake = -torch.sigmoid(fake) / fake.numel()
            return grad_output * grad_real, grad_output * grad_fake

    inputs = normal(6, 1, seed=1, grad=True), normal(6, 1, seed=2, grad=True)
    return LogisticGAN.apply, inputs


@mistake("sign", reference=lambda w: (w.softmax(-1) * w.log_softmax(-1)).sum(-1).mean())
def entropy_descended():
    """Negative entropy of attention: the analytic gradient is the entropy's."""

    class NegativeEntropy(Function):
        @staticmethod
        def forward(scores):
            log_p = scores.log_softmax(-1)
            return (log_p.exp() * log_p).sum(-1).mean()

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.save_for_backward(*inputs)

        @staticmethod
        def backward(ctx, grad_output):
            (scores,) = ctx.saved_tensors
            log_p = scores.log_softmax(-1)
            p = log_p.exp()
            rows = p[..., 0].numel()
            inner = log_p - (p * log_p).sum(-1, keepdim=True)
            return -grad_output * p * inner / rows

    return NegativeEntropy.apply, (normal(2, 3, 5, seed=1, grad=True),)


@mistake("sign", shows=formula)
def turned_in_a_term_of_a_larger_loss():
    """A cosine whose backward is turned round, beside a term that is right."""

    class Cosine(Function):
        @staticmethod
        def forward(ctx, x, y):
            ctx.save_for_backward(x, y)
            return F.cosine_similarity(x, y)

        @staticmethod
        def backward(ctx, grad_output):
            x, y = ctx.saved_tensors
            a, b = (z.norm(dim=1, keepdim=True).clamp(min=1e-8) for z in (x, y))
            cosine = (x * y).sum(1, keepdim=True) / (a * b)
            return grad_output[:, None] * (cosine * x / a - y / b) / a, None

    def towards(x, y):
        return (1 - Cosine.apply(x, y)).mean() + 0.1 * x.square().mean()

    return towards, regression(5, 3)
