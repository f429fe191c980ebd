"""What a reader takes home: notebooks without what only a page can show."""

import json

from gallery.downloads import for_a_notebook


def test_a_notebook_names_functions_and_examples_as_code():
    text = "As :func:`torch.vmap` and :doc:`/examples/robust/huber` do, ~:class:`~a.B`"
    cells = [{"cell_type": "markdown", "source": [text]}]
    (cell,) = json.loads(for_a_notebook(json.dumps({"cells": cells})))["cells"]
    assert cell["source"] == ["As `torch.vmap` and `huber` do, ~`a.B`"]
