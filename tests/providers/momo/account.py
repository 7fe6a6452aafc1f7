"""A partner of MoMo for tests: the keys of the vectors, or those of the simulator."""

from typing import Any

from payclear.contract.messages import Account
from payclear.kernel.secret import Secret
from providers.simulator.momo import Momo

ACCESS_KEY, SECRET_KEY = "F8BBA842ECF85", "K951B6PE1waDMi640xX08PD3vg6EkVlz"


def momo_account(**changes: Any) -> Account:
    """The public sandbox partner; options and secrets in `changes` replace the defaults of the same name."""
    options: dict[str, str | int | bool] = {
        "partner_code": "MOMO",
        "base_url": "https://test-payment.example.vn/v2/gateway/api",
    }
    secrets = {"access_key": Secret(ACCESS_KEY), "secret_key": Secret(SECRET_KEY)}
    return Account(
        code="momo-test",
        adapter="momo",
        name_vi="MoMo",
        name_en="MoMo",
        options=options | changes.get("options", {}),
        secrets=changes.get("secrets", secrets),
    )


def simulated_account(url: str) -> Account:
    """The simulator's own partner."""
    return momo_account(
        options={
            "partner_code": Momo.demo["partner_code"],
            "base_url": f"{url}/momo/v2/gateway/api",
            "statement_url": f"{url}/momo/statements",
            "allow_insecure_host": "127.0.0.1",
        },
        secrets={name: Secret(Momo.demo[name]) for name in ("access_key", "secret_key")},
    )
