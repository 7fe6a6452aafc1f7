"""The cells of the table adapter × scenario that are to be played, read from the manifests as installed in the tree."""

from pathlib import Path

from payclear.contract.conformance.scenarios import SCENARIOS
from payclear.contract.manifest import Manifest, load_manifest
from tests.providers.conformance.subjects import SUBJECTS

PROVIDERS = Path(__file__).parents[3] / "providers"


def manifest_of(adapter: str) -> Manifest:
    """An adapter's manifest."""
    return load_manifest(PROVIDERS / adapter / "manifest.toml")


def cells(*, needs_books: bool) -> list[tuple[str, str]]:
    """Adapter and scenario of everything that applies."""
    return [
        (adapter, scenario.id)
        for adapter in SUBJECTS
        for scenario in SCENARIOS
        if scenario.needs_books is needs_books and scenario.reason(manifest_of(adapter)) is None
    ]
