"""Verdicts that curl brings about with a provider token, as data: what is changed, who refuses."""

from dataclasses import dataclass

from pushkit_cli.apns import checks
from pushkit_cli.apns.checks import Check
from tests.interop.curl import (
    Change,
    bearing,
    body,
    device,
    header,
    method,
    more,
    options,
    path,
    pushing,
    signed,
    sized,
    target,
    to,
    token_of,
)
from tests.interop.listening import (
    APP,
    EXPIRED_PHONE,
    KEY,
    OTHER_APP,
    OTHER_KEY,
    OTHER_TEAM,
    SECOND_KEY,
    SINCE_MS,
    TEAM,
    WIPED_PHONE,
    Scoped,
)
from tests.interop.spoiling import in_der, reheaded, spoilt

TOPIC = f"{APP}.voip"
UUID = "6b29fc40-ca47-1067-b31d-00dd010662da"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One push: what is answered, and whose check refuses it; `None` where it is accepted.

    `first` are pushes on the same connection before it, which are answered `opened`. `since_ms`
    (Unix) is the `timestamp` that goes with 410.
    """

    name: str
    changes: tuple[Change, ...]
    status: int = 200
    reason: str | None = None
    check: Check | None = None
    first: tuple[tuple[Change, ...], ...] = ()
    opened: int = 200
    since_ms: int | None = None


def refused(
    answer: str,
    check: Check,
    *,
    first: tuple[tuple[Change, ...], ...] = (),
    opened: int = 200,
    since_ms: int | None = None,
    **rows: Change | tuple[Change, ...],
) -> tuple[Row, ...]:
    """Rows that one check refuses."""
    status, _, reason = answer.partition(" ")
    return tuple(
        Row(
            name=name.replace("_", " "),
            status=int(status),
            reason=reason,
            check=check,
            changes=change if isinstance(change, tuple) else (change,),
            first=first,
            opened=opened,
            since_ms=since_ms,
        )
        for name, change in rows.items()
    )


def accepted(**rows: tuple[Change, ...]) -> tuple[Row, ...]:
    """Rows that nothing refuses."""
    return tuple(Row(name=name.replace("_", " "), changes=row) for name, row in rows.items())


def _on(phone: str) -> Change:
    """The app's token on another phone."""
    return lambda ask, listener: device(listener.token("voip", device=phone))(ask, listener)


_alert = (token_of("alert"), pushing(APP, "alert", "10"))
_in_production = (token_of("voip", environment="production"), to("production"))
_apps, _related = signed(key_id=Scoped.APP), signed(key_id=Scoped.RELATED)
_of_other_team = (
    signed(team_id=OTHER_TEAM, key_id=OTHER_KEY),
    token_of("voip", app=OTHER_APP),
    header("apns-topic", f"{OTHER_APP}.voip"),
)

REFUSED: tuple[Row, ...] = (
    *refused(
        "400 DuplicateHeaders",
        checks.repeated_header,
        the_same_topic_twice=more(("apns-topic", TOPIC)),
        two_topics=more(("apns-topic", APP)),
        two_provider_tokens=more(("authorization", "bearer a.b.c")),
        an_unknown_header_twice=more(("x-trace", "1"), ("x-trace", "1")),
        a_header_in_two_cases=more(("X-Trace", "1"), ("x-trace", "2")),
    ),
    *refused(
        "404 BadPath",
        checks.unknown_path,
        the_root=path("/"),
        another_folder=path("/3/devices/{token}"),
        another_version=path("/2/device/{token}"),
        a_slash_after_the_token=path("/3/device/{token}/"),
        two_tokens=path("/3/device/{token}/{token}"),
        upper_case=path("/3/DEVICE/{token}"),
        a_way_around=path("/3/x/../device/{token}"),
        two_slashes=path("//3/device/{token}"),
        an_asterisk=(method("OPTIONS"), target("*")),
        no_slash_in_front=target("3/device/00"),
        a_whole_url=target("https://127.0.0.1/3/device/00"),
    ),
    *refused(
        "405 MethodNotAllowed",
        checks.other_method,
        get=method("GET"),
        put=options("-X", "PUT"),
        delete=method("DELETE"),
        patch=options("-X", "PATCH"),
        post_in_lower_case=options("-X", "post"),
    ),
    *refused(
        "403 MissingProviderToken",
        checks.no_credential,
        no_authorization=header("authorization", None),
        an_empty_authorization=header("authorization", ""),
        another_scheme=header("authorization", "Basic dXNlcjpwYXNz"),
        bearer_of_nothing=header("authorization", "bearer"),
    ),
    *refused(
        "403 InvalidProviderToken",
        checks.bad_provider_token,
        no_provider_token_at_all=header("authorization", "bearer hello"),
        aspoilt_signature=bearing(spoilt),
        a_changed_header=bearing(lambda text: reheaded(text, cty="JWT")),
        no_algorithm=bearing(lambda text: reheaded(text, alg="none")),
        another_algorithm=bearing(lambda text: reheaded(text, alg="HS256")),
        a_token_without_signature=bearing(lambda text: text.rpartition(".")[0] + "."),
        an_unknown_key_id=signed(key_id="UNKNOWNKEY", by=KEY),
        team_id_and_key_id_swapped=signed(team_id=KEY, key_id=TEAM, by=KEY),
        the_key_of_another_team=signed(team_id=OTHER_TEAM, key_id=KEY),
        a_signature_by_another_key=signed(key_id=KEY, by=SECOND_KEY),
    ),
    *refused(
        "403 InvalidProviderToken",
        checks.second_team,
        first=((),),
        a_second_team_on_the_connection=_of_other_team,
    ),
    *refused(
        "403 BadEnvironmentKeyInToken",
        checks.key_elsewhere,
        a_sandbox_key_in_production=(signed(key_id=Scoped.SANDBOX), *_in_production),
        a_production_key_in_the_sandbox=signed(key_id=Scoped.PRODUCTION),
    ),
    *refused(
        "403 UnrelatedKeyIdInToken",
        checks.unrelated_key,
        first=((_apps,),),
        the_key_of_another_app_after_the_apps_own=signed(key_id=Scoped.OTHER_APP),
        the_key_of_the_team_after_the_apps_own=(),
    ),
    *refused(
        "403 UnrelatedKeyIdInToken",
        checks.unrelated_key,
        first=((),),
        the_key_of_the_app_after_the_teams=_apps,
    ),
    *refused(
        "403 ExpiredProviderToken",
        checks.expired_provider_token,
        a_token_of_more_than_an_hour=signed(age_s=3700),
        a_token_of_tomorrow=signed(age_s=-86_400),
    ),
    *refused(
        "403 ExpiredProviderToken",
        checks.wedged_connection,
        first=((signed(age_s=3700),),),
        opened=403,
        a_good_provider_token_after_an_expired_one=(),
    ),
    *refused(
        "429 TooManyProviderTokenUpdates",
        checks.too_many_new_tokens,
        first=((), ()),
        a_second_provider_token_on_the_connection=signed(age_s=60),
    ),
    *refused(
        "400 BadMessageId",
        checks.bad_apns_id,
        no_uuid=header("apns-id", "1"),
        a_uuid_without_hyphens=header("apns-id", UUID.replace("-", "")),
        a_uuid_in_braces=header("apns-id", f"{{{UUID}}}"),
        an_empty_id=header("apns-id", ""),
    ),
    *refused(
        "400 BadExpirationDate",
        checks.bad_expiration,
        a_word=header("apns-expiration", "soon"),
        a_fraction=header("apns-expiration", "1.5"),
        a_moment_before_1970=header("apns-expiration", "-1"),
        a_date=header("apns-expiration", "2026-11-23T00:00:00Z"),
    ),
    *refused(
        "400 BadPriority",
        checks.bad_priority,
        priority_2=header("apns-priority", "2"),
        priority_11=header("apns-priority", "11"),
        priority_010=header("apns-priority", "010"),
        priority_high=header("apns-priority", "high"),
    ),
    *refused(
        "400 BadCollapseId",
        checks.long_collapse_id,
        a_collapse_id_of_65_bytes=header("apns-collapse-id", "c" * 65),
        a_collapse_id_of_33_letters_in_66_bytes=header("apns-collapse-id", "é" * 33),
    ),
    *refused(
        "400 MissingDeviceToken",
        checks.no_device_token,
        no_token=path("/3/device/"),
        no_token_and_no_slash=path("/3/device"),
    ),
    *refused(
        "400 PayloadEmpty",
        checks.empty_body,
        an_empty_body=body(b""),
        no_body=(body(None), options("-X", "POST")),
    ),
    *refused(
        "413 PayloadTooLarge",
        checks.large_body,
        a_voip_body_of_5121_bytes=sized(5121),
        an_alert_of_4097_bytes=(*_alert, sized(4097)),
        a_voip_body_of_a_megabyte=sized(2**20),
    ),
    *refused(
        "400 PayloadEmpty",
        checks.malformed_body,
        half_an_object=body(b'{"aps":'),
        a_form=body(b"hello=world"),
        no_utf8=body(b'{"a":"\xff"}'),
        brackets_deeper_than_a_stack=body(b"[" * 5120),
    ),
    *refused(
        "400 MissingTopic",
        checks.no_topic,
        no_topic=header("apns-topic", None),
        an_empty_topic=header("apns-topic", ""),
    ),
    *refused(
        "400 BadTopic",
        checks.bad_topic,
        two_suffixes=header("apns-topic", f"{TOPIC}.voip"),
        a_topic_with_a_blank=header("apns-topic", "com example"),
        a_topic_of_256_letters=header("apns-topic", "a" * 256),
    ),
    *refused(
        "400 BadDeviceToken",
        checks.bad_device_token,
        an_odd_number_of_digits=device("5f5"),
        no_hexadecimal=device("not-a-token"),
        a_query_after_the_token=path("/3/device/{token}?x=1"),
        an_escaped_digit=path("/3/device/%35f"),
        a_token_of_101_bytes=device("5f" * 101),
        a_token_in_angles=target("/3/device/<5f5f>"),
    ),
    *refused(
        "400 BadDeviceToken",
        checks.unknown_device_token,
        a_token_nobody_was_issued=device("5f" * 32),
        a_production_token=token_of("voip", environment="production"),
        a_sandbox_token_in_production=to("production"),
    ),
    *refused(
        "400 TopicDisallowed",
        checks.foreign_topic,
        an_app_nobody_registered=header("apns-topic", "com.example.nobody.voip"),
        an_app_of_another_team=_of_other_team[1:],
        an_app_the_key_is_not_for=signed(key_id=Scoped.OTHER_APP),
    ),
    *refused(
        "400 DeviceTokenNotForTopic",
        checks.token_of_other_topic,
        the_apps_alert_token=token_of("alert"),
        the_voip_token_for_an_alert=pushing(APP, "alert", "10"),
        the_token_of_another_app=token_of("voip", app=OTHER_APP),
    ),
    *refused(
        "400 InvalidPushType",
        checks.bad_push_type,
        an_alert_on_the_voip_topic=header("apns-push-type", "alert"),
        an_unknown_type=header("apns-push-type", "sms"),
        another_case=header("apns-push-type", "VoIP"),
        an_empty_type=header("apns-push-type", ""),
    ),
    *refused(
        "400 BadPriority",
        checks.priority_of_type,
        a_background_push_with_priority_10=(token_of("alert"), pushing(APP, "background", "10")),
    ),
    *refused(
        "410 ExpiredToken",
        checks.expired_device_token,
        since_ms=SINCE_MS[EXPIRED_PHONE],
        a_token_that_has_expired=_on(EXPIRED_PHONE),
    ),
    *refused(
        "410 Unregistered",
        checks.unregistered_device_token,
        since_ms=SINCE_MS[WIPED_PHONE],
        a_token_of_an_app_that_was_removed=_on(WIPED_PHONE),
    ),
)

ACCEPTED: tuple[Row, ...] = (
    *accepted(
        a_voip_push=(),
        a_voip_body_of_5120_bytes=(sized(5120),),
        an_alert_of_4096_bytes=(*_alert, sized(4096)),
        an_empty_object=(body(b"{}"),),
        a_background_push=(token_of("alert"), pushing(APP, "background", "5")),
        a_complication=(
            token_of("complication"),
            pushing(f"{APP}.complication", "complication", "10"),
        ),
        a_file_provider=(
            token_of("fileprovider"),
            pushing(f"{APP}.pushkit.fileprovider", "fileprovider", "10"),
            body(b'{"container-identifier":"NSFileProviderWorkingSetContainerItemIdentifier"}'),
        ),
        push_to_talk=(token_of("pushtotalk"), pushing(f"{APP}.voip-ptt", "pushtotalk", "10")),
        the_topic_alone=(
            header("apns-push-type", None),
            header("apns-priority", None),
            header("apns-expiration", None),
        ),
        priority_1=(header("apns-priority", "1"),),
        an_expiration_to_come=(header("apns-expiration", "4000000000"),),
        a_collapse_id_of_64_bytes=(header("apns-collapse-id", "c" * 64),),
        cookies_which_may_come_twice=(more(("cookie", "a=1"), ("cookie", "b=2")),),
        an_unknown_header=(more(("x-trace", "1")),),
        bearer_in_capitals=(
            lambda ask, listener: header("authorization", f"Bearer {listener.provider_token()}")(
                ask, listener
            ),
        ),
        a_signaturein_der=(bearing(in_der),),
        a_token_of_59_minutes=(signed(age_s=3540),),
        another_key_of_the_team=(signed(key_id=SECOND_KEY),),
        another_team_for_its_own_app=_of_other_team,
        a_sandbox_key_in_the_sandbox=(signed(key_id=Scoped.SANDBOX),),
        a_production_key_in_production=(signed(key_id=Scoped.PRODUCTION), *_in_production),
        a_token_in_upper_case=(
            lambda ask, listener: device(listener.token("voip").upper())(ask, listener),
        ),
        production=_in_production,
    ),
    Row(name="a second push on the connection", first=((),), changes=()),
    Row(name="both keys of a team in turn", first=((), (signed(key_id=SECOND_KEY),)), changes=()),
    Row(name="related keys of an app in turn", first=((_apps,), (_related,)), changes=(_apps,)),
    Row(name="pushes of two types on the connection", first=((),), changes=_alert),
)
