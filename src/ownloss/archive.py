"""Zips that are the same, byte for byte, whoever packs them and when."""

import io
from collections.abc import Mapping
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

__all__ = ["packed"]


def packed(
    contents: Mapping[str, bytes], stored: frozenset[str] = frozenset()
) -> bytes:
    """Pack a zip that holds no time of day.

    Args:
        contents: From the name of each entry to what it holds, in order.
        stored: The entries that are not compressed.

    Returns:
        The zip, the same whenever it is packed.

    >>> packed({"a.txt": b"one"}) == packed({"a.txt": b"one"})
    True
    """
    buffer = io.BytesIO()
    with ZipFile(buffer, "w") as archive:
        for name, content in contents.items():
            entry = ZipInfo(name)  # 1980, the beginning of all zips
            entry.compress_type = ZIP_STORED if name in stored else ZIP_DEFLATED
            archive.writestr(entry, content)
    return buffer.getvalue()
