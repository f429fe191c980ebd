"""The whole script of each example runs, as it does while the site is built.

`nox -s tests` builds the site, which runs every script with the same demands, and so
leaves this file out; other releases of torch, and `-- -k huber`, run it.
"""

import runpy
import warnings

import matplotlib.pyplot as plt
import pytest
import torch

from ownloss import catalogue

EXAMPLES = catalogue.examples()


@pytest.mark.parametrize("example", EXAMPLES, ids=[e.name for e in EXAMPLES])
def test_the_script_runs_without_a_warning_and_draws(example, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    plt.close("all")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            runpy.run_path(str(example.path), run_name="__main__")
        figures = [plt.figure(number) for number in plt.get_fignums()]
        assert figures, "at least one figure"
        for figure in figures:
            titles = [figure.get_suptitle()] + [
                axes.get_title(loc)
                for axes in figure.axes
                for loc in ("left", "center")
            ]
            assert any(titles), "a figure's title says what it shows"
    finally:
        plt.close("all")
        torch.set_num_threads(threads)
        torch.set_default_dtype(torch.float32)
    assert not list(tmp_path.iterdir()), "an example writes no file"
