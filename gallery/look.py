"""How a figure looks: one seed, one style, warnings are errors, light and dark.

Sphinx-Gallery calls :func:`reset` around every example and :func:`save_figures` after
every cell. A figure is written once, as SVG whose colours are CSS variables with a
value for light and one for dark pages, so that it follows the reader's choice.
"""

import contextlib
import functools
import gc
import io
import random
import re
import warnings
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import matplotlib as mpl
import numpy as np
from cycler import Cycler
from matplotlib import colors
from matplotlib.axes import Axes
from matplotlib.figure import Figure

LIGHT = Path(__file__).with_name("ownloss.mplstyle")
DARK = Path(__file__).with_name("ownloss-dark.mplstyle")
CSS_PIXELS_PER_INCH = 96
PATH = re.compile(r'\bd="[^"]*"')
# What a contour without area draws: an empty path, which SVG does not allow.
EMPTY_PATH = re.compile(r"<path(?![^>]*\bd=)[^>]*/>\s*")
LONG_NUMBER = re.compile(r"-?\d+\.\d{3,}")
FONTS = "system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',sans-serif"

# A warning is an error within an example; Sphinx's own code may warn. What it had said
# of warnings before waits here, among the settings of the gallery.
WARNINGS_BEFORE = "warnings before the example"


def reset(gallery_conf: dict[str, Any], example: str | None, when: str) -> None:
    """Start an example from a known state, and end it in the one before.

    Args:
        gallery_conf: The settings of Sphinx-Gallery.
        example: The example's file name; ``None`` where a folder of them begins.
        when: ``"before"`` or ``"after"`` the example.
    """
    if example is None:
        return
    if when == "after":
        gallery_conf.pop(WARNINGS_BEFORE).close()
        return
    import matplotlib.pyplot as plt
    import torch  # only now: a build in which no example runs does without

    plt.close("all")
    gc.freeze()  # Sphinx-Gallery collects before each example, for its memory

    mpl.rcdefaults()
    plt.style.use(LIGHT)
    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)
    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float32)
    torch.set_printoptions(profile="default")
    gallery_conf[WARNINGS_BEFORE] = contextlib.ExitStack()
    gallery_conf[WARNINGS_BEFORE].enter_context(warnings.catch_warnings())
    warnings.resetwarnings()
    warnings.simplefilter("error")


def save_figures(
    _block: Any, block_vars: dict[str, Any], gallery_conf: dict[str, Any]
) -> str:
    """Save every open figure as themed SVG and return the RST that shows them.

    Args:
        _block: The cell that has just run, not used.
        block_vars: What Sphinx-Gallery knows of the example; gives the file names.
        gallery_conf: The settings of Sphinx-Gallery; gives the folder of the docs.

    Returns:
        One ``image`` directive a figure, with its size (no page jumps while it loads)
        and a text that says what the figure shows.

    Raises:
        ValueError: a figure has no title.
    """
    import matplotlib.pyplot as plt

    directives = []
    for number in plt.get_fignums():
        figure = plt.figure(number)
        if not figure.get_suptitle() and not any(map(_titles, figure.axes)):
            where = block_vars["src_file"]
            raise ValueError(f"{where}: figure {number} has no title to say what it is")
        path = Path(next(block_vars["image_path_iterator"])).with_suffix(".svg")
        alternative = describe(figure)
        width, height = (
            round(inches * CSS_PIXELS_PER_INCH) for inches in figure.get_size_inches()
        )
        path.write_text(themed_svg(figure, alternative), encoding="utf-8")
        uri = path.relative_to(gallery_conf["src_dir"]).as_posix()
        directives.append(
            f".. image:: /{uri}\n"
            f"   :alt: {alternative}\n"
            f"   :class: sphx-glr-single-img\n"
            f"   :width: {width}\n"
            f"   :height: {height}\n"
            f"   :loading: lazy\n"
        )
    plt.close("all")
    return "\n".join(directives)


def themed_svg(figure: Figure, alternative: str) -> str:
    """Return a figure as SVG that follows the colour scheme of the page around it.

    An SVG in an ``img`` takes the ``color-scheme`` of that element. Where a browser
    does not do so, and on paper, the figure stays readable: it paints its own
    background in the same scheme as its lines.

    Args:
        figure: A figure drawn in the light style.
        alternative: What the figure shows; becomes the title of the SVG.

    Returns:
        The text of the SVG, the same in every run.
    """
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    svg = buffer.getvalue()
    svg = PATH.sub(_to_hundredths, svg[svg.index("<svg") :])
    svg = EMPTY_PATH.sub("", svg)
    used = {c: d for c, d in dark_partners().items() if c in svg}
    names = {color: f"--c{number}" for number, color in enumerate(used)}
    for color, name in names.items():
        svg = svg.replace(color, f"var({name})")
    light = "".join(f"{names[color]}:{color};" for color in used)
    dark = "".join(f"{names[color]}:{partner};" for color, partner in used.items())
    head = (
        f"<title>{escape(alternative)}</title>"
        f"<style>svg{{{light}}}"
        f"@media screen and (prefers-color-scheme:dark){{svg{{{dark}}}}}"
        f"text{{font-family:{FONTS}!important}}</style>"
    )
    opening = svg.index(">") + 1
    return svg[:opening] + head + svg[opening:]


def _to_hundredths(path: re.Match[str]) -> str:
    """Round the numbers of a path: a millionth of a point is bytes and no picture."""
    return LONG_NUMBER.sub(lambda number: f"{float(number[0]):.2f}", path[0])


@functools.cache
def dark_partners() -> dict[str, str]:
    """Map each colour of the light style to its partner in the dark style.

    Returns:
        Colours as ``#rrggbb``.

    Raises:
        ValueError: One light colour has two dark partners.
    """
    light = mpl.rc_params_from_file(LIGHT, use_default_template=False)
    dark = mpl.rc_params_from_file(DARK, use_default_template=False)
    partners: dict[str, str] = {}
    for key, there in dark.items():
        for color, partner in zip(_colors(light[key]), _colors(there), strict=True):
            if partners.setdefault(color, partner) != partner:
                raise ValueError(
                    f"{color} of {LIGHT.name} has two partners in {DARK.name}: "
                    f"{partners[color]} and {partner} (key {key})"
                )
    return partners


def _colors(value: Any) -> list[str]:
    if isinstance(value, Cycler):
        return [colors.to_hex(color) for color in value.by_key()["color"]]
    return [colors.to_hex(value)]


def describe(figure: Figure) -> str:
    """Say in words what a figure shows, from what is drawn in it.

    The text is computed, so it cannot fall behind the picture.

    Args:
        figure: Any matplotlib figure.

    Returns:
        One line: the titles, then for each axes its labels and for each labelled line
        where it starts, ends and turns.
    """
    parts = [figure.get_suptitle()]
    parts += [_describe_axes(axes) for axes in figure.axes]
    return re.sub(r"\s+", " ", " ".join(part for part in parts if part)).strip()


def _titles(axes: Axes) -> list[str]:
    titles = (axes.get_title(loc) for loc in ("left", "center", "right"))
    return [title for title in titles if title]


def _describe_axes(axes: Axes) -> str:
    text = "".join(f"{_sentence(title)} " for title in _titles(axes))
    across, up = _plain(axes.get_xlabel()), _plain(axes.get_ylabel())
    if across or up:
        text += f"{up or 'Values'} over {across or 'position'}. "
    for line in axes.get_lines():
        label = _plain(str(line.get_label()))
        points = np.column_stack([np.asarray(d, dtype=float) for d in line.get_data()])
        points = points[np.isfinite(points).all(axis=1)]
        if label and not label.startswith("_") and len(points):
            text += f"{label}: {_course(points)}. "
    for container in axes.containers:
        label = _plain(str(container.get_label()))
        if label and not label.startswith("_"):
            text += f"{label}: {len(container)} bars. "
    for collection in axes.collections:
        label = _plain(str(collection.get_label()))
        if label and not label.startswith("_"):
            text += f"{label}: {len(collection.get_offsets())} marks. "
    if not axes.axison and axes.texts:  # a drawing: what is written in it says it all
        said = [_plain(written.get_text()) for written in axes.texts]
        text += f"In it: {', '.join(word for word in said if word)}. "
    for image in axes.get_images():
        values = np.ma.compressed(image.get_array())
        rows, columns = image.get_array().shape[:2]
        low, high = values.min(), values.max()
        text += f"A grid of {rows} by {columns} values from {low:.3g} to {high:.3g}. "
    return text


def _course(points: np.ndarray) -> str:
    """Say how a line runs: its ends, and its extremes where they lie within."""
    # What is nothing beside the rest of the line is said as 0, not as 4e-15.
    points = np.where(abs(points) < 1e-6 * abs(points).max(axis=0), 0, points)
    (_, first), (_, last) = points[0], points[-1]
    if len(points) == 1:
        return f"a point at {points[0][0]:.3g}, {first:.3g}"
    course = f"from {first:.3g}"
    low, high = points[points[:, 1].argmin()], points[points[:, 1].argmax()]
    if low[1] < min(first, last):
        course += f", lowest {low[1]:.3g} at {low[0]:.3g}"
    if high[1] > max(first, last):
        course += f", highest {high[1]:.3g} at {high[0]:.3g}"
    return f"{course}, to {last:.3g}" if "," in course else f"{course} to {last:.3g}"


def _sentence(text: str) -> str:
    text = _plain(text)
    return text if text.endswith((".", "?", "!")) else f"{text}."


def _plain(text: str) -> str:
    """Drop the marks of TeX that a screen reader would spell."""
    return re.sub(r"[$\\{}]", "", text)
