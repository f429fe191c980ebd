"""`nox -s new -- robust/cauchy` writes the blank example under its name, and its test.

The blank, in ``gallery/blank/``, is a loss that works (half the squared error), so the
page builds and the test passes before the first change.
"""

import re
import sys
from pathlib import Path

from ownloss import catalogue

ROOT = Path(__file__).resolve().parents[1]

BLANK = Path(__file__).with_name("blank")


def write_blank(where: str, root: Path = ROOT) -> tuple[Path, Path]:
    """Write a blank example and its mirrored test.

    Args:
        where: Topic and name, such as ``"robust/cauchy"``. The topic must exist.
        root: The root of the repository.

    Returns:
        The paths of the example and of its test.

    Raises:
        ValueError: ``where`` is not topic/name, or the topic does not exist.
        FileExistsError: An example of this name exists, in whatever topic.
    """
    match = re.fullmatch(r"([a-z][a-z0-9_]*)/([a-z][a-z0-9_]*)", where)
    if match is None:
        raise ValueError(
            f"expected topic/name in lower case, such as robust/cauchy, got {where!r}"
        )
    topic, name = match.groups()
    examples = root / "src" / "examples"
    if not (examples / topic / "GALLERY_HEADER.rst").is_file():
        topics = sorted(path.parent.name for path in examples.glob("*/GALLERY_HEADER*"))
        raise ValueError(
            f"no topic {topic!r}; there are {', '.join(topics)}. A new one begins with "
            f"src/examples/{topic}/GALLERY_HEADER.rst"
        )
    if taken := [*examples.glob(f"*/{name}.py")]:
        raise FileExistsError(f"{taken[0].relative_to(root)} has this name already")

    title = name.replace("_", " ").capitalize()
    words = {
        "Blank\n=====": f"{title}\n{'=' * len(title)}",
        "Blank": title,
        "blank": name,
    }
    script = examples / topic / f"{name}.py"
    test = root / "tests" / "examples" / topic / f"test_{name}.py"
    test.parent.mkdir(parents=True, exist_ok=True)
    for path, blank in ((script, "example.py"), (test, "test.py")):
        text = (BLANK / blank).read_text(encoding="utf-8")
        named = re.sub("|".join(words), lambda found: words[found[0]], text)
        path.write_text(named, encoding="utf-8")
    catalogue.examples.cache_clear()
    return script, test


def main(arguments: list[str]) -> int:
    """Run the command; return its exit status."""
    if len(arguments) != 1:
        print("usage: nox -s new -- topic/name, such as robust/cauchy", file=sys.stderr)
        return 2
    try:
        written = write_blank(arguments[0])
    except (ValueError, FileExistsError) as error:
        print(error, file=sys.stderr)
        return 2
    for path in written:
        print(f"wrote {path.relative_to(ROOT)}")
    print(f"see it: nox -s docs -- {written[0].stem}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
