"""What docs/ takes from the code says what the code says."""

from pathlib import Path

import pytest

from payclear.assembly import load_modules
from payclear.events.registry import all_event_types
from payclear.kernel.settings import load_settings
from payclear.kernel.states import all_tables
from payclear.operations import docs_pages
from payclear.operations.verify import CORE_CHECKS
from tests.docs.pages import DOCS, ROOT, page
from tests.providers.forgery.profiles import profile_names


@pytest.fixture(scope="module")
def written() -> dict[Path, str]:
    load_modules(load_settings("test"))
    return docs_pages.pages(DOCS, ROOT / "config")


@pytest.mark.parametrize(
    "name",
    ["settings.md", "errors.md", "events.md", "architecture.md", "providers.md", "privacy.md", "opendata.md"],
)
def test_generated_page_is_up_to_date(written, name):
    assert page(DOCS / name).text == written[DOCS / name], "run: payclear docs"


def test_page_without_a_place_for_the_drawings_is_refused():
    for write in (
        docs_pages.with_states,
        docs_pages.with_conformance,
        docs_pages.with_columns,
        docs_pages.with_definitions,
    ):
        with pytest.raises(ValueError, match="no place"):
            write("# A page\n")


def test_drawings_are_put_right_and_the_text_around_them_stays():
    text = f"before\n{docs_pages.STATES_BEGIN}\nold\n{docs_pages.STATES_END}\nafter\n"
    drawn = docs_pages.with_states(text)
    assert drawn.startswith("before\n")
    assert drawn.endswith("\nafter\n")
    assert "old" not in drawn
    assert docs_pages.with_states(drawn) == drawn
    assert all(f"### {table.name}\n" in drawn for table in all_tables())


def test_write_pages_writes_only_what_changed(written, tmp_path):
    for name in ("architecture.md", "providers.md", "privacy.md", "opendata.md"):
        (tmp_path / name).write_text(written[DOCS / name], encoding="utf-8")
    first = docs_pages.write_pages(tmp_path, ROOT / "config")
    assert {path.name for path in first} == {"settings.md", "errors.md", "events.md"}
    assert docs_pages.write_pages(tmp_path, ROOT / "config") == []


def test_every_error_has_a_title_in_both_languages(written):
    rows = [row for row in written[DOCS / "errors.md"].splitlines() if row.startswith("| `")]
    assert len(rows) > 80
    assert [row for row in rows if "|  |" in row or row.endswith("|  |")] == []


def test_every_event_is_described_with_an_example(written):
    for kind in all_event_types():
        section = written[DOCS / "events.md"].split(f"\n## {kind.name}\n")[1].split("\n## ")[0]
        assert f'"type": "{kind.name}"' in section
        assert all(f"| `{field}` |" in section for field in kind.required | kind.optional)


def test_readme_counts_invariants_and_profiles_as_they_are():
    text = page(ROOT / "README.md").text
    checks = (*CORE_CHECKS, *load_modules(load_settings("test")).checks)
    assert f"each with its planted violation | {len(checks)} |" in text
    assert f"for each of {len(profile_names())} signature profiles" in text
