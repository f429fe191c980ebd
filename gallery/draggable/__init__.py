"""Figures that a reader can drag: a loss, its gradient and its tangent at a point.

One line declares one, in the guide's pages as in the text of an example::

    .. draggable-figure:: huber(along(-4, 4, 2), 0.0, delta=slider(0.2, 2, 1))

       Drag the point beyond delta, and see the gradient stop.

It is a call of a loss: an example of the gallery, or a function of
``torch.nn.functional``. ``along(low, high, start)`` is what the reader drags along the
axis, ``slider(low, high, start)`` what a slider sets; both take ``name`` and ``step``
if the parameter's name and a round step will not do. A positional number becomes a
tensor of the shape of the axis, of integers if it is one; a list makes the columns of
logits; a named argument stays a number. ``grad_output=slider(...)`` is the gradient
that arrives from what follows the loss. ``... beside cross_entropy`` draws the gradient
of another loss of the same tensors.

The matrix of (N, 1) against (N,) is declared by its targets::

    .. draggable-matrix:: 1 2 3 4

torch computes all values while the page is built, at every point that the reader can
reach, so each number on the page is torch's own. The script that lets them move,
``draggable-figure.js`` beside this file, looks them up.
"""

from gallery.draggable.directive import (
    NODES,
    DraggableFigure,
    DraggableMatrix,
    add_script,
)

__all__ = ["NODES", "DraggableFigure", "DraggableMatrix", "add_script"]
