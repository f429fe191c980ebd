"""The judge of kl-to-the-teacher."""

import torch
from torch import Tensor

from ownloss.exercises.cases import Case, Mistake

PAGE = "guide/divergences"
KIND = "repair"
DIFFICULTY = 1
DEFINES = "distillation"
HINTS = (
    "Read the first line of the documentation of `kl_div`: is its first argument a "
    "probability? And what does its default reduction divide by?",
    "The first argument is the student's log_softmax, the second the teacher's "
    'softmax, and `reduction="batchmean"` divides by the number of samples.',
)


def cases() -> list[Case]:
    place = torch.arange(12.0).reshape(4, 3)
    student = (2 * place.sin()).requires_grad_()
    return [Case((student, 2 * (3 * place).cos()))]


def reference(student: Tensor, teacher: Tensor) -> Tensor:
    q = teacher.softmax(1)
    return (q * (teacher.log_softmax(1) - student.log_softmax(1))).sum(1).mean()


def mistakes() -> list[Mistake]:
    def no_log(student: Tensor, teacher: Tensor) -> Tensor:
        q = teacher.softmax(1)
        return (q * (q.log() - student.softmax(1))).sum(1).mean()

    def no_log_mean(student: Tensor, teacher: Tensor) -> Tensor:
        return no_log(student, teacher) / student.shape[1]

    def entries(student: Tensor, teacher: Tensor) -> Tensor:
        return reference(student, teacher) / student.shape[1]

    def turned(student: Tensor, teacher: Tensor) -> Tensor:
        return reference(teacher, student)

    def cross_entropy(student: Tensor, teacher: Tensor) -> Tensor:
        return -(teacher.softmax(1) * student.log_softmax(1)).sum(1).mean()

    def over_samples(student: Tensor, teacher: Tensor) -> Tensor:
        q = teacher.softmax(0)
        return (q * (q.log() - student.log_softmax(0))).sum(1).mean()

    probability = (
        "`kl_div` takes the log of the student's probabilities first, and gets the "
        "probabilities."
    )
    return [
        Mistake(probability, loss=no_log),
        Mistake(probability, loss=no_log_mean),
        Mistake(
            'It divides by the number of entries: `reduction="mean"` does; '
            '`"batchmean"` divides by the number of samples.',
            loss=entries,
        ),
        Mistake(
            "The two are swapped: this is the divergence from the student to the "
            "teacher.",
            loss=turned,
        ),
        Mistake(
            "This is the cross entropy: the gradient is right, and the value lacks the "
            "teacher's own entropy.",
            loss=cross_entropy,
        ),
        Mistake(
            "The softmax runs over the samples, dimension 0; the classes are "
            "dimension 1.",
            loss=over_samples,
        ),
    ]
