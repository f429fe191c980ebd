import torch


class Quartic(torch.autograd.Function):
    @staticmethod
    def forward(ctx, prediction):
        ctx.save_for_backward(prediction)
        return prediction.pow(4).sum()

    @staticmethod
    def backward(ctx, grad_output):
        (prediction,) = ctx.saved_tensors
        return grad_output * 4 * prediction**3


loss = Quartic.apply
inputs = (torch.tensor([1.0, 2.0, 4.0], requires_grad=True),)
