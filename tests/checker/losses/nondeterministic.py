"""The same inputs give another loss the next time."""

import random

import torch
import torch.nn.functional as F
from torch import nn

from . import mistake, right
from .inputs import binary, classification, labels, normal, regression


@mistake("nondeterministic", reference=F.l1_loss)
def running_average_in_forward():
    """The loss is divided by a running average that forward itself updates."""

    class NormalisedL1(nn.Module):
        def __init__(self, momentum=0.9):
            super().__init__()
            self.momentum = momentum
            self.register_buffer("average", torch.tensor(1.0, dtype=torch.float64))

        def forward(self, prediction, target):
            loss = (prediction - target).abs().mean()
            self.average = (
                self.momentum * self.average + (1 - self.momentum) * loss.detach()
            )
            return loss / self.average

    return NormalisedL1(), regression(5, 2)


@mistake("nondeterministic", reference=F.cross_entropy)
def dropout_on_the_logits():
    """A dropout layer was left in the loss."""

    class RegularisedCE(nn.Module):
        def __init__(self, p=0.2):
            super().__init__()
            self.dropout = nn.Dropout(p)

        def forward(self, logits, target):
            return F.cross_entropy(self.dropout(logits), target)

    return RegularisedCE(), classification(6, 5)


@mistake("nondeterministic", reference=F.mse_loss)
def noise_added_to_the_target():
    """Gaussian noise on the target in every call."""

    def noisy_mse(prediction, target, sigma=0.1):
        return F.mse_loss(prediction, target + sigma * torch.randn_like(target))

    return noisy_mse, regression(4, 3)


@mistake("nondeterministic")
def negatives_by_python_random():
    """Negatives are drawn with Python's random: torch's seed does not help."""

    def sampled_bpr(scores, positive):
        losses = []
        for row, item in zip(scores, positive.tolist(), strict=True):
            negative = random.choice([j for j in range(len(row)) if j != item])
            losses.append(-F.logsigmoid(row[item] - row[negative]))
        return torch.stack(losses).mean()

    return sampled_bpr, (normal(5, 8, seed=1, grad=True), labels(8, 5, seed=2))


def _elbo(recon, target, mu, log_var):
    rec = F.mse_loss(recon, target, reduction="sum") / len(recon)
    return rec - 0.5 * (1 + log_var - mu**2 - log_var.exp()).sum(1).mean()


@mistake("nondeterministic", reference=_elbo)
def step_counter_in_forward():
    """The KL weight warms up with a counter that every forward increments."""

    class WarmedVAE(nn.Module):
        def __init__(self, warmup=100):
            super().__init__()
            self.step, self.warmup = 0, warmup

        def forward(self, recon, target, mu, log_var):
            self.step += 1
            beta = min(1.0, self.step / self.warmup)
            rec = F.mse_loss(recon, target, reduction="sum") / len(recon)
            kl = -0.5 * (1 + log_var - mu**2 - log_var.exp()).sum(1).mean()
            return rec + beta * kl

    inputs = (
        normal(4, 6, seed=1, grad=True),
        normal(4, 6, seed=2),
        normal(4, 2, seed=3, grad=True),
        normal(4, 2, seed=4, grad=True),
    )
    return WarmedVAE(), inputs


@mistake("nondeterministic", reference=lambda p, t: (p - t).pow(2).mean(0).sum())
def previous_loss_weighs_the_next():
    """Dynamic weight averaging: the weights come from the last call's losses."""

    class DynamicWeights(nn.Module):
        def __init__(self):
            super().__init__()
            self.last = None

        def forward(self, prediction, target):
            losses = (prediction - target).pow(2).mean(0)
            if self.last is None:
                weights = torch.ones_like(losses)
            else:
                ratio = losses.detach() / self.last + torch.arange(len(losses))
                weights = len(losses) * torch.softmax(ratio, 0)
            self.last = losses.detach()
            return (weights * losses).sum()

    return DynamicWeights(), regression(6, 3)


@right(reference=lambda p, t: (2 * (p - t)).pow(2).mean())
def buffer_that_nobody_updates():
    """A registered scale, constant: two calls agree."""

    class ScaledMSE(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("scale", torch.tensor(2.0, dtype=torch.float64))

        def forward(self, prediction, target):
            return (self.scale * (prediction - target)).pow(2).mean()

    return ScaledMSE(), regression(6, 3)


@right(reference=F.binary_cross_entropy_with_logits)
def dropout_in_eval():
    """A dropout layer in eval mode draws nothing."""

    class BCE(nn.Module):
        def __init__(self):
            super().__init__()
            self.dropout = nn.Dropout(0.3)

        def forward(self, logits, target):
            return F.binary_cross_entropy_with_logits(self.dropout(logits), target)

    return BCE().eval(), (normal(6, 2, seed=1, grad=True), binary(6, 2, seed=2))


@mistake("nondeterministic", reference=F.l1_loss)
def every_other_call_is_scaled():
    """A flag is flipped in forward: alternating updates in one loss."""

    class Alternating(nn.Module):
        def __init__(self):
            super().__init__()
            self.even = False

        def forward(self, prediction, target):
            self.even = not self.even
            weight = 1.0 if self.even else 0.5
            return weight * F.l1_loss(prediction, target)

    return Alternating(), regression(4, 3)


@mistake("nondeterministic", reference=lambda x, t: F.cross_entropy(x, t))
def random_rows_dropped():
    """A random half of the rows is left out in every call."""

    def loss(logits, target):
        keep = torch.rand(len(target)) > 0.5
        keep[0] = True
        return F.cross_entropy(logits[keep], target[keep])

    return loss, classification(10, 3)


@mistake("nondeterministic")
def generator_seeded_by_the_system():
    """Negatives are drawn by a generator of their own, which nobody can seed."""

    def contrast(embedding):
        generator = torch.Generator()
        generator.seed()
        drawn = torch.randint(len(embedding), (8,), generator=generator)
        return F.softplus((embedding[drawn] * embedding[drawn.flip(0)]).sum(1)).mean()

    return contrast, (normal(9, 3, seed=1, grad=True),)


class _Distilled(nn.Module):
    def __init__(self, probability=0.5):
        super().__init__()
        self.scale = nn.Parameter(torch.ones((), dtype=torch.float64))
        self.probability = probability

    def forward(self, student, teacher):
        hidden = F.dropout(self.scale * student, self.probability, self.training)
        return F.mse_loss(hidden, teacher)


@mistake("nondeterministic", reference=_Distilled().eval())
def dropout_in_evaluation():
    """F.dropout has training=True by default: eval() does not reach it."""

    class Distilled(_Distilled):
        def forward(self, student, teacher):
            hidden = F.dropout(self.scale * student, self.probability)
            return F.mse_loss(hidden, teacher)

    return Distilled().eval(), regression(4, 5)


@right(reference=_Distilled().eval())
def dropout_in_training_only():
    """The same, and F.dropout is told whether it is training."""
    return _Distilled().eval(), regression(4, 5)
