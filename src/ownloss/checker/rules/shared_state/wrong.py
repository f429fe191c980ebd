import torch


class SquaredError(torch.autograd.Function):
    @staticmethod
    def forward(ctx, prediction, target):
        SquaredError.residual = prediction - target
        return SquaredError.residual.square().sum()

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, grad_output):
        return grad_output * 2 * SquaredError.residual, None


loss = SquaredError.apply
inputs = (torch.tensor([1.0, 2.0, 4.0], requires_grad=True), torch.zeros(3))
