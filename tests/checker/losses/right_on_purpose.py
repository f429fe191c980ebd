"""Right losses whose gradient, or whose randomness, is meant that way."""

import torch
import torch.nn.functional as F
from torch import nn
from torch.autograd import Function

from . import right
from .inputs import binary, classification, labels, normal, regression, uniform


@right(intentional=True)
def straight_through_round():
    """Quantisation with the identity for a gradient."""

    class RoundSTE(Function):
        @staticmethod
        def forward(ctx, x):
            return torch.round(x)

        @staticmethod
        def backward(ctx, grad_output):
            return grad_output

    class QuantisedMSE(nn.Module):
        def forward(self, prediction, target):
            return F.mse_loss(RoundSTE.apply(4 * prediction) / 4, target)

    return QuantisedMSE(), regression(5, 3)


@right(intentional=True)
def straight_through_by_detach():
    """x + (hard - x).detach(), the idiom without a Function."""

    def binarised_bce(logits, target):
        p = torch.sigmoid(logits)
        hard = (p > 0.5).to(p.dtype)
        p = p + (hard - p).detach()
        return ((p - target) ** 2).mean()

    return binarised_bce, (normal(6, 2, seed=1, grad=True), binary(6, 2, seed=2))


@right(intentional=True)
def clipped_straight_through_sign():
    """Binarised networks: the sign's gradient is 1 inside [-1, 1]."""

    class SignSTE(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return torch.sign(x)

        @staticmethod
        def backward(ctx, grad_output):
            (x,) = ctx.saved_tensors
            return grad_output * (x.abs() <= 1).to(x.dtype)

    return lambda p, t: (SignSTE.apply(p) - t).pow(2).mean(), regression(10)


@right(intentional=True)
def gradient_reversal():
    """Domain-adversarial training, with its factor."""

    class GradReverse(Function):
        @staticmethod
        def forward(ctx, x, weight):
            ctx.weight = weight
            return x.view_as(x)

        @staticmethod
        def backward(ctx, grad_output):
            return -ctx.weight * grad_output, None

    class DANNLoss(nn.Module):
        def __init__(self, weight=0.5):
            super().__init__()
            self.weight = weight
            self.head = nn.Linear(4, 2).double()

        def forward(self, features, domain):
            return F.cross_entropy(
                self.head(GradReverse.apply(features, self.weight)), domain
            )

    return DANNLoss(), (normal(6, 4, seed=1, grad=True), labels(2, 6, seed=2))


@right(intentional=True)
def clipped_gradient():
    """The identity forwards, a clipped gradient backwards."""

    class ClipGradient(Function):
        @staticmethod
        def forward(ctx, x, limit):
            ctx.limit = limit
            return x.clone()

        @staticmethod
        def backward(ctx, grad_output):
            return grad_output.clamp(-ctx.limit, ctx.limit), None

    def loss(prediction, target):
        return F.mse_loss(ClipGradient.apply(prediction, 0.02), target)

    return loss, regression(6, 3)


@right(intentional=True)
def scaled_gradient():
    """The identity forwards, a tenth of the gradient backwards."""

    def scale_gradient(x, factor):
        return factor * x + (1 - factor) * x.detach()

    def loss(prediction, target):
        return F.smooth_l1_loss(scale_gradient(prediction, 0.1), target)

    return loss, regression(4, 3)


@right(intentional=True)
def surrogate_spike():
    """Spiking networks: a step forwards, a fast sigmoid's slope backwards."""

    class Spike(Function):
        @staticmethod
        def forward(ctx, membrane):
            ctx.save_for_backward(membrane)
            return (membrane > 0).to(membrane.dtype)

        @staticmethod
        def backward(ctx, grad_output):
            (membrane,) = ctx.saved_tensors
            return grad_output / (1 + 10 * membrane.abs()) ** 2

    class SpikeRateLoss(nn.Module):
        def forward(self, membrane, rate):
            return (Spike.apply(membrane).mean(1) - rate).pow(2).mean()

    return SpikeRateLoss(), (normal(4, 6, seed=1, grad=True), uniform(4, seed=2))


@right(intentional=True)
def stop_gradient_of_the_other_view():
    """SimSiam: each view's target is detached."""

    class SimSiam(nn.Module):
        def forward(self, p1, p2, z1, z2):
            first = F.cosine_similarity(p1, z2.detach()).mean()
            second = F.cosine_similarity(p2, z1.detach()).mean()
            return -0.5 * (first + second)

    return SimSiam(), tuple(normal(4, 5, seed=s, grad=True) for s in (1, 2, 3, 4))


@right(intentional=True)
def bootstrapped_target():
    """Q-learning: the target is computed from the next values under no_grad."""

    def td_loss(q, action, reward, next_q, gamma=0.9):
        with torch.no_grad():
            target = reward + gamma * next_q.max(dim=1).values
        return F.mse_loss(q.gather(1, action[:, None])[:, 0], target)

    inputs = (
        normal(6, 3, seed=1, grad=True),
        labels(3, 6, seed=2),
        normal(6, seed=3),
        normal(6, 3, seed=4, grad=True),
    )
    return td_loss, inputs


@right(intentional=True)
def commitment_of_a_codebook():
    """VQ-VAE: both halves of the loss hold the other side still."""

    class VectorQuantiser(nn.Module):
        def __init__(self, codes=5, size=3, beta=0.25):
            super().__init__()
            self.codebook = nn.Parameter(normal(codes, size, seed=9))
            self.beta = beta

        def forward(self, z):
            index = torch.cdist(z.detach(), self.codebook.detach()).argmin(1)
            q = self.codebook[index]
            commitment = F.mse_loss(z, q.detach())
            return F.mse_loss(q, z.detach()) + self.beta * commitment

    return VectorQuantiser(), (normal(6, 3, seed=1, grad=True),)


@right(intentional=True)
def self_paced_weights():
    """Weights from the detached loss: easy samples count more."""

    def self_paced(logits, target):
        loss = F.cross_entropy(logits, target, reduction="none")
        weight = torch.exp(-loss.detach())
        return (weight * loss).sum() / weight.sum()

    return self_paced, classification(7, 4)


@right(intentional=True)
def actor_critic_with_detached_advantage():
    """A2C: the advantage does not push on the critic."""

    class A2C(nn.Module):
        def forward(self, log_prob, value, returns):
            advantage = returns - value
            policy = -(log_prob * advantage.detach()).mean()
            return policy + 0.5 * advantage.pow(2).mean()

    inputs = (
        (-uniform(6, seed=1, low=0.1, high=2.0)).requires_grad_(),
        normal(6, seed=2, grad=True),
        normal(6, seed=3),
    )
    return A2C(), inputs


@right(intentional=True)
def noise_on_purpose():
    """Denoising training: noise is drawn in every call, torch's seed repeats it."""

    class Denoising(nn.Module):
        def __init__(self, sigma=0.1):
            super().__init__()
            self.sigma = sigma

        def forward(self, score, clean):
            noise = torch.randn_like(clean)
            return (self.sigma * score + noise).pow(2).mean()

    return Denoising(), regression(5, 2)


@right(intentional=True)
def sampled_negatives():
    """Negative sampling: another permutation in every call."""

    def in_batch_negative(query, key):
        shuffled = key[torch.randperm(len(key))]
        positive = (query * key).sum(1)
        negative = (query * shuffled).sum(1)
        return F.softplus(negative - positive).mean()

    return in_batch_negative, (normal(6, 4, seed=1, grad=True), normal(6, 4, seed=2))


@right(intentional=True)
def hard_gumbel():
    """Gumbel-softmax with hard samples: straight through, and random."""

    class HardAssignment(nn.Module):
        def forward(self, logits, cost):
            y = F.gumbel_softmax(logits, tau=1.0, hard=True)
            return (y * cost).sum(1).mean()

    return HardAssignment(), (normal(5, 4, seed=1, grad=True), uniform(5, 4, seed=2))


@right(intentional=True)
def running_centre_of_a_teacher():
    """DINO: teacher outputs are centred by a running mean, updated in training."""

    class DINOLoss(nn.Module):
        def __init__(self, size=4, momentum=0.9):
            super().__init__()
            self.register_buffer("center", torch.zeros(size, dtype=torch.float64))
            self.momentum = momentum

        def forward(self, student, teacher):
            p = F.softmax((teacher - self.center) / 0.2, dim=1).detach()
            loss = -(p * F.log_softmax(student / 0.5, dim=1)).sum(1).mean()
            with torch.no_grad():
                batch = teacher.mean(0)
                self.center = self.momentum * self.center + 0.1 * batch
            return loss

    return DINOLoss(), (normal(5, 4, seed=1, grad=True), normal(5, 4, seed=2))


@right(intentional=True)
def width_of_a_kernel_is_a_constant():
    """MMD with the median distance as width: the kernel of the targets is constant."""

    def mmd(x, y):
        with torch.no_grad():
            width = torch.pdist(torch.cat([x, y])).square().median()

        def kernel(a, b):
            return (-(a[:, None] - b).square().sum(-1) / width).exp().mean()

        return kernel(x, x) + kernel(y, y) - 2 * kernel(x, y)

    return mmd, (normal(5, 2, seed=1, grad=True), normal(6, 2, seed=2))


@right(intentional=True)
def radius_is_a_constant():
    """Deep SVDD with a soft boundary: the radius is a quantile of the distances."""

    def svdd(embedding, centre):
        distance = (embedding - centre).square().sum(1)
        radius = torch.quantile(distance.detach(), 0.75)
        return radius + (distance - radius).relu().mean() / 0.25

    return svdd, (normal(8, 3, seed=1, grad=True), normal(3, seed=2))


@right(intentional=True)
def hard_choice_with_a_soft_gradient():
    """A straight-through choice, with what is cut in the middle of the sum."""

    def routed(logits, costs):
        soft = logits.softmax(1)
        hard = torch.nn.functional.one_hot(soft.argmax(1), soft.shape[1])
        gate = hard - soft.detach() + soft
        return (gate * costs).sum(1).mean()

    return routed, (normal(6, 4, seed=1, grad=True), normal(6, 4, seed=2))


@right(intentional=True)
def adversarial_direction():
    """The direction that moves the outputs most is found by autograd, and constant."""

    def virtual_adversary(weight, features):
        with torch.no_grad():
            clean = (features @ weight).softmax(1)
        step = torch.ones_like(features) * 0.01
        for _ in range(2):
            step = step.detach().requires_grad_()
            moved = ((features + step) @ weight.detach()).log_softmax(1)
            apart = F.kl_div(moved, clean, reduction="sum")
            (step,) = torch.autograd.grad(apart, step)
            step = F.normalize(step, dim=1)
        logits = (features + 0.5 * step.detach()) @ weight
        return F.kl_div(logits.log_softmax(1), clean, reduction="batchmean")

    return virtual_adversary, (normal(3, 4, seed=1, grad=True), normal(5, 3, seed=2))


@right(intentional=True)
def pseudo_labels_of_a_model_in_training():
    """The easy view requires a gradient, for the model made it, and gets none."""

    def consistency(easy, hard):
        with torch.no_grad():
            confidence, label = easy.softmax(1).max(1)
        each = F.cross_entropy(hard, label, reduction="none")
        return (each * (confidence > 0.5)).mean()

    easy = (3 * normal(6, 3, seed=1)).requires_grad_()
    return consistency, (easy, normal(6, 3, seed=2, grad=True))


@right(intentional=True)
def score_function_of_value_zero():
    """A score term is taken off again, detached: only its gradient stays."""

    def bound(log_p, log_q):
        log_w = log_p - log_q
        estimate = log_w.logsumexp(0)
        with torch.no_grad():
            signal = estimate - log_w.mean(0)
        score = (signal * log_q).sum(0)
        return -(estimate + score - score.detach()).mean()

    inputs = normal(4, 3, seed=1, grad=True), normal(4, 3, seed=2, grad=True)
    return bound, inputs


@right(intentional=True)
def quantiser_with_its_codes():
    """A Function returns the rounded values, with a gradient, and the codes."""

    class Quantise(Function):
        @staticmethod
        def forward(ctx, x):
            code = x.clamp(0, 3).round().long()
            ctx.mark_non_differentiable(code)
            ctx.save_for_backward((x >= 0) & (x <= 3))
            return code.to(x.dtype), code

        @staticmethod
        def backward(ctx, grad_output, _):
            (inside,) = ctx.saved_tensors
            return grad_output * inside

    def quantised(x, target, weight):
        rounded, code = Quantise.apply(x)
        return (weight[code] * (rounded - target).square()).mean()

    x = uniform(5, 2, low=-0.5, high=3.5, seed=1, grad=True)
    return quantised, (x, normal(5, 2, seed=2), uniform(4, seed=3))


@right(intentional=True)
def values_of_a_target_network():
    """What a slow copy of the network says enters the target; it is not the target."""

    def munchausen(q, target_q, actions, rewards):
        with torch.no_grad():
            log_policy = target_q.log_softmax(1).gather(1, actions[:, None])[:, 0]
            target = rewards + log_policy.clamp(-1, 0) + 0.9 * target_q.logsumexp(1)
        return F.huber_loss(q.gather(1, actions[:, None])[:, 0], target)

    values = normal(5, 3, seed=1, grad=True), normal(5, 3, seed=2)
    return munchausen, (*values, labels(3, 5, seed=3), normal(5, seed=4))
