"""The demo client of the simulator, as an account."""

from payclear.contract.messages import Account
from payclear.kernel.secret import Secret

KEY_1 = "DEMO-ONLY-KEYPAY-CLIENT-KEY-1"
KEY_2 = "DEMO-ONLY-KEYPAY-CLIENT-KEY-2"


def keypay_account(base_url="https://keypay.example.vn", **changes):
    """A client at KeyPay; options and secrets in `changes` are laid over the defaults."""
    options = {
        "client_id": "DEMOKP",
        "create_url": f"{base_url}/keypay/create",
        "detail_url": f"{base_url}/keypay/detail",
        "refund_url": f"{base_url}/keypay/refund",
        "refund_detail_url": f"{base_url}/keypay/refund-detail",
        "page_origin": base_url,
        "refusal_statuses": "1,2",
        "not_found_errors": "14",
    }
    if base_url.startswith("http:"):
        options["allow_insecure_host"] = "127.0.0.1"
    secrets = {"client_key_1": Secret(KEY_1), "client_key_2": Secret(KEY_2)}
    return Account(
        code="keypay-test",
        adapter="keypay",
        name_vi="KeyPay",
        name_en="KeyPay",
        options=options | changes.get("options", {}),
        secrets=secrets | changes.get("secrets", {}),
    )
