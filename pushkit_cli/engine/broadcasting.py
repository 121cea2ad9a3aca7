"""What the command line says about a broadcast, resolved and linted. Nothing has left the process.

A broadcast goes to the hosts of ordinary pushes, without a topic: its path names the app.
"""

from dataclasses import replace
from functools import partial

from pushkit_cli.apns import channel_rules, channels
from pushkit_cli.apns.channels import Broadcast
from pushkit_cli.apns.facts import Storage
from pushkit_cli.apns.push import Priority, known_type
from pushkit_cli.engine import channel_records, host, planning
from pushkit_cli.engine.channel_records import app_of, recall, target_of
from pushkit_cli.engine.passage import passage
from pushkit_cli.engine.planning import Aim, Order, Plan, Shot
from pushkit_cli.engine.setting import Setting
from pushkit_cli.engine.where import Where, place
from pushkit_cli.errors import UsageError
from pushkit_cli.store.sender_db import ChannelRecord

_KEPT_S = 3600.0
"""How long a channel that stores the latest push keeps ours where nothing is said (ours)."""
_MEANINGLESS = {
    "to": ("--to", "a broadcast is for whoever subscribed: leave out --to or --channel"),
    "topic": ("--topic", "the path of a broadcast names its app: say --app"),
    "collapse_id": ("--collapse-id", "a channel keeps its latest push alone: leave it out"),
    "apns_id": ("--apns-id", "a broadcast has a request id: --header apns-request-id:UUID"),
}


def plan(order: Order, setting: Setting) -> Plan:
    """Resolve an order to a channel. Raises the errors of `where` and `signing`, and UsageError."""
    channel_id = order.channel
    assert channel_id is not None
    for field, (word, hint) in _MEANINGLESS.items():
        if getattr(order, field):
            raise UsageError(f"{word} means nothing beside --channel", hint=hint)
    listener = setting.listener()
    record, unread = recall(setting, lambda kept: kept.find(channel_id))
    target = target_of(
        order.env, endpoint=order.endpoint, channel_id=channel_id, record=record, setting=setting
    )
    app = app_of(
        order.app, target=target, endpoint=order.endpoint, record=record, listener=listener
    )
    where = place(
        target, endpoint=order.endpoint, cacert=order.cacert, setting=setting, listener=listener
    )
    kind = known_type(order.push_type)
    body, sample = planning.body_of(order, kind, emulated=target.is_local)
    way = passage(order, where, app=app, setting=setting, listener=listener)
    broadcast = Broadcast(
        bundle_id=app,
        channel_id=channel_id,
        payload=body,
        push_type=order.push_type,
        priority=Priority.IMMEDIATE if order.priority is None else order.priority,
        expiration=_expiration(order, record),
    )
    return planning.planned(
        replace(way, warnings=(*way.warnings, *unread)),
        order,
        setting,
        shots=(_shot(order, broadcast, record, where),),
        sample=sample,
    )


def _expiration(order: Order, record: ChannelRecord | None) -> int | None:
    """What was said, else an hour on a channel that is known to store, and 0 on any other."""
    if order.without_expiration or order.expiration is not None or order.expires_in is not None:
        return planning.expiration_of(order, None)
    keeps = record is not None and record.storage is Storage.LATEST
    return int(host.now() + _KEPT_S) if keeps else 0


def _shot(order: Order, broadcast: Broadcast, record: ChannelRecord | None, where: Where) -> Shot:
    request = planning.with_headers(
        channels.to_broadcast(broadcast, authority=where.endpoint.authority), order
    )
    return Shot(
        aim=Aim(app=broadcast.bundle_id, channel=broadcast.channel_id),
        push_type=broadcast.push_type,
        request=request,
        findings=channel_records.findings(request, record, where),
        remedy=partial(
            channel_rules.hint,
            request=request,
            knowledge=channel_records.knowledge(record, where),
        ),
    )
