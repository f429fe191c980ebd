import torch


class Weighted(torch.autograd.Function):
    @staticmethod
    def forward(ctx, prediction, weight):
        ctx.save_for_backward(prediction)
        ctx.weight = weight
        return weight * prediction.square().sum()

    @staticmethod
    def backward(ctx, grad_output):
        (prediction,) = ctx.saved_tensors
        return grad_output * 2 * ctx.weight * prediction


loss = Weighted.apply
inputs = (torch.tensor([1.0, 2.0], requires_grad=True), 0.5)
