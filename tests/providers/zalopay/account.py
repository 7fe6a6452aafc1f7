"""An application of ZaloPay for tests: the keys of the vectors, or those of the simulator."""

from typing import Any

from payclear.contract.messages import Account
from payclear.kernel.secret import Secret
from providers.simulator.zalopay import ZaloPay

KEY1, KEY2 = "sdngKKJmqEMzvh5QQcdD2A9XBSKUNaYn", "trMrHtvjo6myautxDUiAcYsVtaeQ8nhf"


def zalopay_account(**changes: Any) -> Account:
    """The public sandbox application; options and secrets in `changes` replace the defaults of the same name."""
    options: dict[str, str | int | bool] = {
        "app_id": "2554",
        "base_url": "https://sb-openapi.example.vn",
        "pay_origin": "https://gateway.example.vn",
    }
    return Account(
        code="zalopay-test",
        adapter="zalopay",
        name_vi="ZaloPay",
        name_en="ZaloPay",
        options=options | changes.get("options", {}),
        secrets=changes.get("secrets", {"key1": Secret(KEY1), "key2": Secret(KEY2)}),
    )


def simulated_account(url: str) -> Account:
    """The simulator's own application."""
    return zalopay_account(
        options={
            "app_id": ZaloPay.demo["app_id"],
            "base_url": f"{url}/zalopay",
            "pay_origin": url,
            "statement_url": f"{url}/zalopay/statements",
            "allow_insecure_host": "127.0.0.1",
        },
        secrets={name: Secret(ZaloPay.demo[name]) for name in ("key1", "key2")},
    )
