"""Accounts of VietQR, valid by default."""

from typing import Any

from payclear.contract.messages import Account
from payclear.kernel.secret import Secret

SECRET = "DEMO-ONLY-VIETQR-NOTIFICATION-KEY"


def account(base_url: str = "https://bank.example.vn", **changes: Any) -> Account:
    options: dict[str, str | int | bool] = {
        "bank_bin": "970415",
        "account_number": "113366668888",
        "statement_url": f"{base_url}/vietqr/statements",
    }
    if base_url.startswith("http:"):
        options["allow_insecure_host"] = "127.0.0.1"
    return Account(
        code="vietqr-test",
        adapter="vietqr",
        name_vi="VietQR",
        name_en="VietQR",
        options=options | changes.get("options", {}),
        secrets=changes.get("secrets", {"notification_secret": Secret(SECRET)}),
    )
