import torch


class Exponential(torch.autograd.Function):
    @staticmethod
    def forward(ctx, prediction):
        ctx.result = prediction.exp()
        return ctx.result

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, grad_output):
        return grad_output * ctx.result


loss = Exponential.apply
inputs = (torch.tensor([1.0, 2.0], requires_grad=True),)
