"""Puts every loss that was published earlier into sdist and wheel, as data.

They are in git, and an installed package has no git: with them `ownloss update` knows
what a file was copied from. A wheel that is built from an sdist takes them from there.
"""

import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class CustomBuildHook(BuildHookInterface):
    """Called by hatchling before it packs."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the archive to what is packed."""
        root = Path(self.root)
        if version == "editable":  # git is there
            return
        sys.path.insert(0, str(root / "src"))
        from ownloss.copies import EARLIER, write_earlier

        archive = root / EARLIER  # there already in an sdist
        if not archive.exists():
            archive = Path(self.directory) / EARLIER
            archive.parent.mkdir(parents=True, exist_ok=True)
            write_earlier(archive, root / "src" / "examples")
        place = EARLIER if self.target_name == "sdist" else f"ownloss/{EARLIER}"
        build_data["force_include"][str(archive)] = place
