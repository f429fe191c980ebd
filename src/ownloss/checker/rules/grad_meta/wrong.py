import torch


class SquaredError(torch.autograd.Function):
    @staticmethod
    def forward(ctx, prediction, target):
        ctx.save_for_backward(prediction, target)
        return (prediction - target).square().sum()

    @staticmethod
    def backward(ctx, grad_output):
        prediction, target = ctx.saved_tensors
        gradient = grad_output * 2 * (prediction - target)
        return gradient.repeat(5, 1), None


loss = SquaredError.apply
inputs = (torch.tensor([1.0, 2.0, 4.0], requires_grad=True), torch.zeros(3))
