"""Pages with a diagram bring their own Mermaid, so that a reader's browser fetches nothing.

A hook of MkDocs. The script is the one that the package ``mermaidx`` carries; Material for MkDocs
would load it from a public server otherwise.
"""

from __future__ import annotations

from importlib.metadata import files
from typing import TYPE_CHECKING

from mkdocs.structure.files import File

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

_SCRIPT = "assets/mermaid.js"
_CLASS = 'class="mermaid"'


def on_files(found: Files, config: MkDocsConfig) -> Files:
    """Adds the script to the files of the site."""
    found.append(File.generated(config, _SCRIPT, content=_mermaid()))
    return found


def on_post_page(output: str, page: Page, config: MkDocsConfig) -> str:
    """Loads it where there is a diagram, before the theme looks for it."""
    if _CLASS not in output:
        return output
    root = "../" * page.url.count("/")
    return output.replace("</head>", f'<script src="{root}{_SCRIPT}"></script></head>', 1)


def _mermaid() -> bytes:
    [script] = [path for path in files("mermaidx") or () if path.match("assets/mermaid.js")]
    return script.read_binary()
