"""Zips that are the same whoever packs them."""

import io
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile

from ownloss.archive import packed


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
