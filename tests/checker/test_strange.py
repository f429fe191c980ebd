"""Losses and inputs as strange as they come: no crash, no hang."""

import contextlib
import functools
import multiprocessing
import os

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from ownloss.checker import check

X = torch.linspace(-1, 1, 12).reshape(4, 3)
T = X.flip(0) / 3


def mse(prediction, target):
    return (prediction - target).square().mean()


class MuteError(Exception):
    """An error whose text cannot be written."""

    def __str__(self):
        raise RuntimeError("no text")


class Anything:
    """Has every attribute that it is asked for."""

    def __getattr__(self, name):
        return Anything()

    def __call__(self, prediction, target=None):
        return prediction.square().mean()


class MakesParameters(nn.Module):
    def forward(self, prediction):
        if not hasattr(self, "weight"):
            self.weight = nn.Parameter(torch.ones(3, dtype=prediction.dtype))
        return (self.weight * prediction).square().mean()


class Freezes(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(3))

    def forward(self, prediction):
        self.weight.requires_grad_(False)
        return (self.weight * prediction).square().mean()


class OnMeta(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(3, device="meta"))

    def forward(self, prediction):
        return prediction.square().mean()


def raises(error):
    def loss(prediction):
        raise error

    return loss


def exits(prediction):
    raise SystemExit(0)


def embedding(prediction):
    rows = F.embedding(torch.tensor([0, 2]), prediction, sparse=True)
    return rows.square().mean()


@pytest.mark.parametrize(
    "loss",
    [
        Anything(),
        MakesParameters(),
        Freezes(),
        OnMeta(),
        nn.Sequential(nn.LazyLinear(2)),
        raises(MuteError()),
        raises(ValueError()),
        raises(ValueError("a" * 100_000)),
        exits,
        embedding,
        lambda prediction: prediction.square().mean().to(torch.float16),
        lambda prediction: (prediction.square().mean(), [None, {"n": 3}]),
    ],
    ids=lambda loss: getattr(loss, "__name__", None) or type(loss).__name__,
)
def test_no_loss_crashes_the_check(loss):
    report = check(loss, X.clone().requires_grad_(), seconds=60)
    assert report.crashes == {}
    assert str(report) and report.to_dict() and report._repr_html_()


@pytest.mark.parametrize(
    "dtype", [torch.float8_e4m3fn, torch.uint8, torch.uint16, torch.uint32, torch.int8]
)
def test_no_dtype_of_a_second_input_crashes_the_check(dtype):
    other = torch.ones(4, 3).to(dtype)

    def loss(prediction, other):
        return (prediction - other.to(prediction.dtype)).square().mean()

    report = check(loss, X.clone().requires_grad_(), other, seconds=60)
    assert report.crashes == {} and report.gradient == "right"


def test_a_single_number_before_a_batch_crashes_no_rule():
    def loss(scale, rows):
        return (scale.exp() * rows).square().mean()

    def reference(scale, rows):
        return (scale.exp() * rows).square().sum()

    scale = torch.tensor(0.3).double().requires_grad_()
    rows = X.double().requires_grad_()
    assert check(loss, scale, rows, reference=reference, seconds=60).crashes == {}


def test_a_mask_beside_a_target_of_one_byte_crashes_no_rule():
    kept = X > 0

    def loss(prediction, target):
        error = prediction - target.to(prediction.dtype)
        return torch.where(kept, error, 0).square().sum() / kept.sum()

    prediction, target = X.clone().requires_grad_(), T.to(torch.float8_e4m3fn)
    assert check(loss, prediction, target, mask=kept, seconds=60).crashes == {}


def sparse_without_numbers():
    places = torch.zeros(2, 1, dtype=torch.long, device="meta")
    one = torch.ones(1, device="meta")
    return torch.sparse_coo_tensor(places, one, (3, 3), check_invariants=False)


@pytest.mark.parametrize(
    ("made", "says"),
    [
        (lambda: torch.ones(3, device="meta"), "is on the meta device"),
        (sparse_without_numbers, "is on the meta device"),
        (lambda: torch.ones(3, 3).to_mkldnn(), "has the layout torch._mkldnn"),
    ],
)
def test_tensors_without_numbers_are_refused(made, says):
    with pytest.raises(ValueError, match=says):
        check(lambda x: x.sum(), made())


PATTERN = torch.tensor([[0.0, 2.0, 0.0, 1.0], [3.0, 0.0, 0.0, 0.0]]).double()


def uncoalesced():
    """One place is named twice."""
    places = torch.tensor([[0, 0, 1], [1, 1, 0]])
    ones = torch.ones(3).double()
    return torch.sparse_coo_tensor(places, ones, (2, 4), check_invariants=True)


@pytest.mark.parametrize(
    "make",
    [
        PATTERN.to_sparse,
        uncoalesced,
        PATTERN.to_sparse_csr,
        PATTERN.to_sparse_csc,
        lambda: PATTERN.to_sparse_bsr((1, 2)),
        lambda: PATTERN.to_sparse_bsc((2, 2)),
    ],
    ids=["coo", "uncoalesced", "csr", "csc", "bsr", "bsc"],
)
# Torch says of these layouts once in a process that they are in beta.
@pytest.mark.filterwarnings("ignore:Sparse CSR tensor support")
@pytest.mark.filterwarnings("ignore:Sparse CSC tensor support")
@pytest.mark.filterwarnings("ignore:Sparse BSR tensor support")
@pytest.mark.filterwarnings("ignore:Sparse BSC tensor support")
def test_of_a_sparse_input_the_values_are_differentiated(make):
    packed = make()
    before = packed.to_dense()
    packed = packed.requires_grad_()

    def right(packed):
        return packed.to_dense().square().sum()

    def wrong(packed):
        return (packed.to_dense().detach() * packed.to_dense()).sum()

    assert check(right, packed).ok
    report = check(wrong, packed)
    assert [f.kind for f in report.findings] == ["partial-detach"]
    assert ".values()" in str(report)
    assert packed.grad is None and torch.equal(packed.detach().to_dense(), before)


class HalfAsSteep(torch.autograd.Function):
    """A square, with half of its gradient."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.square()

    @staticmethod
    def backward(ctx, grad_output):
        (x,) = ctx.saved_tensors
        return grad_output * x


def test_of_a_sparse_result_the_values_count():
    report = check(lambda x: (x * x).to_sparse(), X.double().requires_grad_())
    assert report.crashes == {} and report.gradient == "right"


@pytest.mark.parametrize("layout", [torch.strided, torch.jagged])
# Torch says of nested tensors once in a process that they are a prototype.
@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
def test_of_a_nested_input_the_values_are_differentiated(layout):
    parts = [torch.randn(2, 3).double(), torch.randn(4, 3).double()]
    prediction = torch.nested.nested_tensor(parts, layout=layout, requires_grad=True)
    target = prediction.detach() + 1  # of the same raggedness

    def right(prediction, target):
        rows = zip(prediction.unbind(), target.unbind(), strict=True)
        return sum((p - t).square().sum() for p, t in rows)

    def wrong(prediction, target):
        rows = zip(prediction.unbind(), target.unbind(), strict=True)
        return sum(HalfAsSteep.apply(p - t).sum() for p, t in rows)

    assert check(right, prediction, target).ok
    report = check(wrong, prediction, target)
    assert not report.crashes
    assert {f.kind for f in report.findings if f.severity == "error"} == {"scale"}


NEIGHBOURS = torch.eye(4, dtype=torch.float64).roll(1, 0).to_sparse()


class Smoothness(nn.Module):
    """The difference to the mean of the neighbours, who are a sparse matrix."""

    def __init__(self):
        super().__init__()
        self.register_buffer("neighbours", 0.5 * NEIGHBOURS)

    def forward(self, nodes):
        return (nodes - torch.sparse.mm(self.neighbours, nodes)).square().mean()


def test_a_loss_may_hold_a_sparse_matrix():
    def smoothness(nodes, neighbours):
        return (nodes - torch.sparse.mm(neighbours, nodes)).square().mean()

    nodes = torch.randn(4, 3, dtype=torch.float64, requires_grad=True)
    for loss in (
        lambda nodes: smoothness(nodes, NEIGHBOURS),
        functools.partial(smoothness, neighbours=NEIGHBOURS),
        Smoothness(),
    ):
        report = check(loss, nodes)
        assert report.crashes == {} and report.outcome == "right", report


def test_a_check_in_inference_mode_is_a_check():
    with torch.inference_mode():
        report = check(nn.MSELoss(), X + 0, X * 2)
        assert torch.is_inference_mode_enabled()
    assert report.outcome == "right"


def test_a_check_without_gradients_is_a_check():
    with torch.no_grad():
        assert check(nn.MSELoss(), X, X * 2).outcome == "right"


def test_a_terminal_is_sent_no_escapes():
    report = check(raises(ValueError("\x1b[31mred")), X.clone().requires_grad_())
    assert "\x1b" not in str(report) + report._repr_html_()


def test_inside_of_a_transform():
    reports = []
    prediction = X.clone().requires_grad_()

    def function(x):
        reports.append(check(mse, prediction, T))
        return x.sum()

    torch.vmap(function)(torch.zeros(3, 2))
    torch.func.grad(function)(torch.zeros(2))
    assert [report.outcome for report in reports] == ["right", "right"]


@pytest.mark.parametrize("transform", [torch.vmap, torch.func.grad])
def test_what_a_transform_hands_on_is_refused(transform):
    with pytest.raises(ValueError, match=r"torch.vmap or torch.func.grad"):
        transform(lambda x: check(mse, x, torch.zeros(2)))(torch.zeros(2))


def with_new_tensors(prediction, target):
    weights = torch.arange(1.0, prediction.shape[1] + 1)
    return (weights * (prediction - target) ** 2).mean()


def test_the_default_device_of_the_caller_does_not_matter():
    x = X.clone().requires_grad_()
    with torch.device("meta"):
        assert check(with_new_tensors, x, T).outcome == "right"
        assert torch.zeros(1).is_meta


def in_a_fork(outcomes):
    outcomes.put(check(mse, X.clone().requires_grad_(), T).outcome)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks here")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_in_a_forked_worker():
    context = multiprocessing.get_context("fork")
    outcomes = context.SimpleQueue()
    worker = context.Process(target=in_a_fork, args=(outcomes,))
    worker.start()
    worker.join(60)
    assert worker.exitcode == 0
    assert outcomes.get() == "right"


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_an_empty_input_that_is_differentiated(dtype):
    def loss(first, second):
        return first.square().sum() + second.square().sum()

    empty = torch.zeros(0, 3, dtype=dtype, requires_grad=True)
    full = torch.ones(2, 3, dtype=torch.float64, requires_grad=True)
    report = check(loss, empty, full)
    assert report.crashes == {}
    assert report.gradient == "right"


def test_bytes_that_are_numbers_beside_one_that_is_none():
    def loss(prediction, scales):
        return (prediction.log() * len(scales)).mean()

    given = torch.tensor([1.0, -1.0], requires_grad=True)
    report = check(loss, given, torch.ones(2).to(torch.float8_e4m3fn))
    assert report.crashes == {}
    assert report.findings[0].kind == "nan-trap"


def test_rows_picked_by_an_array():
    numpy = pytest.importorskip("numpy")

    def loss(prediction, target):
        rows = numpy.array([0, 1, 3])
        return (prediction[rows] - target[rows]).square().mean()

    report = check(loss, X.clone().requires_grad_(), T)
    assert report.crashes == {}


def test_an_empty_prediction_beside_labels():
    def loss(prediction, labels, weight):
        return prediction.square().sum() + weight.square().sum() + 0 * len(labels)

    empty = torch.zeros(0, 3, requires_grad=True)
    labels = torch.zeros(0, dtype=torch.int64)
    report = check(loss, empty, labels, torch.ones(2, requires_grad=True))
    assert report.crashes == {}


@pytest.mark.parametrize("dtype", [torch.uint16, torch.bool, torch.float8_e4m3fn])
def test_numbers_that_cannot_be_added_to(dtype):
    def loss(prediction, codes):
        return prediction.square().mean() * len(codes)

    report = check(loss, X.clone().requires_grad_(), torch.ones(4).to(dtype))
    assert report.crashes == {}


def test_no_probe_gives_eig_what_ends_the_process():
    def radius(matrix):
        return torch.linalg.eigvals(matrix).abs().sum()

    matrix = torch.diag(torch.tensor([1.0, 2.0, 3e30], dtype=torch.float64))
    assert check(radius, matrix.requires_grad_(), mask=matrix > 1).crashes == {}
    assert not check(radius, torch.full((3, 3), torch.nan)).ok


def test_a_graph_over_inputs_with_nan_is_left_alone():
    x = torch.tensor([1.0, torch.nan])
    weight = torch.ones(2, requires_grad=True)
    pending = (x * weight).sum()
    check(lambda a: a.square().sum(), x)
    pending.backward()
    assert weight.grad is not None


def test_a_list_that_holds_itself_beside_tensors_is_no_list_of_parts():
    held = [torch.randn(3), torch.randn(4)]
    held.append(held)
    report = check(lambda given: given[0].square().sum(), held)
    assert report.crashes == {}


def test_float8_beside_a_loss_that_returns_no_tensor():
    given = torch.ones(6, 1).to(torch.float8_e4m3fn)
    with contextlib.suppress(TypeError, ValueError):
        assert check(lambda a: 3, given).crashes == {}


def test_labels_in_bytes_up_to_255():
    def loss(logits, target):
        kept = target != 255
        return F.cross_entropy(logits[kept], target[kept].long())

    target = torch.tensor([0, 2, 255, 1], dtype=torch.uint8)
    report = check(loss, torch.randn(4, 3, requires_grad=True), target)
    assert report.crashes == {}


def test_a_gradient_in_bytes():
    def power(coded):
        return torch.fft.fft(coded.float(), dim=-1).abs().square().mean()

    coded = torch.ones(2, 3, 2, 2).to(torch.float8_e4m3fn).requires_grad_()
    assert check(power, coded).crashes == {}


@pytest.mark.parametrize("dtype", [torch.complex64, torch.complex128])
def test_complex_predictions_beside_numbers_of_0_and_1(dtype):
    def loss(prediction, target):
        return (prediction - target).abs().square().mean()

    prediction = torch.tensor([1 + 2j, 0.5, -1], dtype=dtype, requires_grad=True)
    report = check(loss, prediction, torch.tensor([0.0, 1.0, 1.0]))
    assert report.crashes == {}


@pytest.mark.parametrize(
    "as_complex",
    [
        lambda x: torch.polar(torch.ones_like(x), x),
        lambda x: torch.complex(x, x.square()),
        lambda x: torch.exp(1j * x),
        lambda x: torch.fft.rfft(x),
    ],
)
@pytest.mark.parametrize(
    "function",
    [
        *(torch.exp, torch.sqrt, torch.cosh, torch.fft.fft),
        lambda z: (z + 2).log(),
        lambda z: 1 / (1 + (-z).exp()),
        lambda z: z.exp() / z.exp().sum(1, keepdim=True),
        lambda z: z / z.abs().clamp(min=1e-3),
        lambda z: z.cumsum(0),
        lambda z: z.cumprod(0),
        lambda z: z[1:] - z[:-1],
        lambda z: 1 - z.mean(0),
    ],
)
def test_losses_of_real_numbers_that_compute_with_complex_ones(as_complex, function):
    def loss(prediction, target):
        both = function(as_complex(prediction)), function(as_complex(target))
        return (both[0] - both[1]).abs().square().mean()

    x = torch.randn(4, 3, generator=torch.Generator().manual_seed(0))
    report = check(loss, x.double().requires_grad_(), x.double().flip(0))
    assert report.crashes == {}


def test_complex_inputs_in_half_precision():
    def power(a, b):
        return a.abs().square().mean() + b.square().mean()

    x = torch.randn(5, dtype=torch.complex128)
    assert check(power, torch.randn(5), x.real.half()).crashes == {}
    assert check(lambda b, a: power(a, b), torch.randn(5), x).crashes == {}


def test_samples_beside_a_critic_that_is_given_are_not_to_learn():
    def penalty(critic, real):
        point = real.detach().clone().requires_grad_()
        scores = critic(point).sum()
        (slope,) = torch.autograd.grad(scores, point, create_graph=True)
        return slope.square().sum(1).mean()

    critic = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))
    assert check(penalty, critic, torch.randn(5, 3)).ok


def test_parameters_of_a_reference_stand_for_those_of_the_loss():
    class Penalty(nn.Module):
        def __init__(self, learns):
            super().__init__()
            self.critic = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))
            self.learns = learns

        def forward(self, real):
            point = real.detach().requires_grad_()
            scores = self.critic(point).sum()
            (slope,) = torch.autograd.grad(scores, point, create_graph=self.learns)
            return slope.square().sum(1).mean()

    wrong, right = Penalty(False), Penalty(True)
    right.load_state_dict(wrong.state_dict())
    real = torch.randn(5, 3)
    assert not check(wrong, real, reference=right).ok
    assert check(right, real, reference=Penalty(True)).findings[0].kind == "wrong-value"


def test_numbers_without_a_dimension_may_have_a_mask():
    def masked(prediction, target, mask):
        return (mask * (prediction - target).square()).sum()

    numbers = torch.tensor(1.0, requires_grad=True), torch.tensor(0.5)
    assert check(masked, *numbers, torch.tensor(True)).crashes == {}
    assert check(masked, *numbers, mask=torch.tensor(True)).crashes == {}


def test_a_wrong_gradient_of_complex_numbers_beside_a_real_target():
    class Power(torch.autograd.Function):
        @staticmethod
        def forward(ctx, spectrum, target):
            off = spectrum.abs().square() - target
            ctx.save_for_backward(spectrum, off)
            return off.square().sum()

        @staticmethod
        def backward(ctx, grad_output):
            spectrum, off = ctx.saved_tensors
            return grad_output * 4 * off * spectrum.conj(), None

    spectrum = torch.randn(3, 4, dtype=torch.complex128, requires_grad=True)
    report = check(Power.apply, spectrum, torch.rand(3, 4))
    assert report.crashes == {}
    assert report.findings[0].kind == "formula"


def test_an_array_beside_the_tensors_is_no_option_of_the_loss():
    def weighted(prediction, weight):
        return (prediction.square() * torch.as_tensor(weight)).mean()

    report = check(weighted, torch.ones(3, requires_grad=True), np.ones(3, "float32"))
    assert report.crashes == {}


def test_complex_inputs_that_a_loss_changes_are_told():
    def doubling(prediction, weights):
        weights.mul_(2)
        return (prediction * weights).abs().sum()

    prediction = torch.ones(2, dtype=torch.complex128, requires_grad=True)
    for weights in (torch.ones(2) + 1j, torch.tensor([1j, 2j])):
        report = check(doubling, prediction, weights)
        assert report.crashes == {}
        assert "mutates-input" in {finding.kind for finding in report.findings}


def test_a_forecast_equals_no_value_that_is_missing():
    def observed(forecast, target):
        known = ~target.isnan()
        off = torch.where(known, forecast - target.nan_to_num(), 0.0)
        return (off.square() + 1e-6).sqrt().sum() / known.sum().clamp(min=1)

    target = torch.tensor([[1.0, torch.nan, 2.0], [torch.nan, 0.5, 3.0]])
    assert check(observed, torch.randn(2, 3, requires_grad=True), target).ok
