"""The catalogue: finds examples, cuts at the line, copies all or none."""

import hashlib
from importlib.metadata import PackageNotFoundError, version
from types import SimpleNamespace

import pytest

from ownloss import address, catalogue
from ownloss.catalogue import Example

HUBER = catalogue.published(catalogue.find("huber"))


def test_the_line_cuts_a_script_in_two(tmp_path):
    script = tmp_path / "topic" / "mine.py"
    script.parent.mkdir()
    script.write_text(
        '"""\nMine\n====\n\nIt is\nmine.\n"""\n\nx = 1\n\n\n# %%\ny = 2\n'
    )
    example = Example(script)
    assert (example.name, example.topic, example.title) == ("mine", "topic", "Mine")
    assert example.summary == "It is mine."
    assert example.loss.endswith("x = 1\n")
    assert "y" not in example.loss


def test_a_script_without_the_line_is_all_loss(tmp_path):
    script = tmp_path / "mine.py"
    script.write_text("x = 1\n")
    assert Example(script).loss == "x = 1\n"
    assert Example(script).title == Example(script).summary == ""


def test_every_example_is_found_by_its_name():
    assert catalogue.examples()
    for example in catalogue.examples():
        assert catalogue.find(example.name) is example


def test_an_unknown_name_gives_the_nearest():
    with pytest.raises(LookupError, match=r"'hubr'; the nearest: .*huber"):
        catalogue.find("hubr")


def test_a_name_like_no_other_gives_three_and_not_all():
    with pytest.raises(LookupError) as error:
        catalogue.find("xyzzy")
    nearest = str(error.value).partition("nearest: ")[2].split(", ")
    assert len(nearest) == 3
    assert {catalogue.find(name).name for name in nearest} == set(nearest)


def test_search_looks_in_the_summary_too():
    assert "huber" in [e.name for e in catalogue.search("AGAINST OUTLIERS")]
    assert catalogue.search("no such words") == ()


def test_copy_writes_what_stands_above_the_line(tmp_path):
    (path,) = catalogue.copy(["huber"], tmp_path / "a" / "b")
    assert path.read_text() == HUBER
    assert [p.name for p in path.parent.iterdir()] == ["huber.py"]


def test_copy_is_all_or_none(tmp_path):
    with pytest.raises(LookupError):
        catalogue.copy(["huber", "nosuchloss"], tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_copy_overwrites_only_by_force(tmp_path):
    mine = tmp_path / "huber.py"
    mine.write_text("mine")
    with pytest.raises(FileExistsError, match=r"huber\.py exists; --force"):
        catalogue.copy(["log_cosh", "huber"], tmp_path)
    assert mine.read_text() == "mine"
    assert [p.name for p in tmp_path.iterdir()] == ["huber.py"]
    catalogue.copy(["huber"], tmp_path, force=True)
    assert mine.read_text() == HUBER


def test_copy_does_not_write_through_a_dangling_link(tmp_path):
    (tmp_path / "huber.py").symlink_to(tmp_path / "elsewhere.py")
    with pytest.raises(FileExistsError):
        catalogue.copy(["huber"], tmp_path)
    assert not (tmp_path / "elsewhere.py").exists()


def test_a_folder_in_the_way_of_one_file_leaves_the_others_alone(tmp_path):
    (tmp_path / "focal.py").write_text("mine")
    (tmp_path / "huber.py").mkdir()
    with pytest.raises(IsADirectoryError, match=r"huber\.py is a folder"):
        catalogue.copy(["focal", "huber"], tmp_path, force=True)
    assert (tmp_path / "focal.py").read_text() == "mine"
    assert len(list(tmp_path.iterdir())) == 2


def test_a_failure_while_writing_leaves_nothing(tmp_path, monkeypatch):
    def full(self, *arguments, **options):
        raise OSError(28, "No space left on device", str(self))

    monkeypatch.setattr("pathlib.Path.write_text", full)
    with pytest.raises(OSError, match="No space left"):
        catalogue.copy(["huber"], tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_file_where_the_folder_should_be_is_an_error(tmp_path):
    (tmp_path / "losses").write_text("a file")
    with pytest.raises(OSError, match="losses"):
        catalogue.copy(["huber"], tmp_path / "losses")


def test_a_broken_installation_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(catalogue, "__file__", str(tmp_path / "a" / "catalogue.py"))
    with pytest.raises(FileNotFoundError, match="install ownloss again"):
        catalogue.folder()


def test_what_is_published_says_where_it_is_from():
    huber = catalogue.find("huber")
    lines = catalogue.published(huber).splitlines()
    assert lines[0].startswith(f"# huber, copied from ownloss {version('ownloss')}: ")
    assert lines[0].endswith("examples/robust/huber.html")
    assert lines[2].endswith(hashlib.sha256(huber.loss.encode()).hexdigest())
    assert catalogue.published(huber).endswith(f"\n{huber.loss}")


def test_the_address_is_the_one_of_the_metadata(monkeypatch):
    urls = ["Source, https://code.test", "Documentation, https://site.test/en"]
    metadata = {"Project-URL": urls}
    asked = SimpleNamespace(get_all=metadata.get)
    monkeypatch.setattr("ownloss.address.metadata.metadata", lambda name: asked)
    address.site.cache_clear()
    try:
        assert address.page("a.html") == "https://site.test/en/a.html"
        metadata.clear()
        address.site.cache_clear()
        assert address.page("a.html") == "a.html"
    finally:
        address.site.cache_clear()


def test_without_metadata_the_version_is_unknown_and_no_address_is_guessed(monkeypatch):
    def missing(name):
        raise PackageNotFoundError(name)

    monkeypatch.setattr("ownloss.address.metadata.metadata", missing)
    monkeypatch.setattr("ownloss.catalogue.metadata.version", missing)
    for asked in (address.site, catalogue.version):
        asked.cache_clear()
    try:
        first = catalogue.published(catalogue.find("huber")).partition("\n")[0]
        where = "examples/robust/huber.html"
        assert first == f"# huber, copied from ownloss unknown: {where}"
    finally:
        for asked in (address.site, catalogue.version):
            asked.cache_clear()
