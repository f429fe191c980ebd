"""How an example is shown: the settings of Sphinx-Gallery, in the only place for them.

What the modules here add to Sphinx-Gallery is connected to Sphinx by the engine of the
site, ``docs/_extensions/ownloss_site``.
"""

from typing import Any

from gallery import page

__all__ = ["sphinx_gallery_conf"]

sphinx_gallery_conf: dict[str, Any] = {
    # Relative to docs/: where the repository lies must not change the site.
    "examples_dirs": "../src/examples",
    # Must lie under docs/: elsewhere the pages vanish without an error.
    "gallery_dirs": "examples",
    # Every script runs: a script that does not match would be shown but never run.
    "filename_pattern": page.EVERY_SCRIPT,
    "subsection_order": "gallery.page.place_of_topic",
    "within_subsection_order": "FileNameSortKey",
    # Callables are named, not imported, so that Sphinx can cache the configuration.
    "image_scrapers": ("gallery.look.save_figures",),
    "reset_modules": ("gallery.look.reset", "gallery.freshness.follow_run"),
    "reset_modules_order": "both",
    # Which torch object an example uses; the guide's pages find their examples by it.
    "backreferences_dir": "examples/backreferences",
    "doc_module": ("torch",),
    "capture_repr": ("__repr__",),
    # Addresses of matplotlib objects would differ in every build.
    "ignore_repr_types": r"matplotlib|.*\[.*matplotlib",
    "remove_config_comments": True,
    # Links from code to torch's functions, not from every variable to its type.
    "inspect_global_variables": False,
    # docs/_static/ownloss.css does it in the look of furo.
    "css": (),
    "download_all_examples": False,
    "show_signature": False,
    "write_computation_times": False,
    # Running times on the pages would differ in every build.
    "min_reported_time": 10**9,
}
