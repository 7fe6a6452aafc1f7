"""The kit catches adapters that are wrong: each of these is the sandbox's with one mistake."""

import json
from dataclasses import replace
from datetime import date

import pytest

from payclear.contract.collection import CollectedBill, CollectionVerdict
from payclear.contract.conformance.bench import Bench, Failed, Subject, new_request_id
from payclear.contract.conformance.plays import play
from payclear.contract.errors import NotSent, OutcomeUnknown, ProviderRefused, SignatureInvalid
from payclear.contract.messages import RefundResult
from payclear.contract.outcomes import Outcome
from payclear.kernel.money import Money
from providers.bidv import mapping as bidv
from providers.bidv.provider import BidvProvider
from providers.sandbox import mapping
from providers.sandbox.provider import SandboxProvider
from providers.vietinbank.provider import VietinBankProvider
from tests.conftest import MORNING


class Base(SandboxProvider):
    def __init__(self, sound: SandboxProvider) -> None:
        self.sound = sound
        self._client = sound._client


class BelievesEverybody(Base):
    """Never looks at a signature: what does not hold is signed anew."""

    def verify_callback(self, account, request):
        headers = mapping.signed_headers(account.secrets["signing_key"], request.body, request.received_at)
        return self.sound.verify_callback(account, replace(request, headers={**request.headers, **headers}))


class KnowsOneKey(Base):
    def verify_callback(self, account, request):
        only = {name: key for name, key in account.secrets.items() if not name.endswith("_previous")}
        return self.sound.verify_callback(replace(account, secrets=only), request)


class TakesSilenceForFailure(Base):
    def start_checkout(self, account, request):
        try:
            return self.sound.start_checkout(account, request)
        except OutcomeUnknown as error:
            raise NotSent("no answer") from error


class TakesNoiseForRefusal(Base):
    def query_status(self, account, query):
        try:
            return self.sound.query_status(account, query)
        except (OutcomeUnknown, SignatureInvalid) as error:
            raise ProviderRefused("noise") from error


class TakesEverythingForPaid(Base):
    def query_status(self, account, query):
        evidence = self.sound.query_status(account, query)
        return replace(evidence, outcome=Outcome.CONFIRMED)


class TellsAnotherAmount(Base):
    def query_status(self, account, query):
        return replace(self.sound.query_status(account, query), amount=Money(1))


class SaysNotHowItWasPaid(Base):
    def query_status(self, account, query):
        return replace(self.sound.query_status(account, query), instrument=None)


class MakesANewRefundEachTime(Base):
    def refund(self, account, request):
        return self.sound.refund(account, replace(request, refund_ref=new_request_id()))


class TakesSilenceForARefusedRefund(Base):
    def refund(self, account, request):
        try:
            return self.sound.refund(account, request)
        except OutcomeUnknown:
            return RefundResult(outcome=Outcome.REJECTED)


class FindsEveryRefund(Base):
    def query_refund(self, account, query):
        return replace(self.sound.query_refund(account, query), outcome=Outcome.CONFIRMED)


class FindsNoRefund(Base):
    def query_refund(self, account, query):
        return RefundResult(outcome=Outcome.NOT_SENT)


class TakesEveryRefundForMade(Base):
    def refund(self, account, request):
        return replace(self.sound.refund(account, request), outcome=Outcome.CONFIRMED)


class DropsWhatItCanNotRead(Base):
    def parse_statement(self, account, file):
        return replace(self.sound.parse_statement(account, file), problems=())


class RepairsTheTrailer(Base):
    def parse_statement(self, account, file):
        parsed = self.sound.parse_statement(account, file)
        return replace(parsed, control_count=len(parsed.entries))


class FindsAStatementAnyway(Base):
    def fetch_statement(self, account, business_on):
        return self.sound.fetch_statement(account, date(2026, 11, 20))


class BelievesEveryBank(BidvProvider):
    """Signs anew what does not hold."""

    def read_collection(self, account, request):
        message = bidv.read_message(request.path, request.body)
        fields = {
            **json.loads(request.body),
            "checksum": bidv.checksum(account.secrets["secret_key"], message),
        }
        return super().read_collection(account, replace(request, body=json.dumps(fields).encode()))


class KnowsOneBankKey(BidvProvider):
    def read_collection(self, account, request):
        only = {name: key for name, key in account.secrets.items() if not name.endswith("_previous")}
        return super().read_collection(replace(account, secrets=only), request)


class SaysYesToEverything(BidvProvider):
    def answer_collection(self, account, request, answers):
        bills = (CANNED,)
        taken = tuple(replace(each, verdict=CollectionVerdict.BILL_FOUND, bills=bills) for each in answers)
        return super().answer_collection(account, request, taken)


class RefusesForGood(BidvProvider):
    """Tells a bank that should come again that it need not."""

    def answer_collection(self, account, request, answers):
        final = tuple(
            replace(each, verdict=CollectionVerdict.NOT_FOUND)
            if each.verdict is CollectionVerdict.TRY_AGAIN
            else each
            for each in answers
        )
        return super().answer_collection(account, request, final)


class ForgetsTheAmount(BidvProvider):
    def read_collection(self, account, request):
        return tuple(
            replace(call, amount=call.amount and Money(1))
            for call in super().read_collection(account, request)
        )


class SignsNothing(VietinBankProvider):
    """Its replies bear the signature of nothing."""

    def answer_collection(self, account, request, answers):
        told = super().answer_collection(account, request, answers)
        message = json.loads(told.body)
        message["header"]["signature"] = "AAAA"
        return replace(told, body=json.dumps(message).encode())


CANNED = CollectedBill(
    bill_id="100000000000142",
    document_no="H1",
    payer_name="NGUYEN V. M.",
    description="",
    amount=Money(150_000),
    valid_until=MORNING,
)
BANKS_MISTAKES = [
    ("bidv", BelievesEveryBank, "collect_tampered"),
    ("bidv", BelievesEveryBank, "collect_foreign_key"),
    ("bidv", BelievesEveryBank, "collect_key_rotation"),
    ("bidv", KnowsOneBankKey, "collect_key_rotation"),
    ("bidv", SaysYesToEverything, "collect_verdicts"),
    ("bidv", RefusesForGood, "collect_verdicts"),
    ("bidv", ForgetsTheAmount, "collect_reading"),
    ("vietinbank", SignsNothing, "collect_verdicts"),
]


@pytest.mark.parametrize(("adapter", "mistake", "scenario"), BANKS_MISTAKES)
def test_mistake_of_a_collecting_banks_adapter_is_caught(
    adapter: str, mistake: type[BidvProvider], scenario: str, bench: Bench, subject: Subject
) -> None:
    with pytest.raises(Failed):
        play(scenario, bench, replace(subject, provider=mistake()))


MISTAKES = [
    (BelievesEverybody, "tampered"),
    (BelievesEverybody, "foreign_key"),
    (BelievesEverybody, "key_rotation"),
    (KnowsOneKey, "key_rotation"),
    (TakesSilenceForFailure, "timeout_before_money"),
    (TakesSilenceForFailure, "timeout_after_money"),
    (TakesSilenceForFailure, "answer_html"),
    (TakesNoiseForRefusal, "answer_truncated"),
    (TakesNoiseForRefusal, "answer_foreign_key"),
    (TakesNoiseForRefusal, "answer_other_payment"),
    (TakesEverythingForPaid, "refusal"),
    (TakesEverythingForPaid, "cancelled"),
    (TakesEverythingForPaid, "not_found"),
    (TellsAnotherAmount, "success"),
    (SaysNotHowItWasPaid, "success"),
    (MakesANewRefundEachTime, "refund_repeated"),
    (MakesANewRefundEachTime, "refund_timeout"),
    (TakesSilenceForARefusedRefund, "refund_timeout"),
    (TakesSilenceForARefusedRefund, "refund_lost"),
    (FindsEveryRefund, "refund_lost"),
    (FindsEveryRefund, "refund_refused"),
    (FindsEveryRefund, "refund_pending"),
    (FindsNoRefund, "refund"),
    (FindsNoRefund, "refund_part"),
    (FindsNoRefund, "refund_timeout"),
    (TakesEveryRefundForMade, "refund_refused"),
    (TakesEveryRefundForMade, "refund"),
    (DropsWhatItCanNotRead, "statement_bad_amount_text"),
    (DropsWhatItCanNotRead, "statement_html"),
    (RepairsTheTrailer, "statement_wrong_count"),
    (FindsAStatementAnyway, "statement_sound"),
]


@pytest.mark.parametrize("adapter", ["sandbox"])
@pytest.mark.parametrize(("mistake", "scenario"), MISTAKES)
def test_mistake_is_caught(
    mistake: type[Base], scenario: str, adapter: str, bench: Bench, subject: Subject
) -> None:
    sound = subject.provider
    assert isinstance(sound, SandboxProvider)
    with pytest.raises(Failed):
        play(scenario, bench, replace(subject, provider=mistake(sound)))
