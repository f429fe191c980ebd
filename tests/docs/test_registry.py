"""What programs read of the losses: the registry, and the files that it names."""

import hashlib
import json
from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest

from ownloss import catalogue
from ownloss_site import registry


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    app = SimpleNamespace(
        config=SimpleNamespace(html_baseurl="https://site.test/en/"),
        outdir=folder,
    )
    registry.write_registry(app)
    return folder


def listed(site):
    return json.loads((site / "registry.json").read_text("utf-8"))


def test_every_loss_is_listed_once(site):
    names = [entry["name"] for entry in listed(site)]
    assert names == [example.name for example in catalogue.examples()]


def test_the_file_that_is_named_is_what_copy_writes(site, tmp_path):
    catalogue.copy([entry["name"] for entry in listed(site)], tmp_path)
    for entry in listed(site):
        path = urlsplit(entry["address"]).path.removeprefix("/en/")
        there, copied = site / path, tmp_path / f"{entry['name']}.py"
        assert there.read_bytes() == copied.read_bytes(), path
        loss = there.read_bytes().split(b"\n", 3)[3]
        assert hashlib.sha256(loss).hexdigest() == entry["sha256"], path


def test_a_loss_is_listed_with_its_tags(site):
    (huber,) = [entry for entry in listed(site) if entry["name"] == "huber"]
    assert huber["tags"] == ["regression", "numbers", "outliers"]


def test_the_page_of_a_loss_offers_it_by_name(pages):
    page = pages["examples/robust/huber.html"]
    (link,) = page.css("a[href$='losses/huber.py']")
    assert link.text() == "The loss alone: huber.py"
