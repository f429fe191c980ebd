import torch


class Exponential(torch.autograd.Function):
    @staticmethod
    def forward(ctx, prediction):
        result = prediction.exp()
        ctx.save_for_backward(result)
        return result

    @staticmethod
    def backward(ctx, grad_output):
        (result,) = ctx.saved_tensors
        return grad_output * result


loss = Exponential.apply
inputs = (torch.tensor([1.0, 2.0], requires_grad=True),)
