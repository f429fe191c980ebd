"""A content security policy on every page: the site alone, and nothing from elsewhere.

The theme has one script within the page. It sets light or dark before anything is
drawn, so it cannot come from a file; the policy names it by its hash.
"""

import base64
import hashlib
from typing import Any

from sphinx.application import Sphinx

from ownloss_site import theme


def hashes() -> list[str]:
    """Name the scripts within the theme's pages as a policy does."""
    scripts = map(str.encode, theme.inline_scripts())
    digests = [hashlib.sha256(script).digest() for script in scripts]
    return [f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests]


def add_policy(
    _app: Sphinx, _page: str, _template: str, context: dict[str, Any], _doctree: Any
) -> None:
    """Put the policy before everything that it speaks of."""
    allowed = {
        "default-src": ["'none'"],
        "script-src": ["'self'", *hashes()],
        # The theme sets colours within the page; a style cannot send anything.
        "style-src": ["'self'", "'unsafe-inline'"],
        "img-src": ["'self'", "data:"],
        "font-src": ["'self'"],
        "connect-src": ["'self'"],
        "base-uri": ["'none'"],
        "form-action": ["'self'"],
    }
    policy = "; ".join(" ".join([name, *sources]) for name, sources in allowed.items())
    tag = f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
    context["metatags"] = tag + context.get("metatags", "")
