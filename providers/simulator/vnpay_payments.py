"""VNPAY's till: opens a payment from a pay URL, takes or refuses the money, queues the IPN.

Used by the pages and /control.
"""

from dataclasses import replace
from urllib.parse import parse_qsl, urlsplit

from payclear.kernel.clock import Clock
from providers.simulator.deliveries import Deliveries
from providers.simulator.faults import Faults
from providers.simulator.settings import SimulatorSettings
from providers.simulator.truth import Payment, Truth, from_timestamp
from providers.simulator.vnpay_wire import query_holds, read_stamp, signed_query, stamp

PROVIDER = "vnpay"
WRONG_KEY = "NOT-THE-KEY-OF-THIS-TERMINAL"

# outcome → (vnp_ResponseCode, vnp_TransactionStatus)
OUTCOMES = {
    "success": ("00", "00"),
    "suspected": ("07", "07"),
    "cancel": ("24", "02"),
    "insufficient": ("51", "02"),
    "locked": ("12", "02"),
    "wrong_otp": ("13", "02"),
    "reversed": ("99", "04"),
}
_REQUIRED = [
    "vnp_Amount",
    "vnp_Command",
    "vnp_CreateDate",
    "vnp_CurrCode",
    "vnp_ExpireDate",
    "vnp_IpAddr",
    "vnp_Locale",
    "vnp_OrderInfo",
    "vnp_OrderType",
    "vnp_ReturnUrl",
    "vnp_TmnCode",
    "vnp_TxnRef",
    "vnp_Version",
]


class PageError(Exception):
    """VNPAY shows an error page: 70 signature, 72 terminal, 03 format, 15 expired, 01 already ended."""

    def __init__(self, code: str, locale: str = "vn") -> None:
        super().__init__(code)
        self.code = code
        self.locale = locale


class VnpayPayments:
    """What happens between the pay URL and the IPN."""

    def __init__(
        self, settings: SimulatorSettings, truth: Truth, clock: Clock, deliveries: Deliveries
    ) -> None:
        self.settings = settings
        self.truth = truth
        self.clock = clock
        self.deliveries = deliveries

    def faults(self, attempt_ref: str) -> Faults:
        """What is planted for an attempt."""
        return Faults(self.truth.faults(PROVIDER, attempt_ref))

    def open_by_url(self, pay_url: str) -> Payment:
        """Open a payment from a whole pay URL; raises PageError."""
        return self.open_by_query(urlsplit(pay_url).query)

    def open_by_query(self, query: str) -> Payment:
        """Check a pay request and remember it; raises PageError."""
        pairs = parse_qsl(query, keep_blank_values=True)
        fields = dict(pairs)
        locale = "en" if fields.get("vnp_Locale") == "en" else "vn"
        if len(fields) != len(pairs) or any(not fields.get(name) for name in _REQUIRED):
            raise PageError("03", locale)
        if fields["vnp_TmnCode"] != self.settings.vnpay_terminal:
            raise PageError("72", locale)
        if not query_holds(query, self.settings.vnpay_key):
            raise PageError("70", locale)
        if (
            fields["vnp_Version"] != "2.1.0"
            or fields["vnp_Command"] != "pay"
            or fields["vnp_CurrCode"] != "VND"
        ):
            raise PageError("03", locale)
        try:
            hundredfold = int(fields["vnp_Amount"])
            expires = read_stamp(fields["vnp_ExpireDate"])
            read_stamp(fields["vnp_CreateDate"])
        except ValueError:
            raise PageError("03", locale) from None
        if hundredfold <= 0 or hundredfold % 100 or len(fields["vnp_Amount"]) > 12:
            raise PageError("03", locale)
        payment = self.truth.open_payment(
            Payment(
                provider=PROVIDER,
                attempt_ref=fields["vnp_TxnRef"],
                merchant=fields["vnp_TmnCode"],
                amount=hundredfold // 100,
                status="opened",
                outcome="",
                provider_ref="",
                created_raw=fields["vnp_CreateDate"],
                expires_at=expires.timestamp(),
                paid_at=None,
                return_url=fields["vnp_ReturnUrl"],
                callback_url=self.settings.vnpay_ipn_url,
                memo=fields["vnp_OrderInfo"],
                locale=locale,
            )
        )
        if payment.status == "opened" and self.is_expired(payment):
            raise PageError("15", locale)
        return payment

    def is_expired(self, payment: Payment) -> bool:
        """Whether the time to pay has passed."""
        return self.clock.now().timestamp() > payment.expires_at

    def pay(self, payment: Payment, outcome: str) -> Payment:
        """End a payment as the citizen chose, once; queue the IPN as the fault script says."""
        if outcome not in OUTCOMES:
            raise PageError("99", payment.locale)
        if payment.status == "opened" and self.is_expired(payment):
            raise PageError("15", payment.locale)
        faults = self.faults(payment.attempt_ref)
        status = "paid" if outcome == "success" else "failed"
        number = "0" if outcome == "cancel" else self.truth.next_number()
        if self.truth.settle(
            payment, status=status, outcome=outcome, provider_ref=number, at=self.clock.now()
        ):
            if "pays_wrong_amount" in faults:
                self.truth.change_amount(payment, payment.amount - 1)
            self._queue_callbacks(self._known(payment), faults)
        return self._known(payment)

    def result_fields(self, payment: Payment, *, amount: int | None = None) -> dict[str, str]:
        """The fields of the IPN and of the return."""
        code, status = OUTCOMES[payment.outcome]
        fields = {
            "vnp_Amount": str((payment.amount if amount is None else amount) * 100),
            "vnp_BankCode": "NCB",
            "vnp_CardType": "ATM",
            "vnp_OrderInfo": payment.memo,
            "vnp_PayDate": stamp(from_timestamp(payment.paid_at or 0.0)),
            "vnp_ResponseCode": code,
            "vnp_TmnCode": payment.merchant,
            "vnp_TransactionNo": payment.provider_ref,
            "vnp_TransactionStatus": status,
            "vnp_TxnRef": payment.attempt_ref,
        }
        if payment.status == "paid":
            fields["vnp_BankTranNo"] = f"VNP{payment.provider_ref}"
        return fields

    def return_url(self, payment: Payment) -> str:
        """Where the browser goes back to."""
        mark = "&" if urlsplit(payment.return_url).query else "?"
        return payment.return_url + mark + signed_query(self.result_fields(payment), self.settings.vnpay_key)

    def forge(self, payment: Payment) -> None:
        """Queue an IPN that claims success and is signed with another key."""
        fields = self.result_fields(_pretended(payment, self.clock.now().timestamp()))
        self._queue(payment, signed_query(fields, WRONG_KEY), self.clock.now().timestamp())

    def _queue_callbacks(self, payment: Payment, faults: Faults) -> None:
        now = self.clock.now().timestamp()
        if "forge_callback" in faults:
            self.forge(payment)
        if "lose_callback" in faults:
            return
        amount = payment.amount - 1 if "wrong_amount" in faults else payment.amount
        query = signed_query(self.result_fields(payment, amount=amount), self.settings.vnpay_key)
        at_once = "callback_before_return" in faults
        due_at = now
        if at_once or "hold_callback" in faults:
            due_at = float("inf")
        elif "delay_callback" in faults:
            due_at = now + faults.seconds("delay_callback", 60.0)
        for _ in range(3 if "duplicate_callback" in faults else 1):
            self._queue(payment, query, due_at)
        if at_once:
            self.deliveries.send_held_now(payment.attempt_ref)

    def _queue(self, payment: Payment, query: str, due_at: float) -> None:
        if not payment.callback_url:
            return
        mark = "&" if urlsplit(payment.callback_url).query else "?"
        self.truth.queue(
            PROVIDER,
            payment.attempt_ref,
            method="GET",
            url=payment.callback_url + mark + query,
            body=b"",
            key="",
            due_at=due_at,
        )
        self.deliveries.wake()

    def _known(self, payment: Payment) -> Payment:
        return self.truth.payment(PROVIDER, payment.attempt_ref) or payment


def _pretended(payment: Payment, at: float) -> Payment:
    return replace(payment, status="paid", outcome="success", provider_ref="99999999", paid_at=at)
