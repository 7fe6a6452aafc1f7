"""The demo merchant of the simulator, as an account."""

from payclear.contract.messages import Account
from payclear.kernel.secret import Secret

KEY = "DE300000DE300000DE300000DE300000"


def onepay_account(base_url="https://onepay.example.vn", **changes):
    """A merchant at OnePay; options and secrets in `changes` are laid over the defaults."""
    options = {
        "merchant": "DEMOONEPAY",
        "access_code": "DE300001",
        "pay_url": f"{base_url}/onepay/onecomm-pay/vpc.op",
        "query_url": f"{base_url}/onepay/onecomm-pay/Vpcdps.op",
        "query_user": "demo",
        "statement_url": f"{base_url}/onepay/statements",
    }
    if base_url.startswith("http:"):
        options["allow_insecure_host"] = "127.0.0.1"
    secrets = {
        "hash_secret": Secret(KEY),
        "query_password": Secret("DEMO-ONLY-ONEPAY-QUERY-PASSWORD"),
    }
    return Account(
        code="onepay-test",
        adapter="onepay",
        name_vi="OnePay",
        name_en="OnePay",
        options=options | changes.get("options", {}),
        secrets=secrets | changes.get("secrets", {}),
    )
