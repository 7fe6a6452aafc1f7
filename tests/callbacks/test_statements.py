"""What a callback asks of the database: it is the hot request, so nothing is asked twice or of features that have no part."""

import re
from collections import Counter

import pytest
from flask.testing import FlaskClient

from payclear.orders.records import OrderView
from tests.callbacks.vnpay_messages import ACCOUNT, ipn_query
from tests.scenes import Scene
from tests.statements import recorded

OTHER_KINDS = re.compile(r"\b(contribution_|fine_|dossier|notice|obligor|refund)")


def pay(client: FlaskClient, scene: Scene, order: OrderView) -> list[str]:
    """The statements of the callback that pays an order; the day's key was read before."""
    query = ipn_query(scene.runtime, scene.attempt(order))
    scene.runtime.day_keys.today(scene.runtime.database, scene.runtime.sealer)
    with recorded(scene.runtime) as said:
        assert client.get(f"/callbacks/{ACCOUNT}?{query}").get_json()["RspCode"] == "00"
    assert scene.reload(order.id).public_status == "paid"
    return said


def test_callback_that_pays_a_fee_touches_no_table_of_another_kind(client: FlaskClient, scene: Scene) -> None:
    said = pay(client, scene, scene.order())
    assert len(said) > 10
    assert [statement for statement in said if OTHER_KINDS.search(statement)] == []


@pytest.mark.parametrize("kind", ["fee", "fine", "both"])
def test_callback_asks_nothing_twice(client: FlaskClient, scene: Scene, kind: str) -> None:
    owed = {"fee": [scene.fee()], "fine": [scene.fine()], "both": [scene.fee(), scene.fine()]}[kind]
    said = pay(client, scene, scene.order(*owed))
    asked = [statement for statement in said if statement.lstrip().startswith("SELECT")]
    assert [statement for statement, times in Counter(asked).items() if times > 1] == []
    assert sum(bool(re.search(r"(FROM|JOIN) payment_order_line\b", each)) for each in asked) == 1
