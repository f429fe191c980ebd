"""What a reader takes home: zips that are the same in every build."""

import io
import json
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile

from gallery.downloads import for_a_notebook, packed


def test_a_zip_holds_its_contents_in_order_and_no_time_of_day():
    contents = {"mimetype": b"a", "b.xhtml": b"b" * 1000}
    with ZipFile(
        io.BytesIO(packed(contents, stored=frozenset({"mimetype"})))
    ) as archive:
        entries = archive.infolist()
        assert {name: archive.read(name) for name in archive.namelist()} == contents
    assert [entry.filename for entry in entries] == ["mimetype", "b.xhtml"]
    assert [e.compress_type for e in entries] == [ZIP_STORED, ZIP_DEFLATED]
    assert {entry.date_time for entry in entries} == {(1980, 1, 1, 0, 0, 0)}


def test_a_notebook_names_functions_and_examples_as_code():
    text = "As :func:`torch.vmap` and :doc:`/examples/robust/huber` do, ~:class:`~a.B`"
    cells = [{"cell_type": "markdown", "source": [text]}]
    (cell,) = json.loads(for_a_notebook(json.dumps({"cells": cells})))["cells"]
    assert cell["source"] == ["As `torch.vmap` and `huber` do, ~`a.B`"]
