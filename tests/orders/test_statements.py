"""What making an order asks of the database: it is a hot request, so nothing is asked twice or without need."""

from collections import Counter

import pytest

from tests.scenes import Scene
from tests.statements import recorded


@pytest.mark.parametrize(("kinds", "most"), [("fee", 7), ("fine", 9), ("both", 9)])
def test_order_says_little_to_the_database(scene: Scene, kinds: str, most: int) -> None:
    owed = {"fee": [scene.fee()], "fine": [scene.fine()], "both": [scene.fee(), scene.fine()]}[kinds]
    with recorded(scene.runtime) as said:
        order = scene.order(*owed)
    assert len(said) <= most
    assert [statement for statement, times in Counter(said).items() if times > 1] == []
    assert {document.agency_name_vi for document in order.documents} == {"Sở Mẫu"}
