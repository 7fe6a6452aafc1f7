"""The demo merchant of the simulator, as an account."""

from payclear.contract.messages import Account
from payclear.kernel.secret import Secret

ACCESS_CODE = "DEMO-ONLY-VIETTEL-ACCESS-CODE"
HASH_KEY = "DEMO-ONLY-VIETTEL-HASH-KEY-0001"


def viettel_account(base_url="https://viettel.example.vn", **changes):
    """A merchant at Viettel; options and secrets in `changes` are laid over the defaults."""
    options = {
        "merchant_code": "DEMOVT",
        "pay_url": f"{base_url}/viettel/PaymentGateway/payment",
        "api_url": f"{base_url}/viettel/api",
        "api_user": "demo",
        "statement_url": f"{base_url}/viettel/statements",
        "refusal_statuses": "2",
    }
    if base_url.startswith("http:"):
        options["allow_insecure_host"] = "127.0.0.1"
    secrets = {
        "access_code": Secret(ACCESS_CODE),
        "hash_key": Secret(HASH_KEY),
        "api_password": Secret("DEMO-ONLY-VIETTEL-API-PASSWORD"),
    }
    return Account(
        code="viettel-test",
        adapter="viettel",
        name_vi="Viettel",
        name_en="Viettel",
        options=options | changes.get("options", {}),
        secrets=secrets | changes.get("secrets", {}),
    )
