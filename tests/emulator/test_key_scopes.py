"""Which keys may follow which on a connection, case by case (establishing a token connection).

What is refused is documented; with which word, in the cases of mixed scopes, is ours.
"""

from dataclasses import dataclass, field

import pytest

from pushkit_cli.apns.message import Request
from pushkit_cli.apns.push import Environment
from pushkit_cli.emulator.moves import Connected, Register, Revoke
from pushkit_cli.emulator.state import App, SigningKey
from tests.emulator.stage import PRODUCTION, SANDBOX, Stage, pushed, reason
from tests.law import BUNDLE, KEY_ID, NOW, OTHER_TEAM, TEAM, KeyPair

OTHER_APP = "com.example.second"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """A key as the portal makes it."""

    team_id: str = TEAM
    environment: Environment | None = None
    topics: tuple[str, ...] | None = None
    related: str | None = None


KEYS = {
    "TEAM": Scope(),
    "TEAM2": Scope(),
    "TEAM-SANDBOX": Scope(environment=SANDBOX),
    "TEAM-PRODUCTION": Scope(environment=PRODUCTION),
    "APP": Scope(environment=SANDBOX, topics=(BUNDLE,), related="APP-RELATED"),
    "APP-RELATED": Scope(environment=SANDBOX, topics=(BUNDLE,)),
    "APP-UNRELATED": Scope(environment=SANDBOX, topics=(BUNDLE,)),
    "APP-PRODUCTION": Scope(environment=PRODUCTION, topics=(BUNDLE,), related="APP"),
    "OTHER-APP": Scope(environment=SANDBOX, topics=(OTHER_APP,)),
    "BOTH-APPS": Scope(environment=SANDBOX, topics=(BUNDLE, OTHER_APP)),
    "OTHER-TEAM": Scope(team_id=OTHER_TEAM),
}

ELSEWHERE, UNRELATED = "BadEnvironmentKeyInToken", "UnrelatedKeyIdInToken"
FOREIGN, INVALID = "TopicDisallowed", "InvalidProviderToken"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """The keys of pushes one after the other on a new connection, and what the last one hears."""

    keys: tuple[str, ...]
    word: str | None
    environment: Environment = SANDBOX
    app: str = BUNDLE
    name: str = field(default="")


def row(keys: str, word: str | None, **more: object) -> Row:
    return Row(keys=tuple(keys.split()), word=word, name=keys, **more)  # type: ignore[arg-type]


ROWS = (
    # Alone
    row("TEAM", None),
    row("TEAM", None, environment=PRODUCTION),
    row("TEAM-SANDBOX", None),
    row("TEAM-SANDBOX", ELSEWHERE, environment=PRODUCTION),
    row("TEAM-PRODUCTION", ELSEWHERE),
    row("TEAM-PRODUCTION", None, environment=PRODUCTION),
    row("APP", None),
    row("APP", ELSEWHERE, environment=PRODUCTION),
    row("APP", FOREIGN, app=OTHER_APP),
    row("BOTH-APPS", "DeviceTokenNotForTopic", app=OTHER_APP),
    row("OTHER-TEAM", FOREIGN),
    # Begun with a team's key
    row("TEAM TEAM2 TEAM", None),
    row("TEAM TEAM-SANDBOX", None),
    row("TEAM-SANDBOX TEAM", None),
    row("TEAM APP", UNRELATED),
    row("TEAM-SANDBOX APP", UNRELATED),
    row("TEAM TEAM-PRODUCTION", ELSEWHERE),
    row("TEAM-SANDBOX TEAM-PRODUCTION", ELSEWHERE),
    row("TEAM APP-PRODUCTION", ELSEWHERE),
    # Begun with an app's key
    row("APP APP-RELATED APP", None),
    row("APP-RELATED APP APP-RELATED", None),
    row("APP APP-UNRELATED", UNRELATED),
    row("APP-RELATED APP-UNRELATED", UNRELATED),
    row("APP OTHER-APP", UNRELATED),
    row("APP BOTH-APPS", UNRELATED),
    row("APP TEAM", UNRELATED),
    row("APP TEAM-SANDBOX", UNRELATED),
    row("APP TEAM-PRODUCTION", ELSEWHERE),
    row("APP APP-PRODUCTION", ELSEWHERE),
    row("APP APP", FOREIGN, app=OTHER_APP),
    row("APP APP-RELATED", FOREIGN, app=OTHER_APP),
    # Two teams
    row("TEAM OTHER-TEAM", INVALID),
    row("APP OTHER-TEAM", INVALID),
    row("TEAM OTHER-TEAM TEAM", None),
)


@pytest.fixture
def house(stage: Stage) -> Stage:
    """The stage with every key of the table; one secret half serves them all."""
    pem = stage.keys.public_pem.decode()
    stage.step(Register(record=App(bundle_id=OTHER_APP, team_id=TEAM)))
    for name, scope in KEYS.items():
        key = SigningKey(
            key_id=name,
            team_id=scope.team_id,
            public_pem=pem,
            environment=scope.environment,
            topics=scope.topics,
            related=scope.related,
        )
        stage.step(Register(record=key))
    return stage


@pytest.mark.parametrize("case", ROWS, ids=lambda one: f"{one.name}-{one.environment}-{one.app}")
def test_the_last_of_these_keys_hears(house: Stage, case: Row) -> None:
    house.step(Connected(connection=2, environment=case.environment))
    said = [
        reason(house.send(_push(house, key, case, last=place == len(case.keys)), connection=2))
        for place, key in enumerate(case.keys, start=1)
    ]
    assert said[-1] == case.word
    assert {word for word in said[:-1] if word != INVALID} <= {None}


def _push(house: Stage, key: str, case: Row, *, last: bool) -> Request:
    """A push by a key; all but the last are for the app that the phone has."""
    bearer = house.bearer(team_id=KEYS[key].team_id, key_id=key)
    return house.request(
        token=house.token(environment=case.environment),
        authorization=f"bearer {bearer}",
        apns_topic=f"{case.app if last else BUNDLE}.voip",
    )


@pytest.mark.parametrize(("first", "word"), [("APP-UNRELATED", None), ("APP", UNRELATED)])
def test_a_late_rotation_partner_names_a_first_key_that_has_none_yet(
    house: Stage, first: str, word: str | None
) -> None:
    pem = house.keys.public_pem.decode()
    late = SigningKey(key_id="LATE", team_id=TEAM, public_pem=pem, topics=(BUNDLE,), related=first)
    house.step(Connected(connection=2, environment=SANDBOX))
    case = Row(keys=(), word=None)
    assert reason(house.send(_push(house, first, case, last=True), connection=2)) is None
    house.step(Register(record=late))  # after the connection began with the other
    asked = house.request(authorization=f"bearer {house.bearer(key_id='LATE')}")
    assert reason(house.send(asked, connection=2)) == word


# A signature is looked at once; the age and the key's state at every request


def test_a_key_that_was_removed_signs_nothing_more(stage: Stage) -> None:
    assert [reason(stage.send()) for _ in range(2)] == [None, None]
    stage.step(Revoke(key_id=KEY_ID))
    refused = stage.send()
    assert reason(refused) == INVALID
    assert f"no key {KEY_ID} is registered" in (pushed(refused).detail or "")
    assert stage.rebuilt().state.signing_key(KEY_ID) is None
    assert stage.step(Revoke(key_id=KEY_ID)) == ()


def test_a_key_that_comes_back_signs_again_and_another_of_its_id_does_not(
    stage: Stage, other_keys: KeyPair
) -> None:
    mine = SigningKey(key_id=KEY_ID, team_id=TEAM, public_pem=stage.keys.public_pem.decode())
    theirs = SigningKey(key_id=KEY_ID, team_id=TEAM, public_pem=other_keys.public_pem.decode())
    said = []
    for key in (mine, theirs, mine):
        stage.step(Revoke(key_id=KEY_ID))
        stage.step(Register(record=key))
        said.append(reason(stage.send()))
    assert said == [None, INVALID, None]


def test_a_key_whose_scope_shrinks_is_refused_at_once(stage: Stage) -> None:
    pem = stage.keys.public_pem.decode()
    assert reason(stage.send()) is None
    for scope, word in (
        ({"environment": PRODUCTION}, ELSEWHERE),
        ({"topics": (OTHER_APP,)}, FOREIGN),
        ({"team_id": OTHER_TEAM}, INVALID),
    ):
        said = {"team_id": TEAM, **scope}
        stage.step(Register(record=SigningKey(key_id=KEY_ID, public_pem=pem, **said)))  # type: ignore[arg-type]
        assert reason(stage.send()) == word


def test_a_token_that_was_verified_still_grows_old(stage: Stage) -> None:
    young, old = stage.request(), NOW + 3540 - stage.now
    assert reason(stage.send(young)) is None
    assert reason(stage.send(young, after=old)) is None
    assert reason(stage.send(young, after=1)) == "ExpiredProviderToken"
