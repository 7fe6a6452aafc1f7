"""The demo merchant of the simulator, as an account."""

from payclear.contract.messages import Account
from payclear.kernel.secret import Secret

SECRET_KEY = "DEMO-ONLY-NINEPAY-SECRET-KEY-0001"
CHECKSUM_KEY = "DEMO-ONLY-NINEPAY-CHECKSUM-KEY-0001"


def ninepay_account(base_url="https://ninepay.example.vn", **changes):
    """A merchant at 9Pay; options and secrets in `changes` are laid over the defaults."""
    options = {"merchant_key": "DEMO9P", "endpoint": f"{base_url}/ninepay"}
    if base_url.startswith("http:"):
        options["allow_insecure_host"] = "127.0.0.1"
    secrets = {"secret_key": Secret(SECRET_KEY), "checksum_key": Secret(CHECKSUM_KEY)}
    return Account(
        code="ninepay-test",
        adapter="ninepay",
        name_vi="9Pay",
        name_en="9Pay",
        options=options | changes.get("options", {}),
        secrets=secrets | changes.get("secrets", {}),
    )
