"""Which export is meant, whom to ask for it, and where a request that was made before stands."""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path

from pushkit_cli.apns import export_api, export_token
from pushkit_cli.apns.export_api import Link, Wanted
from pushkit_cli.apns.exports import DATASETS, Dataset
from pushkit_cli.engine import host, where
from pushkit_cli.engine.export_tokens import local_token
from pushkit_cli.engine.exporting import Source
from pushkit_cli.engine.setting import Setting
from pushkit_cli.errors import ConfigError, CredentialError, StoreError, UsageError
from pushkit_cli.net.proxy import proxy_for
from pushkit_cli.store.exports_db import Count, ExportsDb, Request, Series
from pushkit_cli.store.files import Home

_TEAM = re.compile(r"[A-Za-z0-9]{1,32}")
_CHANNEL = re.compile(r"[A-Za-z0-9+/=_\-]{1,1024}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What the command line says of an export.

    `is_local` `None`: the listener where the app has no token of Apple's.
    """

    app: str | None
    dataset: Dataset
    channel: str | None = None
    team_id: str | None = None
    endpoint: str | None = None
    cacert: Path | None = None
    proxy: str | None = None
    is_local: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """An order that can be carried out."""

    source: Source
    app: str
    dataset: Dataset
    channel: str | None

    def wanted(self, first: date, last: date, *, is_clipped: bool = False) -> Wanted:
        """A request for these days, or for those of them that can be had.

        Raises UsageError where they cannot.
        """
        if is_clipped:
            oldest = host.today().date() - timedelta(days=DATASETS[self.dataset].oldest_days)
            first = max(first, oldest)
            last = max(last, oldest + timedelta(days=1))
        start, end = export_api.span(
            first,
            last,
            dataset=self.dataset,
            today=host.today().date(),
            is_free=self.source.is_emulator,
        )
        return Wanted(
            team_id=self.source.team_id,
            app=self.app,
            dataset=self.dataset,
            channel=self.channel,
            first=start,
            last=end,
        )


def plan(order: Order, setting: Setting) -> Plan:
    """Find whom to ask. Raises UsageError, CredentialError, ConfigError; nobody was asked yet."""
    takes_channel = DATASETS[order.dataset].takes_channel
    if takes_channel is not (order.channel is not None):
        said = "needs" if takes_channel else "takes no"
        raise UsageError(
            f"the dataset {order.dataset} {said} --channel",
            hint="--dataset broadcast-channel --channel ID",
        )
    if order.channel is not None and not _CHANNEL.fullmatch(order.channel):
        raise UsageError(
            "--channel is no channel's id", hint="base64, as pushkit channel list has it"
        )
    app = order.app or _only_app(order, setting)
    return Plan(
        source=_source(replace(order, app=app), app, setting),
        app=app,
        dataset=order.dataset,
        channel=order.channel,
    )


def _only_app(order: Order, setting: Setting) -> str:
    """The one app that has a token for this dataset, else the listener's first."""
    kept = [] if setting.drawer is None else setting.drawer.export_tokens()
    apps = [app for app, dataset in kept if dataset == order.dataset and not order.is_local]
    if len(apps) == 1:
        return apps[0]
    listener = None if apps else setting.listener()
    if listener is not None and order.is_local is not False:
        return str(listener["apps"][0])
    raise UsageError(
        "whose metrics? several apps have an export token" if apps else "whose metrics?",
        hint="--app com.example.app",
    )


def _source(order: Order, app: str, setting: Setting) -> Source:
    token = None if setting.drawer is None else setting.drawer.export_token(app, order.dataset)
    is_listening = setting.listener() is not None or setting.variable("PUSHKIT_ENDPOINT")
    if order.is_local or (order.is_local is None and token is None and is_listening):
        return _local(order, app, setting)
    if token is None:
        raise ConfigError(
            f"no export token for {app}, {order.dataset} is registered, and nobody listens here",
            hint=f"pushkit register export-token --app {app} --dataset {order.dataset}",
        )
    said = export_token.read_token(token)
    wrong = export_token.fault(said, app=app, dataset=order.dataset, now=host.now())
    if wrong is not None:
        raise CredentialError(
            wrong,
            hint="make another in CloudKit Console, Settings, Tokens: pushkit register "
            f"export-token --app {app} --dataset {order.dataset} --replace",
        )
    origin = _origin(order)
    name = where.parse_endpoint(origin).host
    is_local = where.is_loopback(name)
    return Source(
        origin=origin,
        token=token,
        team_id=_team(order, app, said, setting),
        is_local=is_local,
        cacert=order.cacert,
        proxy=None
        if is_local
        else proxy_for(name, explicit=order.proxy, variables=setting.variables),
    )


def _local(order: Order, app: str, setting: Setting) -> Source:
    """The listener, with a token that is made where there is none."""
    found = where.place(
        where.Target.local,
        endpoint=order.endpoint,
        cacert=order.cacert,
        setting=setting,
        listener=setting.listener(),
    )
    if not where.is_loopback(found.endpoint.host):
        raise UsageError(
            f"{found.endpoint.host} is not this machine",
            hint="ask a listener that runs here",
        )
    token, team_id = local_token(setting, app, order.dataset)
    return Source(
        origin=str(found.endpoint),
        token=token,
        team_id=team_id,
        is_local=True,
        is_emulator=True,
        cacert=found.cacert,
    )


def _origin(order: Order) -> str:
    """Apple's host, or another that was named and may see a token."""
    if order.endpoint is None:
        return export_api.APPLE
    named = where.parse_endpoint(order.endpoint)
    origin = str(named)
    is_apple = export_api.may_see_token(f"{origin}/", export_api.APPLE)
    if not (is_apple or where.is_loopback(named.host)):
        raise UsageError(
            f"an export token would go to {named.host}, which is neither Apple's nor this machine",
            hint="leave --endpoint out",
        )
    return origin


def _team(order: Order, app: str, said: export_token.ExportToken, setting: Setting) -> str:
    entry = setting.book.apps.get(app)
    of_token = next((one.team_id for one in said.scopes if one.app == app), None)
    if of_token is not None and order.team_id not in (None, of_token):
        raise CredentialError(
            f"this export token is of team {of_token}", hint="leave --team-id out, or name that one"
        )
    found = (
        of_token
        or order.team_id
        or (None if entry is None else entry.team_id)
        or setting.variable("PUSHKIT_TEAM_ID")
    )
    if found is None:
        raise UsageError(f"which team has {app}?", hint="--team-id TEAM123456")
    if not _TEAM.fullmatch(found):
        raise UsageError(f"{found} is no team id", hint="ten characters, under Membership")
    return found


# Requests that were made before


@contextmanager
def _records(setting: Setting) -> Iterator[ExportsDb]:
    records = ExportsDb(Home(setting.home))
    try:
        yield records
    finally:
        records.close()


def remembered(plan: Plan, wanted: Wanted, setting: Setting) -> str | None:
    """The status URL of the same request within a day, which would be answered the same."""
    with suppress(StoreError), _records(setting) as records:
        return records.status_url(
            _request(plan, wanted), since=host.now() - export_api.REMEMBERED_S
        )
    return None


def remember(plan: Plan, wanted: Wanted, setting: Setting, link: Link) -> None:
    """Keep a status URL for a day since it was first asked for, which the service says.

    Where the disk does not take it, it is asked for again.
    """
    now = host.now()
    at = now if link.requested_at is None else min(now, link.requested_at)
    with suppress(StoreError), _records(setting) as records:
        records.remember(
            _request(plan, wanted), link.status_url, at=at, until=now - export_api.REMEMBERED_S
        )


def forget(plan: Plan, wanted: Wanted, setting: Setting) -> None:
    """Ask anew the next time."""
    with suppress(StoreError), _records(setting) as records:
        records.forget(_request(plan, wanted))


def _request(plan: Plan, wanted: Wanted) -> Request:
    return Request(
        origin=plan.source.origin,
        app=plan.app,
        dataset=plan.dataset,
        channel=plan.channel or "",
        first=wanted.first.isoformat(),
        last=wanted.last.isoformat(),
    )


# The history


def synced(plan: Plan, setting: Setting, counts: Iterable[Count]) -> list[Count]:
    """Keep what a report says, and give everything back that is kept of its kind.

    Raises StoreError.
    """
    series = Series(
        source="local" if plan.source.is_emulator else "apple",
        app=plan.app,
        dataset=str(plan.dataset),
        channel=plan.channel or "",
    )
    with _records(setting) as records:
        records.add(series, counts)
        return list(records.counts(series))
