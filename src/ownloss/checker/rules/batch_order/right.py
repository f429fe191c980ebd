import torch


def loss(risk, time, event):
    order = time.argsort(descending=True)
    risk, event = risk[order], event[order]
    return -((risk - risk.logcumsumexp(0)) * event).mean()


inputs = (
    torch.tensor([1.0, -2.0, 0.5, 0.0], requires_grad=True),
    torch.tensor([3.0, 1.0, 4.0, 2.0]),
    torch.tensor([1.0, 0.0, 1.0, 1.0]),
)
