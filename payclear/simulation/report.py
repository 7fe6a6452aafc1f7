"""Tells what a simulation came to: lines for a terminal, JSON for a file; equal runs give equal comparisons."""

import hashlib
import json
from collections import Counter
from typing import Any

from payclear.simulation.day import Outcome

SHOWN = 20


def comparison_digest(outcome: Outcome) -> str:
    """A fingerprint of what became of every planned payment, free of references that chance draws."""
    text = json.dumps(outcome.judgment.results)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def as_json(outcome: Outcome) -> dict[str, Any]:
    """The whole report."""
    order, judgment = outcome.order, outcome.judgment
    return {
        "seed": order.seed,
        "payments": order.payments,
        "days": order.days,
        "faults_percent": order.faults_percent,
        "is_sound": outcome.is_sound,
        "plan_digest": outcome.plan_digest,
        "comparison_digest": comparison_digest(outcome),
        "payments_true": outcome.payments_true,
        "counts": dict(sorted(judgment.counts.items())),
        "table": _table(outcome),
        "unexplained": [_told(each) for each in judgment.unexplained],
        "explained": [_told(each) for each in judgment.differences if each.explained_by],
        "surprises": outcome.surprises,
        "errors_logged": {
            name: [count, outcome.error_texts.get(name, "")] for name, count in outcome.errors.items()
        },
        "broken_invariants": [
            {
                "id": finding.check.id,
                "title": finding.check.title,
                "offenders": [{k: str(v) for k, v in row.items()} for row in finding.offenders[:SHOWN]],
            }
            for finding in outcome.findings
            if not finding.holds
        ],
        "invariants": len(outcome.findings),
        "faults": _faults(outcome),
        "deaths": outcome.deaths,
        "callbacks": outcome.callbacks,
        "forgeries_refused": outcome.forgeries,
        "nights": [list(night) for night in outcome.nights],
        "webhooks": outcome.webhooks,
        "stories": _stories(outcome),
        "steps": outcome.steps,
        "seconds": {name: round(value, 1) for name, value in outcome.seconds.items()},
    }


def as_lines(outcome: Outcome) -> list[str]:
    """The report for a person."""
    report = as_json(outcome)
    lines = [
        f"Seed {report['seed']}: {report['payments']} payments on {report['days']} day(s), "
        f"{report['faults_percent']:g} % of each fault; payers paid {report['payments_true']} times.",
        "",
        "What became of the money and of the orders",
    ]
    lines += [f"  {count:>7}  {name}" for name, count in report["counts"].items()]
    lines += ["", "Tries by account: begun, paid there, with a fault"]
    lines += [
        f"  {row['account']:<22} {row['tries']:>6} {row['paid']:>6} {row['faulty']:>6}"
        for row in report["table"]
    ]
    lines += ["", "Faults played"]
    lines += [f"  {count:>7}  {fault}" for fault, count in report["faults"].items()]
    lines += [f"  {count:>7}  process died at {place}" for place, count in report["deaths"].items()]
    lines += ["", "Nights: account, day, step, verdict, lines, problems"]
    lines += ["  " + "  ".join(map(str, night)) for night in report["nights"]]
    lines += ["", f"Callbacks {report['callbacks']}, refused {report['forgeries_refused']}"]
    lines += [f"Webhooks {report['webhooks']}"]
    lines += [f"{len(report['explained'])} differences are explained, {len(report['unexplained'])} are not."]
    lines += [f"  {_line(each)}" for each in report["unexplained"][:SHOWN]]
    lines += [f"Surprise: {text}" for text in report["surprises"][:SHOWN]]
    lines += [
        f"Logged as an error: {name} ×{n}: {text}" for name, (n, text) in report["errors_logged"].items()
    ]
    broken = report["broken_invariants"]
    lines += [f"BROKEN {each['id']} {each['title']}: {each['offenders'][:3]}" for each in broken]
    lines += [f"{report['invariants']} invariants checked, {len(broken)} broken."]
    for number, story in report["stories"].items():
        lines += ["", f"Story of {number}", *(f"  {text}" for text in story)]
    timings = ", ".join(f"{name} {value:.0f} s" for name, value in report["seconds"].items())
    lines += ["", f"{report['steps']} steps; {timings}."]
    lines += [f"Plan {report['plan_digest'][:16]}, comparison {report['comparison_digest'][:16]}."]
    lines += ["The books are right." if report["is_sound"] else f"NOT SOUND: seed {report['seed']}."]
    return lines


def _faults(outcome: Outcome) -> dict[str, int]:
    played = Counter(
        str(fault) for life in outcome.lives for made in life.made for fault in made.planned.faults
    )
    played.update(plant.kind for plant in outcome.sabotage.plants)
    return dict(sorted(played.items()))


def _table(outcome: Outcome) -> list[dict[str, Any]]:
    tries: Counter[str] = Counter()
    faulty: Counter[str] = Counter()
    for life in outcome.lives:
        for made in life.made:
            tries[made.account] += 1
            faulty[made.account] += bool(made.planned.faults)
    paid = Counter(account for _, _, account, _, _ in outcome.judgment.results)
    return [
        {"account": account, "tries": tries[account], "paid": paid[account], "faulty": faulty[account]}
        for account in sorted(tries)
    ]


def _told(difference: Any) -> dict[str, Any]:
    return {
        "kind": difference.kind,
        "payment": difference.number,
        "order_ref": difference.order_ref,
        "detail": difference.detail,
        "explained_by": difference.explained_by,
    }


def _line(told: dict[str, Any]) -> str:
    return f"{told['kind']}: payment {told['payment']} {told['order_ref']}: {told['detail']}"


def _stories(outcome: Outcome) -> dict[str, list[str]]:
    """The citizen's side and ours of everything that is not explained."""
    found = {}
    for life in outcome.lives:
        if life.order_ref in outcome.stories or life.surprises:
            plan = [f"plan: {life.plan.behaviour} {made.planned}" for made in life.made]
            ours = outcome.stories.get(life.order_ref, [])
            found[f"payment {life.plan.number}"] = [*plan, *life.story, "in the books:", *ours]
    return found
