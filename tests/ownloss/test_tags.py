"""The tags: each is known, used, and says what the code does."""

import ast
from collections import Counter

import pytest

from ownloss import catalogue, tags

LOSSES = [example for example in catalogue.examples() if example.tags]
OPTIONS_FOR_WHAT_IS_MISSING = {"mask", "ignore_index", "event"}

every_loss = pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.name)


def of_group(loss, group):
    return [tag for tag in loss.tags if tag in tags.GROUPS[group]]


def test_a_topic_holds_losses_or_lessons_and_lessons_have_no_tags():
    tagged = {example.topic for example in LOSSES}
    assert len(LOSSES) > 100
    for example in catalogue.examples():
        assert bool(example.tags) == (example.topic in tagged), example.name


@every_loss
def test_a_loss_has_a_task_and_known_tags_in_their_order(loss):
    assert 1 <= len(of_group(loss, "task")) <= 3
    assert len(of_group(loss, "target")) <= 2
    known = [tag for tag in tags.WORDS if tag in loss.tags]
    assert list(loss.tags) == known
    assert loss.script.count("sphinx_gallery_tags") == 1
    assert "sphinx_gallery_tags" not in loss.loss, "it is copied"


def test_no_tag_stands_twice_and_each_is_used_by_two_losses_or_more():
    named = [tag for group in tags.GROUPS.values() for tag in group]
    assert named == list(tags.WORDS) and len(named) == len(set(named))
    used = Counter(tag for loss in LOSSES for tag in loss.tags)
    assert {tag: used[tag] for tag in named if used[tag] < 2} == {}


@pytest.mark.parametrize("tag", tags.WORDS)
def test_a_tag_can_stand_in_an_address_and_between_commas(tag):
    assert not set(tag) & set(",&?#+'\"<>")
    assert tags.WORDS[tag]


@every_loss
def test_needs_scipy_and_by_hand_are_what_the_code_does(loss):
    tree = ast.parse(loss.loss)
    imported = {
        name.partition(".")[0]
        for node in ast.walk(tree)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    by_hand = any(
        isinstance(node, ast.FunctionDef) and node.name == "backward"
        for node in ast.walk(tree)
    )
    assert ("needs SciPy" in loss.tags) == ("scipy" in imported)
    assert ("by hand" in loss.tags) == by_hand


@every_loss
def test_missing_labels_are_those_that_an_option_leaves_out(loss):
    options = {
        argument.arg
        for node in ast.parse(loss.loss).body
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
        for argument in node.args.args + node.args.kwonlyargs
    }
    leaves_out = bool(options & OPTIONS_FOR_WHAT_IS_MISSING)
    assert ("missing labels" in loss.tags) == leaves_out, sorted(options)
