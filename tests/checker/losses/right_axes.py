"""Right losses in which something runs over dimension 0 on purpose.

The samples belong together there, or dimension 0 holds no samples: time comes first, or
there is one trajectory, one set, one image.
"""

import torch
import torch.nn.functional as F
from torch import nn

from . import right
from .inputs import binary, labels, normal, regression, uniform


@right()
def advantages_over_the_batch():
    """Advantages (N, T) are normalised over all of the batch, as in PPO."""

    def ppo(log_p, old_log_p, returns):
        advantages = returns - returns.mean()
        advantages = advantages / (returns.std() + 1e-6)
        ratio = (log_p - old_log_p).exp()
        clipped = ratio.clamp(0.8, 1.2)
        gain = torch.minimum(ratio * advantages, clipped * advantages)
        return -gain.mean(1).mean()

    old = normal(4, 5, seed=2)
    log_p = (old + 0.3 * normal(4, 5, seed=1)).requires_grad_()
    return ppo, (log_p, old, normal(4, 5, seed=3))


@right()
def baseline_of_each_step():
    """The mean return of the other episodes at the same step is a baseline."""

    def reinforce(log_p, returns):
        baseline = returns.mean(0, keepdim=True)
        return -(log_p * (returns - baseline)).sum(1).mean()

    return reinforce, (normal(4, 6, seed=1, grad=True), normal(4, 6, seed=2))


@right()
def features_standardised_over_the_batch():
    """Errors are measured in standard deviations of each feature of the targets."""

    def loss(prediction, target):
        scale = target.std(0, keepdim=True).clamp(min=1e-6)
        centre = target.mean(0, keepdim=True)
        return F.smooth_l1_loss(
            (prediction - centre) / scale, (target - centre) / scale
        )

    return loss, regression(6, 4)


@right()
def batch_statistics_in_training():
    """Batch normalisation of projections, then the distance of two views."""

    def normalised(x):
        return (x - x.mean(0)) / (x.var(0, unbiased=False) + 1e-5).sqrt()

    def views(first, second):
        return (normalised(first) - normalised(second)).square().sum(1).mean()

    return views, (normal(6, 4, seed=1, grad=True), normal(6, 4, seed=2))


@right()
def dependence_of_two_samples():
    """HSIC centres the kernels of all pairs by rows and by columns."""

    def hsic(x, y):
        kernels = [(-torch.cdist(z, z).square() / 2).exp() for z in (x, y)]
        k, m = (a - a.mean(0, keepdim=True) for a in kernels)
        m = m - m.mean(1, keepdim=True)
        return (k * m).sum() / (len(x) - 1) ** 2

    inputs = normal(6, 3, seed=1), normal(6, 2, seed=2)
    return hsic, (inputs[0].requires_grad_(), inputs[1])


@right()
def time_comes_first():
    """Attention over time of scores (T, N)."""

    def pooled(scores, frames, target):
        weights = scores.softmax(0)
        context = (weights[..., None] * frames).sum(0)
        return F.mse_loss(context, target)

    scores, frames = normal(7, 3, seed=1, grad=True), normal(7, 3, 4, seed=2)
    return pooled, (scores, frames, normal(3, 4, seed=3))


@right()
def returns_with_time_first():
    """Returns are summed up from the end, along dimension 0 of (T, N)."""

    def policy_gradient(log_p, rewards):
        returns = rewards.flip(0).cumsum(0).flip(0)
        return -(log_p * returns).sum(0).mean()

    return policy_gradient, (normal(6, 3, seed=1, grad=True), normal(6, 3, seed=2))


@right()
def one_trajectory():
    """Velocities (T, 2) are summed up to positions; each step has its error."""

    def displacement(velocity, target):
        position = velocity.cumsum(0)
        return (position - target).square().sum(1).add(1e-6).sqrt().mean()

    return displacement, regression(8, 2)


@right()
def jerk_of_a_trajectory():
    """The differences from step to step of one trajectory are kept small."""

    def smooth(path, target):
        steps = path[1:] - path[:-1]
        jerk = steps[1:] - steps[:-1]
        return F.mse_loss(path, target) + 0.1 * jerk.square().sum(1).mean()

    return smooth, regression(8, 3)


@right()
def labels_of_frames_change_seldom():
    """One video (T, C): the frames are labelled, and neighbours should agree."""

    def segmentation(logits, labels):
        log_p = logits.log_softmax(1)
        smooth = (log_p[1:] - log_p[:-1]).square().clamp(max=16).mean()
        return F.nll_loss(log_p, labels) + 0.15 * smooth

    return segmentation, (normal(8, 3, seed=1, grad=True), labels(3, 8, seed=2))


@right()
def one_image():
    """The total variation of one image (H, W)."""

    def denoised(image, noisy):
        down, right_ = image[1:] - image[:-1], image[:, 1:] - image[:, :-1]
        variation = down.abs().mean() + right_.abs().mean()
        return F.mse_loss(image, noisy) + 0.1 * variation

    return denoised, regression(5, 6)


@right()
def one_set_of_points():
    """The points of one cloud compete for each of a few slots."""

    def slots(scores, points, centres):
        weights = scores.softmax(0)
        found = weights.T @ points
        return F.mse_loss(found, centres)

    scores = normal(7, 3, seed=1, grad=True)
    return slots, (scores, normal(7, 2, seed=2), normal(3, 2, seed=3))


@right()
def mixing_of_slots():
    """Soft mixture of experts: over the tokens to dispatch, over slots to combine."""

    def mixture(logits, tokens, target):
        dispatch, combine = logits.softmax(0), logits.softmax(1)
        slots = torch.tanh(dispatch.T @ tokens)
        return F.mse_loss(combine @ slots, target)

    logits = normal(7, 4, seed=1, grad=True)
    return mixture, (logits, normal(7, 3, seed=2), normal(7, 3, seed=3))


@right()
def matches_of_unequal_numbers():
    """A pair's score is a probability among its row and among its column, (5, 7)."""

    def matching(left, right_, partner):
        scores = left @ right_.T / 0.5
        confidence = scores.softmax(0) * scores.softmax(1)
        return -confidence.gather(1, partner[:, None]).clamp(min=1e-9).log().mean()

    left, right_ = normal(5, 4, seed=1, grad=True), normal(7, 4, seed=2)
    return matching, (left, right_, labels(7, 5, seed=3))


@right()
def risks_in_order_of_time():
    """Two causes (N, 2): hazards are summed over all who are still at risk."""

    def cox(log_hazard, time, event):
        order = time.argsort(descending=True)
        log_hazard, event = log_hazard[order], event[order]
        at_risk = log_hazard.logcumsumexp(0)
        return -((log_hazard - at_risk) * event).sum(1).mean()

    event = binary(6, 2, seed=3)
    return cox, (normal(6, 2, seed=1, grad=True), uniform(6, seed=2) * 9, event)


@right()
def sliced_transport():
    """Sliced Wasserstein: both clouds are sorted along each direction."""

    def sliced(x, y):
        directions = F.normalize(normal(3, 5, seed=9), dim=0)
        return ((x @ directions).sort(0)[0] - (y @ directions).sort(0)[0]).abs().mean()

    return sliced, (normal(6, 3, seed=1, grad=True), normal(6, 3, seed=2))


@right(intentional=True)
def importance_weights():
    """Each of a few bounds weighs the samples by softmax over the samples of one."""

    def bound(log_weights):
        weights = log_weights.detach().softmax(0)
        return -(weights * log_weights).sum(0).mean()

    return bound, (normal(5, 3, seed=1, grad=True),)


@right()
def groups_of_answers_first():
    """Answers (G, N) of N prompts: advantages are relative to those of one prompt."""

    def grpo(log_p, rewards):
        centred = rewards - rewards.mean(0, keepdim=True)
        advantages = centred / (rewards.std(0, keepdim=True) + 1e-4)
        return -(log_p.exp() * advantages).sum(0).mean()

    return grpo, (normal(4, 3, seed=1, grad=True), normal(4, 3, seed=2))


@right()
def members_come_first():
    """An ensemble (M, N): the members are sorted, and compared with one another."""

    def crps(members, target):
        members = members.sort(0)[0]
        rank = torch.arange(len(members), dtype=members.dtype)[:, None]
        weights = (2 * rank - len(members) + 1) / len(members) ** 2
        return ((members - target).abs().mean(0) - (weights * members).sum(0)).mean()

    return crps, (normal(5, 3, seed=1, grad=True), normal(3, seed=2))


@right()
def quantiles_do_not_cross():
    """The differences of quantiles (N, Q) of one sample should be positive."""

    def pinball(quantiles, target):
        levels = torch.tensor([0.1, 0.5, 0.9], dtype=quantiles.dtype)
        error = target[:, None] - quantiles
        loss = torch.maximum(levels * error, (levels - 1) * error).mean()
        return loss + F.relu(-quantiles.diff(dim=1)).mean()

    return pinball, (normal(5, 3, seed=1, grad=True), normal(5, seed=2))


@right()
def trend_and_spread_of_an_ensemble():
    """The mean of each member over time is to be that of the others."""

    def drift(members, target):
        error = (members - target[:, None]).square().mean()
        return error + (members.mean(0) - target.mean()).square().mean()

    return drift, (normal(6, 4, seed=1, grad=True), normal(6, seed=2))


@right()
def correlation_of_each_signal():
    """Each signal is centred by its own mean."""

    def pearson(prediction, target):
        a, b = (x - x.mean(-1, keepdim=True) for x in (prediction, target))
        return (1 - F.cosine_similarity(a, b, dim=-1)).mean()

    return pearson, regression(3, 8)


@right()
def correlation_of_everything():
    """One correlation of all entries of the batch."""

    def pearson(prediction, target):
        a, b = prediction - prediction.mean(), target - target.mean()
        size = (a.square().sum() * b.square().sum() + 1e-12).sqrt()
        return 1 - (a * b).sum() / size

    return pearson, regression(3, 8)


@right()
def scale_invariant_depth_of_the_batch():
    """The logarithmic error of depths, but for a scale that the batch shares."""

    def depth(prediction, target):
        difference = prediction.log() - target.log()
        return (difference - 0.5 * difference.mean()).square().mean()

    inputs = uniform(3, 4, 5, high=9, seed=1), uniform(3, 4, 5, high=9, seed=2)
    return depth, (inputs[0].requires_grad_(), inputs[1])


@right()
def rays_of_a_scene():
    """Transmittance is multiplied up along each ray, (R, S)."""

    def render(density, colours, target):
        alpha = 1 - (-F.softplus(density)).exp()
        passed = (1 - alpha + 1e-9).cumprod(1)
        passed = torch.cat([torch.ones_like(passed[:, :1]), passed[:, :-1]], 1)
        pixels = ((alpha * passed)[..., None] * colours).sum(1)
        return F.mse_loss(pixels, target)

    density, colours = normal(4, 5, seed=1, grad=True), uniform(4, 5, 3, seed=2)
    return render, (density, colours, uniform(4, 3, seed=3))


@right()
def style_of_each_image():
    """Gram matrices of the channels of each image."""

    def gram(x):
        flat = x.flatten(2)
        return flat @ flat.mT / flat[0].numel()

    def style(features, target):
        return F.mse_loss(gram(features), gram(target))

    return style, (normal(3, 2, 3, 3, seed=1, grad=True), normal(3, 2, 3, 3, seed=2))


@right()
def relations_of_all_tokens():
    """Relational distillation: similarities of all tokens of the batch."""

    def relations(x):
        tokens = F.normalize(x.flatten(0, 1), dim=1)
        return tokens @ tokens.T

    def distill(student, teacher):
        return F.mse_loss(relations(student), relations(teacher))

    return distill, (normal(2, 3, 4, seed=1, grad=True), normal(2, 3, 5, seed=2))


@right()
def maps_of_each_channel():
    """Channel-wise distillation: each map is a distribution over its pixels."""

    def distill(student, teacher):
        student, teacher = (x.flatten(0, 1).flatten(1) for x in (student, teacher))
        log_p, log_q = student.log_softmax(1), teacher.log_softmax(1)
        return F.kl_div(log_p, log_q, log_target=True, reduction="batchmean")

    return distill, (normal(2, 3, 2, 3, seed=1, grad=True), normal(2, 3, 2, 3, seed=2))


@right()
def scale_of_each_series():
    """Errors in multiples of the mean of each history, of another length."""

    def scaled(forecast, target, history):
        scale = history.abs().mean(1, keepdim=True).clamp(min=1e-6)
        return F.smooth_l1_loss(forecast / scale, target / scale)

    return scaled, (*regression(4, 3), normal(4, 6, seed=3))


@right()
def scale_of_each_variable():
    """One series of several variables, (T, F): errors in multiples of each mean."""

    def scaled(forecast, target, history):
        scale = history.abs().mean(0, keepdim=True).clamp(min=1e-6)
        return F.smooth_l1_loss(forecast / scale, target / scale)

    return scaled, (*regression(4, 3), normal(9, 3, seed=3))


@right()
def balanced_experts():
    """Load balancing: shares and mean probabilities of experts over the tokens."""

    class Balance(nn.Module):
        def forward(self, logits):
            p = logits.softmax(1)
            share = F.one_hot(p.argmax(1), p.shape[1]).to(p).mean(0)
            return p.shape[1] * (share * p.mean(0)).sum()

    return Balance(), (normal(8, 4, seed=1, grad=True),)


@right(intentional=True)
def targets_of_deep_clustering():
    """DEC: the soft assignments, squared, by the frequency of each cluster."""

    def clustering(logits):
        q = logits.softmax(1)
        weight = q.square() / q.sum(0)
        p = (weight / weight.sum(1, keepdim=True)).detach()
        return F.kl_div(logits.log_softmax(1), p, reduction="batchmean")

    return clustering, (normal(7, 3, seed=1, grad=True),)
