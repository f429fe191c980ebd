"""Draw a traced loss: lines in boxes, gradients on the way back, as SVG.

The lines stand in layers, the loss at the bottom. What a line sends back to one of its
inputs is a box of its own on the way between the two, so that nothing lies upon
anything else; where a way passes a layer, an empty box keeps its room.
"""

from dataclasses import dataclass, field
from html import escape
from itertools import pairwise

from ownloss_site.gradient_flow.trace import Line, numbers

LETTER = 7.3  # the width of a letter at 12 px, in the widest of the usual fonts
ROW = 16
PADDING = 8
GAP = 16
HEAD = 7
LEGEND = 24
SORTING, SETTLING = 4, 40  # sweeps


@dataclass(eq=False)
class Box:
    """What takes room: a line, what is sent back, or a way that passes.

    Attributes:
        rows: Its rows of text, each with the class that says what it is.
        framed: Whether it is a line.
        order: Where it would like to stand in its layer at first.
        below: The boxes in the next layer that it leads to, each with whether a
            gradient comes back.
        x: The middle of it.
    """

    rows: list[tuple[str, str]]
    framed: bool
    order: float
    below: list[tuple["Box", bool]] = field(default_factory=list)
    above: list["Box"] = field(default_factory=list)
    x: float = 0.0

    @property
    def width(self) -> float:
        """How wide it is."""
        longest = max((len(text) for _, text in self.rows), default=0)
        return LETTER * longest + 2 * PADDING if longest else 2.0

    @property
    def height(self) -> float:
        """How high it is."""
        return ROW * len(self.rows) + (PADDING if self.framed else 0)


def rows_of(line: Line, parts: int) -> list[tuple[str, str]]:
    """Write what stands in the box of a line.

    Args:
        line: The line.
        parts: From how many lines a gradient comes back to it.

    Returns:
        Classes and texts: the name, the code, the value, and the gradient where no
        arrow shows it: of an input, and of what several lines use.
    """
    rows = [("name", line.name)]
    if line.code:
        rows.append(("code", f"= {' '.join(line.code.split())}"))
    rows += marked("value", "↓", numbers(line.value.detach()))
    if line.value.grad is not None and (not line.uses or parts != 1):
        rows += marked("gradient", "↑", numbers(line.value.grad))
    return rows


def marked(kind: str, arrow: str, rows: list[str]) -> list[tuple[str, str]]:
    """Put an arrow before the first row, and room before the others."""
    return [(kind, f"{' ' if i else arrow} {row}") for i, row in enumerate(rows)]


def layers_of(lines: list[Line]) -> list[list[Box]]:
    """Put the boxes into layers, the first on top, with all ways between them."""
    by_name = {line.name: line for line in lines}
    users: dict[str, list[str]] = {name: [] for name in by_name}
    for line in lines:
        for name in line.uses:
            users[name].append(line.name)
    depth: dict[str, int] = {}
    for line in lines:
        depth[line.name] = max((depth[name] + 2 for name in line.uses), default=0)
    for line in lines:
        if not line.uses and users[line.name]:  # an input stands near its first use
            depth[line.name] = min(depth[user] for user in users[line.name]) - 2
    layers: list[list[Box]] = [[] for _ in range(max(depth.values()) + 1)]
    boxes = {}
    for order, line in enumerate(lines):
        back = [by_name[user].uses[line.name].grad for user in users[line.name]]
        parts = sum(gradient is not None for gradient in back)
        box = Box(rows_of(line, parts), framed=True, order=order)
        boxes[line.name] = box
        layers[depth[line.name]].append(box)
    for line in lines:
        for name, copy in line.uses.items():
            flows = copy.grad is not None
            back = marked("gradient", "↑", numbers(copy.grad)) if flows else []
            last = boxes[name]
            for layer in range(depth[name] + 1, depth[line.name]):
                between = Box(back, framed=False, order=boxes[line.name].order)
                layers[layer].append(between)
                last.below.append((between, flows))
                between.above.append(last)
                last, back = between, []
            last.below.append((boxes[line.name], flows))
            boxes[line.name].above.append(last)
    return layers


def arrange(layers: list[list[Box]]) -> None:
    """Order the boxes of each layer by what they are joined to, and give each its x.

    A box wants to be at the mean of what it leads to, and in the next sweep at that of
    what leads to it. After a few sweeps the order is good and stays; then every box
    settles at the mean of both.
    """
    for layer in layers:
        layer.sort(key=lambda box: box.order)
        spread(layer)
    for sweep in range(SORTING + SETTLING):
        for layer in layers if sweep % 2 else reversed(layers):
            for box in layer:
                below = [other for other, _ in box.below]
                near = below + box.above
                if sweep < SORTING:
                    near = box.above if sweep % 2 else below
                box.x = mean([other.x for other in near]) if near else box.x
            if sweep < SORTING:
                layer.sort(key=lambda box: box.x)
            spread(layer)


def spread(layer: list[Box]) -> None:
    """Put boxes as near as possible to where they want to be, and none on another.

    The least squares of it: boxes that would overlap form a block, which stands at the
    mean of what its boxes want.
    """
    offset = [0.0]
    for left, right in pairwise(layer):
        offset.append(offset[-1] + (left.width + right.width) / 2 + GAP)
    blocks: list[list[float]] = []
    for box, shift in zip(layer, offset, strict=True):
        blocks.append([box.x - shift])
        while len(blocks) > 1 and mean(blocks[-2]) > mean(blocks[-1]):
            blocks[-2:] = [blocks[-2] + blocks[-1]]
    places = [mean(block) for block in blocks for _ in block]
    for box, place, shift in zip(layer, places, offset, strict=True):
        box.x = place + shift


def mean(values: list[float]) -> float:
    """Return the mean."""
    return sum(values) / len(values)


def draw(lines: list[Line], label: str) -> str:
    """Draw a loss.

    Args:
        lines: What :func:`ownloss_site.gradient_flow.trace.trace` has found.
        label: What the picture shows, for those who do not see it.

    Returns:
        The SVG; its colours are CSS variables.
    """
    layers = layers_of(lines)
    arrange(layers)
    left = min(box.x - box.width / 2 for layer in layers for box in layer) - 1
    right = max(box.x + box.width / 2 for layer in layers for box in layer) + 1
    right = max(right, left + LETTER * 24)
    drawn, y = [], float(LEGEND)
    tops, bottoms = [], []
    for layer in layers:
        tops.append(y)
        y += max(box.height for box in layer)
        bottoms.append(y)
        y += GAP
    height = bottoms[-1] + 1
    for number, layer in enumerate(layers):
        for box in layer:
            for other, flows in box.below:
                drawn.append(way(box, other, flows, tops, bottoms, number, left))
    for number, layer in enumerate(layers):
        drawn += [draw_box(box, left, tops[number]) for box in layer]
    width = right - left
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" '
        f'aria-label="{escape(label)}" viewBox="0 0 {width:.0f} {height:.0f}" '
        f'width="{width:.0f}" height="{height:.0f}">'
        '<text x="1" y="13"><tspan class="value">↓ value</tspan>'
        '<tspan class="gradient" dx="14">↑ gradient</tspan></text>'
        f"{''.join(drawn)}</svg>"
    )


def way(
    box: Box,
    other: Box,
    flows: bool,
    tops: list[float],
    bottoms: list[float],
    layer: int,
    left: float,
) -> str:
    """Draw the way from a box to one in the next layer, with a head at a line."""
    start, end = port(box, other.x) - left, port(other, box.x) - left
    first = tops[layer] + box.height
    turn = tops[layer + 1] - (HEAD if other.framed else 0)
    points = [(start, first), (start, bottoms[layer]), (end, turn)]
    points += [(end, tops[layer + 1])]
    kind = "way" if flows else "way constant"
    path = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
    drawn = f'<path class="{kind}" d="{path}"/>'
    if not other.rows:  # an empty box: the way goes through its layer
        path = f"M{end:.1f} {tops[layer + 1]:.1f}V{bottoms[layer + 1]:.1f}"
        drawn += f'<path class="{kind}" d="{path}"/>'
    if other.framed:
        tip = f"M{end:.1f} {tops[layer + 1]:.1f}l-4 -{HEAD}h8z"
        drawn += f'<path class="head" d="{tip}"/>'
    return drawn


def port(box: Box, towards: float) -> float:
    """Return where a way leaves a box: as near as possible to where it leads."""
    half = max(box.width / 2 - 2 * PADDING, 0) if box.framed else 0
    return min(max(towards, box.x - half), box.x + half)


def draw_box(box: Box, left: float, top: float) -> str:
    """Draw a box and its text."""
    if not box.rows:
        return ""
    x = box.x - box.width / 2 - left
    frame = (
        f'<rect x="{x:.1f}" y="{top:.1f}" width="{box.width:.1f}" '
        f'height="{box.height:.1f}" rx="4"/>'
        if box.framed
        else ""
    )
    inset = PADDING / 2 if box.framed else 0
    texts = "".join(
        f'<text class="{kind}" x="{x + PADDING:.1f}" '
        f'y="{top + inset + ROW * row + 12:.1f}">{escape(text)}</text>'
        for row, (kind, text) in enumerate(box.rows)
    )
    return frame + texts
