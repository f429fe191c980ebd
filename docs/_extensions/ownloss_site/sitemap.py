"""A list of all pages for search engines: ``sitemap.xml``.

sphinx-sitemap lists the pages that a build has written, which are all of them in the
first build only.
"""

from pathlib import Path
from urllib.parse import urljoin
from xml.etree import ElementTree

from sphinx.application import Sphinx

NAMESPACE = "http://www.sitemaps.org/schemas/sitemap/0.9"


def write_sitemap(app: Sphinx) -> None:
    """List every page that somebody wrote, by its address where it is published."""
    urlset = ElementTree.Element("urlset", xmlns=NAMESPACE)
    for page in sorted(app.env.found_docs):
        address = urljoin(app.config.html_baseurl, app.builder.get_target_uri(page))
        url = ElementTree.SubElement(urlset, "url")
        ElementTree.SubElement(url, "loc").text = address
    ElementTree.indent(urlset)
    ElementTree.ElementTree(urlset).write(
        Path(app.outdir, "sitemap.xml"), encoding="utf-8", xml_declaration=True
    )
