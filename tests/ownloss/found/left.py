"""What is no loss, or wants what nobody can guess."""

import torch
from torch import nn


class Distill(nn.Module):
    def __init__(self, teacher_model):
        super().__init__()
        self.teacher = teacher_model

    def forward(self, student_logits, labels):
        return (student_logits - self.teacher(labels)).square().mean()


class Downloads(nn.Module):
    def __init__(self):
        super().__init__()
        torch.hub.load_state_dict_from_url("https://site.test/vgg.pth")

    def forward(self, prediction, target):
        return (prediction - target).abs().mean()


class Impossible(nn.Module):
    def forward(self, prediction, target):
        raise RuntimeError("expected the moon")


class BaseLoss(nn.Module):
    def forward(self, prediction, target):
        raise NotImplementedError


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(3, 4)

    def forward(self, x):
        return self.linear(x)


def create_loss(args):
    return Impossible() if args.impossible else BaseLoss()


class WithoutForwardLoss(nn.Module):
    def process(self, prediction, target):
        return (prediction - target).abs().mean()


def one_hot(labels, count):
    return nn.functional.one_hot(labels, count)


def accuracy(prediction, target):
    return (prediction.argmax(-1) == target).float().mean()


def endless_loss(prediction, target):
    while True:
        prediction = prediction + 1
