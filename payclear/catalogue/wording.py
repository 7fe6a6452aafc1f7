"""Says what is wrong with a file of the catalogue in plain sentences, in both languages. Called by the console and commands."""

from payclear.catalogue.formats import Problem
from payclear.i18n.locales import Locale
from payclear.i18n.texts import has_text, translate


def sentence(problem: Problem, locale: Locale) -> str:
    """What is wrong, for the person who wrote the file."""
    facts = dict(problem.facts)
    if "wanted" in facts:
        facts["wanted"] = translate(f"catalogue.wanted_{facts['wanted']}", locale)
    why = f"catalogue.why_{facts.get('why', '')}"
    if has_text(why):
        facts["why"] = translate(why, locale)
    return translate(f"catalogue.problem_{problem.code}", locale, **facts)


def place(problem: Problem) -> str:
    """Where it is: file and line."""
    return f"{problem.file}:{problem.line}" if problem.line else problem.file
