import torch


class Weighted(torch.autograd.Function):
    @staticmethod
    def forward(ctx, prediction, weight):
        ctx.save_for_backward(prediction, weight)
        return (weight * prediction.square()).sum()

    @staticmethod
    def backward(ctx, grad_output):
        prediction, weight = ctx.saved_tensors
        return grad_output * 2 * weight * prediction, None


loss = Weighted.apply
inputs = (
    torch.tensor([1.0, 2.0], requires_grad=True),
    torch.tensor([0.5, 3.0], requires_grad=True),
)
