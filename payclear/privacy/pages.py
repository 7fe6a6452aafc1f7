"""What a citizen may know of how personal data is kept here: one page for everybody. It shows no person and asks nothing."""

from typing import Final

from flask import Blueprint, Response

from payclear.http.html import answer_errors_with_pages, locale_of, render
from payclear.http.rate_limits import Limit, limit_visitors
from payclear.privacy.rules import retention_rules
from payclear.runtime import current

blueprint = Blueprint("privacy", __name__, template_folder="templates")
answer_errors_with_pages(blueprint)

VIEWS: Final = Limit("privacy_views", burst=60, every_s=1)


@blueprint.get("/du-lieu-ca-nhan")
def show() -> Response:
    """What is kept, for how long, who gets what, and how to ask."""
    limit_visitors(VIEWS)
    with current().database.begin() as uow:
        rules = retention_rules(uow)
    return render("privacy/page.html", locale=locale_of(), rules=rules)
