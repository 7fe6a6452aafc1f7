"""The demo account of every adapter at the simulator: an adapter joins the conformance suite by an entry in SUBJECTS.

`{url}` stands for the simulator's address; a value `=name` is the credential of that name in the simulator's protocol.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from payclear.contract.conformance.bench import Subject
from payclear.contract.messages import Account
from payclear.contract.provider import Provider
from payclear.kernel.clock import Clock
from payclear.kernel.secret import Secret
from providers.bidv.provider import BidvProvider
from providers.keypay.client import KeypayClient
from providers.keypay.provider import KeypayProvider
from providers.momo.client import MomoClient
from providers.momo.provider import MomoProvider
from providers.nganluong.client import NganLuongClient
from providers.nganluong.provider import NganLuongProvider
from providers.ninepay.client import NinepayClient
from providers.ninepay.provider import NinepayProvider
from providers.onepay.client import OnepayClient
from providers.onepay.provider import OnepayProvider
from providers.opencollection.provider import OpenCollectionProvider
from providers.paymentplatform.client import PaymentPlatformClient
from providers.paymentplatform.provider import PaymentPlatformProvider
from providers.payoo.client import PayooClient
from providers.payoo.provider import PayooProvider
from providers.payos.client import PayosClient
from providers.payos.provider import PayosProvider
from providers.sandbox.client import SandboxClient
from providers.sandbox.provider import SandboxProvider
from providers.sepay.client import SepayClient
from providers.sepay.provider import SepayProvider
from providers.simulator import registry
from providers.transport import Transport
from providers.vietinbank.provider import VietinBankProvider
from providers.vietqr.provider import VietQrProvider
from providers.viettel.client import ViettelClient
from providers.viettel.provider import ViettelProvider
from providers.vnpay.client import VnpayClient
from providers.vnpay.provider import VnpayProvider
from providers.zalopay.client import ZaloPayClient
from providers.zalopay.provider import ZaloPayProvider
from tests.providers.conformance import banks

# Keys of the collecting banks are those of the demonstration accounts.
DEMO = {kind.name: kind.demo for kind in registry.load()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Demo:
    """How an adapter is made on given transport and clock, and its account."""

    make: Callable[[Transport, Clock], Provider]
    options: Mapping[str, str]
    secrets: Mapping[str, str]
    new_secrets: Mapping[str, str] = field(default_factory=dict)
    new_options: Mapping[str, str] = field(default_factory=dict)

    def subject(self, adapter: str, url: str, transport: Transport, clock: Clock) -> Subject:
        """The adapter on its demo account at a simulator."""
        options = {
            name: _filled(adapter, value).replace("{url}", url) for name, value in self.options.items()
        }
        return Subject(
            provider=self.make(transport, clock),
            account=Account(
                code=f"{adapter}-test",
                adapter=adapter,
                name_vi=adapter,
                name_en=adapter,
                options={**options, "allow_insecure_host": "127.0.0.1"},
                secrets={name: Secret(_filled(adapter, value)) for name, value in self.secrets.items()},
            ),
            new_secrets={name: Secret(value) for name, value in self.new_secrets.items()},
            new_options=self.new_options,
        )


def _filled(adapter: str, value: str) -> str:
    return DEMO[adapter][value[1:]] if value.startswith("=") else value


SUBJECTS: Mapping[str, Demo] = {
    "bidv": Demo(
        make=lambda transport, clock: BidvProvider(transport, clock),
        options={"service_id": "=biller_id", "statement_url": "{url}/bidv/statements"},
        secrets={"secret_key": "=secret", "statement_key": "=statement_key"},
    ),
    "keypay": Demo(
        make=lambda transport, clock: KeypayProvider(KeypayClient(transport)),
        options={
            "client_id": "=client",
            "create_url": "{url}/keypay/create",
            "detail_url": "{url}/keypay/detail",
            "refund_url": "{url}/keypay/refund",
            "refund_detail_url": "{url}/keypay/refund-detail",
            "page_origin": "{url}",
            "refusal_statuses": "1,2",
            "not_found_errors": "14",
        },
        secrets={"client_key_1": "=key_1", "client_key_2": "=key_2"},
    ),
    "momo": Demo(
        make=lambda transport, clock: MomoProvider(MomoClient(transport, clock, statements=transport)),
        options={
            "partner_code": "=partner_code",
            "base_url": "{url}/momo/v2/gateway/api",
            "statement_url": "{url}/momo/statements",
        },
        secrets={"access_key": "=access_key", "secret_key": "=secret_key"},
    ),
    "nganluong": Demo(
        make=lambda transport, clock: NganLuongProvider(NganLuongClient(transport)),
        options={
            "merchant_id": "=merchant",
            "receiver_email": "=email",
            "api_url": "{url}/nganluong/nl35/checkout.api.nganluong.post.php",
            "pay_origin": "{url}",
        },
        secrets={"merchant_secret": "=secret"},
    ),
    "ninepay": Demo(
        make=lambda transport, clock: NinepayProvider(NinepayClient(transport, clock)),
        options={"merchant_key": "=merchant", "endpoint": "{url}/ninepay"},
        secrets={"secret_key": "=secret", "checksum_key": "=checksum"},
    ),
    "onepay": Demo(
        make=lambda transport, clock: OnepayProvider(OnepayClient(transport, clock, statements=transport)),
        options={
            "merchant": "=merchant",
            "access_code": "=access_code",
            "pay_url": "{url}/onepay/onecomm-pay/vpc.op",
            "query_url": "{url}/onepay/onecomm-pay/Vpcdps.op",
            "query_user": "=query_user",
            "statement_url": "{url}/onepay/statements",
        },
        secrets={"hash_secret": "=key", "query_password": "=query_password"},
    ),
    "opencollection": Demo(
        make=lambda transport, clock: OpenCollectionProvider(transport, clock),
        options={
            "biller_id": "=biller_id",
            "bank_key_id": "=key_id",
            "bank_public_key": banks.OPEN_BANK_PUBLIC,
            "reply_key_id": "=biller_key_id",
            "statement_url": "{url}/opencollection/statements",
        },
        secrets={"reply_key": banks.OPEN_BILLER, "statement_key": "=statement_key"},
        new_secrets={"reply_key": banks.OTHER_ED25519},
        new_options={"bank_key_id": "bank-demo-2", "bank_public_key": banks.OTHER_ED25519_PUBLIC},
    ),
    "paymentplatform": Demo(
        make=lambda transport, clock: PaymentPlatformProvider(PaymentPlatformClient(transport)),
        options={
            "partner_code": "=partner",
            "api_url": "{url}/paymentplatform/api",
            "pay_origin": "{url}",
            "not_found_code": "01",
        },
        secrets={"hash_secret": "=key"},
    ),
    "payoo": Demo(
        make=lambda transport, clock: PayooProvider(PayooClient(transport, clock, statements=transport)),
        options={
            "username": "dvc_test",
            "shop_id": "=shop_id",
            "shop_title": "DVC",
            "shop_domain": "https://pay.example.vn",
            "pay_url": "{url}/payoo/v2/paynow/order/create",
            "api_url": "{url}/payoo/BusinessRestAPI.svc",
            "pay_origin": "{url}",
            "api_username": "=username",
            "notify_ip": "=notify_ip",
            "not_found_code": "7",
            "statement_url": "{url}/payoo/statements",
        },
        secrets={"checksum_key": "=key", "api_password": "=password", "api_signature": "=signature"},
    ),
    "payos": Demo(
        make=lambda transport, clock: PayosProvider(PayosClient(transport)),
        options={"base_url": "{url}/payos", "pay_origin": "{url}", "client_id": "=client_id"},
        secrets={"api_key": "=api_key", "checksum_key": "=checksum_key"},
    ),
    "sandbox": Demo(
        make=lambda transport, clock: SandboxProvider(SandboxClient(transport, clock, statements=transport)),
        options={"base_url": "{url}/sandbox", "merchant_id": "=merchant"},
        secrets={"signing_key": "=key"},
    ),
    "sepay": Demo(
        make=lambda transport, clock: SepayProvider(SepayClient(transport)),
        options={
            "merchant_id": "=merchant",
            "checkout_url": "{url}/sepay/v1/checkout/init",
            "api_url": "{url}/sepay/v1",
            "pay_origin": "{url}",
            "bank_account": "=account",
        },
        secrets={"secret_key": "=secret", "notification_secret": "=key"},
    ),
    "vietinbank": Demo(
        make=lambda transport, clock: VietinBankProvider(transport, clock),
        options={
            "provider_id": "=provider_id",
            "merchant_id": "=biller_id",
            "account_number": "=account",
            "virtual_account_prefix": "=prefix",
            "trans_id_length": "14",
            "bank_public_key": banks.VIETINBANK_PUBLIC,
            "channels": "211901=COUNTER_BRANCH, 211902=ATM, 211903=EBANKING",
            "instruments": "CASH=CASH, ACCOUNT=ACCOUNT, CARD=CARD",
            "statement_url": "{url}/vietinbank/statements",
        },
        secrets={"private_key": banks.VIETINBANK_BILLER, "statement_key": "=statement_key"},
        new_secrets={"private_key": banks.OTHER_RSA},
        new_options={"bank_public_key": banks.OTHER_RSA_PUBLIC},
    ),
    "vietqr": Demo(
        make=lambda transport, clock: VietQrProvider(transport, clock),
        options={
            "bank_bin": "=bin",
            "account_number": "=account",
            "statement_url": "{url}/vietqr/statements",
        },
        secrets={"notification_secret": "=key"},
    ),
    "viettel": Demo(
        make=lambda transport, clock: ViettelProvider(ViettelClient(transport, clock, statements=transport)),
        options={
            "merchant_code": "=merchant",
            "pay_url": "{url}/viettel/PaymentGateway/payment",
            "api_url": "{url}/viettel/api",
            "api_user": "=user",
            "refusal_statuses": "2",
            "statement_url": "{url}/viettel/statements",
        },
        secrets={"access_code": "=access_code", "hash_key": "=key", "api_password": "=password"},
    ),
    "vnpay": Demo(
        make=lambda transport, clock: VnpayProvider(VnpayClient(transport, clock, statements=transport)),
        options={
            "tmn_code": "=terminal",
            "pay_url": "{url}/vnpay/paymentv2/vpcpay.html",
            "api_url": "{url}/vnpay/merchant_webapi/api/transaction",
            "statement_url": "{url}/vnpay/statements",
            "server_ip": "203.113.131.1",
        },
        secrets={"hash_secret": "=key"},
    ),
    "zalopay": Demo(
        make=lambda transport, clock: ZaloPayProvider(ZaloPayClient(transport, clock, statements=transport)),
        options={
            "app_id": "=app_id",
            "base_url": "{url}/zalopay",
            "refund_not_found_code": "-21",
            "pay_origin": "{url}",
            "statement_url": "{url}/zalopay/statements",
        },
        secrets={"key1": "=key1", "key2": "=key2"},
    ),
}
