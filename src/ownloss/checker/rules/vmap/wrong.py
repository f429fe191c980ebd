import torch


class Square(torch.autograd.Function):
    @staticmethod
    def forward(prediction):
        return prediction.square().sum()

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx, grad_output):
        (prediction,) = ctx.saved_tensors
        return grad_output * 2 * prediction

    @staticmethod
    def vmap(info, in_dims, prediction):
        return prediction.square().sum().expand(info.batch_size), 0


loss = Square.apply
inputs = (torch.tensor([1.0, 2.0, 4.0], requires_grad=True),)
