import torch


def loss(risk, event):
    # Assumes samples sorted by descending survival time.
    log_sum = risk.logcumsumexp(0)
    return -((risk - log_sum) * event).mean()


inputs = (
    torch.tensor([1.0, -2.0, 0.5, 0.0], requires_grad=True),
    torch.tensor([1.0, 0.0, 1.0, 1.0]),
)
