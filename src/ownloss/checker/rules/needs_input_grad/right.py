import torch


class WeightedError(torch.autograd.Function):
    @staticmethod
    def forward(ctx, prediction, weight):
        ctx.save_for_backward(prediction, weight)
        return (weight * prediction.square()).sum()

    @staticmethod
    def backward(ctx, grad_output):
        prediction, weight = ctx.saved_tensors
        grad_prediction = grad_weight = None
        if ctx.needs_input_grad[0]:
            grad_prediction = grad_output * 2 * prediction * weight
        if ctx.needs_input_grad[1]:
            grad_weight = grad_output * prediction.square()
        return grad_prediction, grad_weight


loss = WeightedError.apply
inputs = (
    torch.tensor([1.0, 2.0], requires_grad=True),
    torch.tensor([0.5, 3.0], requires_grad=True),
)
