"""Right losses of sequences, reinforcement learning and language models."""

import torch
import torch.nn.functional as F
from torch import nn

from . import right
from .inputs import binary, labels, normal, uniform


def _tokens(rows=3, steps=5, classes=6):
    target = labels(classes, rows, steps, seed=2)
    target[1, 3:] = target[2, 1:] = -100
    return normal(rows, steps, classes, seed=1, grad=True), target


@right(reference=lambda x, t: F.cross_entropy(x.flatten(0, 1), t.flatten()))
def language_model():
    """Token mean over what is not padding."""

    class LMLoss(nn.Module):
        def forward(self, logits, target):
            loss = F.cross_entropy(
                logits.reshape(-1, logits.shape[-1]),
                target.reshape(-1),
                reduction="sum",
            )
            return loss / target.ne(-100).sum().clamp(min=1)

    return LMLoss(), _tokens()


@right()
def shifted_language_model():
    """The usual shift: logits before the last step against labels after the first."""

    def causal_lm(logits, tokens):
        shifted = logits[:, :-1].reshape(-1, logits.size(-1))
        return F.cross_entropy(shifted, tokens[:, 1:].reshape(-1))

    return causal_lm, (normal(2, 5, 6, seed=1, grad=True), labels(6, 2, 5, seed=2))


@right()
def connectionist_temporal_classification():
    """CTC on log_softmax, as it must be."""

    class CTC(nn.Module):
        def forward(self, logits, target, input_lengths, target_lengths):
            log_p = logits.log_softmax(-1)
            return F.ctc_loss(log_p, target, input_lengths, target_lengths)

    logits = normal(8, 2, 4, seed=1, grad=True)
    lengths = torch.tensor([8, 6]), torch.tensor([3, 2])
    return CTC(), (logits, 1 + labels(3, 2, 3, seed=2), *lengths)


@right()
def masked_sequence_mean():
    """Lengths to a mask; selection by where; mean over real steps."""

    def sequence_mse(prediction, target, lengths):
        steps = torch.arange(prediction.shape[1])
        keep = (steps[None] < lengths[:, None])[..., None]
        r = torch.where(keep, prediction - target, torch.zeros_like(prediction))
        return r.pow(2).sum() / (keep.sum() * prediction.shape[2]).clamp(min=1)

    inputs = normal(3, 5, 2, seed=1, grad=True), normal(3, 5, 2, seed=2)
    return sequence_mse, (*inputs, torch.tensor([5, 2, 3]))


def _soft_min(values, gamma):
    return -gamma * torch.logsumexp(-torch.stack(values) / gamma, 0)


@right()
def soft_dtw():
    """Soft-DTW of two short series as a double loop."""

    def soft_dtw(prediction, target, gamma=0.5):
        cost = (prediction[:, None] - target[None]) ** 2
        n, m = cost.shape
        far = cost.new_tensor(1e6)
        table = {(i, -1): far for i in range(-1, n)}
        table.update({(-1, j): far for j in range(m)})
        table[-1, -1] = cost.new_tensor(0.0)
        for i in range(n):
            for j in range(m):
                before = [table[i - 1, j], table[i, j - 1], table[i - 1, j - 1]]
                table[i, j] = cost[i, j] + _soft_min(before, gamma)
        return table[n - 1, m - 1]

    return soft_dtw, (normal(4, seed=1, grad=True), normal(5, seed=2))


@right()
def conditional_random_field():
    """Linear-chain CRF likelihood with learned transitions."""

    class CRF(nn.Module):
        def __init__(self, tags=3):
            super().__init__()
            self.transitions = nn.Parameter(0.1 * torch.randn(tags, tags).double())

        def forward(self, emissions, tags):
            alpha = emissions[:, 0]
            rows = torch.arange(len(tags))
            score = emissions[rows, 0, tags[:, 0]]
            for t in range(1, emissions.shape[1]):
                step = alpha[:, :, None] + self.transitions + emissions[:, t, None]
                alpha = step.logsumexp(1)
                score = score + self.transitions[tags[:, t - 1], tags[:, t]]
                score = score + emissions[rows, t, tags[:, t]]
            return (alpha.logsumexp(1) - score).mean()

    return CRF(), (normal(2, 4, 3, seed=1, grad=True), labels(3, 2, 4, seed=2))


@right(reference=lambda log_p, ret: -(log_p * ret).mean())
def reinforce():
    """Policy gradient with given returns."""

    def policy_gradient(log_prob, returns):
        return torch.mean(-log_prob * returns)

    log_prob = (-uniform(8, low=0.1, high=2.0, seed=1)).requires_grad_()
    return policy_gradient, (log_prob, normal(8, seed=2))


@right()
def clipped_ppo():
    """PPO: the minimum of the clipped and the plain objective."""

    class PPO(nn.Module):
        def __init__(self, clip=0.2):
            super().__init__()
            self.clip = clip

        def forward(self, log_prob, old_log_prob, advantage):
            ratio = (log_prob - old_log_prob).exp()
            clipped = ratio.clamp(1 - self.clip, 1 + self.clip)
            return -torch.minimum(ratio * advantage, clipped * advantage).mean()

    old = -uniform(8, low=0.1, high=2.0, seed=2)
    new = (old + 0.4 * normal(8, seed=1)).requires_grad_()
    return PPO(), (new, old, normal(8, seed=3))


@right()
def direct_preference():
    """DPO of chosen and rejected log-probabilities."""

    def dpo(chosen, rejected, ref_chosen, ref_rejected, beta=0.1):
        margin = (chosen - ref_chosen) - (rejected - ref_rejected)
        return -F.logsigmoid(beta * margin).mean()

    a, b, c, d = (-uniform(5, low=1.0, high=30.0, seed=s) for s in (1, 2, 3, 4))
    return dpo, (a.requires_grad_(), b.requires_grad_(), c, d)


@right()
def temporal_smoothness():
    """Order matters along time, which is dimension 0 here, by design."""

    def smooth(track):
        velocity = track[1:] - track[:-1]
        return velocity.pow(2).mean() + (velocity[1:] - velocity[:-1]).abs().mean()

    return smooth, (normal(8, 2, seed=1, grad=True),)


@right()
def q_learning_with_given_targets():
    """DQN: the bootstrapped target comes as an argument."""

    def td(q, action, target):
        chosen = q.gather(1, action.unsqueeze(1)).squeeze(1)
        return F.smooth_l1_loss(chosen, target)

    return td, (normal(6, 3, seed=1, grad=True), labels(3, 6), normal(6, seed=2))


@right()
def spectral():
    """Multi-resolution magnitude of short Fourier transforms, with a floor."""

    class STFTLoss(nn.Module):
        def forward(self, prediction, target):
            loss = 0.0
            for n in (8, 16):
                window = torch.hann_window(n, dtype=prediction.dtype)
                a, b = (
                    torch.stft(x, n, n // 2, window=window, return_complex=True)
                    for x in (prediction, target)
                )
                a, b = ((x.real**2 + x.imag**2 + 1e-8).sqrt() for x in (a, b))
                loss = loss + (a - b).abs().mean() + (a.log() - b.log()).abs().mean()
            return loss

    return STFTLoss(), (normal(1, 40, seed=1, grad=True), normal(1, 40, seed=2))


@right()
def scale_invariant_signal_to_noise():
    """SI-SDR in decibels: negative values are good ones."""

    def si_sdr(estimate, source, eps=1e-8):
        estimate = estimate - estimate.mean(-1, keepdim=True)
        source = source - source.mean(-1, keepdim=True)
        dot = (estimate * source).sum(-1, keepdim=True)
        target = dot * source / (source.pow(2).sum(-1, keepdim=True) + eps)
        noise = estimate - target
        ratio = (target.pow(2).sum(-1) + eps) / (noise.pow(2).sum(-1) + eps)
        return -10 * torch.log10(ratio).mean()

    return si_sdr, (normal(2, 16, seed=1, grad=True), normal(2, 16, seed=2))


@right()
def survival_with_hazards():
    """Discrete-time survival: log-likelihood of hazards up to the event."""

    def hazard_nll(logits, interval, event):
        steps = torch.arange(logits.shape[1])
        before = steps[None] < interval[:, None]
        at = steps[None] == interval[:, None]
        survived = torch.where(before, F.softplus(logits), 0.0).sum(1)
        log_h = torch.where(event[:, None] > 0, F.softplus(-logits), F.softplus(logits))
        return (survived + torch.where(at, log_h, 0.0).sum(1)).mean()

    return hazard_nll, (
        normal(6, 5, seed=1, grad=True),
        labels(5, 6, seed=2),
        binary(6, seed=3),
    )


@right()
def token_mean_of_symmetric_lengths():
    """Rows of 4, 2 and 4 tokens, each token counts alike."""

    def loss(logits, target):
        flat, kept = logits.reshape(-1, logits.size(-1)), target.reshape(-1) != -100
        log_p = flat.log_softmax(-1)
        picked = log_p.gather(1, target.reshape(-1).clamp(min=0)[:, None])[:, 0]
        error = 0.9 * picked + 0.1 * log_p.mean(-1)
        return -(error * kept).sum() / kept.sum().clamp(min=1)

    target = labels(5, 3, 4, seed=2)
    target[1, 2:] = -100
    return loss, (normal(3, 4, 5, seed=1, grad=True), target)


@right()
def rollout_with_a_discount():
    """Latents rolled forward, time first: each step counts half of the one before."""

    def loss(latents, wanted, rho=0.5):
        pairs = enumerate(zip(latents, wanted, strict=True))
        return sum(rho**t * F.mse_loss(a, b) for t, (a, b) in pairs) / len(latents)

    return loss, (normal(3, 4, 5, seed=1, grad=True), normal(3, 4, 5, seed=2))


@right()
def frames_before_samples():
    """Distillation of frames, (T, N, C), with the lengths of N utterances."""

    def loss(student, teacher, lengths):
        kept = torch.arange(len(student))[:, None] < lengths
        cross = -(teacher.softmax(-1) * student.log_softmax(-1)).sum(-1)
        return (cross * kept).sum() / kept.sum()

    made = normal(5, 3, 4, seed=1, grad=True), normal(5, 3, 4, seed=2)
    return loss, (*made, torch.tensor([5, 3, 4]))
