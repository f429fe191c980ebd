import torch


class Normalised(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.average = 1.0

    def forward(self, prediction, target):
        error = (prediction - target).square().mean()
        self.average = 0.9 * self.average + 0.1 * error.item()
        return error / self.average


loss = Normalised()
inputs = (torch.tensor([1.0, 2.0, 4.0], requires_grad=True), torch.zeros(3))
