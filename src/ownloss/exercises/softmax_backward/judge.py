"""The judge of softmax-backward."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from ownloss.exercises.cases import Case, Mistake, with_gradient

PAGE = "guide/derive"
KIND = "derive"
DIFFICULTY = 2
DEFINES = "gradient"
WITHOUT = ("autograd", "backward", "requires_grad_", "cross_entropy", "nll_loss")
HINTS = (
    "Write -log(softmax(logits)[label]) as logsumexp(logits) - logits[label], and "
    "differentiate the two terms one after the other.",
    "The derivative of logsumexp is the softmax. The derivative of logits[label] is 1 "
    "at the label and 0 elsewhere: `one_hot`. What does the mean over N samples do to "
    "both?",
)


def cases() -> list[Case]:
    logits = torch.tensor(
        [[2.0, 1.0, 0.0], [0.5, -1.0, 0.0], [0.0, 3.0, 1.0], [1.0, 0.0, -2.0]]
    ).requires_grad_()
    labels = torch.tensor([0, 2, 1, 1])
    return [Case((logits, labels))]


def reference(logits: Tensor, labels: Tensor) -> Tensor:
    return F.cross_entropy(logits, labels)


def loss_of(answer: Callable[..., Tensor]) -> Callable[..., Tensor]:
    return with_gradient(reference, answer)


def mistakes() -> list[Mistake]:
    def labelled(logits: Tensor, labels: Tensor) -> Tensor:
        return F.one_hot(labels, logits.shape[1])

    def over_samples(logits: Tensor, labels: Tensor) -> Tensor:
        return (logits.softmax(0) - labelled(logits, labels)) / len(logits)

    def no_label(logits: Tensor, labels: Tensor) -> Tensor:
        return logits.softmax(1) / len(logits)

    def label_alone(logits: Tensor, labels: Tensor) -> Tensor:
        chosen = labelled(logits, labels)
        return chosen * (logits.softmax(1) - 1) / len(logits)

    def diagonal(logits: Tensor, labels: Tensor) -> Tensor:
        probabilities = logits.softmax(1)
        return probabilities * (1 - probabilities) / len(logits)

    def of_probabilities(logits: Tensor, labels: Tensor) -> Tensor:
        return -labelled(logits, labels) / logits.softmax(1) / len(logits)

    def over_all_entries(logits: Tensor, labels: Tensor) -> Tensor:
        return (logits.softmax(1) - labelled(logits, labels)) / logits.numel()

    def no_softmax(logits: Tensor, labels: Tensor) -> Tensor:
        return (logits - labelled(logits, labels)) / len(logits)

    def logarithms(logits: Tensor, labels: Tensor) -> Tensor:
        return (logits.log_softmax(1) - labelled(logits, labels)) / len(logits)

    def sigmoid(logits: Tensor, labels: Tensor) -> Tensor:
        return (logits.sigmoid() - labelled(logits, labels)) / len(logits)

    def plus(logits: Tensor, labels: Tensor) -> Tensor:
        return (logits.softmax(1) + labelled(logits, labels)) / len(logits)

    def unnormalised(logits: Tensor, labels: Tensor) -> Tensor:
        return (logits.exp() - labelled(logits, labels)) / len(logits)

    return [
        Mistake(
            "The logits stand where their softmax belongs: the derivative of logsumexp "
            "is the softmax.",
            gradient=no_softmax,
        ),
        Mistake(
            "The logarithm of the softmax stands where the softmax itself belongs.",
            gradient=logarithms,
        ),
        Mistake(
            "The sigmoid belongs to two classes, one logit each; for C classes that "
            "exclude each other it is the softmax.",
            gradient=sigmoid,
        ),
        Mistake(
            "The one-hot label is added; the logit of the label enters the loss with a "
            "minus.",
            gradient=plus,
        ),
        Mistake(
            "exp(logits) is not divided by its sum: the probabilities of a sample must "
            "add up to 1.",
            gradient=unnormalised,
        ),
        Mistake(
            "The softmax runs over the samples, dimension 0; the classes are "
            "dimension 1.",
            gradient=over_samples,
        ),
        Mistake(
            "The second term is missing: the logit of the label has a derivative, too.",
            gradient=no_label,
        ),
        Mistake(
            "Only the label's own logit gets a gradient; the others stand in the "
            "softmax, too.",
            gradient=label_alone,
        ),
        Mistake(
            "p * (1 - p) is the derivative of each probability by its own logit; the "
            "loss depends on the logits of all classes.",
            gradient=diagonal,
        ),
        Mistake(
            "This is the gradient with respect to the probabilities; the chain rule "
            "goes on to the logits.",
            gradient=of_probabilities,
        ),
        Mistake(
            "It is divided by the number of entries; the mean is over the samples.",
            gradient=over_all_entries,
        ),
    ]
