"""What a word means: a reason, a status, a push type, a header, an exit code. Pure.

Nothing is worded here: every text stands in the table that the rules, `send` and `listen` read.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pushkit_cli.apns import channel_rules, rules
from pushkit_cli.apns.channel_reasons import CHANNEL_REASONS
from pushkit_cli.apns.facts import Basis
from pushkit_cli.apns.headers import HEADERS
from pushkit_cli.apns.push import PUSH_TYPES, SOURCE, PushType
from pushkit_cli.apns.reasons import REASONS, Reason
from pushkit_cli.apns.rules import Rule
from pushkit_cli.errors import MEANINGS

_DEVICE, _CHANNEL = "to a device", "to channels"


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """One meaning of a word; `facts` are label and text, `basis` who says so.

    `kind` says what the word is: reason, push type, header, exit code, event or switch.
    """

    kind: str
    word: str
    meaning: str
    facts: tuple[tuple[str, str], ...] = ()
    remedy: str | None = None
    source: str
    basis: Basis


def words() -> Iterator[str]:
    """Every word that has a meaning here."""
    yield from dict.fromkeys((*REASONS, *CHANNEL_REASONS))
    yield from PushType
    yield from HEADERS
    yield from (str(int(code)) for code in MEANINGS)


def explain(word: str) -> Iterator[Explanation]:
    """Every meaning of a word, whatever its case; a status means each of its reasons."""
    said = word.casefold()
    if word not in CHANNEL_REASONS:  # one of them is written with a blank
        said = said.replace(" ", "")
    for where, table, every in (
        (_DEVICE, REASONS, rules.RULES),
        (_CHANNEL, CHANNEL_REASONS, channel_rules.RULES),
    ):
        for name, reason in table.items():
            if said in (name.casefold(), str(reason.status)) and not _is_repeated(where, reason):
                yield _reason(where, reason, every)
    yield from (_type(kind) for kind in PushType if kind == said)
    yield from (_header(name) for name in HEADERS if name == said)
    for code, meaning in MEANINGS.items():
        if said == str(int(code)):
            yield Explanation(
                kind="exit code", word=said, meaning=meaning, source="pushkit", basis=Basis.OURS
            )


def _is_repeated(where: str, reason: Reason) -> bool:
    """Whether the table for devices has the very row."""
    return where is _CHANNEL and reason in REASONS.values()


def _reason(where: str, reason: Reason, every: Iterable[Rule]) -> Explanation:
    raised = [rule for rule in every if rule.reason is reason]
    holds = [("must hold", _rule(rule)) for rule in raised]
    if where is _DEVICE:
        said = {text for _, text in holds}
        also = (_rule(rule) for rule in channel_rules.RULES if rule.reason is reason)
        holds += [("of channels", text) for text in also if text not in said]
    return Explanation(
        kind="reason",
        word=reason.word,
        meaning=reason.meaning,
        facts=(
            ("answers", f"{reason.status}, to what is sent {_asked(where, reason)}"),
            ("again", str(reason.retry)),
            *(holds or [("must hold", "no rule gives it: nobody knows what triggers it")]),
        ),
        remedy=reason.remedy,
        source=reason.source,
        basis=_basis(reason, raised),
    )


def _rule(rule: Rule) -> str:
    """What it checks, in the first paragraph of the check's own text, and who says so."""
    text = " ".join((rule.check.__doc__ or "").partition("\n\n")[0].split())
    return f"{text.rstrip('.')} ({rule.basis})"


def _asked(where: str, reason: Reason) -> str:
    shared = where is _DEVICE and reason in CHANNEL_REASONS.values()
    return f"{where} or {_CHANNEL}" if shared else where


def _basis(reason: Reason, raised: list[Rule]) -> Basis:
    """The surest of the rules that give it; a reason that none gives is on Apple's page."""
    found = {rule.basis for rule in raised}
    if not found:
        return Basis.DOCUMENTED if reason.source.startswith("Apple") else Basis.OBSERVED
    return next(basis for basis in Basis if basis in found)


def _type(kind: PushType) -> Explanation:
    row = PUSH_TYPES[kind]
    suffix = f"the bundle id and {row.suffix}" if row.suffix else "the bundle id"
    topic = "the UID of the certificate's subject" if kind is PushType.mdm else suffix
    refused = ", ".join(map(str, sorted(row.refused)))
    return Explanation(
        kind="push type",
        word=kind,
        meaning=row.meaning,
        facts=(
            ("topic", topic),
            ("body", f"at most {row.limit} bytes"),
            ("priority", f"{int(row.priority)}, unless you say another (ours)"),
            *(
                (("never", f"priority {refused}: it is refused with BadPriority"),)
                if refused
                else ()
            ),
            ("expiration", f"{_absent(row.expiration)}, unless you say another (ours)"),
            ("signed by", _AUTH[row.auth.value]),
            ("reaches", ", ".join(row.platforms)),
        ),
        remedy=f"pushkit template {kind} prints a body to start from",
        source=SOURCE,
        basis=Basis.DOCUMENTED,
    )


_AUTH = {
    "token": "a provider token alone",
    "certificate": "a certificate alone",
    "both": "a provider token or a certificate",
}


def _absent(number: int | None) -> str:
    return "absent" if number is None else str(number)


def _header(name: str) -> Explanation:
    row = HEADERS[name]
    reasons = (("refused with", ", ".join(row.words)),) if row.words else ()
    return Explanation(
        kind="header",
        word=name,
        meaning=row.meaning,
        facts=(("absent", row.absent), *reasons),
        source=row.source,
        basis=row.basis,
    )
