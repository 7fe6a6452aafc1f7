"""Announces facts inside the transaction that made them true, and hands them to those who subscribed.

Called by features below the subscribers; subscriptions are made once, when the application is assembled.
A subscriber only writes its own row or wakes its job: it never commits and never calls out.
"""

from collections.abc import Callable

from payclear.db.uow import UnitOfWork
from payclear.events import queries
from payclear.events.domain import AnnouncedEvent, Fact, event
from payclear.events.registry import event_type, require_described
from payclear.kernel.ids import new_uuid

Subscriber = Callable[[UnitOfWork, AnnouncedEvent], None]

_subscribers: dict[str, list[Subscriber]] = {}


def subscribe(event_name: str, subscriber: Subscriber) -> None:
    """Call `subscriber` for every fact of this type, in order of subscription; twice is the same."""
    subscribers = _subscribers.setdefault(event_type(event_name).name, [])
    if subscriber not in subscribers:
        subscribers.append(subscriber)


def announce(uow: UnitOfWork, fact: Fact) -> AnnouncedEvent:
    """Write a fact and tell its subscribers, all in the caller's transaction.

    Raises ValueError for a fact the registry does not describe; whatever a subscriber raises fails the
    whole transaction, because a fact without its delivery must not exist.
    """
    require_described(fact)
    announced = event(fact, event_id=new_uuid(), at=uow.now)
    queries.insert_event(uow, announced)
    for subscriber in _subscribers.get(fact.type, ()):
        subscriber(uow, announced)
    return announced
