"""Where the site of ownloss is published, as the package's own metadata says.

The one setting is ``Documentation`` under ``[project.urls]`` of ``pyproject.toml``.
Until it is there nothing prints a web address that may not exist.
"""

import functools
from importlib import metadata

__all__ = ["page", "site"]


@functools.cache
def site() -> str:
    """Find the address of the site.

    Returns:
        An address that ends in a slash; empty where none is configured.
    """
    try:
        urls = metadata.metadata("ownloss").get_all("Project-URL")
    except metadata.PackageNotFoundError:  # not installed, found by its path
        return ""
    for line in urls or ():
        label, _, address = line.partition(", ")
        if label == "Documentation":
            return f"{address.rstrip('/')}/"
    return ""


def page(path: str) -> str:
    """Name a page of the site.

    Args:
        path: Where the page lies on the site, such as ``"reference/kinds.html"``.

    Returns:
        Its address, or the path alone where no address is configured.

    >>> page("reference/kinds.html").endswith("reference/kinds.html")
    True
    """
    return site() + path
