"""Apple's words for no: the whole table, and whether to try again."""

import pytest

from pushkit_cli.apns.channel_reasons import CHANNEL_REASONS
from pushkit_cli.apns.reasons import REASONS, Retry, retry_class

ROWS = (
    (400, "BadCollapseId", "after-fix"),
    (400, "BadDeviceToken", "never"),
    (400, "BadExpirationDate", "after-fix"),
    (400, "BadMessageId", "after-fix"),
    (400, "BadPriority", "after-fix"),
    (400, "BadTopic", "after-fix"),
    (400, "DeviceTokenNotForTopic", "never"),
    (400, "DuplicateHeaders", "after-fix"),
    (400, "IdleTimeout", "now"),
    (400, "InvalidPushType", "after-fix"),
    (400, "MissingDeviceToken", "after-fix"),
    (400, "MissingTopic", "after-fix"),
    (400, "PayloadEmpty", "after-fix"),
    (400, "TopicDisallowed", "after-fix"),
    (403, "BadCertificate", "after-fix"),
    (403, "BadCertificateEnvironment", "after-fix"),
    (403, "ExpiredProviderToken", "after-fix"),
    (403, "Forbidden", "never"),
    (403, "InvalidProviderToken", "after-fix"),
    (403, "MissingProviderToken", "after-fix"),
    (403, "UnrelatedKeyIdInToken", "after-fix"),
    (403, "BadEnvironmentKeyInToken", "after-fix"),
    (403, "BadEnvironmentKeyIdInToken", "after-fix"),
    (404, "BadPath", "after-fix"),
    (405, "MethodNotAllowed", "after-fix"),
    (410, "ExpiredToken", "never"),
    (410, "Unregistered", "never"),
    (413, "PayloadTooLarge", "never"),
    (429, "TooManyProviderTokenUpdates", "later"),
    (429, "TooManyRequests", "later"),
    (500, "InternalServerError", "later"),
    (503, "ServiceUnavailable", "later"),
    (503, "Shutdown", "now"),
)


def test_the_table_is_apples() -> None:
    table = tuple((row.status, row.word, row.retry.value) for row in REASONS.values())
    assert table == ROWS
    assert all(word == row.word for word, row in REASONS.items())


@pytest.mark.parametrize("word", REASONS)
def test_every_reason_says_what_it_means_what_helps_and_who_says_so(word: str) -> None:
    row = REASONS[word]
    for text in (row.meaning, row.remedy, row.source):
        assert text
        assert not text.endswith(".")


def test_a_known_word_outweighs_its_status() -> None:
    assert retry_class(500, "Unregistered") is Retry.NEVER
    assert retry_class(400, "IdleTimeout") is Retry.NOW


@pytest.mark.parametrize(
    ("status", "word", "retry"),
    [
        (400, None, Retry.AFTER_FIX),
        (400, "WordOfTomorrow", Retry.AFTER_FIX),
        (403, "", Retry.AFTER_FIX),
        (410, "badDeviceToken", Retry.AFTER_FIX),
        (429, "WordOfTomorrow", Retry.LATER),
        (499, None, Retry.AFTER_FIX),
        (500, None, Retry.LATER),
        (503, "Service Unavailable", Retry.LATER),
        (599, "WordOfTomorrow", Retry.LATER),
        (302, None, Retry.AFTER_FIX),
    ],
)
def test_an_unknown_word_is_judged_by_its_status(
    status: int, word: str | None, retry: Retry
) -> None:
    assert retry_class(status, word) is retry


@pytest.mark.parametrize("word", CHANNEL_REASONS)
def test_the_words_of_channels_are_tried_again_by_the_same_rule(word: str) -> None:
    row = CHANNEL_REASONS[word]
    assert retry_class(row.status, word) is row.retry
