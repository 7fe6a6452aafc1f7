"""Makes the portal's sample dossiers from `dossiers.toml`, with numbers of their own each time."""

import secrets
import tomllib
from datetime import date, timedelta
from pathlib import Path
from typing import Any

SERVED_DAYS_AGO = 25  # the fine is overdue, so that payclear adds the surcharge
BUDGET = {"chapter": "000", "sub_item": "0000"}


def samples(today: date) -> list[dict[str, Any]]:
    """Three dossiers filed today (one without a fee) and one fine that is overdue: what to show, and what to tell payclear."""
    data = tomllib.loads(Path(__file__).with_name("dossiers.toml").read_text("utf-8"))
    found = []
    for dossier in data["dossier"]:
        code = f"H00.14-{today:%y%m%d}-{secrets.randbelow(9000) + 1000}"
        document = {
            "dossier_code": code,
            "procedure_code": dossier["procedure_code"],
            "filed_on": today.isoformat(),
        }
        expected = sum(line["amount"] for line in dossier["lines"])
        fee = {**dossier["fee"], "declared_total": expected}
        obligation = {"kind": "dossier_fee", "agency_code": "H00.14", "document": document, "fee": fee}
        found.append(_entry(code, dossier, data["agencies"]["dossier"], obligation, data["obligor"]))
    number = f"{secrets.randbelow(9_000_000) + 1_000_000}"
    served_on = today - timedelta(days=SERVED_DAYS_AGO)
    document = {
        "decision_no": f"{number}/QĐ-XPHC",
        "decided_on": (served_on - timedelta(days=3)).isoformat(),
        "served_on": served_on.isoformat(),
        "served_method": "handed",
    }
    obligation = {"kind": "traffic_fine", "agency_code": "A00.01", "document": document}
    obligation["surcharge"] = data["fine"]["surcharge"]
    obligation["lines"] = [{**line, **BUDGET} for line in data["fine"]["lines"]]
    return [
        *found,
        _entry(f"QD-{number}", data["fine"], data["agencies"]["fine"], obligation, data["obligor"]),
    ]


def _entry(
    code: str,
    shown: dict[str, Any],
    agency: dict[str, str],
    obligation: dict[str, Any],
    obligor: dict[str, str],
) -> dict[str, Any]:
    told = {**obligation, "obligor": obligor, "currency": "VND"}
    return {
        "code": code,
        "names": shown["names"],
        "agency": agency,
        "lines": shown["lines"],
        "obligation": told,
    }
