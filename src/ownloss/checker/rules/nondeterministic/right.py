import torch


class Normalised(torch.nn.Module):
    def __init__(self, average):
        super().__init__()
        self.average = average

    def forward(self, prediction, target):
        return (prediction - target).square().mean() / self.average


loss = Normalised(average=2.0)
inputs = (torch.tensor([1.0, 2.0, 4.0], requires_grad=True), torch.zeros(3))
