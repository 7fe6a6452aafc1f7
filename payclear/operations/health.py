"""What a load balancer and `payclear run` ask: is this process able to work."""

from flask import Blueprint
from sqlalchemy.exc import SQLAlchemyError

from payclear.runtime import current
from payclear.webhooks.service import published_keys

blueprint = Blueprint("health", __name__)


@blueprint.get("/health")
def health() -> tuple[dict[str, str], int]:
    """200 when the database answers, 503 when it does not; says nothing else."""
    try:
        with current().database.begin() as uow:
            uow.run("SELECT 1")
    except SQLAlchemyError:
        return {"status": "unavailable"}, 503
    return {"status": "ok"}, 200


@blueprint.get("/.well-known/webhook-keys.json")
def webhook_keys() -> dict[str, list[dict[str, str]]]:
    """The public keys that our webhooks are signed with, per endpoint."""
    with current().database.begin() as uow:
        return {"keys": published_keys(uow)}
