import torch


class Huber(torch.autograd.Function):
    @staticmethod
    def forward(ctx, prediction, target):
        ctx.save_for_backward(prediction, target)
        size = (prediction - target).abs()
        return torch.where(size < 1, size.square() / 2, size - 0.5).sum()

    @staticmethod
    def backward(ctx, grad_output):
        prediction, target = ctx.saved_tensors
        gradient = grad_output * (prediction - target)
        return gradient, -gradient


loss = Huber.apply
inputs = (torch.tensor([0.3, 0.5, -0.7], requires_grad=True), torch.zeros(3))
