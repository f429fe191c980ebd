"""A column of predictions against a list of targets.

A model with one output returns predictions of shape (N, 1); the data loader gives
targets of shape (N,). The loss should be

    mean over the samples of (prediction of the sample - its target)²

This one trains, and is wrong. Repair it.
"""

import torch


def squared_error(prediction, target):
    return (prediction - target).square().mean()
