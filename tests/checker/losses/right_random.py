"""Right losses that draw, remember or detach on purpose, and keep what they need."""

import copy

import torch
import torch.nn.functional as F
from torch import nn
from torch.autograd import Function
from torch.utils.checkpoint import checkpoint

from . import right
from .inputs import classification, labels, normal, regression


@right(intentional=True)
def r_drop():
    """R-Drop: two passes with dropout, and the divergence between them."""

    class RDrop(nn.Module):
        def __init__(self):
            super().__init__()
            self.model = nn.Sequential(
                nn.Linear(4, 8), nn.ReLU(), nn.Dropout(0.3), nn.Linear(8, 3)
            ).double()

        def forward(self, features, labels):
            one, two = self.model(features), self.model(features)
            ce = F.cross_entropy(one, labels) + F.cross_entropy(two, labels)
            p, q = one.log_softmax(1), two.log_softmax(1)
            kl = F.kl_div(p, q, reduction="batchmean", log_target=True)
            lk = F.kl_div(q, p, reduction="batchmean", log_target=True)
            return ce / 2 + (kl + lk) / 4

    return RDrop(), (normal(5, 4, seed=1), labels(3, 5, seed=2))


@right(intentional=True)
def reparametrised_sample():
    """A VAE's bound with one sample of the posterior."""

    def elbo(mu, log_var, x):
        z = mu + (0.5 * log_var).exp() * torch.randn_like(mu)
        kl = -0.5 * (1 + log_var - mu.square() - log_var.exp()).sum(1)
        return (F.mse_loss(z, x, reduction="none").sum(1) + kl).mean()

    inputs = normal(4, 2, seed=1, grad=True), normal(4, 2, seed=2, grad=True)
    return elbo, (*inputs, normal(4, 2, seed=3))


@right(intentional=True)
def negatives_are_sampled():
    """Word vectors: negatives are drawn from a distribution."""

    class NegativeSampling(nn.Module):
        def __init__(self, frequency, negatives=3):
            super().__init__()
            self.register_buffer("frequency", frequency)
            self.negatives = negatives

        def forward(self, centre, context, table):
            drawn = torch.multinomial(
                self.frequency, len(centre) * self.negatives, replacement=True
            ).view(len(centre), -1)
            positive = F.logsigmoid((centre * context).sum(1))
            scores = torch.einsum("nd,nkd->nk", centre, table[drawn])
            return -(positive + F.logsigmoid(-scores).sum(1)).mean()

    inputs = (
        normal(4, 3, seed=1, grad=True),
        normal(4, 3, seed=2, grad=True),
        normal(7, 3, seed=3),
    )
    return NegativeSampling(torch.ones(7)), inputs


@right(intentional=True)
def sliced_distance():
    """Sliced Wasserstein: random directions in every call."""

    def sliced(x, y, directions=8):
        theta = F.normalize(torch.randn(x.shape[1], directions, dtype=x.dtype), dim=0)
        a, b = (x @ theta).sort(0).values, (y @ theta).sort(0).values
        return (a - b).square().mean()

    return sliced, (normal(6, 3, seed=1, grad=True), normal(6, 3, seed=2))


@right(intentional=True)
def centred_teacher():
    """DINO: the centre of the teacher is a buffer, moved by every call."""

    class Dino(nn.Module):
        def __init__(self, size):
            super().__init__()
            self.register_buffer("centre", torch.zeros(1, size, dtype=torch.float64))

        def forward(self, student, teacher):
            p = ((teacher - self.centre) / 0.04).softmax(1).detach()
            loss = -(p * (student / 0.1).log_softmax(1)).sum(1).mean()
            with torch.no_grad():
                self.centre.mul_(0.9).add_(0.1 * teacher.mean(0, keepdim=True))
            return loss

    return Dino(3), (normal(5, 3, seed=1, grad=True), normal(5, 3, seed=2))


@right(intentional=True)
def queue_of_negatives():
    """MoCo: a queue of keys in a buffer, with its pointer."""

    class Moco(nn.Module):
        def __init__(self, size=8, features=4):
            super().__init__()
            keys = F.normalize(normal(size, features, seed=7), dim=1)
            self.register_buffer("queue", keys)
            self.register_buffer("pointer", torch.zeros((), dtype=torch.long))

        def forward(self, query, key):
            q, k = F.normalize(query, dim=1), F.normalize(key, dim=1).detach()
            positive = (q * k).sum(1, keepdim=True)
            logits = torch.cat([positive, q @ self.queue.T.clone()], 1) / 0.2
            with torch.no_grad():
                rows = (int(self.pointer) + torch.arange(len(k))) % len(self.queue)
                self.queue[rows] = k
                self.pointer.copy_((rows[-1] + 1) % len(self.queue))
            return F.cross_entropy(logits, torch.zeros(len(q), dtype=torch.long))

    return Moco(), (normal(3, 4, seed=1, grad=True), normal(3, 4, seed=2))


@right(intentional=True)
def batch_norm_in_the_loss():
    """A projector with batch norm inside the loss, in training mode."""

    class Projected(nn.Module):
        def __init__(self):
            super().__init__()
            self.projector = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4)).double()

        def forward(self, a, b):
            return F.mse_loss(self.projector(a), self.projector(b))

    return Projected(), (normal(6, 3, seed=1, grad=True), normal(6, 3, seed=2))


@right()
def student_with_an_ema_teacher():
    """Parameters alone are to learn; the second view only reaches the teacher."""

    class MeanTeacher(nn.Module):
        def __init__(self):
            super().__init__()
            self.student = nn.Linear(4, 3).double()
            self.teacher = copy.deepcopy(self.student).requires_grad_(False)
            with torch.no_grad():
                self.teacher.weight.add_(0.1)

        def forward(self, view_for_teacher, view_for_student):
            with torch.no_grad():
                target = self.teacher(view_for_teacher).softmax(1)
            log_p = self.student(view_for_student).log_softmax(1)
            return -(target * log_p).sum(1).mean()

    return MeanTeacher(), (normal(5, 4, seed=1), normal(5, 4, seed=2))


@right()
def temporal_difference_of_two_networks():
    """Q-learning in a Module: the next states only reach the target network."""

    class TemporalDifference(nn.Module):
        def __init__(self):
            super().__init__()
            self.online = nn.Linear(3, 2).double()
            self.target = nn.Linear(3, 2).double().requires_grad_(False)

        def forward(self, next_state, state, action, reward):
            value = self.online(state).gather(1, action[:, None])[:, 0]
            with torch.no_grad():
                best = self.target(next_state).max(1).values
            return F.smooth_l1_loss(value, reward + 0.9 * best)

    inputs = normal(5, 3, seed=1), normal(5, 3, seed=2), labels(2, 5), normal(5, seed=3)
    return TemporalDifference(), inputs


@right()
def feature_weights_learn():
    """The first input only chooses, by its sign, which parameter is penalised."""

    class Routed(nn.Module):
        def __init__(self):
            super().__init__()
            self.experts = nn.Parameter(normal(2, 3, seed=5))

        def forward(self, gate, features):
            chosen = self.experts[(gate > 0).long()]
            return (chosen * features).sum(1).square().mean()

    return Routed(), (normal(6, seed=1), normal(6, 3, seed=2))


def _scored(hidden, weight, target):
    return F.cross_entropy(hidden @ weight, target, reduction="none")


@right(intentional=True)
def checkpointed_by_reentry():
    """Activation checkpointing of the old kind inside the loss."""

    def checkpointed(hidden, weight, target):
        loss = checkpoint(_scored, hidden, weight, target, use_reentrant=True)
        return loss.mean()

    inputs = normal(5, 3, seed=1, grad=True), normal(3, 4, seed=2, grad=True)
    return checkpointed, (*inputs, labels(4, 5, seed=3))


@right()
def checkpointed_without_reentry():
    """Activation checkpointing of the new kind."""

    def checkpointed(hidden, weight, target):
        loss = checkpoint(_scored, hidden, weight, target, use_reentrant=False)
        return loss.mean()

    inputs = normal(5, 3, seed=1, grad=True), normal(3, 4, seed=2, grad=True)
    return checkpointed, (*inputs, labels(4, 5, seed=3))


@right(reference=F.cross_entropy)
def labels_on_ctx():
    """Labels are whole numbers: as an attribute of ctx they keep no graph."""

    class CrossEntropy(Function):
        @staticmethod
        def forward(ctx, logits, labels):
            ctx.labels = labels
            ctx.save_for_backward(logits)
            return F.cross_entropy(logits, labels)

        @staticmethod
        def backward(ctx, grad_output):
            (logits,) = ctx.saved_tensors
            gradient = logits.softmax(1) - F.one_hot(ctx.labels, logits.shape[1])
            return grad_output * gradient / len(logits), None

    return CrossEntropy.apply, classification(5, 3)


@right(reference=lambda x, b: (x + b).square().mean())
def bias_gradient_with_a_leading_one():
    """backward returns (1, D) for a bias of shape (D,)."""

    class Shifted(Function):
        @staticmethod
        def forward(ctx, x, bias):
            ctx.save_for_backward(x + bias)
            return (x + bias).square().mean()

        @staticmethod
        @torch.autograd.function.once_differentiable
        def backward(ctx, grad_output):
            (y,) = ctx.saved_tensors
            slope = 2 * grad_output * y / y.numel()
            return slope, slope.sum(0, keepdim=True)

    return Shifted.apply, (normal(5, 3, seed=1, grad=True), normal(3, grad=True))


@right()
def rounding_beside_a_detach():
    """A maximum is detached for stability: it cancels but for rounding."""

    def log_sum_exp(logits, labels):
        shifted = logits - logits.max(1, keepdim=True).values.detach()
        picked = shifted.gather(1, labels[:, None])[:, 0]
        return (shifted.exp().sum(1).log() - picked).mean()

    return log_sum_exp, classification(6, 4, dtype=torch.float32)


@right()
def large_numbers_beside_a_detach():
    """A constant offset of thousands, detached, in float32."""

    def energy(prediction, target):
        offset = (1e3 * prediction.abs().sum()).detach()
        return (prediction - target).square().sum() + offset - offset.detach()

    return energy, regression(5, 2, dtype=torch.float32)


@right()
def rolling_norm_of_a_vector():
    """The norm is divided out and put back as a number, which cancels."""

    def scaled(prediction, target):
        size = prediction.detach().norm().clamp(min=1e-6)
        return ((prediction / size - target / size) * size).square().mean()

    return scaled, regression(5, 2)


@right(intentional=True)
def list_mle_of_equal_grades():
    """Documents of the same grade stand in an order that is drawn."""

    def list_mle(scores, grades):
        order = torch.randperm(scores.shape[1])
        ranks = grades[:, order].argsort(1, descending=True)
        ranked = scores[:, order].gather(1, ranks)
        later = ranked.flip(1).logcumsumexp(1).flip(1)
        return (later - ranked).sum(1).mean()

    return list_mle, (normal(3, 4, seed=1, grad=True), labels(3, 3, 4, seed=2))
