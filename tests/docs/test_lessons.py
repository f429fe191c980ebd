"""The plan of lessons adds up, and what it hands out is there."""

import re
from pathlib import Path

from ownloss import exercises

TEXT = (Path(__file__).parents[2] / "docs" / "practice" / "lessons.md").read_text(
    "utf-8"
)
LESSONS = re.split(r"^## (?=Lesson \d)", TEXT, flags=re.MULTILINE)[1:]


def test_each_of_four_lessons_takes_ninety_minutes():
    minutes = [
        sum(map(int, re.findall(r"^\| (\d+) \|", lesson, re.MULTILINE)))
        for lesson in LESSONS
    ]
    assert minutes == [90] * 4


def test_each_lesson_asks_something_and_has_something_to_hand_in():
    for lesson in LESSONS:
        assert lesson.count("**Ask:**") >= 1
        assert lesson.count("**To hand in:**") == 1


def test_every_exercise_that_is_handed_out_is_there():
    named = set(re.findall(r"\{ref\}`([a-z-]+) <exercise-\1>`", TEXT))
    assert len(named) >= 6
    assert [exercises.find(name).name for name in named] == list(named)
