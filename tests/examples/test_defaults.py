"""The defaults: a test that gives every option would not see one of them change."""

import inspect

import pytest

from ownloss import catalogue

LOSSES = [example for example in catalogue.examples() if example.tags]
# What means the same in all losses; the test of a loss says where its own differ.
USUAL = {"reduction": "mean", "ignore_index": -100}
# As the papers or, where they name none, the widely used implementations have them.
DEFAULTS = {
    "arcface": {"margin": 0.5, "scale": 16.0},
    "asymmetric": {"gamma_neg": 4.0, "gamma_pos": 1.0, "clip": 0.05},
    "barlow_twins": {"lambda_": 5e-3},
    "beta_nll": {"beta": 0.5},
    "bradley_terry": {"margin": 0.0},
    "chunked_cross_entropy": {"chunk": 256},
    "circle": {"m": 0.4, "gamma": 80.0},
    "cldice": {"iterations": 3, "smooth": 1.0},
    "cosface": {"margin": 0.35, "scale": 16.0},
    "crf_nll": {"reduction": "sum"},
    "ctc": {"blank": 0, "reduction": "sum", "zero_infinity": False},
    "dice": {"smooth": 1e-5},
    "dpo": {"beta": 0.1},
    "elbo": {"beta": 1.0},
    "evidential_nig": {"lambda_": 0.1},
    "focal": {"gamma": 2.0},
    "focal_frequency": {"alpha": 1.0},
    "gaussian_nll": {"full": True},
    "generalized_cross_entropy": {"q": 0.7},
    "generalized_dice": {"smooth": 1e-5},
    "grad_reverse": {"alpha": 1.0},
    "grpo": {"clip_low": 0.2, "clip_high": 0.2, "aggregate": "sequence"},
    "hausdorff_dt": {"alpha": 2.0},
    "huber": {"delta": 1.0},
    "infonce": {"temperature": 0.1},
    "ipo": {"tau": 0.1},
    "jaccard": {"smooth": 1e-5},
    "jsd": {"beta": 0.5},
    "kd": {"temperature": 3.0},
    "label_smoothing": {"smoothing": 0.1},
    "ldam": {"max_margin": 0.5, "scale": 30.0},
    "min_snr": {"gamma": 5.0},
    "multi_similarity": {"alpha": 2.0, "beta": 50.0, "base": 0.5},
    "ntxent": {"temperature": 0.5},
    "orpo": {"beta": 0.1},
    "poly1": {"epsilon": 2.0},
    "ppo_clip": {"clip": 0.2},
    "proxy_anchor": {"margin": 0.1, "alpha": 32.0},
    "sigmoid_focal": {"alpha": 0.25, "gamma": 2.0},
    "simpo": {"beta": 2.0, "gamma": 0.5},
    "soft_dtw": {"gamma": 1.0},
    "soft_rank": {"regularization": 1.0},
    "ssim": {"data_range": 1.0, "window": 11, "sigma": 1.5},
    "supcon": {"temperature": 0.1},
    "surrogate_fast_sigmoid": {"slope": 25.0},
    "token_log_probs": {"chunk": 1024},
    "total_variation": {"reduction": "sum"},
    "triplet": {"margin": 1.0},
    "tversky": {"alpha": 0.3, "beta": 0.7, "smooth": 1e-5},
    "tweedie": {"power": 1.5},
    "vicreg": {"invariance": 25.0, "variance": 25.0, "covariance": 1.0, "eps": 1e-4},
}


def given(loss):
    """The defaults of the function of a loss that are numbers or words of its own."""
    function = getattr(catalogue.load(loss), loss.name)
    defaults = {
        name: parameter.default
        for name, parameter in inspect.signature(function).parameters.items()
        if parameter.default not in (inspect.Parameter.empty, None)
    }
    return {k: v for k, v in defaults.items() if USUAL.get(k, ()) != v}


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.name)
def test_the_defaults_are_those_of_the_paper(loss):
    assert given(loss) == DEFAULTS.get(loss.name, {})


def test_no_loss_of_the_table_is_gone():
    assert set(DEFAULTS) <= {loss.name for loss in LOSSES}
