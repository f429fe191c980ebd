import torch


class MSE(torch.autograd.Function):
    @staticmethod
    def forward(ctx, prediction, target):
        ctx.save_for_backward(prediction, target)
        return (prediction - target).square().mean()

    @staticmethod
    def backward(ctx, grad_output):
        prediction, target = ctx.saved_tensors
        return grad_output * 2 * (prediction - target), None


loss = MSE.apply
inputs = (torch.tensor([1.0, 2.0, 4.0, 8.0], requires_grad=True), torch.zeros(4))
