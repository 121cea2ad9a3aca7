"""Every refusal of the channel service: the request, made from a good one, and what comes back."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from pushkit_cli.apns import channel_checks, checks
from pushkit_cli.apns.channels import MAX_BROADCAST_BYTES, Operation
from tests.interop.errands import (
    MANAGES,
    UPDATE,
    Make,
    certified,
    channel,
    created,
    good,
    header,
    of_app,
    signed,
    to,
    with_body,
    with_method,
    with_path,
)
from tests.interop.listening import APP, KEY, OTHER_APP, OTHER_KEY, OTHER_TEAM, Scoped


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A request and its refusal. `check` is the rule's predicate, `first` what the connection had.

    `opened` is how that was answered.
    """

    name: str
    status: int
    reason: str
    check: Callable[..., Any]
    make: Make
    first: tuple[Make, ...] = ()
    opened: int = 200


def _rows(answer: str, check: Callable[..., Any], **makes: Make) -> list[Row]:
    status, reason = answer.split()
    return [
        Row(name=f"{reason}: {name}", status=int(status), reason=reason, check=check, make=make)
        for name, make in makes.items()
    ]


def _behind(first: Make, row: Row, *, opened: int = 200) -> Row:
    return replace(row, first=(first,), opened=opened)


_CREATE, _SHOW, _LIST, _DELETE, _SEND = Operation
_LISTED = good(_LIST)
_LONG = "AAAA" * 257
_LARGE = UPDATE[:-1] + b',"pad":"' + b"x" * MAX_BROADCAST_BYTES + b'"}'

ROWS: tuple[Row, ...] = (
    *_rows(
        "405 MethodNotAllowed",
        channel_checks.other_method,
        put=good(_CREATE, with_method("PUT")),
        patch_a_broadcast=good(_SEND, with_method("PATCH")),
    ),
    *_rows(
        "404 BadPath",
        channel_checks.pushed_here,
        a_broadcast_where_channels_are_managed=good(_SEND, to(MANAGES)),
    ),
    *_rows(
        "404 BadPath",
        channel_checks.unknown_path,
        no_bundle_id=good(_CREATE, with_path("/1/apps//channels")),
        the_id_in_the_path=good(_SHOW, with_path(f"/1/apps/{APP}/channels/eA==")),
        delete_all=good(_LIST, with_method("DELETE")),
        get_a_broadcast=good(_SEND, with_method("GET"), with_body(None)),
    ),
    *_rows(
        "403 BadCertificateEnvironment",
        checks.certificate_elsewhere,
        a_production_certificate_in_the_sandbox=good(
            _LIST, certified("app", "--app", APP, "--env", "production")
        ),
    ),
    *_rows(
        "403 MissingProviderToken",
        checks.no_credential,
        nothing=good(_LIST, header("authorization", None)),
        nothing_with_a_broadcast=good(_SEND, header("authorization", None)),
    ),
    *_rows(
        "403 InvalidProviderToken",
        checks.bad_provider_token,
        no_token=good(_CREATE, header("authorization", "bearer a.b.c")),
        a_key_nobody_registered=good(_SEND, signed(key_id="NOBODYSKEY", by=KEY)),
    ),
    *(
        _behind(_LISTED, row)
        for row in _rows(
            "403 InvalidProviderToken",
            checks.second_team,
            a_second_team=good(
                _LIST, of_app(OTHER_APP), signed(team_id=OTHER_TEAM, key_id=OTHER_KEY)
            ),
        )
    ),
    *_rows(
        "403 BadEnvironmentKeyInToken",
        checks.key_elsewhere,
        a_production_key_in_the_sandbox=good(_LIST, signed(key_id=Scoped.PRODUCTION)),
        a_sandbox_key_in_production=good(
            _LIST, signed(key_id=Scoped.SANDBOX), to("manage_production")
        ),
    ),
    *(
        _behind(_LISTED, row)
        for row in _rows(
            "403 UnrelatedKeyIdInToken",
            checks.unrelated_key,
            the_key_of_the_app_after_the_teams=good(_LIST, signed(key_id=Scoped.APP)),
        )
    ),
    *_rows(
        "403 ExpiredProviderToken",
        checks.expired_provider_token,
        a_token_of_more_than_an_hour=good(_SHOW, signed(age_s=3700)),
    ),
    *(
        _behind(good(_LIST, signed(age_s=3700)), row, opened=403)
        for row in _rows(
            "403 ExpiredProviderToken",
            checks.wedged_connection,
            a_good_one_after_an_expired_one=_LISTED,
        )
    ),
    *(
        _behind(_LISTED, row)
        for row in _rows(
            "429 TooManyProviderTokenUpdates",
            checks.too_many_new_tokens,
            a_second_token=good(_LIST, signed(age_s=60)),
        )
    ),
    *_rows(
        "400 BadMessageId",
        channel_checks.bad_request_id,
        no_uuid=good(_CREATE, header("apns-request-id", "42")),
    ),
    *_rows(
        "400 TopicDisallowed",
        channel_checks.suffixed_app,
        a_suffix=good(_CREATE, of_app(f"{APP}.push-type.liveactivity")),
        a_suffix_of_a_broadcast=good(_SEND, of_app(f"{APP}.voip")),
    ),
    *_rows(
        "403 TopicMismatch",
        checks.foreign_topic,
        an_app_of_another_team=good(_LIST, of_app(OTHER_APP)),
        an_app_nobody_registered=good(_CREATE, of_app("com.example.nobody")),
        a_certificate_of_another_app=good(_LIST, certified("app", "--app", "com.example.stranger")),
        a_key_for_another_app=good(_LIST, signed(key_id=Scoped.OTHER_APP)),
    ),
    *_rows(
        "400 MissingChannelId",
        channel_checks.no_channel_id,
        to_show=good(_SHOW, header("apns-channel-id", None)),
        to_delete=good(_DELETE, header("apns-channel-id", None)),
        to_send=good(_SEND, header("apns-channel-id", None)),
    ),
    *_rows(
        "400 BadChannelId",
        channel_checks.bad_channel_id,
        no_base64=good(_SHOW, header("apns-channel-id", "no base64")),
        too_long=good(_SEND, header("apns-channel-id", _LONG)),
    ),
    *_rows(
        "400 ChannelNotRegistered",
        channel_checks.unknown_channel,
        nobodys=good(_DELETE, header("apns-channel-id", "eA==")),
        of_production=good(_SEND, channel("elsewhere")),
        of_another_app=good(_SHOW, channel("foreign")),
    ),
    *_rows(
        "400 MissingPushType",
        channel_checks.no_push_type,
        no_type=good(_SEND, header("apns-push-type", None)),
    ),
    *_rows(
        "400 InvalidPushType",
        channel_checks.bad_push_type,
        an_alert=good(_SEND, header("apns-push-type", "alert")),
    ),
    *_rows(
        "400 BadPriority",
        channel_checks.no_priority,
        no_priority=good(_SEND, header("apns-priority", None)),
    ),
    *_rows("400 BadPriority", checks.bad_priority, two=good(_SEND, header("apns-priority", "2"))),
    *_rows(
        "400 BadExpirationDate",
        channel_checks.no_expiration,
        no_expiration=good(_SEND, header("apns-expiration", None)),
    ),
    *_rows(
        "400 BadExpirationDate",
        checks.bad_expiration,
        a_word=good(_SEND, header("apns-expiration", "soon")),
    ),
    *_rows(
        "400 BadExpirationDate",
        channel_checks.expiration_of_storage,
        a_date_on_a_channel_that_stores_nothing=good(
            _SEND, header("apns-expiration", "4102444800")
        ),
    ),
    *_rows(
        "400 PayloadEmpty",
        channel_checks.empty_body,
        an_empty_broadcast=good(_SEND, with_body(b"")),
        an_empty_creation=good(_CREATE, with_body(b"")),
    ),
    *_rows("413 PayloadTooLarge", channel_checks.large_body, large=good(_SEND, with_body(_LARGE))),
    *_rows(
        "400 BadRequestPayload",
        channel_checks.malformed_body,
        no_json=good(_CREATE, with_body(b"{")),
        a_list=good(_SEND, with_body(b"[]")),
    ),
    *_rows(
        "400 BadRequestPayload",
        channel_checks.starts_one,
        a_start=good(_SEND, with_body(UPDATE.replace(b"update", b"start"))),
    ),
    *_rows(
        "400 BadRequestParams",
        channel_checks.unknown_parameter,
        another_policy=good(_CREATE, created(message_storage_policy=2)),
        one_more=good(_CREATE, created(name="x")),
    ),
    *_rows(
        "400 MissingPushType",
        channel_checks.no_channel_type,
        a_channel_of_no_type=good(_CREATE, created(push_type=None)),
    ),
    *_rows(
        "400 InvalidPushType",
        channel_checks.bad_channel_type,
        a_channel_of_alerts=good(_CREATE, created(push_type="alert")),
    ),
)
"""Every rule but two, which need a listener of another kind: FeatureNotEnabled, and
CannotCreateChannelConfig with its ten thousand channels."""
ELSEWHERE = {channel_checks.not_enabled, channel_checks.too_many}
