"""Gradient and value agree; the loss is not the one that was meant."""

import torch
import torch.nn.functional as F
from torch import nn
from torch.autograd import Function

from . import mistake, right
from .inputs import (
    binary,
    classification,
    labels,
    normal,
    regression,
    segmentation,
    uniform,
)


@mistake("wrong-value", reference=F.cross_entropy)
def softmax_twice():
    """cross_entropy takes logits and is given probabilities."""

    class Classifier(nn.Module):
        def forward(self, logits, target):
            return F.cross_entropy(torch.softmax(logits, dim=1), target)

    return Classifier(), classification(6, 4)


@mistake("wrong-value", reference=F.cross_entropy)
def probabilities_for_log_probabilities():
    """nll_loss takes log-probabilities and is given probabilities: negative values."""

    def loss(logits, target):
        return F.nll_loss(F.softmax(logits, dim=1), target)

    return loss, classification(6, 4, dtype=torch.float32)


@mistake("wrong-value", reference=F.binary_cross_entropy_with_logits)
def labels_reversed():
    """log p goes with the negatives and log (1 - p) with the positives."""

    class BCE(nn.Module):
        def forward(self, logits, target):
            pos = (1 - target) * F.logsigmoid(logits)
            neg = target * F.logsigmoid(-logits)
            return -(pos + neg).mean()

    return BCE(), (normal(7, 2, seed=1, grad=True), binary(7, 2, seed=2))


@mistake("wrong-value", reference=lambda a, b: (1 - F.cosine_similarity(a, b)).mean())
def similarity_for_distance():
    """Minimises the cosine similarity of what should be alike."""

    def cosine_loss(a, b):
        return F.cosine_similarity(a, b, dim=-1).mean()

    return cosine_loss, regression(5, 6)


@mistake(
    "wrong-value",
    reference=lambda mu, sigma, y: F.gaussian_nll_loss(mu, y, sigma**2),
)
def standard_deviation_for_variance():
    """gaussian_nll_loss takes a variance and is given a standard deviation."""

    class GaussianNLL(nn.Module):
        def forward(self, mu, sigma, target):
            return F.gaussian_nll_loss(mu, target, sigma)

    inputs = (
        normal(6, 2, seed=1, grad=True),
        uniform(6, 2, low=0.3, high=2.5, seed=2, grad=True),
        normal(6, 2, seed=3),
    )
    return GaussianNLL(), inputs


@mistake(
    "wrong-value",
    reference=lambda q, y: torch.maximum(0.8 * (y - q), -0.2 * (y - q)).mean(),
)
def pinball_branch_negative():
    """Quantile loss: the second branch has the wrong sign and falls without bound."""

    class QuantileLoss(nn.Module):
        def __init__(self, tau=0.8):
            super().__init__()
            self.tau = tau

        def forward(self, quantile, target):
            error = target - quantile
            over = (1 - self.tau) * error
            return torch.where(error > 0, self.tau * error, over).mean()

    return QuantileLoss(), regression(9)


@right(reference=lambda q, y: torch.maximum(0.8 * (y - q), -0.2 * (y - q)).mean())
def pinball_branch_positive():
    """The same with (tau - 1)."""

    class QuantileLoss(nn.Module):
        def __init__(self, tau=0.8):
            super().__init__()
            self.tau = tau

        def forward(self, quantile, target):
            error = target - quantile
            over = (self.tau - 1) * error
            return torch.where(error > 0, self.tau * error, over).mean()

    return QuantileLoss(), regression(9)


@mistake("wrong-value", reference=lambda x, y: F.relu(1 - (2 * y - 1) * x).mean())
def hinge_with_zero_one_labels():
    """Hinge loss needs labels -1 and 1 and gets 0 and 1."""

    def hinge(scores, target):
        return torch.clamp(1 - target * scores, min=0).mean()

    return hinge, (normal(10, seed=1, grad=True), binary(10, seed=2))


def _boxes():
    low, size = normal(6, 2, seed=1), uniform(6, 2, low=0.5, high=2.0, seed=2)
    prediction = torch.cat([low, low + size], dim=1).requires_grad_()
    shift = 1.5 * normal(6, 2, seed=3)
    other = uniform(6, 2, low=0.5, high=2.0, seed=4)
    return prediction, torch.cat([low + shift, low + shift + other], dim=1)


def _iou(a, b):
    size = (
        torch.minimum(a[:, 2:], b[:, 2:]) - torch.maximum(a[:, :2], b[:, :2])
    ).clamp(min=0)
    inter = size.prod(1)
    area = (a[:, 2:] - a[:, :2]).prod(1) + (b[:, 2:] - b[:, :2]).prod(1)
    return (1 - inter / (area - inter)).mean()


@mistake("wrong-value", reference=_iou)
def intersection_not_clamped():
    """IoU of disjoint boxes: two negative sides multiply to a positive overlap."""

    class IoULoss(nn.Module):
        def forward(self, prediction, target):
            x1 = torch.max(prediction[:, 0], target[:, 0])
            y1 = torch.max(prediction[:, 1], target[:, 1])
            x2 = torch.min(prediction[:, 2], target[:, 2])
            y2 = torch.min(prediction[:, 3], target[:, 3])
            inter = (x2 - x1) * (y2 - y1)
            wp, hp = (prediction[:, 2:] - prediction[:, :2]).unbind(1)
            wt, ht = (target[:, 2:] - target[:, :2]).unbind(1)
            return (1 - inter / (wp * hp + wt * ht - inter)).mean()

    return IoULoss(), _boxes()


@right(reference=_iou)
def intersection_clamped():
    """The same with both sides clamped at 0."""

    class IoULoss(nn.Module):
        def forward(self, prediction, target):
            x1 = torch.max(prediction[:, 0], target[:, 0])
            y1 = torch.max(prediction[:, 1], target[:, 1])
            x2 = torch.min(prediction[:, 2], target[:, 2])
            y2 = torch.min(prediction[:, 3], target[:, 3])
            inter = (x2 - x1).clamp(min=0) * (y2 - y1).clamp(min=0)
            wp, hp = (prediction[:, 2:] - prediction[:, :2]).unbind(1)
            wt, ht = (target[:, 2:] - target[:, :2]).unbind(1)
            return (1 - inter / (wp * hp + wt * ht - inter)).mean()

    return IoULoss(), _boxes()


def _focal(logits, target, gamma=2.0):
    ce = F.cross_entropy(logits, target, reduction="none")
    return ((1 - torch.exp(-ce)) ** gamma * ce).mean()


@mistake("wrong-value", reference=_focal)
def focal_of_the_log_probability():
    """Focal loss with pt = log p instead of p in the modulation."""

    class FocalLoss(nn.Module):
        def __init__(self, gamma=2.0):
            super().__init__()
            self.gamma = gamma

        def forward(self, logits, target):
            log_p = F.log_softmax(logits, dim=1)
            pt = log_p.gather(1, target.unsqueeze(1)).squeeze(1)
            return (-((1 - pt) ** self.gamma) * pt).mean()

    return FocalLoss(), classification(6, 4)


@mistake("wrong-value", reference=F.smooth_l1_loss)
def smooth_l1_jumps():
    """Smooth L1 without the - 0.5: a jump where the branches meet."""

    def smooth_l1(prediction, target):
        r = (prediction - target).abs()
        return torch.where(r < 1, 0.5 * r**2, r).mean()

    return smooth_l1, regression(6, 3)


@mistake("wrong-value", reference=F.triplet_margin_loss)
def positive_and_negative_swapped():
    """Triplet loss: pushes the positive away and pulls the negative."""

    class TripletLoss(nn.Module):
        def __init__(self, margin=1.0):
            super().__init__()
            self.margin = margin

        def forward(self, anchor, positive, negative):
            d_pos = F.pairwise_distance(anchor, positive)
            d_neg = F.pairwise_distance(anchor, negative)
            return F.relu(d_neg - d_pos + self.margin).mean()

    inputs = tuple(normal(5, 4, seed=s, grad=True) for s in (1, 2, 3))
    return TripletLoss(), inputs


def _kl(log_q, log_p):
    return (log_p.exp() * (log_p - log_q)).sum(1).mean()


@mistake("wrong-value", reference=_kl)
def divergence_arguments_reversed():
    """Distillation: KL(student || teacher) instead of KL(teacher || student)."""

    def distillation(student_log_p, teacher_log_p):
        return F.kl_div(
            teacher_log_p, student_log_p, log_target=True, reduction="batchmean"
        )

    student = F.log_softmax(normal(4, 5, seed=1), 1).requires_grad_()
    return distillation, (student, F.log_softmax(normal(4, 5, seed=2), 1))


def _soft_dice(p, t):
    inter = (p * t).flatten(1).sum(1)
    total = (p + t).flatten(1).sum(1)
    return (1 - 2 * inter / (total + 1e-8)).mean()


@mistake("wrong-value", reference=_soft_dice)
def dice_without_the_two():
    """A perfect prediction has a Dice of one half; by hand, backward included."""

    class Dice(Function):
        @staticmethod
        def forward(ctx, probability, target):
            ctx.save_for_backward(probability, target)
            p, t = probability.flatten(1), target.flatten(1)
            ratio = (p * t).sum(1) / ((p + t).sum(1) + 1e-8)
            return (1 - ratio).mean()

        @staticmethod
        def backward(ctx, grad_output):
            probability, target = ctx.saved_tensors
            p, t = probability.flatten(1), target.flatten(1)
            inter = (p * t).sum(1, keepdim=True)
            total = (p + t).sum(1, keepdim=True) + 1e-8
            grad = -(t / total - inter / total**2) / len(p)
            return grad_output * grad.view_as(probability), None

    inputs = uniform(2, 1, 4, 4, seed=1, grad=True), binary(2, 1, 4, 4, seed=2)
    return Dice.apply, inputs


@mistake(
    "wrong-value",
    reference=lambda rate, k: (rate - k * rate.log()).mean(),
)
def poisson_given_a_rate_for_its_log():
    """poisson_nll_loss expects log rates by default."""

    def poisson(rate, count):
        return F.poisson_nll_loss(rate, count)

    count = labels(6, 8, seed=2).to(torch.float64)
    return poisson, (uniform(8, low=0.5, high=5.0, seed=1, grad=True), count)


@mistake(
    "wrong-value",
    reference=lambda log_p, old, adv: (
        -torch.minimum(
            (log_p - old).exp() * adv, (log_p - old).exp().clamp(0.8, 1.2) * adv
        ).mean()
    ),
)
def ppo_takes_the_maximum():
    """PPO: the clipped objective is the minimum of both terms, not the maximum."""

    class PPOLoss(nn.Module):
        def __init__(self, clip=0.2):
            super().__init__()
            self.clip = clip

        def forward(self, log_prob, old_log_prob, advantage):
            ratio = torch.exp(log_prob - old_log_prob)
            clipped = ratio.clamp(1 - self.clip, 1 + self.clip)
            return -torch.max(ratio * advantage, clipped * advantage).mean()

    old = -uniform(8, low=0.1, high=2.0, seed=2)
    new = (old + 0.4 * normal(8, seed=1)).requires_grad_()
    return PPOLoss(), (new, old, normal(8, seed=3))


@mistake("wrong-value", reference=lambda p, t: 1 - _ssim(p, t))
def similarity_index_minimised():
    """SSIM itself is returned, which is 1 for equal images."""

    class SSIMLoss(nn.Module):
        def forward(self, prediction, target):
            return _ssim(prediction, target)

    inputs = uniform(2, 1, 4, 4, seed=1, grad=True), uniform(2, 1, 4, 4, seed=2)
    return SSIMLoss(), inputs


def _ssim(x, y, c1=1e-4, c2=9e-4):
    mx, my = x.mean((1, 2, 3)), y.mean((1, 2, 3))
    vx = x.var((1, 2, 3), correction=0)
    vy = y.var((1, 2, 3), correction=0)
    cov = (x * y).mean((1, 2, 3)) - mx * my
    top = (2 * mx * my + c1) * (2 * cov + c2)
    return (top / ((mx**2 + my**2 + c1) * (vx + vy + c2))).mean()


@mistake(
    "wrong-value",
    reference=lambda mu, s, y: (0.5 * s + 0.5 * (y - mu) ** 2 * torch.exp(-s)).mean(),
)
def log_variance_with_the_wrong_sign():
    """exp(+log_var) weighs the squared error: uncertain samples count more."""

    def attenuated(mean, log_var, target):
        return (0.5 * torch.exp(log_var) * (target - mean) ** 2 + 0.5 * log_var).mean()

    inputs = (
        normal(6, seed=1, grad=True),
        (0.5 * normal(6, seed=2)).requires_grad_(),
        normal(6, seed=3),
    )
    return attenuated, inputs


@mistake("wrong-value", reference=lambda x, t: F.binary_cross_entropy_with_logits(x, t))
def sigmoid_applied_twice():
    """The model ends in a sigmoid, and the loss applies another one."""

    def bce(logits, target):
        p = torch.sigmoid(logits)
        return F.binary_cross_entropy_with_logits(p, target)

    return bce, (normal(6, 2, seed=1, grad=True), binary(6, 2, seed=2))


@mistake("wrong-value", reference=lambda mu, s: _kl_standard(mu, s))
def divergence_added_with_a_minus():
    """VAE: the KL term has the wrong sign and is negative."""

    def kl(mu, log_var):
        return 0.5 * (1 + log_var - mu**2 - log_var.exp()).sum(1).mean()

    return kl, (normal(4, 3, seed=1, grad=True), normal(4, 3, seed=2, grad=True))


def _kl_standard(mu, log_var):
    return -0.5 * (1 + log_var - mu**2 - log_var.exp()).sum(1).mean()


@mistake("wrong-value", reference=_iou)
def boxes_read_as_centres():
    """(x1, y1, x2, y2) boxes are taken for centre, width and height."""

    def iou(prediction, target):
        def corners(box):
            return torch.cat(
                [box[:, :2] - box[:, 2:] / 2, box[:, :2] + box[:, 2:] / 2], 1
            )

        return _iou(corners(prediction), corners(target))

    def positive(boxes):
        return boxes + 4.0

    prediction, target = _boxes()
    return iou, (positive(prediction.detach()).requires_grad_(), positive(target))


def _prefer(chosen_rewards, rejected_rewards):
    return -F.logsigmoid(chosen_rewards - rejected_rewards).mean()


@mistake("wrong-value", reference=_prefer)
def the_rejected_answer_wins():
    """The difference of the rewards is taken the other way round."""

    def loss(chosen_rewards, rejected_rewards):
        return -F.logsigmoid(rejected_rewards - chosen_rewards).mean()

    return loss, (normal(5, seed=1, grad=True), normal(5, seed=2, grad=True))


@right(reference=_prefer)
def the_chosen_answer_wins():
    """The same the right way round, as a softplus."""

    def loss(chosen_rewards, rejected_rewards):
        return F.softplus(rejected_rewards - chosen_rewards).mean()

    return loss, (normal(5, seed=1, grad=True), normal(5, seed=2, grad=True))


@mistake("wrong-value", reference=F.huber_loss)
def huber_that_jumps():
    """The linear branch forgets half of delta: it lies above the parabola's end."""

    def huber(prediction, target, delta=1.0):
        off = (prediction - target).abs()
        return torch.where(off < delta, off**2 / 2, delta * off).mean()

    return huber, regression(9)


@right()
def huber_by_products():
    """Both branches meet, chosen by a factor of 0 or 1."""

    def huber(prediction, target, delta=1.0):
        off = (prediction - target).abs()
        small = (off < delta).to(off.dtype)
        return (small * off**2 / 2 + (1 - small) * (delta * (off - delta / 2))).mean()

    return huber, regression(9)


def _mixed(student, teacher, weight=0.5):
    p, q = student.softmax(1), teacher.softmax(1)
    mixture = (weight * (p + q)).log()
    first = F.kl_div(mixture, p, reduction="batchmean")
    return (first + F.kl_div(mixture, q, reduction="batchmean")) / 2


@mistake("wrong-value", reference=_mixed)
def mixture_that_sums_to_two():
    """Jensen-Shannon: the mixture is not halved."""

    def mixed(student, teacher):
        return _mixed(student, teacher, weight=1.0)

    return mixed, (normal(4, 6, seed=1, grad=True), normal(4, 6, seed=2))


@right()
def mixture_that_sums_to_one():
    """The same with half of both."""
    return _mixed, (normal(4, 6, seed=1, grad=True), normal(4, 6, seed=2))


def _clamped(probability, target):
    lived = target * probability.clamp(min=1e-7).log()
    return -(lived + (1 - target) * (1 - probability).clamp(min=1e-7).log()).mean()


@mistake("wrong-value", reference=F.binary_cross_entropy_with_logits)
def clamped_logits_for_probabilities():
    """The clamp that keeps the logarithm finite hides that these are logits."""
    return _clamped, (normal(6, 3, seed=1, grad=True), binary(6, 3, seed=2))


@right()
def clamped_probabilities():
    """The same with a sigmoid before."""

    def clamped(logits, target):
        return _clamped(logits.sigmoid(), target)

    return clamped, (normal(6, 3, seed=1, grad=True), binary(6, 3, seed=2))


def _group(logp, reference_logp, advantage, mask):
    ahead = reference_logp - logp
    each = (ahead.exp() - ahead - 1) - logp * advantage[:, None]
    return ((each * mask).sum(1) / mask.sum(1)).mean()


@mistake("wrong-value", reference=_group)
def divergence_with_a_sign_turned():
    """k3 with exp(-x): rows are means in the reference, too."""

    def group(logp, reference_logp, advantage, mask):
        ahead = reference_logp - logp
        each = ((-ahead).exp() - ahead - 1) - logp * advantage[:, None]
        return ((each * mask).sum(1) / mask.sum(1)).mean()

    steps = torch.arange(6)[None] < torch.tensor([6, 4, 2])[:, None]
    return group, (
        normal(3, 6, seed=1, grad=True),
        normal(3, 6, seed=2),
        normal(3, seed=3),
        steps.double(),
    )


def _distilled(student, teacher):
    log_p, log_q = student.log_softmax(1), teacher.log_softmax(1)
    return F.kl_div(log_p, log_q, reduction="batchmean", log_target=True)


@mistake("wrong-value", reference=_distilled)
def probabilities_for_log_target():
    """log_target=True, and the teacher's probabilities."""

    def distilled(student, teacher):
        log_p, q = student.log_softmax(1), teacher.softmax(1)
        return F.kl_div(log_p, q, reduction="batchmean", log_target=True)

    return distilled, (normal(4, 6, seed=1, grad=True), normal(4, 6, seed=2))


def _ranks(logits, target):
    above = (target[:, None] > torch.arange(logits.shape[1])).to(logits.dtype)
    return F.binary_cross_entropy_with_logits(logits, above, reduction="sum")


@mistake("wrong-value", reference=_ranks)
def likelihood_that_falls_without_end():
    """Ordinal classes: log(1 - sigmoid(x)) is logsigmoid(x) - x, not + x."""

    def ranks(logits, target):
        above = (target[:, None] > torch.arange(logits.shape[1])).to(logits.dtype)
        log_p = F.logsigmoid(logits)
        return -(log_p * above + (log_p + logits) * (1 - above)).sum()

    return ranks, (normal(5, 4, seed=1, grad=True), labels(5, 5, seed=2))


@right(reference=_ranks)
def likelihood_of_ranks():
    """The same with a minus."""

    def ranks(logits, target):
        above = (target[:, None] > torch.arange(logits.shape[1])).to(logits.dtype)
        log_p = F.logsigmoid(logits)
        return -(log_p * above + (log_p - logits) * (1 - above)).sum()

    return ranks, (normal(5, 4, seed=1, grad=True), labels(5, 5, seed=2))


def _smoothed(logits, sign, eps=0.1):
    return (
        -(1 - eps) * F.logsigmoid(logits) + sign * eps * F.logsigmoid(-logits)
    ).mean()


@mistake("wrong-value", reference=lambda c, r: _smoothed(c - r, -1))
def smoothed_preference_with_a_plus():
    """Conservative DPO: the smoothed term is added, and has no end."""

    def preference(chosen, rejected):
        return _smoothed(chosen - rejected, 1)

    chosen, rejected = (-10 * uniform(4, seed=seed) for seed in (1, 2))
    return preference, (chosen.requires_grad_(), rejected.requires_grad_())


@right(reference=lambda c, r: _smoothed(c - r, 1) / 0.8)
def robust_preference():
    """Robust DPO has no end on purpose, and divides by 1 - 2 * eps."""

    def preference(chosen, rejected, eps=0.1):
        return _smoothed(chosen - rejected, 1, eps) / (1 - 2 * eps)

    chosen, rejected = (-10 * uniform(4, seed=seed) for seed in (1, 2))
    return preference, (chosen.requires_grad_(), rejected.requires_grad_())


@mistake(
    "wrong-value",
    reference=lambda x, t: F.kl_div(x.log_softmax(-1), t, reduction="batchmean"),
)
def divergence_with_a_minus():
    """The divergence from soft labels is driven up, without end."""

    def divergence(logits, target):
        return -F.kl_div(logits.log_softmax(-1), target, reduction="batchmean")

    target = normal(4, 3, seed=2).softmax(-1)
    return divergence, (normal(4, 3, seed=1, grad=True), target)


def _overlap(probability, target):
    overlap = (probability * target).flatten(1).sum(1)
    total = probability.flatten(1).sum(1) + target.flatten(1).sum(1)
    return (1 - (2 * overlap + 1) / (total + 1)).mean()


@mistake("wrong-value", reference=lambda x, t: _overlap(x.sigmoid(), t))
def dice_of_logits():
    """The sigmoid is missing: logits are summed up in the denominator."""
    return _overlap, segmentation(2, 3, 3)


@right(reference=lambda x, t: _overlap(x.sigmoid(), t))
def dice_of_probabilities():
    """The same with a sigmoid."""

    def dice(logits, target):
        return _overlap(logits.sigmoid(), target)

    return dice, segmentation(2, 3, 3)


def _without_signs(logits, signs):
    losses = F.binary_cross_entropy_with_logits(
        logits, (signs > 0).to(logits), reduction="none"
    )
    return losses[signs != 0].mean()


@mistake("wrong-value", reference=_without_signs)
def signs_for_a_cross_entropy():
    """Labels of -1 and 1, 0 where unknown, go into a binary cross-entropy."""

    def of_known(logits, signs):
        losses = F.binary_cross_entropy_with_logits(
            logits, signs.to(logits), reduction="none"
        )
        return losses[signs != 0].mean()

    signs = torch.tensor([[1, -1, 0], [-1, 1, 1], [0, -1, -1]])
    return of_known, (normal(3, 3, seed=1, grad=True), signs)


def _divergence(mean, log_variance):
    return 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).sum(1).mean()


@mistake("wrong-value", reference=_divergence)
def divergence_with_its_sign_turned():
    """The KL divergence of a variational autoencoder as it stands in the bound."""

    def loss(mean, log_variance):
        return -_divergence(mean, log_variance)

    return loss, (normal(4, 3, seed=1, grad=True), normal(4, 3, seed=2, grad=True))


@right(reference=_divergence)
def divergence_to_a_normal():
    """The same with its sign."""
    mean, log_variance = (normal(4, 3, seed=seed, grad=True) for seed in (1, 2))
    return _divergence, (mean, log_variance)


@right()
def critic_without_a_bound():
    """A critic's scores fall without end, in proportion, and are meant to."""

    def loss(real, fake):
        return fake.mean() - real.mean()

    return loss, (normal(5, seed=1, grad=True), normal(5, seed=2, grad=True))


def _pairs_in_order(score, grade):
    apart = score[:, :, None] - score[:, None, :]
    better = grade[:, :, None] > grade[:, None, :]
    return (F.softplus(-apart) * better).sum() / better.sum().clamp(min=1)


def _graded():
    grades = torch.tensor([[0, 1, 2, 0, 3], [1, 0, 0, 2, 1], [3, 2, 1, 0, 0]])
    return normal(3, 5, seed=1, grad=True), grades


@mistake("wrong-value", reference=_pairs_in_order)
def pairs_the_other_way_round():
    """The worse one of two documents is to be scored higher."""

    def loss(score, grade):
        apart = score[:, :, None] - score[:, None, :]
        better = grade[:, None, :] > grade[:, :, None]
        return (F.softplus(-apart) * better).sum() / better.sum().clamp(min=1)

    return loss, _graded()


@right(reference=_pairs_in_order)
def pairs_of_graded_documents():
    """The better one of two documents is to be scored higher."""
    return _pairs_in_order, _graded()


@mistake("wrong-value", reference=F.binary_cross_entropy_with_logits)
def sigmoid_twice():
    """The model ends in a sigmoid, and so does the loss."""

    def loss(logits, target):
        return F.binary_cross_entropy(logits.sigmoid().sigmoid(), target)

    return loss, (normal(6, seed=1, grad=True), binary(6, seed=2))


def _nearest_prototype(x, prototypes, target):
    return F.cross_entropy(-torch.cdist(x, prototypes), target)


def _with_prototypes():
    x, target = classification(5, 4)
    return x, normal(4, 4, seed=7, grad=True), target


@mistake("wrong-value", reference=_nearest_prototype)
def distances_as_logits():
    """The class that is farthest away is the likeliest."""

    def loss(x, prototypes, target):
        return F.cross_entropy(torch.cdist(x, prototypes), target)

    return loss, _with_prototypes()


@right(reference=_nearest_prototype)
def distances_with_a_minus():
    """The class that is nearest is the likeliest."""
    return _nearest_prototype, _with_prototypes()


@mistake("wrong-value", reference=F.cross_entropy)
def logits_for_log_probabilities():
    """nll_loss without log_softmax."""

    def loss(logits, target):
        return F.nll_loss(logits, target)

    return loss, classification(6, 3)


def _scores_apart(positive_score, negative_score):
    return F.relu(0.5 - positive_score + negative_score).mean()


@mistake("wrong-value", reference=_scores_apart)
def negatives_to_be_scored_higher():
    """margin_ranking_loss with a target of -1: the second one is to rank higher."""

    def loss(positive_score, negative_score):
        below = -torch.ones_like(positive_score)
        return F.margin_ranking_loss(positive_score, negative_score, below, margin=0.5)

    return loss, (normal(5, seed=1, grad=True), normal(5, seed=2, grad=True))


def _alike(first, second, same):
    return F.cosine_embedding_loss(first, second, 2 * same - 1)


@mistake("wrong-value", reference=_alike)
def cosine_embedding_of_flags():
    """cosine_embedding_loss takes 1 and -1; at 0 there is no loss."""

    def loss(first, second, same):
        return F.cosine_embedding_loss(first, second, same)

    same = torch.tensor([1, 0, 1, 0, 0])
    return loss, (normal(5, 3, seed=1, grad=True), normal(5, 3, seed=2), same)


def _sigmoid_of_pairs(image, text, labels):
    scores = F.normalize(image, dim=1) @ F.normalize(text, dim=1).T * 5 - 1
    return -F.logsigmoid((2 * labels - 1) * scores).mean()


@mistake("wrong-value", reference=_sigmoid_of_pairs)
def pairs_labelled_zero():
    """A sigmoid loss of all pairs, for 1 and -1, with 0 for those that do not match."""

    def loss(image, text, labels):
        scores = F.normalize(image, dim=1) @ F.normalize(text, dim=1).T * 5 - 1
        return -F.logsigmoid(labels * scores).mean()

    return loss, (*_pairs_of_pictures(),)


def _pairs_of_pictures():
    image, text = (normal(4, 3, seed=seed, grad=True) for seed in (1, 2))
    return image, text, torch.eye(4, dtype=torch.float64)


@right(reference=_sigmoid_of_pairs)
def pairs_labelled_minus_one():
    """The same with -1 for those that do not match."""
    return _sigmoid_of_pairs, _pairs_of_pictures()


_GROUPS = torch.tensor([0, 0, 1, 1, 2])


def _coarse(logits, target):
    log_p = logits.log_softmax(1)
    joint = torch.stack([log_p[:, _GROUPS == g].logsumexp(1) for g in range(3)], 1)
    return F.nll_loss(joint, target)


def _grouped():
    return normal(4, 5, seed=1, grad=True), torch.tensor([0, 2, 1, 0])


@mistake("wrong-value", reference=_coarse)
def summed_probabilities_as_logits():
    """Probabilities of classes are summed to those of groups, and taken for logits."""

    def loss(logits, target):
        coarse = logits.new_zeros(len(logits), 3)
        return F.cross_entropy(coarse.index_add(1, _GROUPS, logits.softmax(1)), target)

    return loss, _grouped()


@right(reference=_coarse)
def summed_probabilities_by_their_logarithm():
    """The logarithm of the probabilities of groups."""
    return _coarse, _grouped()
