"""What MkDocs does besides reading docs/: the pages that are made, the navigation to them, links to the source."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from docs.tools import api, migration  # noqa: E402
from optimsche import peers  # noqa: E402

HOME = re.search(r'^Homepage = "(.*)"$', (ROOT / "pyproject.toml").read_text(), re.M)[1]  # type: ignore[index]
SITE = re.search(r'^Documentation = "(.*)"$', (ROOT / "pyproject.toml").read_text(), re.M)[1]  # type: ignore[index]


def on_config(config: Any) -> Any:
    """Fill in the addresses, and what the navigation has of pages that are made."""
    config.site_url = SITE + "/"
    config.extra["social"] = [{"icon": "fontawesome/brands/github", "link": HOME, "name": "The source"}]
    made = {
        "Coming from": [{migration.called(one): f"migration/{one}.md"} for one in _by_title()],
        "API": [{title: f"api/{name}"} for name, (title, _) in api.pages().items()],
    }
    for section in config.nav:
        for title, entries in section.items():
            if title in made:
                entries.extend(made[title])
    return config


def on_files(files: Any, config: Any) -> Any:
    """Add the pages that are made."""
    texts = {f"migration/{system}.md": migration.page(system) for system in peers.__all__}
    texts["migration/index.md"] = migration.overview()
    texts["index.md"] = _front()
    texts |= {f"api/{name}": text for name, (_, text) in api.pages().items()}
    for path, text in texts.items():
        if found := files.get_file_from_path(path):
            files.remove(found)
        files.append(File.generated(config, path, content=text))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Put in what is made for a page, and let links that lead out of docs/ lead to the source."""
    if page.file.src_uri == "reference.md":
        markdown = api.linked(markdown)
    if page.file.src_uri == "sliders.md":
        markdown = markdown.replace("<!-- live.html -->", (ROOT / "docs" / "live.html").read_text())
    up = r"(?:\.\./)" * (page.file.src_uri.count("/") + 1)
    return re.sub(rf"\]\({up}(?!\.\./)", f"]({HOME}/blob/main/", markdown)


def on_page_content(html: str, page: Any, **_: Any) -> str:
    """Let a page of many pictures load those that are looked at."""
    return html.replace("<img ", '<img loading="lazy" ') if html.count("<img ") > 5 else html


def _front() -> str:
    """The README without its badge. Its links begin one folder higher."""
    readme = re.sub(r"^\[!\[.*\n", "", (ROOT / "README.md").read_text(), flags=re.M)
    readme = re.sub(r"\]\((?!https:|#)", "](../", readme).replace("](../docs/", "](")
    return "---\nhide: [navigation]\n---\n" + readme


def _by_title() -> list[str]:
    return sorted(peers.__all__, key=lambda system: migration.called(system).lower())
