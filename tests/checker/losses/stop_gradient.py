"""A constant of the formula gets a gradient."""

import torch
import torch.nn.functional as F
from torch import nn

from . import mistake, right
from .inputs import classification, normal, regression, uniform


def _entropy_weighted(logits, target):
    log_p = logits.log_softmax(1).gather(1, target[:, None])
    return -(log_p.exp().detach() * log_p).mean()


@mistake("stop-gradient", reference=_entropy_weighted)
def weight_of_confidence():
    """The weight is the model's own probability, and is trained along."""

    def loss(logits, target):
        log_p = logits.log_softmax(1).gather(1, target[:, None])
        return -(log_p.exp() * log_p).mean()

    return loss, classification(5, 4)


@right(reference=_entropy_weighted, intentional=True)
def weight_of_confidence_held():
    """The same weight, held constant."""
    return _entropy_weighted, classification(5, 4)


def _distilled(student, teacher):
    log_p, q = student.log_softmax(1), teacher.detach().softmax(1)
    return -(q * log_p).sum(1).mean()


@mistake("stop-gradient", reference=_distilled)
def teacher_that_learns():
    """Both models' logits require a gradient; only the student's may get one."""

    def distill(student, teacher):
        return -(teacher.softmax(1) * student.log_softmax(1)).sum(1).mean()

    return distill, (normal(4, 3, seed=1, grad=True), normal(4, 3, seed=2, grad=True))


def _advantage_weighted(log_prob, value, reward):
    advantage = (reward - value).detach()
    return -(advantage * log_prob).mean() + F.mse_loss(value, reward)


@mistake("stop-gradient", reference=_advantage_weighted)
def advantage_that_learns():
    """The critic is trained through the actor's term as well."""

    class ActorCritic(nn.Module):
        def forward(self, log_prob, value, reward):
            advantage = reward - value
            return -(advantage * log_prob).mean() + F.mse_loss(value, reward)

    inputs = (
        -uniform(6, seed=1),
        normal(6, seed=2),
        normal(6, seed=3),
    )
    return ActorCritic(), (
        inputs[0].requires_grad_(),
        inputs[1].requires_grad_(),
        inputs[2],
    )


@right(reference=_advantage_weighted, intentional=True)
def advantage_held():
    """The advantage is a constant for the actor."""
    log_prob, value = -uniform(6, seed=1), normal(6, seed=2)
    return _advantage_weighted, (
        log_prob.requires_grad_(),
        value.requires_grad_(),
        normal(6, seed=3),
    )


def _scaled_error(prediction, target):
    residual = prediction - target
    return (residual.square() / residual.detach().square().mean()).mean()


@mistake("stop-gradient", reference=_scaled_error)
def normaliser_that_learns():
    """Divided by its own mean, and the mean is differentiated: nothing is left."""

    def loss(prediction, target):
        residual = prediction - target
        scale = residual.square().mean()
        return (residual.square() / scale).mean() * 1.0

    return loss, regression(6)


def _towards_the_teacher(student, teacher):
    return (student - teacher.detach()).square().mean()


@mistake("stop-gradient", reference=_towards_the_teacher)
def both_move_towards_each_other():
    """Consistency of two views: the second is a target, and moves as well."""

    def loss(student, teacher):
        return F.mse_loss(student, teacher)

    return loss, (normal(4, 3, seed=1, grad=True), normal(4, 3, seed=2, grad=True))


@right()
def entropy_of_a_policy():
    """An entropy differentiates both factors, as it should."""

    def entropy(logits):
        log_p = logits.log_softmax(1)
        return -(log_p.exp() * log_p).sum(1).mean()

    return entropy, (torch.randn(4, 3, dtype=torch.float64, requires_grad=True),)


def _temporal_difference(q, next_q, reward, done):
    target = reward + 0.9 * (1 - done) * next_q.max(1).values
    return F.smooth_l1_loss(q, target.detach())


def _transitions(*, grad):
    return (
        normal(6, seed=1, grad=True),
        normal(6, 3, seed=2, grad=grad),
        normal(6, seed=3),
        torch.tensor([0.0, 1, 0, 0, 1, 0], dtype=torch.float64),
    )


@mistake("stop-gradient", reference=_temporal_difference)
def bootstrap_that_learns():
    """The value of the next state is a target, and is moved towards the prediction."""

    def loss(q, next_q, reward, done):
        target = reward + 0.9 * (1 - done) * next_q.max(1).values
        return F.smooth_l1_loss(q, target)

    return loss, _transitions(grad=True)


@right(reference=_temporal_difference)
def bootstrap_under_no_grad():
    """The target is computed without a graph."""

    def loss(q, next_q, reward, done):
        with torch.no_grad():
            target = reward + 0.9 * (1 - done) * next_q.max(1).values
        return F.smooth_l1_loss(q, target)

    return loss, _transitions(grad=False)


@right()
def next_frame_is_a_prediction():
    """What is named "next" may be what is predicted."""

    def loss(next_frame, frame, flow):
        return (next_frame - frame - flow).square().mean()

    next_frame, frame = regression(2, 3)
    return loss, (next_frame, frame, normal(2, 3, seed=3, grad=True))


def _sequence_ratio(log_p, old, advantage, *, held):
    sequence = (log_p - old).mean(1, keepdim=True)
    if held:
        sequence = sequence.detach()
    ratio = (sequence + log_p - log_p.detach()).exp()
    return -(ratio * advantage[:, None]).mean()


@mistake("stop-gradient", reference=lambda *x: _sequence_ratio(*x, held=True))
def ratio_that_learns_twice():
    """The ratio of a sequence is to be held, its gradient comes from the tokens."""

    def policy(log_p, old, advantage):
        return _sequence_ratio(log_p, old, advantage, held=False)

    old = normal(3, 4, seed=2)
    log_p = (old + 0.1 * normal(3, 4, seed=1)).requires_grad_()
    return policy, (log_p, old, normal(3, seed=3))


def _follows(prediction_1, target_1, prediction_2, target_2, *, both=True):
    first = target_1.detach() if both else target_1
    near = F.cosine_similarity(prediction_1, target_2.detach())
    return -(near + F.cosine_similarity(prediction_2, first)).mean() / 2


def _two_views():
    return tuple(normal(4, 3, seed=seed, grad=True) for seed in (1, 2, 3, 4))


@mistake("stop-gradient", reference=_follows)
def one_of_two_targets_learns():
    """Each view's prediction follows the other view; one detach is forgotten."""

    def loss(prediction_1, target_1, prediction_2, target_2):
        return _follows(prediction_1, target_1, prediction_2, target_2, both=False)

    return loss, _two_views()


@right(reference=_follows, intentional=True)
def no_target_learns():
    """Each view's prediction follows the other view, which is held constant."""
    return _follows, _two_views()


def _quantised(z, codebook, target):
    nearest = codebook[(z[:, None] - codebook).square().sum(-1).argmin(1)]
    passed = z + (nearest - z).detach()
    codes = (nearest - z.detach()).square().mean()
    return (passed - target).square().mean() + codes


def _codes():
    made = normal(5, 2, seed=1, grad=True), normal(3, 2, seed=2, grad=True)
    return *made, normal(5, 2, seed=3)


@mistake("stop-gradient", reference=_quantised)
def codebook_follows_the_decoder():
    """Straight-through with the latent alone detached: the codes learn twice."""

    def loss(z, codebook, target):
        nearest = codebook[(z[:, None] - codebook).square().sum(-1).argmin(1)]
        passed = z + nearest - z.detach()
        codes = (nearest - z.detach()).square().mean()
        return (passed - target).square().mean() + codes

    return loss, _codes()


@right(reference=_quantised, intentional=True)
def codebook_has_its_own_term():
    """Straight-through with the difference detached."""
    return _quantised, _codes()
