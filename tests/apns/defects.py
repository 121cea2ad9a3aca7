"""Everything that can be wrong with a push, as data: what is changed, and which rule sees it.

`touches` names the places a defect changes. Two defects that touch the same place undo each
other; those that do not can be put together.
"""

from dataclasses import dataclass, replace

from pushkit_cli.apns import checks
from pushkit_cli.apns.checks import Check
from pushkit_cli.apns.facts import Arrival, Certificate, Credential, Policy, TokenState
from pushkit_cli.apns.push import Environment
from pushkit_cli.apns.token import TokenFault
from tests.law import (
    ARRIVAL,
    BUNDLE,
    KEY_ID,
    NOW,
    OTHER_KEY,
    OTHER_TEAM,
    TEAM,
    TOKEN,
    TOPIC,
    UUID,
    Change,
    in_a_row,
    knowing,
    on_topic,
    sized,
    with_body,
    with_connection,
    with_credential,
    with_device,
    with_header,
    with_key,
    with_more,
    with_provider_token,
    with_token,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Defect:
    """One thing that is wrong."""

    name: str
    reason: str
    check: Check
    touches: frozenset[str]
    change: Change

    def fits(self, others: list["Defect"]) -> bool:
        return all(self.touches.isdisjoint(other.touches) for other in others)


def _rows(
    reason: str, check: Check, touches: str, changes: dict[str, Change]
) -> tuple[Defect, ...]:
    return tuple(
        Defect(
            name=name,
            reason=reason,
            check=check,
            touches=frozenset(touches.split()),
            change=change,
        )
        for name, change in changes.items()
    )


def _path(path: str | None) -> Change:
    return with_header(":path", path)


def _certificate(*topics: str, good_for: Environment = Environment.SANDBOX) -> Change:
    certificate = Certificate(topics=topics, environments=frozenset({good_for}))
    return knowing(credential=Credential(certificate=certificate))


# What a certificate, or no credential at all, puts out of force.
_BEARER = (
    "fault key-id iss age digest key-env key-topics bound-team bound-key arrivals wedged owner"
)
_KEY = "key-id key-env key-topics"
_ALERT = "topic push-type device"

DEFECTS: tuple[Defect, ...] = (
    *_rows("DuplicateHeaders", checks.repeated_header, "repeat", {
        "an unknown header twice": with_more((b"x-trace", b"1"), (b"x-trace", b"1")),
        "a header in two cases": with_more((b"X-Trace", b"1"), (b"x-trace", b"2")),
    }),
    *_rows("DuplicateHeaders", checks.repeated_header, "repeat topic", {
        "the same topic twice": with_more((b"apns-topic", TOPIC.encode())),
    }),
    *_rows("BadPath", checks.unknown_path, "path", {
        "no path": _path(None),
        "the root": _path("/"),
        "another folder": _path(f"/3/devices/{TOKEN}"),
        "another version": _path(f"/2/device/{TOKEN}"),
        "no slash before the token": _path(f"/3/device{TOKEN}"),
        "a slash after the token": _path(f"/3/device/{TOKEN}/"),
        "two tokens": _path(f"/3/device/{TOKEN}/{TOKEN}"),
        "upper case": _path(f"/3/DEVICE/{TOKEN}"),
    }),
    *_rows("MethodNotAllowed", checks.other_method, "method", {
        "GET": with_header(":method", "GET"),
        "PUT": with_header(":method", "PUT"),
        "post in lower case": with_header(":method", "post"),
        "no method": with_header(":method", None),
    }),
    *_rows("BadCertificateEnvironment", checks.certificate_elsewhere, _BEARER, {
        "a certificate of production": _certificate(TOPIC, good_for=Environment.PRODUCTION),
    }),
    *_rows("MissingProviderToken", checks.no_credential, _BEARER, {
        "no credential": knowing(credential=Credential()),
    }),
    *_rows("InvalidProviderToken", checks.bad_provider_token, _BEARER, {
        "an unreadable provider token": knowing(
            credential=Credential(fault=TokenFault(detail="not three parts"))
        ),
    }),
    *_rows("InvalidProviderToken", checks.bad_provider_token, "fault", {
        "a signature of another key": with_credential(fault=TokenFault(detail="does not verify")),
    }),
    *_rows("InvalidProviderToken", checks.bad_provider_token, _KEY, {
        "an unknown key": with_credential(key=None),
        "team id and key id swapped": in_a_row(
            with_credential(key=None), with_provider_token(key_id=TEAM, team_id=KEY_ID)
        ),
    }),
    *_rows("InvalidProviderToken", checks.bad_provider_token, "iss", {
        "an iss that does not own the key": with_provider_token(team_id=OTHER_TEAM),
    }),
    *_rows("InvalidProviderToken", checks.second_team, "bound-team", {
        "a second team on the connection": with_connection(team_id=OTHER_TEAM),
    }),
    *_rows("BadEnvironmentKeyInToken", checks.key_elsewhere, "key-env", {
        "a key of production": with_key(environment=Environment.PRODUCTION),
    }),
    *_rows("UnrelatedKeyIdInToken", checks.unrelated_key, "bound-key key-topics", {
        "a team's key after an app's": with_connection(
            first_key=replace(OTHER_KEY, topics=frozenset({BUNDLE}))
        ),
        "an app's key after a team's": in_a_row(
            with_connection(first_key=OTHER_KEY), with_key(topics=frozenset({BUNDLE}))
        ),
        "an app's key after another app's": in_a_row(
            with_connection(first_key=replace(OTHER_KEY, topics=frozenset({BUNDLE}))),
            with_key(topics=frozenset({BUNDLE}), related="ANOTHERKEY"),
        ),
    }),
    *_rows("ExpiredProviderToken", checks.wedged_connection, "wedged", {
        "a connection that was answered ExpiredProviderToken": with_connection(wedged=True),
    }),
    *_rows("ExpiredProviderToken", checks.expired_provider_token, "age", {
        "one second past the hour": with_provider_token(issued_at=NOW - 3601),
        "one second more than an hour ahead": with_provider_token(issued_at=NOW + 3601),
        "milliseconds": with_provider_token(issued_at=NOW * 1000),
        "a year old": with_provider_token(issued_at=NOW - 365 * 86_400),
        "of 1970": with_provider_token(issued_at=0),
    }),
    *_rows("TooManyProviderTokenUpdates", checks.too_many_new_tokens, "digest arrivals", {
        "a second new token after a minute": with_provider_token(digest="second"),
        "a second new token after 1199 s": in_a_row(
            with_provider_token(digest="second"),
            with_connection(arrivals=(replace(ARRIVAL, at=NOW - 1199),)),
        ),
        "a fourth new token where three may come": in_a_row(
            with_provider_token(digest="fourth"),
            knowing(policy=Policy(new_tokens=3)),
            with_connection(arrivals=tuple(
                Arrival(digest=name, key_id=KEY_ID, at=NOW - 9) for name in ("a", "b", "c")
            )),
        ),
    }),
    *_rows("BadMessageId", checks.bad_apns_id, "apns-id", {
        f"apns-id {value!r}": with_header("apns-id", value)
        for value in (
            "", "1", UUID.replace("-", ""), f"{{{UUID}}}", UUID[:-1], f"{UUID}0", f"{UUID}\n",
            UUID.replace("6", "g"), UUID.replace("-", "_"), f"urn:uuid:{UUID}",
        )
    }),
    *_rows("BadExpirationDate", checks.bad_expiration, "expiration", {
        f"apns-expiration {value!r}": with_header("apns-expiration", value)
        for value in (
            "", "-1", "+1", "1.5", "1e3", "0x10", " 0", "0\n", "soon", "1" * 16, "١",
            "2026-11-23T00:00:00Z",
        )
    }),
    *_rows("BadPriority", checks.bad_priority, "priority", {
        f"apns-priority {value!r}": with_header("apns-priority", value)
        for value in ("", "0", "2", "11", "010", "10.0", "-5", "high", "10,5", "10\n")
    }),
    *_rows("BadCollapseId", checks.long_collapse_id, "collapse-id", {
        "a collapse id of 65 bytes": with_header("apns-collapse-id", "c" * 65),
        "33 letters of two bytes": with_header("apns-collapse-id", "é" * 33),
    }),
    *_rows("MissingDeviceToken", checks.no_device_token, "path", {
        "no token": _path("/3/device/"),
        "no token and no slash": _path("/3/device"),
    }),
    *_rows("PayloadEmpty", checks.empty_body, "body", {"no body": with_body(b"")}),
    *_rows("PayloadTooLarge", checks.large_body, "body", {
        "5121 bytes": with_body(sized(5121)),
        "5121 bytes of which fewer were kept": with_body(sized(5120), 5121),
        "a gigabyte": with_body(sized(5120), 2**30),
    }),
    *_rows("PayloadTooLarge", checks.large_body, f"body {_ALERT}", {
        "4097 bytes on an alert topic": in_a_row(
            on_topic(BUNDLE, "alert"), with_body(sized(4097))
        ),
        "4097 bytes for Push to Talk": in_a_row(
            on_topic(f"{BUNDLE}.voip-ptt", "pushtotalk"), with_body(sized(4097))
        ),
    }),
    *_rows("PayloadEmpty", checks.malformed_body, "body", {
        "half an object": with_body(b'{"aps":'),
        "not UTF-8": with_body(b'{"a":"\xff"}'),
        "no JSON at all": with_body(b"hello=world"),
    }),
    *_rows("MissingTopic", checks.no_topic, "topic", {
        "no topic": with_header("apns-topic", None),
        "an empty topic": with_header("apns-topic", ""),
    }),
    *_rows("MissingTopic", checks.no_topic, f"topic {_BEARER}", {
        "no topic and a certificate of two": in_a_row(
            with_header("apns-topic", None), _certificate(BUNDLE, TOPIC)
        ),
    }),
    *_rows("BadTopic", checks.bad_topic, "topic", {
        f"apns-topic {value[:20]!r}": with_header("apns-topic", value)
        for value in (
            f"{TOPIC}.voip", f"{TOPIC}.voip-ptt", f"{BUNDLE}.complication.voip", ".voip", "-a",
            "a b", f"{TOPIC}\n", "com.exämple.app", "a/b", "*", "a" * 256,
        )
    }),
    *_rows("BadDeviceToken", checks.bad_device_token, "path", {
        f"token {token[:12]!r} of {len(token)}": with_token(token)
        for token in ("5", "5f5", f"{TOKEN[:-1]}g", f"{TOKEN}?x=1", f"0x{TOKEN}", f"{TOKEN} ",
                      "5f" * 101, "%35f", "５f", "<5f5f5f5f>")
    }),
    *_rows("BadDeviceToken", checks.unknown_device_token, "device", {
        "a token that nobody was issued": knowing(device=None),
        "a token of production": with_device(environment=Environment.PRODUCTION),
    }),
    *_rows("TopicDisallowed", checks.foreign_topic, "owner", {
        "an app that nobody registered": knowing(owner=None),
        "an app of another team": knowing(owner=OTHER_TEAM),
    }),
    *_rows("TopicDisallowed", checks.foreign_topic, "key-topics", {
        "a key for another app": with_key(topics=frozenset({"com.example.other"})),
        "a key that lists the topic, not the app": with_key(topics=frozenset({TOPIC})),
    }),
    *_rows("TopicDisallowed", checks.foreign_topic, _BEARER, {
        "a certificate for another topic": _certificate(BUNDLE),
        "a certificate without topics": _certificate(),
    }),
    *_rows("DeviceTokenNotForTopic", checks.token_of_other_topic, "device", {
        "the app's alert token": with_device(topic=BUNDLE),
        "another app's token": with_device(topic="com.example.other.voip"),
    }),
    *_rows("InvalidPushType", checks.bad_push_type, "push-type", {
        f"apns-push-type {value!r}": with_header("apns-push-type", value)
        for value in ("", "alert", "background", "pushtotalk", "mdm", "VoIP", "voip ", "sms")
    }),
    *_rows("BadPriority", checks.priority_of_type, f"priority {_ALERT}", {
        "a background push with priority 10": in_a_row(
            on_topic(BUNDLE, "background"), with_header("apns-priority", "10")
        ),
    }),
    *_rows("ExpiredToken", checks.expired_device_token, "device", {
        "an expired token": with_device(state=TokenState.EXPIRED, since_ms=NOW * 1000),
    }),
    *_rows("Unregistered", checks.unregistered_device_token, "device", {
        "a token of a removed app": with_device(state=TokenState.UNREGISTERED, since_ms=NOW * 1000),
    }),
)  # fmt: skip
