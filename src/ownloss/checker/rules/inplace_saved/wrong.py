import torch


class Square(torch.autograd.Function):
    @staticmethod
    def forward(ctx, prediction):
        gradient = 2 * prediction
        ctx.save_for_backward(gradient)
        return prediction.square().sum()

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, grad_output):
        (gradient,) = ctx.saved_tensors
        return gradient.mul_(grad_output)


def loss(prediction):
    return 3 * Square.apply(prediction)


inputs = (torch.tensor([1.0, 2.0, 4.0], requires_grad=True),)
