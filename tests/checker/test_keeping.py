"""A check leaves everything as it was, whatever it is given."""

import collections
import cProfile
import dataclasses
import pstats
import random
import subprocess
import sys
import threading
import types
import warnings

import numpy as np
import pytest
import torch
from torch import nn

from ownloss.checker import check
from ownloss.checker.containers import tensors_in, with_tensors
from ownloss.checker.keeping import everything_kept

COUNTER = 0
SEEN = []


def inputs(grad=True):
    generator = torch.Generator().manual_seed(0)
    prediction = torch.randn(4, 3, generator=generator, requires_grad=grad)
    return prediction, torch.randn(4, 3, generator=generator)


def test_globals_defaults_closures_and_classes_are_put_back():
    total, calls = torch.zeros(()), []

    class Kept(torch.autograd.Function):
        last = None

        @staticmethod
        def forward(ctx, x):
            Kept.last, Kept.new = x, 1
            ctx.save_for_backward(x)
            return x.square().sum()

        @staticmethod
        def backward(ctx, grad_output):
            return 2 * grad_output * ctx.saved_tensors[0]

    def loss(prediction, target, seen=[]):  # noqa: B006 - on purpose
        global COUNTER
        COUNTER += 1
        SEEN.append(1)
        seen.append(1)
        calls.append(1)
        total.add_(1)
        return Kept.apply(prediction - target)

    check(loss, *inputs())
    assert COUNTER == 0 and SEEN == [] and loss.__defaults__ == ([],)
    assert calls == [] and total == 0
    assert Kept.last is None and not hasattr(Kept, "new")


def test_a_module_that_cannot_be_copied_is_put_back_with_all_that_it_holds():
    class Stubborn(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(torch.ones(()))
            self.history = [[], {}]
            self.register_buffer("average", torch.zeros(()))

        def __deepcopy__(self, memo):
            raise RuntimeError("no copies")

        def forward(self, prediction, target):
            self.history[0].append(1)
            self.history[1]["n"] = len(self.history[0])
            self.average.add_(1)
            self.fresh = 3
            inner = (self.scale * prediction.detach()).sum()
            inner.backward()
            return (self.scale * (prediction - target)).square().mean()

    loss = Stubborn()
    loss.scale.grad = torch.full((), 7.0)
    check(loss, *inputs())
    assert loss.history == [[], {}] and loss.average == 0 and loss.scale == 1
    assert not hasattr(loss, "fresh") and loss.scale.grad == 7


def test_a_model_among_the_inputs_is_put_back():
    model = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3))

    def loss(model, x, target):
        return (model(x) - target).square().mean()

    before = {name: value.clone() for name, value in model.state_dict().items()}
    check(loss, model, *inputs())
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name]), name


def test_settings_are_put_back():
    def loss(prediction, target):
        torch.set_default_dtype(torch.float64)
        torch.use_deterministic_algorithms(True)
        warnings.simplefilter("error")
        return (prediction - target).square().mean()

    filters = list(warnings.filters)
    check(loss, *inputs())
    assert torch.get_default_dtype() == torch.float32
    assert not torch.are_deterministic_algorithms_enabled()
    assert warnings.filters == filters


def test_the_graph_of_the_caller_is_left_alone():
    weight = torch.ones(3, requires_grad=True)
    scaled = (weight * 2).exp()

    def loss(prediction, target):
        return (scaled * (prediction - target)).square().mean()

    prediction, target = inputs(grad=False)
    pending = (prediction * weight).exp()
    assert check(loss, pending, target).gradient == "right"
    pending.sum().backward()
    assert weight.grad is not None


def test_supports_are_of_the_inputs_at_the_time_of_the_check():
    def loss(prediction, target):
        return (prediction - target).log().mean()

    prediction = torch.full((3,), 2.0, requires_grad=True)
    report = check(loss, prediction, torch.zeros(3))
    with torch.no_grad():
        prediction.fill_(-1)
    assert report.supports["jvp"]
    assert prediction.grad is None


def test_eight_threads_check_at_once():
    outcomes = []

    def loss(prediction, target):
        return (prediction - target + 0 * torch.rand(())).square().mean()

    def work():
        outcomes.append(check(loss, *inputs()).outcome)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes == ["right"] * 8


def test_what_is_kept_is_put_back_after_an_error():
    held = {"a": [1], "b": np.ones(2), "c": collections.OrderedDict(x=1)}
    with pytest.raises(KeyError), everything_kept(held):
        held["a"].append(2)
        held["b"][0] = 5
        held["c"]["y"] = 2
        held["d"] = 4
        random.random()
        raise KeyError("x")
    assert held["a"] == [1] and held["b"].tolist() == [1, 1] and "d" not in held
    assert held["c"] == collections.OrderedDict(x=1)


@dataclasses.dataclass
class Batch:
    x: torch.Tensor
    rest: list


@dataclasses.dataclass(frozen=True)
class Frozen:
    x: torch.Tensor


class Outputs(collections.OrderedDict):
    """Read as attributes, as the outputs of a model are."""

    def __getattr__(self, name):
        return self[name]


class Pair(tuple):
    """A tuple whose class wants two arguments."""

    __slots__ = ()

    def __new__(cls, a, b):
        return super().__new__(cls, (a, b))


Point = collections.namedtuple("Point", "x y")

CONTAINERS = [
    lambda x: Batch(x, [1, x]),
    lambda x: Frozen(x),
    lambda x: Outputs(logits=x),
    lambda x: collections.UserDict(x=x),
    lambda x: types.MappingProxyType({"x": {"y": x}}),
    lambda x: collections.defaultdict(list, x=[x]),
    lambda x: Pair(x, 2),
    lambda x: Point(x, [x]),
    lambda x: collections.UserDict(x=Batch(x, [Pair(x, (x,))])),
]


@pytest.mark.parametrize("build", CONTAINERS)
def test_containers_keep_their_class_and_give_up_their_tensors(build):
    tree = build(torch.zeros(2))
    found = [tensor for _, tensor in tensors_in(tree)]
    assert found
    made = with_tensors(tree, iter([tensor + 1 for tensor in found]))
    assert type(made) is type(tree)
    assert all(bool((t == 1).all()) for _, t in tensors_in(made))
    assert all(bool((t == 0).all()) for _, t in tensors_in(tree))


def test_arrays_are_copies_in_every_call():
    def loss(prediction, weights):
        weights += 1
        return (prediction * torch.from_numpy(weights)).square().sum()

    weights = np.ones(3)
    report = check(loss, torch.ones(3, requires_grad=True), weights)
    assert weights.tolist() == [1, 1, 1] and report.gradient == "right"


def nested(depth):
    tree = [torch.ones(2, requires_grad=True)]
    for _ in range(depth):
        tree = [tree]
    return tree


def test_containers_may_hold_themselves_or_be_very_deep():
    x = torch.ones(2, requires_grad=True)
    loop = [x]
    loop.append(loop)
    assert check(lambda tree: tree[0].square().sum(), loop).gradient == "right"
    deep = {"x": x, "deep": nested(1_500)}
    assert check(lambda tree: tree["x"].square().sum(), deep).gradient == "right"


CHECK = """
import sys
import torch
import ownloss.checker.features  # torch 2.5 has sympy with it

before = set(sys.modules)
logits = torch.randn(6, 5, requires_grad=True)
labels = torch.tensor([0, 1, 2, 3, 4, 0])
for report in (
    ownloss.check(torch.nn.MSELoss(), logits, torch.zeros(6, 5), seconds=600),
    ownloss.check(torch.nn.CrossEntropyLoss(), logits, labels, seconds=600),
):
    assert report.gradient == "right"
print(sorted({"torch._inductor", "sympy"} & set(sys.modules) - before))
"""


def test_a_check_does_not_import_the_compiler():
    # It takes seconds: setting torch to be deterministic, even as it is, imports it,
    # and torch.unravel_index imports sympy.
    run = [sys.executable, "-c", CHECK]
    said = subprocess.run(run, capture_output=True, text=True, check=True)
    assert said.stdout == "[]\n"


def test_autocast_of_the_caller_is_that_of_the_loss_alone():
    """The arithmetic of the checker knows pairs of dtypes that autocast does not."""

    def loss(prediction, target):
        assert torch.is_autocast_enabled("cpu")
        assert torch.get_autocast_dtype("cpu") is torch.bfloat16
        return (prediction - target).square().sum()

    prediction, target = torch.ones(3).half().requires_grad_(), torch.zeros(3).half()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        report = check(loss, prediction, target)
        assert torch.is_autocast_enabled("cpu")
    assert report.ran and report.crashes == {}
    assert not torch.is_autocast_enabled("cpu")


def test_what_the_loss_makes_a_leaf_to_train_is_none_afterwards():
    """A deque is not opened: the loss gets the very tensors that it holds."""
    target = torch.zeros(3)

    def loss(prediction, others):
        others[0].requires_grad_()
        return (prediction - others[0]).square().mean()

    check(loss, torch.ones(3, requires_grad=True), collections.deque([target]))
    assert not target.requires_grad


def test_a_complex_nan_is_put_back_in_both_of_its_parts():
    held = torch.tensor([complex(float("nan"), 0.0)])

    def loss(prediction, others):
        others[0].data.mul_(1)
        return prediction.square().mean()

    check(loss, torch.ones(3, requires_grad=True), collections.deque([held]))
    assert held.imag == 0


class Squared(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.square()

    @staticmethod
    def backward(ctx, grad_output):
        return 2 * grad_output * ctx.saved_tensors[0]


def after_the_check():
    pass


def test_a_profiler_goes_on():
    with cProfile.Profile() as profile:
        check(lambda p, t: Squared.apply(p - t).mean(), *inputs())
        after_the_check()
    names = {name for _, _, name in pstats.Stats(profile).stats}
    assert after_the_check.__name__ in names
