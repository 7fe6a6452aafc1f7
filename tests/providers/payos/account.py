"""A payment channel of payOS for tests: the key of the vectors, or those of the simulator."""

from typing import Any

from payclear.contract.messages import Account
from payclear.kernel.secret import Secret
from providers.simulator.payos import Payos

CHECKSUM_KEY = "1a54716c8f0efb2744fb28b6e38b25da7f67a925d98bc1c18bd8faaecadd7675"
REFERENCE = "PC0123456789H01"  # a whole reference with its check character: payOS gets it as a number
ORDER_CODE = 9_372_735_957_064


def payos_account(**changes: Any) -> Account:
    """A channel; options and secrets in `changes` replace the defaults of the same name."""
    options: dict[str, str | int | bool] = {
        "base_url": "https://api-merchant.example.vn",
        "pay_origin": "https://pay.payos.example.vn",
        "client_id": "cid-demo",
    }
    secrets = {"api_key": Secret("ak-demo"), "checksum_key": Secret(CHECKSUM_KEY)}
    return Account(
        code="payos-test",
        adapter="payos",
        name_vi="payOS",
        name_en="payOS",
        options=options | changes.get("options", {}),
        secrets=changes.get("secrets", secrets),
    )


def simulated_account(url: str) -> Account:
    """The simulator's own channel."""
    return payos_account(
        options={
            "base_url": f"{url}/payos",
            "pay_origin": url,
            "client_id": Payos.demo["client_id"],
            "allow_insecure_host": "127.0.0.1",
        },
        secrets={name: Secret(Payos.demo[name]) for name in ("api_key", "checksum_key")},
    )
