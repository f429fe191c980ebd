"""Right losses whose best prediction is not the target, or whose inputs are tied."""

import torch
import torch.nn.functional as F
from torch import nn
from torch.autograd import Function

from . import right
from .inputs import binary, labels, normal, regression, uniform


@right()
def pairwise_logistic():
    """RankNet in a list: only differences of scores count, and more is better."""

    def ranknet(scores, target):
        higher = target[:, :, None] > target[:, None]
        difference = scores[:, :, None] - scores[:, None]
        loss = F.softplus(-difference) * higher
        return (loss.sum((1, 2)) / higher.sum((1, 2)).clamp(min=1)).mean()

    return ranknet, (normal(3, 4, seed=1, grad=True), normal(3, 4, seed=2))


@right()
def pairwise_hinge_with_a_margin():
    """Every better item must be ahead by a margin of 1."""

    def hinge(scores, y_true):
        better = y_true[:, :, None] > y_true[:, None]
        difference = scores[:, :, None] - scores[:, None]
        return (F.relu(1 - difference) * better).sum((1, 2)).mean()

    return hinge, (normal(3, 4, seed=1, grad=True), uniform(3, 4, seed=2))


@right()
def list_mle():
    """ListMLE: the likelihood of the order of the target."""

    def list_mle(scores, target):
        order = target.argsort(1, descending=True)
        ranked = scores.gather(1, order)
        tail = ranked.flip(1).logcumsumexp(1).flip(1)
        return (tail - ranked).sum(1).mean()

    return list_mle, (normal(3, 4, seed=1, grad=True), normal(3, 4, seed=2))


@right()
def list_net():
    """ListNet: softmax of the target against softmax of the scores, sharpened."""

    def list_net(scores, target):
        return -((2 * target).softmax(1) * scores.log_softmax(1)).sum(1).mean()

    return list_net, (normal(3, 4, seed=1, grad=True), normal(3, 4, seed=2))


@right()
def bradley_terry():
    """Preferences from differences of rewards, weighted by a rating gap."""

    def bradley_terry(reward, target):
        gap = target[:, :1] - target[:, 1:]
        return -F.logsigmoid((reward[:, :1] - reward[:, 1:]) * gap.sign()).mean()

    return bradley_terry, (normal(5, 3, seed=1, grad=True), normal(5, 3, seed=2))


@right()
def covariance_to_maximise():
    """The negative covariance within a row: larger scores are better still."""

    def alignment(prediction, target):
        p = prediction - prediction.mean(1, keepdim=True)
        return -(p * target).mean(1).mean() + 0.05 * p.square().mean()

    return alignment, regression(4, 6)


@right()
def spatial_softmax():
    """A heat map that sums to 1 over height and width, against a Gaussian."""

    def heatmap_kl(heatmap, target):
        return F.kl_div(heatmap.log(), target, reduction="none").sum((1, 2)).mean()

    p = normal(2, 4, 4, seed=1).flatten(1).softmax(1).view(2, 4, 4)
    t = (2 * normal(2, 4, 4, seed=2)).flatten(1).softmax(1).view(2, 4, 4)
    return heatmap_kl, (p.requires_grad_(), t)


@right()
def joint_table():
    """The mutual information of one joint table: the whole matrix sums to 1."""

    def negative_information(joint):
        rows, columns = joint.sum(1, keepdim=True), joint.sum(0, keepdim=True)
        independent = (rows * columns).clamp(min=1e-12)
        return (joint * (independent.log() - joint.clamp(min=1e-12).log())).sum()

    joint = normal(3, 4, seed=1).flatten().softmax(0).view(3, 4)
    return negative_information, (joint.requires_grad_(),)


@right()
def heatmap_with_a_check():
    """A divergence between maps that refuses what does not sum to 1."""

    def jensen_shannon(p, q):
        for x in (p, q):
            total = x.flatten(1).sum(1)
            torch._check(bool((total - 1).abs().max() < 1e-4), lambda: "no density")
        m = (p + q) / 2
        left = (p * (p / m).log()).flatten(1).sum(1)
        right_ = (q * (q / m).log()).flatten(1).sum(1)
        return ((left + right_) / 2).mean()

    p, q = (normal(3, 2, 3, seed=s).flatten(1).softmax(1).view(3, 2, 3) for s in (1, 2))
    return jensen_shannon, (p.requires_grad_(), q)


class Transport(Function):
    """Earth mover's distance of two histograms over points of a line."""

    @staticmethod
    def forward(ctx, a, b, x, y):
        if (a.sum() - b.sum()).abs() > 1e-6:
            raise ValueError("a and b must have the same sum")
        rows, columns = x.argsort(), y.argsort()
        left, rest = a[rows], b[columns]
        cost = (x[rows, None] - y[columns]).square()
        u, v = torch.zeros_like(a), torch.zeros_like(b)
        value, i, j = a.new_zeros(()), 0, 0
        v[0] = cost[0, 0]
        while True:
            moved = torch.minimum(left[i], rest[j])
            value = value + moved * cost[i, j]
            left[i], rest[j] = left[i] - moved, rest[j] - moved
            if i == len(a) - 1 and j == len(b) - 1:
                break
            if j == len(b) - 1 or (i < len(a) - 1 and left[i] <= rest[j]):
                i += 1
                u[i] = cost[i, j] - v[j]
            else:
                j += 1
                v[j] = cost[i, j] - u[i]
        # Potentials are known up to a constant: what is added keeps the sums equal.
        ctx.save_for_backward((u - u.mean())[rows.argsort()], (v - v.mean()))
        ctx.columns = columns
        return value

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, grad_output):
        u, v = ctx.saved_tensors
        return grad_output * u, grad_output * v[ctx.columns.argsort()], None, None


def _histograms():
    a, b = uniform(4, seed=1), uniform(5, seed=2)
    inputs = a / a.sum(), b / b.sum(), uniform(4, seed=3), uniform(5, seed=4)
    return (inputs[0].requires_grad_(), *inputs[1:])


def _slope_on_the_simplex(case):
    loss, (a, b, x, y) = case.fresh()
    (slope,) = torch.autograd.grad(loss(a, b, x, y), a)
    moved = 1e-5 * torch.tensor([1.0, -2.0, 0.5, 0.5], dtype=a.dtype)
    ends = [loss(a.detach() + sign * moved, b, x, y) for sign in (1, -1)]
    torch.testing.assert_close(slope @ moved, (ends[0] - ends[1]) / 2)


@right(proof="shows", shows=_slope_on_the_simplex)
def transport_of_histograms():
    """Earth mover's distance: its potentials are gradients up to a constant."""
    return Transport.apply, _histograms()


@right()
def heads_with_labels_of_their_own():
    """Two heads in a list, each with its own labels."""

    def multi_task(logits, labels):
        losses = [F.cross_entropy(x, y) for x, y in zip(logits, labels, strict=True)]
        return sum(losses)

    logits = [normal(2, 3, seed=1, grad=True), normal(2, 3, seed=2, grad=True)]
    return multi_task, (logits, [torch.tensor([0, 1]), torch.tensor([2, 0])])


@right()
def outputs_in_a_dictionary():
    """Tasks in dictionaries: each finds its target by its key."""

    def tasks(outputs, targets):
        return sum(
            F.binary_cross_entropy_with_logits(outputs[key], targets[key])
            for key in outputs
        )

    outputs = {k: normal(3, seed=i, grad=True) for i, k in enumerate(("sky", "road"))}
    targets = {
        "sky": torch.tensor([1.0, 0, 1]).double(),
        "road": torch.tensor([0.0, 1, 0]).double(),
    }
    return tasks, (outputs, targets)


@right()
def deep_supervision():
    """Logits of three scales, one label map that is resized for each."""

    def deep(logits, target):
        total = 0
        for x in logits:
            small = F.interpolate(target[:, None].double(), x.shape[2:])[:, 0].long()
            total = total + F.cross_entropy(x, small)
        return total / len(logits)

    logits = [normal(2, 3, n, n, seed=n, grad=True) for n in (8, 4, 2)]
    return deep, (logits, labels(3, 2, 8, 8, seed=1))


@right()
def pyramid_of_anchors():
    """A mean for every level of a pyramid: levels count alike on purpose."""

    def levels(predictions, targets):
        losses = [
            F.smooth_l1_loss(p, t) for p, t in zip(predictions, targets, strict=True)
        ]
        return sum(losses) / len(losses)

    sizes = (16, 4, 1)
    predictions = [normal(n, 2, seed=n, grad=True) for n in sizes]
    return levels, (predictions, [normal(n, 2, seed=9 + n) for n in sizes])


@right()
def feature_matching():
    """A GAN's feature matching: every layer has its own width, and counts alike."""

    def matching(fake, real):
        return sum((f - r).abs().mean() for f, r in zip(fake, real, strict=True))

    fake = [normal(n, 3, seed=n, grad=True) for n in (8, 5, 3)]
    return matching, (fake, [normal(n, 3, seed=20 + n) for n in (8, 5, 3)])


@right()
def similarity_of_all_pairs():
    """CLIP: the logits of all pairs, the diagonal is right."""

    def clip(logits_per_image):
        target = torch.arange(len(logits_per_image))
        image = F.cross_entropy(logits_per_image, target)
        return (image + F.cross_entropy(logits_per_image.T, target)) / 2

    return clip, (normal(4, 4, seed=1, grad=True),)


@right()
def similarity_with_labels():
    """Supervised contrast on a matrix of pairs, with a label a row."""

    def supervised(similarity, labels):
        eye = torch.eye(len(labels), dtype=torch.bool)
        same = (labels[:, None] == labels) & ~eye
        log_p = similarity.masked_fill(eye, -torch.inf).log_softmax(1)
        per_row = -log_p.masked_fill(~same, 0).sum(1) / same.sum(1).clamp(min=1)
        return per_row.mean()

    return supervised, (
        normal(6, 6, seed=1, grad=True),
        torch.tensor([0, 1, 0, 1, 2, 2]),
    )


@right()
def queries_against_hard_negatives():
    """Scores of N queries with 2N documents: the first N are the right ones."""

    def dense_retrieval(scores, temperature):
        return F.cross_entropy(scores / temperature, torch.arange(len(scores)))

    return dense_retrieval, (
        normal(4, 8, seed=1, grad=True),
        torch.tensor(0.5).double(),
    )


@right()
def graph_smoothness():
    """Node values and the adjacency of their graph."""

    def dirichlet(values, adjacency):
        difference = (values[:, None] - values[None]).square().sum(-1)
        return (adjacency * difference).sum() / adjacency.sum().clamp(min=1)

    adjacency = (normal(5, 5, seed=2) > 0).double()
    adjacency = (adjacency + adjacency.T).clamp(max=1)
    return dirichlet, (normal(5, 2, seed=1, grad=True), adjacency)


@right()
def mds_stress():
    """Distances of an embedding against a matrix of given ones."""

    def stress(embedding, distance):
        there = (embedding[:, None] - embedding[None]).square().sum(-1)
        return (there - distance.square()).square().mean()

    distance = uniform(5, 5, seed=2)
    return stress, (normal(5, 2, seed=1, grad=True), (distance + distance.T) / 2)


@right()
def contrast_with_a_pair_mask():
    """Who belongs together is a 0/1 matrix of pairs."""

    def contrast(features, positives):
        z = F.normalize(features, dim=1)
        log_p = (z @ z.T / 0.2).log_softmax(1)
        return -(log_p * positives).sum() / positives.sum().clamp(min=1)

    positives = torch.eye(6).roll(1, 0)
    return contrast, (
        normal(6, 3, seed=1, grad=True),
        (positives + positives.T).double(),
    )


@right()
def weighted_mask_of_choices():
    """A policy gradient: 0/1 rewards are no labels of the log-probabilities."""

    def reinforce(log_p, action, reward):
        return -(log_p.gather(1, action[:, None])[:, 0] * reward).mean()

    log_p = normal(5, 3, seed=1).log_softmax(1).requires_grad_()
    return reinforce, (log_p, labels(3, 5, seed=2), binary(5, seed=3))


@right()
def module_of_two_losses():
    """A dictionary of losses is returned, all of them attached."""

    class Detection(nn.Module):
        def forward(self, boxes, logits, targets):
            return {
                "box": F.l1_loss(boxes, targets["boxes"]),
                "class": F.cross_entropy(logits, targets["labels"]),
            }

    targets = {"boxes": uniform(4, 4, seed=3), "labels": labels(3, 4, seed=4)}
    inputs = uniform(4, 4, seed=1, grad=True), normal(4, 3, seed=2, grad=True), targets
    return Detection(), inputs


@right()
def lists_by_their_lengths():
    """Passages of all questions in a row, and a list of how many each has."""

    def loss(scores, right_ones, lengths):
        parts = zip(scores.split(lengths), right_ones.split(lengths), strict=True)
        return torch.stack([-(s.log_softmax(0) * r).sum() for s, r in parts]).mean()

    made = normal(9, seed=1, grad=True), binary(9, seed=2)
    return loss, (*made, [3, 2, 4])
