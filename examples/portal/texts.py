"""What the portal says, in Vietnamese and in English, and how it writes amounts and days."""

import tomllib
from datetime import date
from pathlib import Path

LANGUAGES = (("vi", "Tiếng Việt"), ("en", "English"))
TEXTS: dict[str, dict[str, str]] = tomllib.loads(Path(__file__).with_name("texts.toml").read_text("utf-8"))


def vnd(amount: int, lang: str) -> str:
    """An amount in đồng as people of the language write it."""
    return f"VND {amount:,}" if lang == "en" else f"{amount:,}".replace(",", ".") + " ₫"


def on_day(text: str) -> str:
    """An ISO date as day/month/year."""
    return date.fromisoformat(text).strftime("%d/%m/%Y")
