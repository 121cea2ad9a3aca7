"""What is said about a word is what stands in the table that the rules read."""

import pytest

from pushkit_cli.apns import channel_rules, explaining, rules
from pushkit_cli.apns.channel_reasons import CHANNEL_REASONS
from pushkit_cli.apns.explaining import Explanation
from pushkit_cli.apns.facts import Basis
from pushkit_cli.apns.headers import HEADERS
from pushkit_cli.apns.push import PUSH_TYPES, PushType
from pushkit_cli.apns.reasons import REASONS, Reason
from pushkit_cli.errors import MEANINGS, ExitCode


def _facts(one: Explanation, label: str) -> list[str]:
    return [text for name, text in one.facts if name == label]


@pytest.mark.parametrize("word", [*explaining.words(), "badDEVICEtoken"])
def test_every_word_has_a_meaning_and_says_who_says_so(word: str) -> None:
    found = list(explaining.explain(word))
    assert found
    for one in found:
        assert one.meaning
        assert one.source
        assert one.basis in Basis
        assert all(label and text for label, text in one.facts)


@pytest.mark.parametrize(("table", "where"), [(REASONS, "a device"), (CHANNEL_REASONS, "channels")])
def test_a_reason_is_told_in_the_words_of_its_row(table: dict[str, Reason], where: str) -> None:
    for word, row in table.items():
        (one,) = [
            found for found in explaining.explain(word) if where in _facts(found, "answers")[0]
        ]
        assert (one.word, one.meaning, one.remedy, one.source) == (
            row.word,
            row.meaning,
            row.remedy,
            row.source,
        )
        assert str(row.status) in _facts(one, "answers")[0]
        assert _facts(one, "again") == [str(row.retry)]


def test_a_reason_names_every_rule_that_gives_it_with_its_basis() -> None:
    for rule in (*rules.RULES, *channel_rules.RULES):
        told = [text for one in explaining.explain(rule.reason.word) for _, text in one.facts]
        first = (rule.check.__doc__ or "").split("\n")[0].rstrip(".")
        assert any(text.startswith(first) and f"({rule.basis})" in text for text in told), rule


def test_a_reason_of_nobody_says_so() -> None:
    for word in rules.FAULTS_ONLY:
        (one,) = [found for found in explaining.explain(word) if "device" in found.facts[0][1]]
        assert "nobody knows" in _facts(one, "must hold")[0]


def test_a_status_means_each_of_its_reasons() -> None:
    assert [one.word for one in explaining.explain("410")] == ["ExpiredToken", "Unregistered"]
    assert [one.word for one in explaining.explain("500")] == ["InternalServerError"]


def test_a_type_tells_its_row() -> None:
    for kind, row in PUSH_TYPES.items():
        (one,) = explaining.explain(kind)
        assert one.meaning == row.meaning
        assert str(row.limit) in _facts(one, "body")[0]
        assert _facts(one, "topic")[0].endswith(row.suffix)
        assert _facts(one, "reaches") == [", ".join(row.platforms)]
    (background,) = explaining.explain(PushType.background)
    assert "10" in _facts(background, "never")[0]


def test_the_reasons_of_a_header_are_reasons() -> None:
    for name, row in HEADERS.items():
        assert set(row.words) <= {*REASONS, *CHANNEL_REASONS}, name


def test_an_exit_code_tells_its_meaning() -> None:
    (one,) = explaining.explain("8")
    assert one.meaning == MEANINGS[ExitCode.UNKNOWN]
    assert list(explaining.explain("77")) == []
