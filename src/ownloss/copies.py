"""Copied losses: what their owner has changed, what has changed upstream, and merging.

A copied file says in its first lines which loss it is and the hash of the text as it
was published. With that text, the base, the owner's changes and those upstream can be
told apart. The base is the example of today, where the hash says so, or an earlier
one: a wheel holds the earlier ones as data, a checkout has them in git.
"""

import enum
import functools
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from zipfile import ZipFile

from ownloss import catalogue
from ownloss.archive import packed
from ownloss.catalogue import Example, above_the_line, digest

__all__ = ["Copied", "State", "copied_in", "merged", "read"]

HEADER = re.compile(
    r"^# (?P<name>\w+), copied from ownloss (?P<version>[^\s:]+):.*\n"
    r"(?:#.*\n)*?"
    r"# As published: (?P<digest>[0-9a-f]{64})\n",
    re.MULTILINE,
)
"""The first lines of a copied file; its owner may have written others above them."""

EARLIER = "earlier.zip"
"""Where a wheel keeps what was published before: ``huber/<digest>.py``."""


class State(enum.Enum):
    """How a copied file stands to what is published today."""

    SAME = "as published"
    YOURS = "changed by you"
    BEHIND = "changed upstream"
    BOTH = "changed by you and upstream"
    GONE = "no longer published"
    AHEAD = "from a newer ownloss"

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True)
class Copied:
    """A file that was copied from ownloss.

    Attributes:
        path: Where it lies.
        above: What its owner has written above the header; mostly empty.
        name: The loss.
        version: The ownloss that it was copied from.
        digest: The hash of the loss as it was published then.
        loss: The loss as it stands in the file.
        newline: The end of its lines.
    """

    path: Path
    above: str
    name: str
    version: str
    digest: str
    loss: str
    newline: str = "\n"

    @property
    def changed(self) -> bool:
        """Whether its owner has changed it."""
        return digest(self.loss) != self.digest

    @functools.cached_property
    def today(self) -> Example | None:
        """The example that it was copied from, as it is published today."""
        try:
            return catalogue.find(self.name)
        except LookupError:
            return None

    @property
    def state(self) -> State:
        """How it stands to what is published today."""
        if self.today is None:
            return State.GONE
        if digest(self.today.loss) == self.digest:
            return State.YOURS if self.changed else State.SAME
        if newer(self.version, catalogue.version()):
            return State.AHEAD
        return State.BOTH if self.changed else State.BEHIND

    def base(self) -> str:
        """Find the loss as it was published when it was copied.

        Returns:
            The text, which has the hash that the file names.

        Raises:
            LookupError: It is not known here, and why that may be.
        """
        if not self.changed:
            return self.loss
        if self.today and digest(self.today.loss) == self.digest:
            return self.today.loss
        for earlier in earlier_losses(self.name, self.digest):
            if digest(earlier) == self.digest:
                return earlier
        installed = catalogue.version()
        if newer(self.version, installed):
            raise LookupError(self.too_new())
        raise LookupError(
            f"{self.path} was copied from ownloss {self.version}, and {installed} does "
            f"not know {self.name} as it was published then: copy it again into "
            "another folder, and compare the two"
        )

    def too_new(self) -> str:
        """Say that the installed ownloss is older than the file."""
        return (
            f"{self.path} was copied from ownloss {self.version}, and this is "
            f"{catalogue.version()}: upgrade ownloss first"
        )


def read(path: Path) -> Copied:
    """Read a copied file.

    Args:
        path: The file.

    Returns:
        What its first lines say, and the loss.

    Raises:
        ValueError: It is no copied file, or its header was removed.
        OSError: It cannot be read.
    """
    try:
        written = path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not text in UTF-8") from error
    newline = "\r\n" if "\r\n" in written else "\n"
    text = written.replace("\r\n", "\n")
    header = HEADER.search(text)
    if header is None:
        raise ValueError(
            f"{path} was not copied from ownloss, or its first lines were removed, "
            "which say what it was copied from"
        )
    return Copied(
        path,
        text[: header.start()],
        header["name"],
        header["version"],
        header["digest"],
        text[header.end() :],
        newline,
    )


def copied_in(folder: Path) -> Iterator[Copied]:
    """Find the copied files of a folder and of the folders in it.

    Args:
        folder: Where to look; what is hidden is left out.

    Yields:
        The files, ordered by their paths.

    Raises:
        NotADirectoryError: There is no such folder.
    """
    if not folder.is_dir():
        raise NotADirectoryError(f"there is no folder {str(folder)!r}")
    for path in sorted(folder.rglob("*.py")):
        inside = path.relative_to(folder).parts
        if any(part.startswith(".") or part == "node_modules" for part in inside):
            continue
        try:
            yield read(path)
        except (ValueError, OSError):
            continue


def newer(version: str, than: str) -> bool:
    """Whether a version is newer than another; False where one is unreadable.

    >>> newer("0.10.0", "0.9.1"), newer("0.1.0", "0.1.0"), newer("unknown", "0.1.0")
    (True, False, False)
    """

    def numbers(text: str) -> list[int]:
        release = re.match(r"\d+(?:\.\d+)*", text)
        return [int(part) for part in release[0].split(".")] if release else []

    return numbers(version) > numbers(than)


def earlier_losses(name: str, wanted: str) -> Iterator[str]:
    """Look for a loss as it was published earlier.

    Args:
        name: The loss.
        wanted: Its hash.

    Yields:
        What may be it: the entry of the wheel, or each version in git, newest first.
    """
    archive = Path(__file__).parent / EARLIER
    if archive.is_file():
        with ZipFile(archive) as zipped:
            entry = f"{name}/{wanted}.py"
            if entry in zipped.namelist():
                yield zipped.read(entry).decode("utf-8")
        return
    yield from (loss for _, loss in losses_in_git(catalogue.folder(), name))


def losses_in_git(folder: Path, name: str = "*") -> Iterator[tuple[str, str]]:
    """Read from git every version of every loss.

    Args:
        folder: The folder of the examples in a checkout; without git there is none.
        name: One loss; all of them by default.

    Yields:
        The name and what stood above the line, newest first.
    """
    if shutil.which("git") is None:
        return

    def git(*arguments: str, asked: str = "") -> bytes:
        command = ["git", *arguments]
        given = asked.encode()
        return subprocess.run(
            command, cwd=folder, capture_output=True, check=False, input=given
        ).stdout

    options = ("--raw", "--no-abbrev", "--no-renames", "--format=")
    log = git("log", *options, "--", f":(glob)*/{name}.py")
    blobs: dict[str, str] = {}
    for line in log.decode().splitlines():
        before_after, _, path = line.partition("\t")
        fields = before_after.split(" ")
        for blob in (fields[3], fields[2]):
            if blob.strip("0"):
                blobs.setdefault(blob, Path(path).stem)
    stream = git("cat-file", "--batch", asked="\n".join(blobs))
    for one in blobs.values():
        answer, _, stream = stream.partition(b"\n")
        kind_and_size = answer.split(b" ")
        if kind_and_size[-1] == b"missing":
            continue
        size = int(kind_and_size[2])
        script, stream = stream[:size].decode("utf-8"), stream[size + 1 :]
        yield one, above_the_line(script)


def write_earlier(archive: Path, examples: Path) -> None:
    """Pack every version of every loss that git knows, for a wheel.

    Args:
        archive: The file to write.
        examples: The folder of the examples in a checkout.
    """
    losses = sorted(set(losses_in_git(examples)))
    named = {f"{name}/{digest(loss)}.py": loss.encode() for name, loss in losses}
    archive.write_bytes(packed(named))


@dataclass(frozen=True)
class Merged:
    """A copied file, brought up to date.

    Attributes:
        text: What the file is to hold.
        conflicts: How many places both have changed, each in another way; they are
            marked as git marks them.
    """

    text: str
    conflicts: int


def merged(copied: Copied) -> Merged:
    """Merge what its owner has changed and what has changed upstream.

    Args:
        copied: The file.

    Returns:
        The text, with a header that names what is published today.

    Raises:
        LookupError: The loss is no longer published, or its base is not known.
        FileNotFoundError: git is not installed, and is needed.
    """
    today = copied.today
    if today is None:
        raise LookupError(f"{copied.path}: {copied.name} is no longer published")
    if copied.state is State.AHEAD:
        raise LookupError(copied.too_new())
    loss, conflicts = copied.loss, 0
    base = copied.base()
    if not copied.changed:
        loss = today.loss
    elif base != today.loss:
        loss, conflicts = merge(copied.loss, base, today.loss)
    published = catalogue.published(today)
    header = published.removesuffix(today.loss)
    text = copied.above + header + loss
    return Merged(text.replace("\n", copied.newline), conflicts)


def merge(yours: str, base: str, upstream: str) -> tuple[str, int]:
    """Merge two texts that have come from a third.

    Args:
        yours: The text as its owner has changed it.
        base: The text that both have come from.
        upstream: The text as it is published today.

    Returns:
        The merged text and the number of conflicts, which are marked in it.

    Raises:
        FileNotFoundError: git is not installed.
    """
    if shutil.which("git") is None:
        raise FileNotFoundError("git is not installed, and merging needs it")
    with tempfile.TemporaryDirectory(prefix="ownloss-") as folder:
        paths = [Path(folder, name) for name in ("yours", "published", "upstream")]
        for path, text in zip(paths, (yours, base, upstream), strict=True):
            path.write_text(text, encoding="utf-8", newline="\n")
        labels = [word for path in paths for word in ("-L", path.name)]
        ran = subprocess.run(
            ["git", "merge-file", "-p", "--diff3", *labels, *map(str, paths)],
            capture_output=True,
            check=False,
        )
    if ran.returncode > 127 or ran.returncode < 0:
        said = ran.stderr.decode("utf-8", errors="replace").strip()
        raise OSError(f"git could not merge: {said}")
    return ran.stdout.decode("utf-8"), ran.returncode


def write(path: Path, text: str) -> None:
    """Write a file whole or not at all, and keep its permissions.

    Args:
        path: The file, which exists.
        text: What it is to hold, with its own ends of lines.

    Raises:
        OSError: It cannot be written; nothing has changed.
    """
    # Moved into place, a draft would not ask whether the file may be written.
    if not os.access(path, os.W_OK):
        raise PermissionError(13, "Permission denied", str(path))
    place = path.resolve()
    handle, draft = tempfile.mkstemp(dir=place.parent, prefix=".ownloss-")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            file.write(text)
        shutil.copymode(place, draft)
        Path(draft).replace(place)
    except BaseException:
        Path(draft).unlink(missing_ok=True)
        raise
