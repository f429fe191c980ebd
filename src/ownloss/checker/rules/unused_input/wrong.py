import torch


def loss(logits, duration, event):
    log_p = logits.log_softmax(1).gather(1, duration[:, None])[:, 0]
    # Both branches got the same term: event cancels.
    return -(event * log_p + (1 - event) * log_p).mean()


inputs = (
    torch.tensor([[1.0, 0.0, -1.0], [0.5, 2.0, 0.0]], requires_grad=True),
    torch.tensor([0, 1]),
    torch.tensor([1.0, 0.0]),
)
