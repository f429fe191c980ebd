"""Right losses that fit some batches only, or whose first size is no batch."""

import math
from functools import partial

import torch
import torch.nn.functional as F
from torch import nn
from torch.autograd import Function

from . import right
from .inputs import binary, classification, labels, normal, regression, uniform


def _dice(logits, target, boxes):
    p = logits.sigmoid().flatten(1)
    t = target.flatten(1)
    ratio = (2 * (p * t).sum(1) + 1) / (p.sum(1) + t.sum(1) + 1)
    return (1 - ratio).sum() / boxes


@right()
def option_of_a_partial():
    """The number of boxes in the batch is bound by functools.partial."""
    inputs = normal(5, 3, 3, seed=1, grad=True), binary(5, 3, 3, seed=2)
    return partial(_dice, boxes=5), inputs


@right()
def focal_sum_with_a_quarter():
    """alpha = 0.25, summed: a weight, no division by 4."""

    def focal(logits, target, alpha=0.25, gamma=2.0):
        p = logits.sigmoid()
        ce = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
        p_t = p * target + (1 - p) * (1 - target)
        return (alpha * ce * (1 - p_t) ** gamma).sum()

    return focal, (normal(4, 3, seed=1, grad=True), binary(4, 3, seed=2))


@right()
def weight_of_a_fifth():
    """A sum with a penalty of weight 0.2 in it."""

    def ridge(prediction, target):
        return (prediction - target).square().sum() + 0.2 * prediction.abs().sum()

    return ridge, regression(5, 2)


@right()
def temperature_as_large_as_the_batch():
    """Summed distillation at a temperature of 4, for 4 samples."""

    class Distillation(nn.Module):
        def __init__(self, temperature=4.0):
            super().__init__()
            self.temperature = temperature

        def forward(self, student, teacher):
            q = (student / self.temperature).log_softmax(1)
            p = (teacher / self.temperature).softmax(1)
            return F.kl_div(q, p, reduction="sum") * self.temperature**2

    return Distillation(), (normal(4, 5, seed=1, grad=True), normal(4, 5, seed=2))


@right()
def pixels_of_255():
    """Bytes are divided by 255 before the sum."""

    def mse(prediction, image):
        return (prediction - image / 255).square().sum()

    image = torch.randint(256, (4, 6), generator=torch.Generator().manual_seed(1))
    return mse, (normal(4, 6, seed=1, grad=True), image.double())


@right()
def sum_in_bits():
    """The number of bits, a sum divided by the logarithm of 2."""

    def bits(logits, labels):
        return F.cross_entropy(logits, labels, reduction="sum") / math.log(2)

    return bits, classification(5, 3)


@right()
def gaussian_process_of_its_data():
    """An exact GP keeps its training inputs in a plain attribute."""

    class MarginalLikelihood(nn.Module):
        def __init__(self, x):
            super().__init__()
            self.x = x
            self.log_scale = nn.Parameter(torch.zeros((), dtype=torch.float64))

        def forward(self, y):
            distance = (self.x[:, None] - self.x) / self.log_scale.exp()
            cov = (-0.5 * distance.square()).exp() + 0.1 * torch.eye(len(self.x))
            root = torch.linalg.cholesky(cov)
            alpha = torch.cholesky_solve(y[:, None], root)[:, 0]
            return 0.5 * y @ alpha + root.diagonal().log().sum()

    return MarginalLikelihood(normal(5, seed=1)), (normal(5, seed=2, grad=True),)


@right()
def physics_on_its_grid():
    """The points of a grid are an attribute of a plain object."""

    class Residual:
        def __init__(self, x):
            self.x = x

        def __call__(self, u):
            step = self.x[1:] - self.x[:-1]
            return ((u[1:] - u[:-1]) / step - self.x[:-1].cos()).square().mean()

    grid = torch.linspace(0, 1, 6, dtype=torch.float64)
    return Residual(grid), (normal(6, seed=1, grad=True),)


@right()
def data_in_a_dictionary():
    """The fixed observations are kept in a dictionary of a Module."""

    class Fit(nn.Module):
        def __init__(self, data):
            super().__init__()
            self.data = data

        def forward(self, curve):
            return ((curve - self.data["y"]) / self.data["sigma"]).square().mean()

    data = {"y": normal(6, seed=2), "sigma": uniform(6, seed=3)}
    return Fit(data), (normal(6, seed=1, grad=True),)


@right()
def pairs_side_by_side():
    """Two views in a row: an odd batch is refused, and says so."""

    def nt_xent(z):
        if len(z) % 2:
            raise RuntimeError("batch size must be even")
        z = F.normalize(z, dim=1)
        scores = (z @ z.T / 0.5).masked_fill(torch.eye(len(z)).bool(), -torch.inf)
        return F.cross_entropy(scores, torch.arange(len(z)) ^ 1)

    return nt_xent, (normal(6, 4, seed=1, grad=True),)


@right()
def two_views_by_view():
    """The same by view(-1, 2, D): torch refuses an odd batch."""

    def consistency(z, weight):
        first, second = z.view(-1, 2, z.shape[1]).unbind(1)
        return ((first - second).square().sum(1) * weight.view(-1, 2)[:, 0]).mean()

    return consistency, (normal(4, 3, seed=1, grad=True), uniform(4, seed=2))


@right()
def groups_of_four():
    """GRPO: four completions a prompt, so that rows come in fours."""

    def grpo(log_p, old_log_p, reward):
        grouped = reward.view(-1, 4)
        centred = grouped - grouped.mean(1, keepdim=True)
        advantage = (centred / (grouped.std(1, keepdim=True) + 1e-4)).flatten()
        ratio = (log_p - old_log_p).exp()
        clipped = ratio.clamp(0.8, 1.2)
        return -torch.min(ratio * advantage, clipped * advantage).mean()

    old = -uniform(8, seed=2)
    log_p = (old + 0.1 * normal(8, seed=1)).requires_grad_()
    return grpo, (log_p, old, normal(8, seed=3))


@right()
def one_group_of_four():
    """The same for a single prompt: four rows are the smallest batch."""

    def group_loss(log_p, reward):
        grouped = reward.reshape(-1, 4)
        advantage = (grouped - grouped.mean(1, keepdim=True)).flatten()
        return -(log_p * advantage).mean()

    return group_loss, ((-uniform(4, seed=1)).requires_grad_(), normal(4, seed=3))


@right()
def needs_two_samples():
    """A correlation over the batch: one sample has none, and is refused."""

    def correlation(prediction, target):
        if len(prediction) < 2:
            raise TypeError(f"needs two samples or more, got {len(prediction)}")
        p, t = prediction - prediction.mean(), target - target.mean()
        return 1 - (p * t).sum() / (p.norm() * t.norm() + 1e-8)

    return correlation, regression(6)


@right()
def checked_by_torch():
    """torch._check refuses another number of rows than the prior has."""

    def prior(weight, scale):
        torch._check(len(weight) % 3 == 0, lambda: "rows come in threes")
        return ((weight / scale[:, None]) ** 2).sum()

    return prior, (normal(6, 2, seed=1, grad=True), uniform(6, seed=2))


@right()
def weight_matrix_first():
    """A fused linear cross entropy: the first size is the vocabulary."""

    def linear_ce(weight, bias, hidden, labels):
        return F.cross_entropy(F.linear(hidden, weight, bias), labels)

    inputs = (
        normal(5, 3, seed=1, grad=True),
        normal(5, seed=2, grad=True),
        normal(4, 3, seed=3, grad=True),
        labels(5, 4, seed=4),
    )
    return linear_ce, inputs


@right()
def class_centres_first():
    """Prototypes and their weights come before the samples."""

    def prototype_loss(centres, class_weight, embedding, labels):
        logits = -torch.cdist(embedding, centres).square()
        return F.cross_entropy(logits, labels, weight=class_weight)

    inputs = (
        normal(4, 2, seed=1, grad=True),
        uniform(4, seed=2),
        normal(6, 2, seed=3, grad=True),
        labels(4, 6, seed=4),
    )
    return prototype_loss, inputs


@right()
def codebook_first():
    """Vector quantisation: codes and their use, then the vectors."""

    def commitment(codebook, use, z):
        code = torch.cdist(z, codebook).argmin(1)
        error = (codebook[code] - z).square().mean()
        return error + 0.01 * (use * codebook.square().sum(1)).sum()

    inputs = (
        normal(4, 3, seed=1, grad=True),
        uniform(4, seed=2),
        normal(7, 3, seed=3),
    )
    return commitment, inputs


@right()
def square_weight_first():
    """A bilinear form with a square weight, and as many labels as its rows."""

    def bilinear(weight, left, right, target):
        score = torch.einsum("nd,de,ne->n", left, weight, right)
        return F.binary_cross_entropy_with_logits(score, target)

    inputs = (
        normal(4, 4, seed=1, grad=True),
        normal(4, 4, seed=2),
        normal(4, 4, seed=3),
        binary(4, seed=4),
    )
    return bilinear, inputs


@right()
def coupled_units():
    """Spins of a network: units are in one order along every axis, and are no batch."""

    def pseudo_likelihood(coupling, field, spins):
        local = spins @ (coupling + coupling.T) + field
        return F.softplus(-2 * spins * local).sum(1).mean()

    inputs = (
        normal(4, 4, seed=1, grad=True),
        normal(4, seed=2, grad=True),
        normal(6, 4, seed=3).sign(),
    )
    return pseudo_likelihood, inputs


@right()
def members_of_sets():
    """Places of the members of sets: no classes, and none twice in a set."""

    def spread_out(points, sets):
        gram = points @ points.T + torch.eye(len(points), dtype=points.dtype)
        volumes = [torch.logdet(gram[s][:, s]) for s in sets]
        return torch.logdet(gram) - torch.stack(volumes).mean()

    sets = [torch.tensor([0, 3]), torch.tensor([2, 1, 4])]
    return spread_out, (normal(5, 4, seed=1, grad=True), sets)


@right()
def smoothed_by_its_neighbours():
    """Every node is compared with nodes that are named by their places."""

    def smoothness(nodes, neighbours):
        return (nodes[:, None] - nodes[neighbours]).square().sum(2).mean()

    neighbours = torch.tensor([[1, 2], [0, 3], [3, 0], [1, 2], [0, 1]])
    return smoothness, (normal(5, 3, seed=1, grad=True), neighbours)


@right()
def draws_before_samples():
    """Several draws of each sample, from a generator of its own."""

    def bound(mean, target):
        generator = torch.Generator().manual_seed(3)
        noise = torch.randn(3, *mean.shape, generator=generator, dtype=mean.dtype)
        error = (mean + 0.1 * noise - target).square().sum(-1)
        return -torch.logsumexp(-error, 0).mean()

    return bound, regression(5, 2)


@right()
def projected_on_a_direction():
    """A direction is made a unit vector; nobody passes one of length 0."""

    def projected(prediction, target, direction):
        unit = direction / torch.linalg.vector_norm(direction, dim=1, keepdim=True)
        return ((prediction - target) * unit).sum(1).square().mean()

    return projected, (*regression(4, 3), normal(4, 3, seed=7))


@right()
def attention_over_the_frames_that_count():
    """A softmax over frames that a mask selects: in each clip there are some."""

    def pooled(scores, values, mask):
        weights = scores.masked_fill(~mask, -torch.inf).softmax(1)
        return ((weights[..., None] * values).sum(1) - 1).square().mean()

    mask = torch.tensor([[True, True, False, True], [True, False, True, True]])
    inputs = (normal(2, 4, seed=1, grad=True), normal(2, 4, 3, seed=2), mask)
    return pooled, inputs


@right()
def rewards_in_a_list():
    """REINFORCE on one episode, whose rewards are plain numbers."""

    def reinforce(log_probabilities, rewards):
        returns, following = [], 0.0
        for reward in reversed(rewards):
            following = reward + 0.9 * following
            returns.insert(0, following)
        weights = torch.tensor(returns, dtype=log_probabilities.dtype)
        return -(log_probabilities * weights).sum()

    steps = (-uniform(5, seed=1)).requires_grad_()
    return reinforce, (steps, [0.0, 1.0, 0.0, -0.5, 2.0])


@right()
def histories_of_unlike_lengths():
    """Series in ragged lists: the first size is that of the first series' steps."""

    def scaled(forecasts, actuals, histories):
        parts = []
        series = zip(forecasts, actuals, histories, strict=True)
        for forecast, actual, history in series:
            scale = history.diff().abs().mean().clamp(min=1e-6)
            parts.append((forecast - actual[: len(forecast)]).abs() / scale)
        return torch.cat(parts).mean()

    forecasts = [normal(4, seed=1, grad=True), normal(2, seed=2, grad=True)]
    actuals = [normal(4, seed=3), normal(4, seed=4)]
    return scaled, (forecasts, actuals, [normal(9, seed=5), normal(6, seed=6)])


@right()
def absent_boxes_are_zeros():
    """Padded lists of boxes: absent ones are zeros, and are replaced."""

    def overlap(boxes, targets, present):
        whole = torch.tensor([0.0, 0.0, 1.0, 1.0], dtype=boxes.dtype)
        a = torch.where(present[..., None], boxes, whole)
        b = torch.where(present[..., None], targets, whole)
        lower, upper = torch.maximum(a, b)[..., :2], torch.minimum(a, b)[..., 2:]
        shared = (upper - lower).clamp(min=0).prod(-1)
        union = (a[..., 2:] - a[..., :2]).prod(-1) + (b[..., 2:] - b[..., :2]).prod(-1)
        loss = 1 - shared / (union - shared)
        return (loss * present).sum() / present.sum().clamp(min=1)

    present = torch.tensor([[True, True, True], [True, False, False]])
    corners = uniform(2, 3, 2, seed=1)
    targets = torch.cat([corners, corners + 1.5], -1) * present[..., None]
    boxes = torch.cat([corners + 0.2, corners + 1.9], -1) * present[..., None]
    return overlap, (boxes.requires_grad_(), targets, present)


@right()
def leaf_and_group():
    """Labels of leaves and of their groups, of which the leaf may be unknown."""

    def two_levels(logits, leaves, groups):
        of_group = logits.view(len(logits), 2, 2).logsumexp(2)
        coarse = F.cross_entropy(of_group, groups)
        fine = F.cross_entropy(logits, leaves.clamp(min=0), reduction="none")
        return coarse + torch.where(leaves >= 0, fine, 0.0).mean()

    leaves, groups = torch.tensor([1, -1, 3, 2, -1]), torch.tensor([0, 0, 1, 1, 1])
    return two_levels, (normal(5, 4, seed=1, grad=True), leaves, groups)


@right()
def levels_with_open_edges():
    """Logistics of 8 grey levels, whose lowest and highest reach to infinity."""

    def discretised(means, levels):
        x = (levels / 3.5 - 1)[:, None]
        upper, lower = (torch.sigmoid(2 * (x - means + edge)) for edge in (0.2, -0.2))
        levels = levels[:, None]
        inside = torch.where(levels == 7, 1 - lower, upper - lower)
        likelihood = torch.where(levels == 0, upper, inside)
        return -likelihood.mean(1).log().mean()

    return discretised, (
        normal(2, 4, 3, 3, seed=1, grad=True),
        labels(8, 2, 3, 3, seed=2),
    )


@right()
def partners_in_a_function():
    """Each sample names its partner, which a Function takes: no order, no classes."""

    class Contrast(Function):
        @staticmethod
        def forward(ctx, x, partner):
            ctx.save_for_backward(x, partner)
            return F.cross_entropy((x @ x.T).fill_diagonal_(-math.inf), partner)

        @staticmethod
        def backward(ctx, grad_output):
            x, partner = ctx.saved_tensors
            itself = torch.eye(len(x), dtype=torch.bool)
            share = (x @ x.T).masked_fill(itself, -math.inf).softmax(1)
            hot = F.one_hot(partner, len(x)).to(x.dtype)
            slope = grad_output * (share - hot) / len(x)
            return (slope + slope.T) @ x, None

    partner = torch.tensor([3, 4, 5, 0, 1, 2])
    return Contrast.apply, (normal(6, 4, seed=1, grad=True), partner)


@right()
def groups_of_the_classes():
    """As many groups as classes are given, beside the labels of the samples."""

    def two_levels(logits, labels, groups):
        fine, member = logits.log_softmax(1), F.one_hot(groups).T.bool()
        coarse = fine[:, None].masked_fill(~member, -math.inf).logsumexp(2)
        return F.nll_loss(fine, labels) + F.nll_loss(coarse, groups[labels])

    groups = torch.tensor([0, 0, 1, 1, 2])
    return two_levels, (normal(4, 5, seed=1, grad=True), labels(5, 4, seed=2), groups)


@right()
def cox_in_a_column():
    """Risks (N, 1) with events (N,): an event acts on all that were at risk."""

    def partial_likelihood(risk, duration, event):
        order = duration.argsort(descending=True)
        risk, event = risk[order].squeeze(-1), event[order]
        likelihood = ((risk - risk.logcumsumexp(0)) * event).sum()
        return -likelihood / event.sum().clamp(min=1)

    risk, duration = normal(5, 1, seed=1, grad=True), uniform(5, seed=2)
    return partial_likelihood, (risk, duration, torch.tensor([1, 0, 1, 1, 0]))


@right()
def instances_asked_for_one_by_one():
    """Each instance is asked for by its number; 0 is the background, and is not."""

    def pull(embedding, instances):
        parts = [embedding.sum() * 0]
        for number in range(1, int(instances.max()) + 1):
            members = embedding.movedim(1, -1)[instances == number]
            parts.append((members - members.mean(0)).square().sum(-1).mean())
        return torch.stack(parts).sum() / len(parts)

    instances = torch.tensor([[[0, 1, 1], [2, 2, 0]], [[1, 1, 2], [0, 2, 2]]])
    return pull, (normal(2, 2, 2, 3, seed=1, grad=True), instances)


@right()
def words_by_their_first_tokens():
    """Tags of words are compared at the tokens where the words begin."""

    def tagged(logits, starts, tags):
        picked = logits[torch.arange(len(logits))[:, None], starts]
        return F.cross_entropy(picked.flatten(0, 1), tags.flatten())

    starts = torch.tensor([[1, 3, 4], [1, 2, 5]])
    return tagged, (normal(2, 6, 4, seed=1, grad=True), starts, labels(4, 2, 3, seed=2))


@right()
def springs_between_nodes():
    """Edges name their two nodes by places: no node can be dropped."""

    def energy(positions, edges, rest):
        ends = positions[edges]
        length = (ends[0] - ends[1]).square().sum(1)
        return (length - rest).square().mean()

    edges = torch.tensor([[0, 0, 1, 2, 3], [1, 2, 3, 4, 4]])
    return energy, (normal(5, 2, seed=1, grad=True), edges, uniform(5, seed=2))


@right()
def margins_of_pairs():
    """Rows come in two halves, chosen and rejected, with a margin for each pair."""

    def preference(scores, margins):
        chosen, rejected = scores.chunk(2)
        return -F.logsigmoid(chosen - rejected - margins).mean()

    return preference, (normal(6, seed=1, grad=True), uniform(3, seed=2))


@right()
def similarities_with_normalised_rows():
    """The similarities within the batch, of a student and of its teacher."""

    def preserved(student, teacher):
        own, wanted = (F.normalize(x @ x.T, dim=1) for x in (student, teacher))
        return (own - wanted).square().sum() / len(student) ** 2

    return preserved, (normal(4, 3, seed=1, grad=True), normal(4, 6, seed=2))


@right()
def perplexity_of_codes():
    """Two groups of three codes: the 6 that it divides by is no batch."""

    def diversity(logits):
        mean = logits.softmax(-1).mean((0, 1))
        entropy = -(mean * (mean + 1e-7).log()).sum(-1)
        codes = mean.numel()
        return len(logits) * (codes - entropy.exp().sum()) / codes

    return diversity, (normal(4, 5, 2, 3, seed=1, grad=True),)


@right()
def biases_of_the_items():
    """A bias for each sample's item bears the name of a table."""

    def factors(user, item, item_bias, rating):
        predicted = (user * item).sum(1) + item_bias
        return (predicted - rating).square().mean()

    inputs = normal(5, 3, seed=1, grad=True), normal(5, 3, seed=2, grad=True)
    return factors, (*inputs, normal(5, seed=3, grad=True), normal(5, seed=4))


@right()
def one_anchor_among_others():
    """An anchor and one more vector, with two positives and three negatives in rows."""

    def quadruplet(anchor, positives, negatives, other):
        near = (positives - anchor).square().sum(1).min()
        far = (negatives - torch.stack([anchor, other])[:, None]).square().sum(2)
        return F.softplus(near - far).mean()

    vectors = normal(4, seed=1, grad=True), normal(4, seed=4, grad=True)
    rows = normal(2, 4, seed=2, grad=True), normal(3, 4, seed=3, grad=True)
    return quadruplet, (vectors[0], *rows, vectors[1])


@right(intentional=True)
def values_of_the_next_step():
    """Time first: each step is compared with what is expected of the next one."""

    def temporal_difference(q, target_q, actions, rewards):
        chosen = q[:-1].gather(-1, actions[:-1, :, None])[..., 0]
        with torch.no_grad():
            best = q[1:].argmax(-1, keepdim=True)
            target = rewards[:-1] + 0.9 * target_q[1:].gather(-1, best)[..., 0]
        return (chosen - target)[1:].square().sum(0).mean()

    values = normal(6, 3, 4, seed=1, grad=True), normal(6, 3, 4, seed=2)
    return temporal_difference, (*values, labels(4, 6, 3, seed=3), normal(6, 3, seed=4))


@right()
def steps_one_after_the_other():
    """A recurrence takes the rows of two inputs in turn: they are steps."""

    def hedge(start, controls, increments, payoff):
        value = start.expand(controls.shape[1])
        for control, increment in zip(controls, increments, strict=True):
            value = 1.01 * value + control * increment
        return (value - payoff).square().mean()

    paths = normal(4, 6, seed=2, grad=True), normal(4, 6, seed=3)
    start = torch.tensor(0.1, dtype=torch.float64, requires_grad=True)
    return hedge, (start, *paths, normal(6, seed=4))


@right()
def pictures_with_boxes_of_their_own():
    """Boxes of three pictures in a row, and how many each has: pictures count alike."""

    def loss(logits, boxes_per_picture, target):
        pictures = zip(
            logits.split(boxes_per_picture.tolist()),
            target.split(boxes_per_picture.tolist()),
            strict=True,
        )
        return torch.stack([F.cross_entropy(x, t) for x, t in pictures]).mean()

    counts = torch.tensor([4, 1, 2])
    return loss, (normal(7, 3, seed=1, grad=True), counts, labels(3, 7, seed=2))


@right()
def proposals_of_several_pictures():
    """Targets come in lists, one entry a picture; what is predicted in one tensor."""

    def box_head(logits, boxes, labels, targets):
        classes = F.cross_entropy(logits, torch.cat(labels), reduction="sum")
        places = F.smooth_l1_loss(boxes, torch.cat(targets), reduction="sum")
        return (classes + places) / len(logits)

    predicted = normal(7, 3, seed=1, grad=True), normal(7, 4, seed=2, grad=True)
    found = [labels(3, 4, seed=3), labels(3, 3, seed=4)]
    return box_head, (*predicted, found, [normal(4, 4, seed=5), normal(3, 4, seed=6)])


@right()
def members_of_an_ensemble_first():
    """Members stand in dimension 0, samples in dimension 1 and in the target."""

    def spread_and_error(members, target, usual_spread):
        error = (members.mean(0) - target).square()
        spread = (members.var(0) + 1e-8).sqrt()
        return (error + (spread - usual_spread).square()).mean()

    fields = normal(3, 5, seed=2), uniform(3, 5, seed=3)
    return spread_and_error, (normal(4, 3, 5, seed=1, grad=True), *fields)


@right(intentional=True)
def scales_bounded_from_below():
    """Beyond a bound a gradient passes only where a step leads back."""

    class LowerBound(Function):
        @staticmethod
        def forward(ctx, x, bound):
            ctx.save_for_backward(x)
            ctx.bound = bound
            return x.clamp(min=bound)

        @staticmethod
        def backward(ctx, grad_output):
            (x,) = ctx.saved_tensors
            return grad_output * ((x >= ctx.bound) | (grad_output < 0)), None

    def likelihood(scale, error):
        bounded = LowerBound.apply(scale, 0.3)
        return (bounded.log() + 0.5 * (error / bounded).square()).mean()

    return likelihood, (uniform(4, 5, seed=1, grad=True), normal(4, 5, seed=8))


@right()
def features_for_a_model_within():
    """The loss holds the model: its input is no prediction of the labels."""

    class Bayes(nn.Module):
        def __init__(self):
            super().__init__()
            self.mean = nn.Parameter(-2 * torch.eye(3, 4, dtype=torch.float64))

        def forward(self, features, labels):
            nll = F.cross_entropy(features @ self.mean.T, labels)
            return nll + 0.01 * self.mean.square().sum()

    return Bayes(), (normal(5, 4, seed=1), labels(3, 5, seed=2))


@right()
def discounted_costs():
    """One trajectory: later costs are discounted, so their order matters."""

    def loss(log_probs, costs, discount=0.9):
        to_go = discount ** torch.arange(len(costs), dtype=costs.dtype) * costs
        return (log_probs.cumsum(0) * to_go).mean()

    return loss, (normal(6, seed=1, grad=True), uniform(6, seed=2))


@right()
def spikes_through_a_fading_kernel():
    """Van Rossum: both trains are filtered by exp(-lag / tau), time comes first."""

    def loss(rates, spikes, tau=2.0):
        steps = torch.arange(len(rates), dtype=rates.dtype)
        lag = steps[:, None] - steps
        kernel = torch.exp(-lag.clamp(min=0) / tau) * (lag >= 0)
        return (kernel @ (rates - spikes)).square().mean()

    return loss, (uniform(7, 3, seed=1, grad=True), binary(7, 3, seed=2))


@right()
def triangular_factor():
    """A Gaussian with a learned triangular factor, of which one half does not count."""

    def loss(factor, mean, observed):
        lower = factor.tril(-1) + torch.diag(factor.diagonal().exp())
        white = torch.linalg.solve_triangular(
            lower, (observed - mean)[:, None], upper=False
        )
        return 0.5 * white.square().sum() + factor.diagonal().sum()

    made = normal(4, 4, seed=1, grad=True), normal(4, seed=2, grad=True)
    return loss, (*made, normal(4, seed=3))


@right()
def episodes_by_their_starts():
    """Returns within episodes, of which a list says where each starts."""

    def loss(values, rewards, starts):
        ends = [*starts[1:], len(rewards)]
        losses = []
        for begin, end in zip(starts, ends, strict=True):
            to_go = rewards[begin:end].flip(0).cumsum(0).flip(0)
            losses.append((values[begin:end] - to_go).square().sum())
        return torch.stack(losses).mean()

    return loss, (normal(7, seed=1, grad=True), normal(7, seed=2), [0, 4, 5])


@right()
def as_many_classes_as_samples():
    """A last layer that learns, with as many rows as there are samples."""

    def loss(features, head, speaker):
        return F.cross_entropy(features.mean(1) @ head.T, speaker)

    made = normal(3, 5, 4, seed=1, grad=True), normal(3, 4, seed=2, grad=True)
    return loss, (*made, torch.tensor([0, 2, 1]))


@right()
def parameters_beside_their_data():
    """A model as arguments, with as many units as none of its data has rows."""

    def loss(points, weight, phase, amplitude, source):
        points = points.detach().requires_grad_()
        field = (amplitude * torch.sin(points @ weight + phase)).sum(1)
        (slope,) = torch.autograd.grad(field.sum(), points, create_graph=True)
        return (slope.sum(1) - source).square().mean()

    made = normal(5, 2, seed=1), normal(2, 3, seed=2, grad=True)
    more = normal(3, seed=3, grad=True), normal(3, seed=4, grad=True)
    return loss, (*made, *more, normal(5, seed=5))


@right()
def steps_of_all_samples():
    """CPC: for each of K steps ahead, all samples are each other's negatives."""

    def loss(context, future, predictors):
        ahead = torch.einsum("nc,kcd->knd", context, predictors)
        scores = ahead @ future.transpose(1, 2)
        return -scores.log_softmax(-1).diagonal(dim1=1, dim2=2).mean()

    made = normal(5, 3, seed=1, grad=True), normal(2, 5, 4, seed=2, grad=True)
    return loss, (*made, normal(2, 3, 4, seed=3, grad=True))


@right()
def equations_on_a_grid():
    """Central differences between the rows and the columns of one field."""

    def loss(field, source, h=0.1):
        across = field[..., 1:-1, 2:] - field[..., 1:-1, :-2]
        down = field[..., 2:, 1:-1] - field[..., :-2, 1:-1]
        return (across + down - 2 * h * source[..., 1:-1, 1:-1]).square().mean()

    return loss, (normal(6, 6, seed=1, grad=True), normal(6, 6, seed=2))


@right(intentional=True)
def at_least_one_positive():
    """A sum over positives, of which there may be less than one."""

    def loss(logits, scores):
        weight = scores + 0.75 * logits.detach().sigmoid().square() * (scores == 0)
        error = F.binary_cross_entropy_with_logits(logits, scores, reduction="none")
        return (error * weight).sum() / scores.sum().clamp(min=1)

    scores = uniform(4, 3, seed=2) * binary(4, 3, seed=3)
    return loss, (normal(4, 3, seed=1, grad=True), scores)
