"""The documents as the tests read them: their text, code blocks, inline code and links."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
_BLOCK = re.compile(r"^( *)```(\w*)\n(.*?)^\1```", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"!?\[[^\]\n]*\]\(([^)\s]+)\)|<img src=\"([^\"]+)\"")


@dataclass(frozen=True, slots=True)
class Page:
    """One Markdown file."""

    path: Path
    text: str

    @property
    def name(self) -> str:
        return str(self.path.relative_to(ROOT))

    def blocks(self, language: str) -> list[str]:
        """Code blocks of a language, without the indent of a list."""
        return [
            re.sub(rf"^{indent}", "", body, flags=re.MULTILINE)
            for indent, kind, body in _BLOCK.findall(self.text)
            if kind == language
        ]

    def codes(self) -> list[str]:
        """Inline code."""
        return _CODE.findall(_BLOCK.sub("", self.text))

    def everything(self) -> list[str]:
        """Inline code, and every line of every code block."""
        return [
            *self.codes(),
            *(line for _, _, body in _BLOCK.findall(self.text) for line in body.splitlines()),
        ]

    def links(self) -> list[str]:
        """Targets of links and pictures."""
        return [first or second for first, second in _LINK.findall(_BLOCK.sub("", self.text))]

    def anchors(self) -> set[str]:
        """What a link may name after `#`: the headings, as they are shown on a Git host."""
        titles = re.findall(r"^#+ (.+)$", _BLOCK.sub("", self.text), re.MULTILINE)
        return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def page(path: Path) -> Page:
    return Page(path, path.read_text(encoding="utf-8"))


def all_pages() -> Iterator[Page]:
    """The README and everything under docs/."""
    for path in [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]:
        yield page(path)
