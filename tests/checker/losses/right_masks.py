"""Right losses with masks, padding, lengths, and labels that look like padding."""

import torch
import torch.nn.functional as F
from torch import nn

from . import right
from .inputs import binary, labels, normal, regression, uniform


@right()
def mask_unsqueezed_in_place():
    """A mask gets its channel dimension by unsqueeze_, after it was used without."""

    def masked_mse(prediction, target, depth):
        mask = depth > 0.3
        valid = mask & (depth < 0.9)
        mask.unsqueeze_(1)
        error = (prediction - target).square() * mask
        return error.sum() / mask.sum().clamp(min=1) + 0 * valid.sum()

    prediction, target = regression(4, 1, 4, 4)
    return masked_mse, (prediction, target, uniform(4, 4, 4, seed=3))


@right()
def weights_squeezed_in_place():
    """Weights come with a channel and lose it by squeeze_ inside the loss."""

    def weighted_bce(logits, target, confidence):
        weight = confidence * 2
        kept = weight * (confidence > 0.1)
        kept.squeeze_(1)
        loss = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
        return (loss * kept).sum() / kept.sum()

    inputs = (
        normal(3, 3, seed=1, grad=True),
        binary(3, 3, seed=2),
        uniform(3, 1, 3, low=0.2, seed=3),
    )
    return weighted_bce, inputs


@right()
def transposed_in_place():
    """A distance matrix is turned by t_() and used both ways."""

    def symmetric(a, b):
        cost = a.detach()[:, None].sub(b[None]).abs()
        row = cost - cost.min(1, keepdim=True).values
        cost.t_()
        column = cost - cost.min(1, keepdim=True).values
        return (a - b).square().mean() + 0 * (row.sum() + column.sum())

    return symmetric, (normal(5, seed=1, grad=True), normal(5, seed=2))


@right()
def nn_multi_label_margin():
    """nn.MultiLabelMarginLoss: -1 ends the list of labels, the rest is not read."""
    target = torch.tensor([[2, 0, -1, 1], [1, -1, 0, 0], [3, 2, 1, -1]])
    return nn.MultiLabelMarginLoss(), (normal(3, 4, seed=1, grad=True), target)


def _tokens():
    target = labels(6, 3, 5, seed=2)
    target[0, :2] = target[1, 4:] = target[2, 0] = -100
    return normal(3, 5, 6, seed=1, grad=True), target


@right()
def causal_language_model():
    """The labels are shifted inside the loss: position t predicts t + 1."""

    def causal(logits, labels):
        return F.cross_entropy(logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten())

    return causal, _tokens()


@right()
def causal_language_model_by_hand():
    """The same with gather and an attention mask, summed per token."""

    def causal(logits, input_ids, attention_mask):
        log_p = logits[..., :-1, :].log_softmax(-1)
        token = log_p.gather(-1, input_ids[..., 1:, None]).squeeze(-1)
        mask = attention_mask[..., 1:].to(log_p.dtype)
        return -(token * mask).sum() / mask.sum().clamp(min=1)

    mask = torch.tensor([[1, 1, 1, 1, 0], [1, 1, 1, 0, 0], [1, 1, 1, 1, 1]])
    return causal, (normal(3, 5, 6, seed=1, grad=True), labels(6, 3, 5, seed=2), mask)


@right()
def labels_padded_in_front():
    """As HF models do it: the labels are padded at the end, not the logits cut."""

    def causal(logits, labels):
        shifted = F.pad(labels, (0, 1), value=-100)[:, 1:]
        return F.cross_entropy(logits.transpose(1, 2), shifted, ignore_index=-100)

    return causal, _tokens()


@right()
def two_tokens_ahead():
    """A second head predicts two tokens ahead."""

    def ahead(logits, labels):
        return F.cross_entropy(logits[:, :-2].flatten(0, 1), labels[:, 2:].flatten())

    return ahead, _tokens()


@right()
def sign_labels_as_integers():
    """nn.CosineEmbeddingLoss with whole labels: -1 is a label like 1."""
    y = torch.tensor([1, -1, -1, 1, -1])
    inputs = normal(5, 3, seed=1, grad=True), normal(5, 3, seed=2, grad=True), y
    return nn.CosineEmbeddingLoss(margin=-0.5), inputs


@right()
def hinge_of_sign_labels():
    """A hinge loss with labels -1 and 1 as whole numbers."""

    def hinge(scores, y):
        return F.relu(2 - scores * y).mean()

    return hinge, (normal(6, seed=1, grad=True), torch.tensor([1, -1, 1, -1, -1, 1]))


@right()
def noise_label_is_a_group():
    """Cluster labels of DBSCAN: -1 is noise, and every noise point is a negative."""

    def contrastive(embedding, cluster):
        z = F.normalize(embedding, dim=1)
        similarity = z @ z.T
        same = (cluster[:, None] == cluster) & (cluster >= 0)[:, None]
        same = same & ~torch.eye(len(z), dtype=torch.bool)
        scores = similarity.masked_fill(torch.eye(len(z), dtype=torch.bool), -1e9)
        log_p = scores.log_softmax(1)
        return -(log_p * same).sum() / same.sum().clamp(min=1)

    cluster = torch.tensor([0, 1, -1, 0, 1, -1])
    return contrastive, (normal(6, 4, seed=1, grad=True), cluster)


@right()
def last_class_from_the_end():
    """-1 counts classes from the end, as an index does."""

    def nll(logits, labels):
        rows = torch.arange(len(labels))
        return -logits.log_softmax(1)[rows, labels].mean()

    return nll, (normal(4, 3, seed=1, grad=True), torch.tensor([0, -1, 1, -1]))


@right()
def ctc_of_as_many_steps_as_rows():
    """CTC where steps and rows are as many: lengths are no mask over rows."""

    def ctc(logits, targets, input_lengths, target_lengths):
        log_p = logits.log_softmax(2)
        return F.ctc_loss(log_p, targets, input_lengths, target_lengths)

    inputs = (
        normal(4, 4, 5, seed=1, grad=True),
        torch.tensor([[1, 2], [3, 1], [2, 4], [4, 3]]),
        torch.tensor([4, 4, 4, 4]),
        torch.tensor([2, 1, 2, 1]),
    )
    return ctc, inputs


@right()
def lengths_only_normalise():
    """A length penalty divides; what is beyond a length was masked by the caller."""

    def penalised(log_probability, lengths):
        return -(log_probability.sum(1) / ((5 + lengths) / 6) ** 0.6).mean()

    return penalised, (-uniform(3, 5, seed=1).requires_grad_(), torch.tensor([5, 3, 4]))


@right()
def mask_of_patches_fixes_the_rows():
    """A masked autoencoder: the prediction holds the masked patches only."""

    def reconstruction(prediction, patches, masked):
        return F.mse_loss(prediction, patches[masked])

    masked = torch.tensor([True, False, True, True, False, False, True, False])
    return reconstruction, (normal(4, 3, seed=1, grad=True), normal(8, 3), masked)


@right()
def mask_of_rows_with_weights():
    """The same with a weight for each masked row, so that two sizes agree."""

    def reconstruction(prediction, weight, patches, masked):
        error = (prediction - patches[masked]).square().mean(1)
        return (weight * error).sum() / weight.sum()

    masked = torch.tensor([True, False, True, True, False, False])
    inputs = normal(3, 2, seed=1, grad=True), uniform(3, seed=2), normal(6, 2), masked
    return reconstruction, inputs


@right()
def masked_scores_scattered_back():
    """Predictions of the kept nodes are written back to all nodes by a mask."""

    def smoothness(kept, values, mask):
        full = values.masked_scatter(mask, kept)
        return (full - values.mean()).square().mean()

    mask = torch.tensor([True, True, False, True, False])
    return smoothness, (normal(3, seed=1, grad=True), normal(5, seed=2), mask)


@right()
def mask_that_is_no_label():
    """Positive rates above their targets, and a float mask beside them."""

    def masked_mse(rate, observed, mask):
        return ((rate - observed).square() * mask).sum() / mask.sum().clamp(min=1)

    rate = uniform(3, 4, low=1, high=2, seed=1, grad=True)
    return masked_mse, (rate, uniform(3, 4, seed=2), binary(3, 4, seed=3))


@right()
def penalty_on_marked_entries():
    """A sparsity penalty on the entries that a 0/1 tensor marks."""

    def sparsity(activation, marked):
        return (activation.abs() * marked).sum() / marked.sum().clamp(min=1)

    activation = uniform(4, 3, seed=1, grad=True)
    return sparsity, (activation, binary(4, 3, seed=2))


@right()
def forbidden_tokens():
    """Unlikelihood: the labels are those that the model must not say."""

    def unlikelihood(logits, forbidden):
        p = logits.softmax(1).gather(1, forbidden[:, None])
        return -torch.log1p(-p).mean()

    return unlikelihood, (normal(5, 4, seed=1, grad=True), labels(4, 5, seed=2))


@right()
def complementary_labels():
    """Learning from complementary labels: each names a class that is wrong."""

    def complementary(logits, complementary_labels):
        own = F.one_hot(complementary_labels, logits.shape[1]).bool()
        others = logits.masked_fill(own, -torch.inf).logsumexp(1)
        return (logits.logsumexp(1) - others).mean()

    return complementary, (normal(5, 3, seed=1, grad=True), labels(3, 5, seed=2))


@right()
def ignored_pixels_of_255():
    """Segmentation: 255 is the border that does not count."""
    target = labels(3, 2, 4, 4, seed=2)
    target[:, 0] = 255
    inputs = normal(2, 3, 4, 4, seed=1, grad=True), target
    return nn.CrossEntropyLoss(ignore_index=255), inputs


@right()
def nn_cross_entropy_that_ignores():
    """Bare nn.CrossEntropyLoss with an ignore_index of its own."""
    target = torch.tensor([2, 0, 1, 0, 2])
    return nn.CrossEntropyLoss(ignore_index=0), (normal(5, 3, grad=True), target)


@right()
def nn_cross_entropy_of_padding():
    """Bare nn.CrossEntropyLoss with class weights, smoothing and -100."""
    target = torch.tensor([2, -100, 1, 0, -100])
    weight = torch.tensor([1.0, 0.5, 2.0], dtype=torch.float64)
    loss = nn.CrossEntropyLoss(weight=weight, label_smoothing=0.1)
    return loss, (normal(5, 3, seed=1, grad=True), target)


@right()
def nn_cross_entropy_of_square_images():
    """nn.CrossEntropyLoss over as many pixels as classes, with -1 to ignore."""
    target = labels(3, 2, 3, 3, seed=2)
    target[0, 0] = -1
    inputs = normal(2, 3, 3, 3, seed=1, grad=True), target
    return nn.CrossEntropyLoss(ignore_index=-1), inputs


@right()
def nn_nll_that_ignores_a_class():
    """nn.NLLLoss without one class: each label changes the denominator of all."""
    log_p = normal(5, 4, seed=1).log_softmax(1).requires_grad_()
    return nn.NLLLoss(ignore_index=1), (log_p, torch.tensor([2, 1, 0, 3, 1]))


@right()
def nn_nll_with_class_weights():
    """nn.NLLLoss with weights: a mean over the weights of the labels."""
    weight = torch.tensor([1.0, 2.0, 0.5, 3.0], dtype=torch.float64)
    log_p = normal(5, 4, seed=1).log_softmax(1).requires_grad_()
    return nn.NLLLoss(weight=weight), (log_p, torch.tensor([2, 1, 0, 3, 1]))


@right()
def padding_of_a_class_number():
    """Padding is class 2 here; its rows are dropped."""

    def cross_entropy(logits, labels):
        kept = labels != 2
        total = F.cross_entropy(logits[kept], labels[kept], reduction="sum")
        return total / kept.sum().clamp(min=1)

    labels = torch.tensor([3, 2, 0, 1, 2, 0])
    return cross_entropy, (normal(6, 4, seed=1, grad=True), labels)


@right()
def confidence_trained_by_the_mask():
    """Boxes count where there is an object; the confidence says where there is one."""

    def detection(boxes, confidence, targets, valid):
        each = F.smooth_l1_loss(boxes, targets, reduction="none").sum(1)
        count = valid.sum().clamp(min=1)
        there = F.binary_cross_entropy_with_logits(confidence, valid.to(confidence))
        return torch.where(valid, each, 0).sum() / count + there

    valid = torch.tensor([True, False, True, True, False])
    inputs = normal(5, 4, seed=1, grad=True), normal(5, seed=2, grad=True)
    return detection, (*inputs, normal(5, 4, seed=3), valid)


@right()
def less_equal_or_more():
    """A measurement is exact, or a bound from below (1) or from above (-1)."""

    def censored(prediction, target, relation):
        error = prediction - target
        above = torch.where(relation == 1, error.clamp(max=0), error)
        return torch.where(relation == -1, error.clamp(min=0), above).square().mean()

    relation = torch.tensor([0, 1, -1, 0, 1, -1])
    return censored, (normal(6, seed=1, grad=True), normal(6, seed=2), relation)


@right()
def labelled_nodes_of_a_graph():
    """Few nodes have a label; the others act on their neighbours."""

    def semi_supervised(features, adjacency, labels, train_mask):
        logits = adjacency @ features
        chosen = logits[train_mask], labels[train_mask]
        return F.cross_entropy(*chosen, reduction="sum") / train_mask.sum().clamp(min=1)

    near = binary(5, 5, seed=2)
    adjacency = ((near + near.T) / 2 + torch.eye(5)).softmax(1)
    mask = torch.tensor([True, False, True, True, False])
    inputs = normal(5, 3, seed=1, grad=True), adjacency, labels(3, 5, seed=3), mask
    return semi_supervised, inputs


@right()
def two_lengths_of_an_alignment():
    """Frames along one dimension and letters along another, with lengths for both."""

    def guided(logits, text_lengths, frame_lengths):
        _, frames, letters = logits.shape
        inside = torch.arange(letters) < text_lengths[:, None]
        attention = logits.masked_fill(~inside[:, None], -1e4).softmax(-1)
        row = torch.arange(frames)[:, None] / frame_lengths.clamp(min=1)[:, None, None]
        column = torch.arange(letters) / text_lengths.clamp(min=1)[:, None, None]
        heard = (torch.arange(frames) < frame_lengths[:, None])[..., None]
        apart = 1 - torch.exp(-10 * (row - column).square())
        return torch.where(heard, attention * apart, 0).sum() / heard.sum()

    lengths = torch.tensor([3, 2]), torch.tensor([5, 3])
    return guided, (normal(2, 5, 3, seed=1, grad=True), *lengths)


@right()
def points_of_a_mask_to_predict():
    """A mask of an object is the target; it and the logits are compared at points."""

    def at_points(logits, masks):
        grid = torch.linspace(-0.9, -0.2, 3, dtype=logits.dtype)
        points = torch.cartesian_prod(grid, grid).expand(len(logits), 1, -1, -1)
        there, wanted = (
            F.grid_sample(x[:, None], points, align_corners=False)
            for x in (logits, masks.to(logits))
        )
        return F.binary_cross_entropy_with_logits(there, wanted)

    return at_points, (normal(3, 6, 6, seed=1, grad=True), binary(3, 6, 6, seed=2) > 0)


@right()
def masks_of_found_instances():
    """The target is a mask, of the class and of the boxes that labels pick."""

    def mask_head(logits, classes, target_masks):
        found = torch.where(classes > 0)[0]
        if not len(found):
            return logits.sum() * 0
        chosen = logits[found, classes[found]]
        return F.binary_cross_entropy_with_logits(chosen, target_masks[found])

    classes = torch.tensor([0, 2, 1, 0, 2])
    masks = binary(5, 4, 4, seed=2)
    return mask_head, (normal(5, 3, 4, 4, seed=1, grad=True), classes, masks)


@right()
def what_to_care_for_in_a_map():
    """A map of text and one of where it counts, both of zeros and ones."""

    def shrunk(logits, truth):
        each = F.binary_cross_entropy_with_logits(
            logits, truth["text"], reduction="none"
        )
        return (each * truth["care"]).sum() / (truth["care"].sum() + 1e-6)

    truth = {"text": binary(2, 5, 6, seed=2), "care": binary(2, 5, 6, seed=3)}
    return shrunk, (normal(2, 5, 6, seed=1, grad=True), truth)


@right()
def bins_that_were_not_measured():
    """What was not measured is NaN, and excluded."""

    def spectra(prediction, target, excluded):
        error = prediction[~excluded] - target[~excluded]
        return error.square().sum() / (~excluded).sum().clamp(min=1)

    excluded = binary(4, 5, seed=3) > 0
    target = normal(4, 5, seed=2).masked_fill(excluded, torch.nan)
    return spectra, (normal(4, 5, seed=1, grad=True), target, excluded)


@right()
def pointers_into_sources_of_unlike_length():
    """The padding of a source cannot be pointed at: its scores are the smallest."""

    def pointing(scores, pointers, key_padding_mask):
        least = torch.finfo(scores.dtype).min
        log_p = scores.masked_fill(key_padding_mask[:, None], least).log_softmax(-1)
        return -log_p.gather(-1, pointers[..., None]).sum() / pointers.numel()

    pointers = torch.tensor([[0, 3, 1], [1, 0, 2]])
    padding = torch.tensor([[False] * 4, [False, False, False, True]])
    return pointing, (normal(2, 3, 4, seed=1, grad=True), pointers, padding)


@right()
def target_that_says_what_it_leaves_out():
    """A pixel of 255 is out of the sum and out of the mean, whatever its logit is."""

    def void_pixels(logits, target):
        kept = (target != 255).double()
        each = F.binary_cross_entropy_with_logits(
            logits, target.clamp(max=1), reduction="none"
        )
        return (each * kept).sum() / kept.sum().clamp(min=1)

    target = binary(3, 4, seed=2)
    target[0, 1] = target[2, 3] = 255
    return void_pixels, (normal(3, 4, seed=1, grad=True), target)


@right()
def completions_after_prompts():
    """Lengths of prompts say where the completion starts, others where it ends."""

    def loss(logits, ids, prompt_lens, lengths):
        place = torch.arange(1, ids.shape[1])
        kept = (place >= prompt_lens[:, None]) & (place < lengths[:, None])
        token = F.cross_entropy(
            logits[:, :-1].transpose(1, 2), ids[:, 1:], reduction="none"
        )
        return (token * kept).sum() / kept.sum()

    made = normal(3, 8, 5, seed=1, grad=True), labels(5, 3, 8, seed=2)
    return loss, (*made, torch.tensor([3, 2, 4]), torch.tensor([8, 6, 7]))


@right()
def two_kinds_of_lengths():
    """Text and sound have lengths of their own, each masks its own outputs."""

    def loss(pred, text_lens, mel_lens, target):
        def masked(error, lengths):
            kept = torch.arange(error.shape[1]) < lengths[:, None]
            return (error * kept).sum() / kept.sum()

        mel = (pred["mel"] - target["mel"]).abs().mean(-1)
        duration = (pred["duration"] - target["duration"]).square()
        return masked(mel, mel_lens) + masked(duration, text_lens)

    shapes = {"mel": (2, 8, 3), "duration": (2, 4)}
    pred = {k: normal(*s, seed=1, grad=True) for k, s in shapes.items()}
    target = {k: normal(*s, seed=2) for k, s in shapes.items()}
    return loss, (pred, torch.tensor([4, 3]), torch.tensor([8, 5]), target)


@right()
def masks_that_are_the_classes():
    """Pixel cross-entropy, where the classes of two are called masks."""

    def loss(logits, masks, weight_maps):
        log_p = logits.log_softmax(1).gather(1, masks[:, None])[:, 0]
        return -(log_p * weight_maps).sum() / weight_maps.sum()

    made = normal(2, 2, 4, 4, seed=1, grad=True), labels(2, 2, 4, 4, seed=2)
    return loss, (*made, uniform(2, 4, 4, low=1, high=3, seed=3))


@right()
def nodes_that_train():
    """Nodes without a label act on their neighbours, who are named in pairs."""

    def loss(logits, classes, train_mask, edges):
        log_p = logits.log_softmax(1)
        own = F.nll_loss(log_p, classes, reduction="none")
        source, sink = edges
        apart = (log_p.exp()[source] - log_p.exp()[sink]).square().sum(1)
        return (own * train_mask).sum() / train_mask.sum() + 0.1 * apart.mean()

    made = normal(6, 3, seed=1, grad=True), labels(3, 6, seed=2)
    train = torch.tensor([True, False, True, True, False, False])
    return loss, (*made, train, torch.tensor([[0, 1, 2, 4, 5], [1, 2, 3, 5, 0]]))


@right()
def sizes_by_their_logarithms():
    """Boxes: centres are compared as they are, sizes by their logarithm."""

    def loss(boxes, targets):
        centres = (boxes[..., :3] - targets[..., :3]).square().sum(-1)
        sizes = (boxes[..., 3:] - targets[..., 3:].log()).abs().sum(-1)
        return (centres + sizes).mean()

    targets = uniform(5, 6, low=0.3, high=3, seed=2)
    return loss, (normal(5, 6, seed=1, grad=True), targets)


@right()
def mask_that_weighs():
    """Adaptive wing: entries of the mask weigh more, the others count as well."""

    def loss(heatmap, target, mask, weight=10.0):
        apart = (heatmap - target).abs()
        return ((apart.square() + apart).mul(mask * weight + 1)).mean()

    made = uniform(2, 3, 4, 4, seed=1, grad=True), uniform(2, 3, 4, 4, seed=2)
    return loss, (*made, binary(2, 3, 4, 4, seed=3, share=0.3))


@right()
def mask_of_the_foreground():
    """Boxes count at the foreground, scores everywhere."""

    def loss(scores, boxes, target_scores, target_boxes, fg_mask):
        error = F.binary_cross_entropy_with_logits(
            scores, target_scores * fg_mask[..., None], reduction="none"
        )
        apart = (boxes - target_boxes).abs().sum(-1)
        count = fg_mask.sum().clamp(min=1)
        return error.sum() / count + (apart * fg_mask).sum() / count

    made = normal(2, 5, 3, seed=1, grad=True), normal(2, 5, 4, seed=2, grad=True)
    targets = binary(2, 5, 3, seed=3), normal(2, 5, 4, seed=4)
    return loss, (*made, *targets, binary(2, 5, seed=5, share=0.4).bool())


@right()
def padding_that_means_tokens():
    """True in what is called padding stands for a token."""

    def loss(logits, labels_, padding):
        error = F.binary_cross_entropy_with_logits(logits, labels_, reduction="none")
        return error[padding].sum() / padding.sum().clamp(min=1)

    lengths = torch.tensor([5, 3, 2])
    made = normal(3, 5, seed=1, grad=True), binary(3, 5, seed=2)
    return loss, (*made, torch.arange(5) < lengths[:, None])


@right()
def frozen_model_beside_shifted_labels():
    """DPO from logits: labels are those of the next token, for both models."""

    def loss(logits, ref_logits, ids):
        kept = ids[:, 1:] != -100
        at = ids[:, 1:].clamp(min=0)[..., None]

        def total(scores):
            picked = scores[:, :-1].log_softmax(-1).gather(-1, at)[..., 0]
            return (picked * kept).sum(1)

        margin = total(logits) - total(ref_logits)
        better, worse = margin.chunk(2)
        count = kept[: len(better)].sum().clamp(min=1)
        nll = -total(logits)[: len(better)].sum() / count
        return -F.logsigmoid(0.1 * (better - worse)).mean() + nll

    ids = labels(5, 4, 6, seed=3)
    ids[:, :2] = -100
    ids[1, 4:] = -100
    made = normal(4, 6, 5, seed=1, grad=True), normal(4, 6, 5, seed=2)
    return loss, (*made, ids)


@right()
def neighbours_of_scribbles():
    """Few pixels are labelled, -1 elsewhere; all are to be like their neighbours."""

    def loss(logits, scribbles):
        drawn = F.cross_entropy(logits, scribbles.clamp(min=0), reduction="none")
        known = scribbles >= 0
        p = logits.softmax(1)
        apart = (p[:, :, 1:] - p[:, :, :-1]).square().mean()
        return (drawn * known).sum() / known.sum().clamp(min=1) + apart

    scribbles = torch.full((2, 4, 4), -1)
    scribbles[:, 1, 1:3], scribbles[0, 3, 0] = 2, 1
    return loss, (normal(2, 3, 4, 4, seed=1, grad=True), scribbles)


@right()
def survival_of_the_last_interval():
    """What comes after the last event, at the step that lengths names, counts too."""

    def loss(log_rates, gaps, lengths, tail):
        happened = torch.arange(gaps.shape[1]) < lengths[:, None]
        inside = log_rates[:, :-1] - log_rates[:, :-1].exp() * gaps
        last = log_rates[torch.arange(len(gaps)), lengths].exp() * tail
        return ((inside * happened).sum(1) - last).neg().mean()

    made = normal(3, 6, seed=1, grad=True), uniform(3, 5, seed=2)
    return loss, (*made, torch.tensor([5, 3, 4]), uniform(3, seed=3))


@right()
def mask_of_the_regression_alone():
    """CenterNet: heat maps everywhere, sizes at the objects, whose mask is (N, K)."""

    def loss(heat, sizes, wanted_heat, wanted_sizes, places, reg_mask):
        error = F.binary_cross_entropy_with_logits(heat, wanted_heat)
        at = sizes.flatten(2).gather(2, places[:, None].expand(-1, 2, -1))
        apart = (at - wanted_sizes).abs() * reg_mask[:, None]
        return error + apart.sum() / reg_mask.sum().clamp(min=1)

    made = normal(2, 3, 4, 4, seed=1, grad=True), normal(2, 2, 4, 4, seed=2, grad=True)
    wanted = uniform(2, 3, 4, 4, seed=3), normal(2, 2, 3, seed=4)
    mask = torch.tensor([[1, 1, 0], [1, 0, 0]])
    return loss, (*made, *wanted, labels(16, 2, 3, seed=5), mask)
