"""The table adapter × scenario as Markdown: what is played, and why the rest does not apply."""

from collections.abc import Sequence

from payclear.contract.conformance.scenarios import SCENARIOS
from payclear.contract.manifest import Manifest

PLAYED = "✓"


def render(manifests: Sequence[Manifest]) -> str:
    """Scenarios down, adapters across by name; ✓ is played by the suite, a number is a reason below the table."""
    ordered = sorted(manifests, key=lambda manifest: manifest.name)
    reasons: dict[str, int] = {}
    lines = [
        "| Scenario | " + " | ".join(manifest.name for manifest in ordered) + " |",
        "|---|" + ":-:|" * len(ordered),
    ]
    for scenario in SCENARIOS:
        cells = []
        for manifest in ordered:
            reason = scenario.reason(manifest)
            cells.append(PLAYED if reason is None else str(reasons.setdefault(reason, len(reasons) + 1)))
        lines.append(f"| {scenario.title} | " + " | ".join(cells) + " |")
    notes = [f"{number}. {reason}" for reason, number in reasons.items()]
    return "\n".join([*lines, "", "✓ played. Not applicable, by the adapter's manifest:", "", *notes]) + "\n"
