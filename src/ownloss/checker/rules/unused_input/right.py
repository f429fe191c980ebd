import torch


def loss(logits, duration, event):
    log_p = logits.log_softmax(1)
    happened = log_p.gather(1, duration[:, None])[:, 0]
    later = log_p.flip(1).logcumsumexp(1).flip(1)  # at this time or after it
    survived = later.gather(1, duration[:, None])[:, 0]
    return -(event * happened + (1 - event) * survived).mean()


inputs = (
    torch.tensor([[1.0, 0.0, -1.0], [0.5, 2.0, 0.0]], requires_grad=True),
    torch.tensor([0, 1]),
    torch.tensor([1.0, 0.0]),
)
