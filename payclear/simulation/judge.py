"""Compares our books with the simulator's truth, payment by payment. Pure: it reads values and writes a judgment.

A difference is explained by an open case, an open discrepancy or an honest doubt; whatever is not is a defect.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from payclear.simulation.books import Books, MoneyMoved
from payclear.simulation.facts import IN_DOUBT, LIVE, REVERSAL, Files, Judgment, LifeFacts, TruePayment

CAPTURED, SUSPENDED = "payment_captured", "payment_suspended"
DOUBT = "in doubt, at an account without statements"


def judge(files: Files) -> Judgment:
    """Compare money, orders, sums, refunds and receipts."""
    judgment = Judgment()
    seen: set[str] = set()
    for attempt_ref in sorted(files.of_attempt):
        seen |= _attempt(files, judgment, attempt_ref)
    for payment in files.strays:
        seen |= _stray(files, judgment, payment)
    _nothing_invented(files, judgment, seen)
    for life in files.lives:
        _order(files, judgment, life)
    _sums(files, judgment)
    _refunds(files, judgment)
    _receipts(files, judgment)
    judgment.results.sort()
    return judgment


def _attempt(files: Files, judgment: Judgment, attempt_ref: str) -> set[str]:
    """Every đồng that was paid for an attempt is in the books once, at its place; the entries that say so."""
    payments = files.of_attempt[attempt_ref]
    life, made = files.life_and_try(attempt_ref)
    entries = [*files.entries[attempt_ref]]
    for payment in payments:
        entries += [entry for entry in files.kept_for(payment) if entry not in entries]
    true = sum(payment.amount for payment in payments if not payment.is_reversed)
    gross = [entry for entry in entries if entry.template != REVERSAL]
    for entry in gross:
        owners = files.paid_by_number.get((entry.account, entry.number), [])
        if owners and not any(owner in payments for owner in owners):
            detail = f"{attempt_ref}: {entry.natural_key} is what was paid for {owners[0].attempt_ref}"
            judgment.add("misfiled", life, detail)
    for payment in payments:
        owner = files.life_of_bill(payment)
        if owner is not None and owner.order_ref != files.attempts[attempt_ref].order_ref:
            judgment.add("misfiled", owner, f"{payment.told_ref}, paid for its bill, went to {attempt_ref}")
    booked = sum(entry.amount for entry in entries)
    if booked == true and len(gross) == len(payments):
        result = "+".join(sorted(_place_of(files, entry) for entry in gross))
        if len(gross) < len(entries):
            result += ", taken back"
        judgment.counts[result] += 1
        if "no case" in result or "untold" in result:
            judgment.add("no case", life, f"{attempt_ref}: {booked} lies in suspense: {result}")
    else:
        result = _unequal(files, judgment, life, attempt_ref, true, booked, len(gross))
    if life is not None and made is not None:
        judgment.results.append((life.number, made.number, made.account, result, true))
    return {entry.entry_id for entry in entries}


def _place_of(files: Files, entry: MoneyMoved) -> str:
    if entry.template == CAPTURED:
        return "captured"
    if entry.template == SUSPENDED:
        kinds = files.cases.get(entry.attempt_ref) or files.cases_by_number.get((entry.account, entry.number))
        return f"suspended: {'/'.join(sorted(set(kinds)))}" if kinds else "suspended, no case"
    told = files.told_of_entry.get(entry.entry_id)
    return f"kept: {told.code}" if told is not None and told.state in LIVE else "kept, untold"


def _unequal(
    files: Files,
    judgment: Judgment,
    life: LifeFacts | None,
    attempt_ref: str,
    true: int,
    booked: int,
    entries: int,
) -> str:
    payments = files.of_attempt[attempt_ref]
    attempt = files.attempts[attempt_ref]
    kind = "lost" if booked < true else "doubled"
    explained = ""
    live = {told.code for told in files.about_attempt(attempt_ref, payments) if told.state in LIVE}
    if live and entries in (0, len(payments)):
        explained = f"discrepancy {'/'.join(sorted(live))}"
    elif not entries and attempt.state in IN_DOUBT and not files.traits[attempt.account].lists:
        # It is asked about for ever, and no file will come: the order waits and nobody may pay again.
        explained = DOUBT
    elif entries == len(payments):
        explained = _why_still_paid(files, [(attempt_ref, payment) for payment in payments])
    detail = f"{attempt_ref}: paid {true} in {len(payments)}, booked {booked} in {entries}"
    judgment.add(kind, life, detail, explained)
    return f"{kind}, {explained or 'unexplained'}"


def _stray(files: Files, judgment: Judgment, payment: TruePayment) -> set[str]:
    """Money for which no attempt of ours stands at that account: it may only be kept, and told."""
    entries = files.kept_for(payment)
    booked = sum(entry.amount for entry in entries)
    true = 0 if payment.is_reversed else payment.amount
    place = "+".join(sorted(_place_of(files, entry) for entry in entries if entry.template != REVERSAL))
    detail = f"{true} paid at {payment.account} under {payment.attempt_ref} {payment.told_ref}, kept {booked}"
    told = [each.code for each in files.about(payment.account, [payment.attempt_ref], [payment.told_ref])]
    if booked == true and len(entries) == 1 and "no case" not in place and "untold" not in place:
        judgment.counts[f"no attempt, {place}"] += 1
    else:
        judgment.add("misfiled", None, f"{detail}, {place}, told as {told}")
    return {entry.entry_id for entry in entries}


def _nothing_invented(files: Files, judgment: Judgment, seen: set[str]) -> None:
    """Nothing is in the books that nobody paid, but for lines that were planted into a statement."""
    planted = files.planted_numbers | {
        (plant.account, plant.attempt_ref) for plant in files.plants if plant.kind == "extra_line"
    }
    for entry in files.books.money:
        if entry.entry_id in seen:
            continue
        told = files.told_of_entry.get(entry.entry_id)
        names = {entry.number, told.attempt_ref if told else ""}
        if not entry.attempt_ref and any((entry.account, name) in planted for name in names):
            judgment.counts["planted money kept"] += 1
            explained = f"discrepancy {told.code}" if told is not None and told.state in LIVE else ""
            judgment.add("planted", None, f"{entry.natural_key}: {entry.amount}", explained)
        else:
            life, _ = files.life_and_try(entry.attempt_ref)
            detail = f"{entry.natural_key}: {entry.amount} nobody paid"
            judgment.add("invented", life, detail, files.why_unheard(entry))


# Orders.


def _order(files: Files, judgment: Judgment, life: LifeFacts) -> None:
    """An order is paid exactly when its amount was captured; money that came in time for it was."""
    order = files.orders.get(life.order_ref)
    if order is None or order.amount != life.amount:
        judgment.add("misfiled", life, "the order is not in the books with its amount")
        return
    judgment.counts[f"order {order.state}"] += 1
    refs = files.refs_of.get(life.order_ref, [])
    entries = [entry for ref in refs for entry in files.entries[ref]]
    captured = sum(entry.template == CAPTURED for entry in entries)
    reversed_ = sum(entry.template == REVERSAL for entry in entries)
    wanted = {"paid": (1, 0), "reversed": (1, 1)}.get(order.state, (0, 0))
    if (captured, reversed_) != wanted:
        judgment.add(
            "misfiled", life, f"the order is {order.state}: {captured} captures, {reversed_} reversals"
        )
    paid = [(ref, payment) for ref in refs for payment in files.of_attempt.get(ref, ())]
    exact = [(ref, payment) for ref, payment in paid if payment.amount == life.amount]
    if order.state == "paid" and not any(not payment.is_reversed for _, payment in exact):
        detail = "the order is paid, its amount was never paid"
        unheard = next((why for why in map(files.why_unheard, entries) if why), "")
        judgment.add("misfiled", life, detail, _why_still_paid(files, exact) or unheard)
    in_time = [ref for ref, payment in exact if payment.paid_at <= files.attempts[ref].expires_at]
    if in_time and order.state not in ("paid", "reversed"):
        judgment.add("unpaid", life, f"paid in time, the order is {order.state}", _why_unpaid(files, in_time))


def _why_still_paid(files: Files, paid: Sequence[tuple[str, TruePayment]]) -> str:
    """A bank took its money back when its day was over, or without hearing us: a case or its file tells a person."""
    for ref, payment in paid:
        if payment.is_reversed and "reversed_after_capture" in files.cases.get(ref, ()):
            return "case reversed_after_capture"
        told = files.about_attempt(ref, files.of_attempt[ref])
        if payment.is_reversed and any(each.code == "B08" and each.state in LIVE for each in told):
            return "discrepancy B08"
    return ""


def _why_unpaid(files: Files, refs: Sequence[str]) -> str:
    for ref in refs:
        attempt = files.attempts[ref]
        if attempt.state in IN_DOUBT and not files.traits[attempt.account].lists:
            return DOUBT
        told = files.about_attempt(ref, files.of_attempt[ref])
        live = sorted({each.code for each in told if each.state in LIVE})
        if live:
            return f"discrepancy {'/'.join(live)}"
    return ""


def _sums(files: Files, judgment: Judgment) -> None:
    """Each beneficiary's claim is the sum of the lines of the orders that are paid."""
    wanted: Counter[str] = Counter()
    for life in files.lives:
        order = files.orders.get(life.order_ref)
        if order is not None and order.state == "paid":
            for line in life.lines:
                wanted[line.beneficiary_account] += line.amount
    for account in sorted(set(wanted) | set(files.books.beneficiaries)):
        ours = files.books.beneficiaries.get(account, 0)
        if ours != wanted[account]:
            judgment.add("sum", None, f"{account}: {ours} booked, {wanted[account]} planned")


def _refunds(files: Files, judgment: Judgment) -> None:
    """What a provider gave back is booked once; nothing else is."""
    true: Counter[tuple[str, str]] = Counter()
    for refund in files.truth["refunds"]:
        true[(files.account_of[refund["provider"]].code, refund["attempt_ref"])] += refund["amount"]
    ours: Counter[tuple[str, str]] = Counter()
    states: dict[tuple[str, str], set[str]] = defaultdict(set)
    numberless: set[tuple[str, str]] = set()
    for refund in files.books.refunds:
        ours[(refund.account, refund.attempt_ref)] += refund.booked
        states[(refund.account, refund.attempt_ref)].add(refund.state)
        if refund.state == "in_doubt" and not refund.is_numbered:
            numberless.add((refund.account, refund.attempt_ref))
        judgment.counts[f"refund {refund.state}"] += 1
    for key in sorted(set(true) | set(ours)):
        account, attempt_ref = key
        if true[key] == ours[key]:
            continue
        life, _ = files.life_and_try(attempt_ref)
        traits = files.traits[account]
        open_ = states[key] & {"sent", "in_doubt"}
        # KeyPay is asked by its own number only: where the answer that bore it was lost, nobody can be asked.
        mute = not traits.lists and (not traits.refund_answers or key in numberless)
        explained = "the refund is in doubt, and nobody answers or lists" if open_ and mute else ""
        told = {each.code for each in files.about(account, [attempt_ref], ()) if each.state in LIVE}
        if told & {"B13", "B14"}:
            explained = explained or f"discrepancy {'/'.join(sorted(told))}"
        detail = f"{attempt_ref}: {true[key]} given back, {ours[key]} booked, {sorted(states[key])}"
        judgment.add("refund", life, detail, explained)


def _receipts(files: Files, judgment: Judgment) -> None:
    """Every order that was ever paid has one receipt, and numbers have no gap."""
    series: dict[str, list[int]] = defaultdict(list)
    with_receipt: Counter[str] = Counter()
    for code, number, order_ref in files.books.receipts:
        with_receipt[order_ref] += 1
        if number is None:
            judgment.add("receipt", None, "a receipt waits for its number", order_ref=order_ref)
        else:
            series[code].append(number)
    for code, numbers in series.items():
        if sorted(numbers) != list(range(1, len(numbers) + 1)):
            judgment.add("receipt", None, f"series {code} has gaps or doubles")
    for order in files.books.orders:
        if with_receipt[order.order_ref] != (order.state in ("paid", "reversed")):
            detail = f"{with_receipt[order.order_ref]} receipts, the order is {order.state}"
            judgment.add("receipt", files.life_of.get(order.order_ref), detail, order_ref=order.order_ref)


def judge_webhooks(
    judgment: Judgment, books: Books, told: Iterable[str], *, changed: Sequence[str], forged: int
) -> None:
    """The portal was told each of its facts, each under one id with the same bytes, and nothing else."""
    wanted = {event_id for event_id, _, _ in books.events}
    heard = set(told)
    for missing in sorted(wanted - heard):
        judgment.add("webhook", None, f"event {missing} was never delivered")
    for strange in sorted(heard - wanted):
        judgment.add("webhook", None, f"event {strange} is none of the portal's")
    for event_id in changed:
        judgment.add("webhook", None, f"event {event_id} came with other bytes")
    if forged:
        judgment.add("webhook", None, f"{forged} deliveries bore a signature that does not hold")
    if books.undelivered:
        judgment.add("webhook", None, f"{books.undelivered} deliveries wait or were given up")
    per_change = Counter((type_, order) for _, type_, order in books.events)
    for (type_, order), number in per_change.items():
        if number != 1:
            judgment.add("webhook", None, f"{number} events {type_}", order_ref=order)
