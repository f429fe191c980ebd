"""Formulas become MathML while the site is built: no script, no font from elsewhere.

A formula that cannot be converted is a warning, and so an error of the build.
"""

from docutils import nodes
from math_core import LatexError, LatexToMathML
from sphinx.util import logging
from sphinx.writers.html5 import HTML5Translator

logger = logging.getLogger(__name__)
converter = LatexToMathML(
    macros={
        "sign": r"\operatorname{sign}",
        "clip": r"\operatorname{clip}",
        "softmax": r"\operatorname{softmax}",
        "R": r"\mathbb{R}",
    }
)


def _mathml(node: nodes.Element, *, displaystyle: bool) -> str:
    latex = node.astext()
    try:
        return converter.convert_with_local_state(latex, displaystyle=displaystyle)
    except LatexError as error:
        logger.warning("formula %r: %s", latex, error, location=node)
        return f"<code>{latex}</code>"


def visit_inline(self: HTML5Translator, node: nodes.math) -> None:
    """Write a formula within a line."""
    self.body.append(_mathml(node, displaystyle=False))
    raise nodes.SkipNode


def visit_block(self: HTML5Translator, node: nodes.math_block) -> None:
    """Write a formula on a line of its own, scrollable where it is wider."""
    formula = _mathml(node, displaystyle=True)
    self.body.append(self.starttag(node, "div", CLASS="math"))
    self.body.append(f"{formula}</div>\n")
    raise nodes.SkipNode


VISITORS = (visit_inline, None), (visit_block, None)
