"""What the gallery adds to pages."""

from docutils import nodes
from docutils.core import publish_doctree

from gallery.blocks import table


def test_a_table_is_what_docutils_makes_of_its_text():
    text = """
.. table::
   :class: wide

   ===== =====
   loss  slope
   ===== =====
   huber 1
   focal *many*
   ===== =====
"""
    (expected,) = publish_doctree(text).findall(nodes.table)
    many = nodes.emphasis("", "many")
    ours = table(["loss", "slope"], [["huber", "1"], ["focal", many]], "wide")

    def said(node):
        return [
            (type(part), part.astext(), part.get("classes"))
            for part in node.findall(nodes.Element)
            if not isinstance(part, nodes.colspec)
        ]

    assert said(ours) == said(expected)
    columns = [len(list(t.findall(nodes.colspec))) for t in (ours, expected)]
    assert columns == [2, 2]
