import torch


class SquaredError(torch.nn.Module):
    def forward(self, prediction, target):
        self.residual = (prediction - target).detach()
        return (prediction - target).square().sum()

    def backward(self, grad_output):
        return grad_output * 2 * self.residual


loss = SquaredError()
inputs = (torch.tensor([1.0, 2.0, 4.0], requires_grad=True), torch.zeros(3))
