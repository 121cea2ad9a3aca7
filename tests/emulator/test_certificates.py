"""A push by client certificate: its topics, its environments, and the token that counts no more."""

import pytest

from pushkit_cli.apns.facts import Certificate, Policy, Trust
from pushkit_cli.apns.message import Request
from pushkit_cli.apns.push import Environment, PushType, topic_for
from pushkit_cli.emulator.moves import Connected, Install, Register, SetToken
from pushkit_cli.emulator.state import App, DeviceToken
from tests.emulator.stage import PRODUCTION, SANDBOX, Stage, names, pushed, reason
from tests.law import BUNDLE, KEY_ID, MDM_TOPIC, NOW, OTHER_TEAM, TEAM, KeyPair

PASS = "pass.com.example.ticket"
BOTH = frozenset(Environment)
APP = Certificate(
    topics=(BUNDLE, f"{BUNDLE}.voip", f"{BUNDLE}.complication"),
    environments=BOTH,
    uid=BUNDLE,
    team_id=TEAM,
)
VOIP = Certificate(topics=(f"{BUNDLE}.voip",), environments=BOTH, uid=f"{BUNDLE}.voip")
MDM = Certificate(topics=(MDM_TOPIC,), environments=frozenset({PRODUCTION}), uid=MDM_TOPIC)
WALLET = Certificate(topics=(PASS,), environments=frozenset({PRODUCTION}), uid=PASS)


def by(stage: Stage, certificate: Certificate, environment: Environment = SANDBOX) -> int:
    """A new connection with a certificate."""
    stage.step(Connected(connection=2, environment=environment, certificate=certificate))
    return 2


@pytest.mark.parametrize("kind", ["voip", "alert", "complication", "background"])
def test_what_the_certificate_lists_is_accepted_without_a_token(stage: Stage, kind: str) -> None:
    device = "watch" if kind == "complication" else "iphone"
    token = stage.token("alert" if kind == "background" else kind, device=device)
    asked = stage.request(kind, token=token, authorization="", apns_priority="5")
    assert reason(stage.send(asked, connection=by(stage, APP))) is None


def test_beside_a_certificate_a_provider_token_is_not_looked_at(stage: Stage) -> None:
    there = by(stage, APP)
    for text in ("bearer x", "nonsense", f"bearer {stage.bearer(issued_at=NOW - 9999)}"):
        effects = stage.send(stage.request(authorization=text), connection=there)
        assert reason(effects) is None
        auth = pushed(effects).auth
        assert auth is not None
        assert (auth.kind, auth.key_id, auth.issued_at) == ("certificate", None, None)
        assert (auth.team_id, auth.uid, auth.topics) == (TEAM, BUNDLE, APP.topics)


@pytest.mark.parametrize("kind", [k for k in PushType if k.value in {
    "fileprovider", "location", "pushtotalk", "widgets", "controls", "liveactivity", "accessory",
}])  # fmt: skip
def test_types_whose_topics_apple_lists_in_no_certificate_are_disallowed(
    stage: Stage, kind: PushType
) -> None:
    asked = stage.request(
        token=stage.token(), apns_topic=topic_for(BUNDLE, kind), apns_push_type=kind
    )
    assert reason(stage.send(asked, connection=by(stage, APP))) == "TopicDisallowed"


def test_a_voip_certificate_is_for_voip_alone_and_implies_its_topic(stage: Stage) -> None:
    there = by(stage, VOIP)
    assert reason(stage.send(stage.request(apns_topic=""), connection=there)) is None
    alert = stage.request("alert")
    assert reason(stage.send(alert, connection=there)) == "TopicDisallowed"


def test_of_several_topics_none_is_implied(stage: Stage) -> None:
    asked = stage.request(apns_topic="")
    effects = stage.send(asked, connection=by(stage, APP))
    assert reason(effects) == "MissingTopic"
    assert "lists several topics" in (pushed(effects).detail or "")


def test_a_certificate_of_the_other_environment_is_refused(stage: Stage) -> None:
    for good_for, port in ((SANDBOX, PRODUCTION), (PRODUCTION, SANDBOX)):
        one = Certificate(topics=APP.topics, environments=frozenset({good_for}), uid=BUNDLE)
        effects = stage.step(Connected(connection=3, environment=port, certificate=one))
        assert effects == ()
        asked = stage.request(token=stage.token(environment=port))
        assert reason_of(stage, asked, 3) == "BadCertificateEnvironment"


def reason_of(stage: Stage, asked: Request, connection: int) -> str | None:
    """The answer alone, whatever else the connection does."""
    return pushed(stage.send(asked, connection=connection)).reason


@pytest.mark.parametrize(("name", "certificate", "body"), [
    (MDM_TOPIC, MDM, b'{"mdm":"5B3A0F6E-6F0C-4F3D-9B53-0F2F2C1C7A11"}'),
    (PASS, WALLET, b"{}"),
])  # fmt: skip
def test_a_push_without_any_header_reaches_mdm_and_wallet(
    stage: Stage, name: str, certificate: Certificate, body: bytes
) -> None:
    stage.step(Register(record=App(bundle_id=name, team_id=TEAM)))
    stage.step(Install(device="iphone", bundle_id=name))
    issued = [one for one in stage.world.state.all_of(DeviceToken) if one.bundle_id == name]
    assert [(one.environment, one.topic) for one in issued] == [(PRODUCTION, name)]
    bare = dict.fromkeys(
        ("apns_topic", "apns_push_type", "apns_priority", "apns_expiration", "authorization")
    )
    asked = stage.request(token=issued[0].token, body=body, **bare)  # type: ignore[arg-type]
    effects = stage.send(asked, connection=by(stage, certificate, PRODUCTION))
    assert reason(effects) is None
    assert names(effects) == ["delivered"]
    assert pushed(effects).app == name
    assert reason_of(stage, asked, by(stage, certificate)) == "BadCertificateEnvironment"


def test_a_token_of_fixtures_for_mdm_is_one_of_production(stage: Stage) -> None:
    stage.step(Register(record=App(bundle_id=MDM_TOPIC, team_id=TEAM)))
    stage.step(Install(device="iphone", bundle_id=MDM_TOPIC))
    stage.step(SetToken(device="iphone", bundle_id=MDM_TOPIC, type=PushType.mdm, token="AB" * 32))
    (issued,) = [o for o in stage.world.state.all_of(DeviceToken) if o.type is PushType.mdm]
    assert (issued.token, issued.environment) == ("ab" * 32, PRODUCTION)


# Any token


@pytest.fixture
def trusting(keys: KeyPair) -> Stage:
    return Stage(keys, policy=Policy(trust=Trust.ANY)).set_up()


def test_any_token_that_reads_and_is_fresh_is_taken_where_that_is_asked_for(
    trusting: Stage,
) -> None:
    strange = trusting.bearer(team_id=OTHER_TEAM, key_id="NOBODYSKEY")
    forged = f"{strange.rpartition('.')[0]}.AAAA"
    for text in (strange, forged):
        effects = trusting.send(trusting.request(authorization=f"bearer {text}"))
        assert reason(effects) is None, text
        trusting.step(Connected(connection=1, environment=SANDBOX))
        auth = pushed(effects).auth
        assert auth is not None
        assert (auth.kind, auth.team_id, auth.key_id) == ("unverified", OTHER_TEAM, "NOBODYSKEY")


@pytest.mark.parametrize(("text", "word"), [
    ("bearer nonsense", "InvalidProviderToken"),
    ("", "MissingProviderToken"),
])  # fmt: skip
def test_what_is_no_token_is_refused_all_the_same(trusting: Stage, text: str, word: str) -> None:
    assert reason(trusting.send(trusting.request(authorization=text))) == word


def test_an_old_token_and_one_too_many_are_refused_all_the_same(trusting: Stage) -> None:
    old = trusting.bearer(key_id="NOBODYSKEY", issued_at=NOW - 3601)
    asked = trusting.request(authorization=f"bearer {old}")
    assert reason_of(trusting, asked, 1) == "ExpiredProviderToken"
    trusting.step(Connected(connection=1, environment=SANDBOX))
    said = [
        reason(trusting.send(trusting.request(authorization=f"bearer {text}")))
        for text in (trusting.bearer(), trusting.bearer(issued_at=NOW - 30))
    ]
    assert said == [None, "TooManyProviderTokenUpdates"]


def test_without_the_switch_the_same_token_is_refused(stage: Stage) -> None:
    strange = stage.bearer(key_id="NOBODYSKEY")
    asked = stage.request(authorization=f"bearer {strange}")
    assert reason(stage.send(asked)) == "InvalidProviderToken"
    good = pushed(stage.send()).auth
    assert good is not None
    assert (good.kind, good.key_id) == ("token", KEY_ID)
