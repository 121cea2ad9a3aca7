"""Every verdict that curl can bring about: those with a provider token, and with a certificate."""

from pushkit_cli.apns import checks
from tests.interop import verdicts
from tests.interop.curl import (
    Ask,
    Change,
    bearing,
    body,
    certificate,
    device,
    header,
    pushing,
    to,
    token_of,
)
from tests.interop.listening import APP, MDM, PASS, Listener
from tests.interop.verdicts import TOPIC, Row, accepted, refused


def _alone(*words: str) -> Change:
    """A certificate, and no header at all beside it."""

    def change(ask: Ask, listener: Listener) -> Ask:
        names = [name for name, _ in ask.headers]
        for one in (certificate(*words), *(header(name, None) for name in names)):
            ask = one(ask, listener)
        return ask

    return change


_app, _voip = certificate("app", "--app", APP), _alone("voip", "--app", APP)
_production = (token_of("voip", environment="production"), to("production"))
_to_mdm = (
    token_of("mdm", app=MDM, environment="production"),
    body(b'{"mdm":"magic"}'),
    _alone("mdm", "--app", MDM),
)
_to_wallet = (
    token_of("alert", app=PASS, environment="production"),
    body(b"{}"),
    _alone("pass", "--app", PASS),
)

REFUSED: tuple[Row, ...] = (
    *verdicts.REFUSED,
    *refused(
        "403 BadCertificateEnvironment",
        checks.certificate_elsewhere,
        a_production_certificate_in_the_sandbox=certificate(
            "app", "--app", APP, "--env", "production"
        ),
        a_sandbox_certificate_in_production=(
            certificate("app", "--app", APP, "--env", "sandbox"),
            *_production,
        ),
        an_mdm_certificate_in_the_sandbox=_to_mdm,
        a_certificate_of_passes_in_the_sandbox=_to_wallet,
    ),
    *refused(
        "400 MissingTopic",
        checks.no_topic,
        no_topic_and_a_certificate_of_three=_alone("app", "--app", APP),
    ),
    *refused(
        "400 TopicDisallowed",
        checks.foreign_topic,
        a_topic_that_the_certificate_does_not_list=certificate(
            "app", "--app", "com.example.stranger"
        ),
        an_alert_by_a_voip_certificate=(token_of("alert"), _voip, header("apns-topic", APP)),
        a_file_provider_by_certificate=(
            token_of("fileprovider"),
            pushing(f"{APP}.pushkit.fileprovider", "fileprovider", "10"),
            _app,
        ),
    ),
    *refused(
        "400 BadDeviceToken",
        checks.unknown_device_token,
        a_stranger_by_certificate=(device("5f" * 32), _app),
    ),
)

ACCEPTED: tuple[Row, ...] = (
    *verdicts.ACCEPTED,
    *accepted(
        a_voip_push_by_certificate=(_app, header("authorization", None)),
        a_certificate_beside_a_provider_token_that_is_none=(
            _app,
            bearing(lambda _: "not.a.token"),
        ),
        an_alert_by_certificate=(_app, token_of("alert"), pushing(APP, "alert", "10")),
        a_complication_by_a_watchkit_certificate=(
            certificate("watchkit", "--app", APP),
            token_of("complication"),
            pushing(f"{APP}.complication", "complication", "10"),
        ),
        a_voip_certificate_that_implies_its_topic=(_voip,),
        a_voip_certificate_in_production=(_voip, *_production, header("apns-topic", TOPIC)),
        an_mdm_push_without_a_header=(*_to_mdm, to("production")),
        a_wallet_push_without_a_header=(*_to_wallet, to("production")),
    ),
)
