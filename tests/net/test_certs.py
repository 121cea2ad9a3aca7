"""The local authority and local keys, as bytes: what is in them, and when to make them anew."""

from collections.abc import Iterator
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta, timezone
from ipaddress import ip_address, ip_network
from itertools import pairwise

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key, pkcs12
from cryptography.x509.oid import ExtendedKeyUsageOID

from pushkit_cli.net.certs import (
    LOCAL_NAMES,
    Authority,
    authority_is_good,
    java_truststore,
    leaf_for,
    names_of,
    new_authority,
    new_signing_key,
    trust_bundle,
)
from tests.net.forger import APPLE, DAY, NOW, named, new_key, pem_of, throwaway, usage

HOUR, SECOND = timedelta(hours=1), timedelta(seconds=1)
BEGIN = NOW.replace(microsecond=0) - DAY  # of the authority and its first leaf
LOCAL = [
    x509.DNSName("localhost"),
    x509.IPAddress(ip_network("127.0.0.0/8")),
    x509.IPAddress(ip_network("::1/128")),
]
LOCAL_NAMED = x509.SubjectAlternativeName(
    [x509.DNSName("localhost"), *(x509.IPAddress(ip_address(it)) for it in LOCAL_NAMES[1:])]
)


def _public(certificate: x509.Certificate) -> ec.EllipticCurvePublicKey:
    key = certificate.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    return key


def _root(authority: Authority) -> x509.Certificate:
    (root,) = x509.load_pem_x509_certificates(authority.root_pem)
    return root


def _leaves(authority: Authority) -> list[x509.Certificate]:
    return x509.load_pem_x509_certificates(authority.leaf_pems)


def _leaf_at(authority: Authority, now: datetime) -> x509.Certificate:
    leaf = leaf_for(authority, now=now)
    assert leaf is not None
    assert leaf.key_pem == authority.leaf_key_pem
    (certificate,) = x509.load_pem_x509_certificates(leaf.chain_pem)
    return certificate


def _life(certificate: x509.Certificate) -> tuple[datetime, datetime]:
    return certificate.not_valid_before_utc, certificate.not_valid_after_utc


@pytest.fixture(scope="module")
def authority() -> Authority:
    return new_authority(now=NOW)


# -- What is in the bytes ----------------------------------------------------------------------


def test_the_roots_key_is_not_kept(authority: Authority) -> None:
    assert [field.name for field in fields(authority)] == ["root_pem", "leaf_pems", "leaf_key_pem"]
    kept = authority.root_pem + authority.leaf_pems + authority.leaf_key_pem
    assert kept.count(b"-----BEGIN PRIVATE KEY-----") == kept.count(b"PRIVATE") // 2 == 1
    held = load_pem_private_key(authority.leaf_key_pem, password=None).public_key()
    assert {leaf.public_key() == held for leaf in _leaves(authority)} == {True}
    assert _root(authority).public_key() != held


def test_a_key_is_not_shown_by_repr(authority: Authority) -> None:
    assert "PRIVATE" not in f"{authority}{leaf_for(authority, now=NOW)}{new_signing_key()}"


def test_extensions(authority: Authority) -> None:
    root, leaves = _root(authority), _leaves(authority)
    signer = x509.SubjectKeyIdentifier.from_public_key(_public(root))
    for certificate in (root, *leaves):
        certificate.verify_directly_issued_by(root)
        held, ca = _public(certificate), certificate is root
        assert isinstance(held.curve, ec.SECP256R1)
        said = {extension.value: extension.critical for extension in certificate.extensions}
        assert said == {
            x509.BasicConstraints(ca=ca, path_length=0 if ca else None): True,
            usage(signature=not ca, certificates=ca): True,
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]): False,
            x509.SubjectKeyIdentifier.from_public_key(held): False,
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(signer): False,
            x509.NameConstraints(LOCAL, None) if ca else LOCAL_NAMED: ca,
        }
    assert root.subject == root.issuer == named("pushkit local authority (trust only for tests)")
    assert {leaf.subject for leaf in leaves} == {named("pushkit local APNs")}
    assert len({certificate.serial_number for certificate in (root, *leaves)}) == 1 + len(leaves)


def _names(certificate: x509.Certificate) -> list[str]:
    found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return [str(name.value) for name in found]


def _permitted(certificate: x509.Certificate) -> list[x509.GeneralName]:
    limits = certificate.extensions.get_extension_for_class(x509.NameConstraints)
    assert limits.critical
    assert limits.value.excluded_subtrees is None
    return list(limits.value.permitted_subtrees or [])


def test_names_are_kept_once_and_permitted() -> None:
    names = ("LOCALHOST", "api.push.localhost", "127.8.9.1", "::1", "0:0::1", "Mac-1.local")
    more = ("192.168.1.7", "fe80::1", "notapple.com", "apple.com.test", "4c01db0b339c")
    authority = new_authority(now=NOW, names=(*names, *more))
    kept = ["localhost", "api.push.localhost", "127.8.9.1", "::1", "mac-1.local", *more]
    assert {tuple(_names(leaf)) for leaf in _leaves(authority)} == {tuple(kept)}
    assert _permitted(_root(authority)) == [
        *LOCAL,
        x509.DNSName("mac-1.local"),
        x509.IPAddress(ip_network("192.168.1.7/32")),
        x509.IPAddress(ip_network("fe80::1/128")),
        *map(x509.DNSName, more[2:]),
    ]
    assert authority_is_good(authority, now=NOW, names=(*more, *names))
    assert list(names_of(authority)) == kept


@pytest.mark.parametrize("name", f"{APPLE} Apple.COM apple.com com COM *.push.apple.com".split())
def test_a_name_of_apples_is_not_signed(name: str) -> None:
    with pytest.raises(ValueError, match=r"Apple's|plain host name") as caught:
        new_authority(now=NOW, names=("localhost", name))
    assert "\n" not in str(caught.value)


STRANGE = (
    "* *.localhost localhost. .localhost a..b -a a- a_b a/b a:1 [::1] 127.1 127.0.0.0/8 1 ::1%lo"
)


@pytest.mark.parametrize(
    "name",
    [*STRANGE.split(), "", " ", "localhost\n", "é.local", "\u212a.local", "a" * 64, "a." * 127],
)
def test_what_is_no_plain_name_is_not_signed(name: str) -> None:
    with pytest.raises(ValueError, match=r"neither a plain host name nor an address|zone"):
        new_authority(now=NOW, names=("localhost", name))


def test_a_certificate_has_a_name() -> None:
    with pytest.raises(ValueError, match="at least one name"):
        new_authority(now=NOW, names=())


# -- Ten years ---------------------------------------------------------------------------------


def test_lives(authority: Authority) -> None:
    leaves = _leaves(authority)
    lives = [_life(leaf) for leaf in leaves]
    assert _life(_root(authority)) == (BEGIN, lives[-1][1])
    assert lives[0][0] == BEGIN
    assert lives[-1][1] > NOW + 3653 * DAY
    assert lives == sorted(lives)
    for begin, end in lives:
        assert end - begin + SECOND == 397 * DAY  # both ends count
    for (_, end), (begin, _) in pairwise(lives):
        assert 31 * DAY <= end - begin <= 35 * DAY


def test_there_is_always_a_leaf_with_a_month_left(authority: Authority) -> None:
    moments = [NOW + number * DAY for number in range(3640)]
    for leaf in _leaves(authority)[1:]:  # where one takes over from another
        moments += [leaf.not_valid_before_utc + HOUR + shift for shift in (-SECOND, 0 * SECOND)]
    for now in moments:
        begin, end = _life(_leaf_at(authority, now))
        assert begin <= now - HOUR, "a client whose clock lags behind would refuse it"
        assert end - now >= 30 * DAY


def test_the_leaf_in_use_is_the_youngest(authority: Authority) -> None:
    leaves = _leaves(authority)
    for elder, younger in pairwise(leaves):
        takes_over = younger.not_valid_before_utc + HOUR
        assert _leaf_at(authority, takes_over - SECOND) == elder
        assert _leaf_at(authority, takes_over) == younger


def test_there_is_no_leaf_before_or_after_or_in_garbage(authority: Authority) -> None:
    begin, end = _life(_root(authority))
    assert leaf_for(authority, now=begin + HOUR) is not None
    assert leaf_for(authority, now=begin + HOUR - SECOND) is None
    assert leaf_for(authority, now=end - DAY) is not None
    assert leaf_for(authority, now=end - DAY + SECOND) is None
    for pem in _torn(_first_of(authority)):
        assert leaf_for(replace(authority, leaf_pems=pem), now=NOW) is None


def test_now_may_be_told_in_any_zone_and_year() -> None:
    for there in (
        NOW.astimezone(timezone(timedelta(hours=-8))),
        datetime(2026, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
        datetime(2028, 2, 29, tzinfo=UTC),
        datetime(2045, 6, 1, tzinfo=UTC),  # over 2050, where dates are written otherwise
    ):
        authority = new_authority(now=there)
        assert _root(authority).not_valid_before_utc == there.replace(microsecond=0) - DAY
        assert authority_is_good(authority, now=there)
        assert _leaf_at(authority, there + 3640 * DAY) == _leaves(authority)[-1]


# -- When to make them anew --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("after", "good"),
    [
        (-24 * HOUR, False),
        (-22 * HOUR, True),  # the clock was set back
        (0 * DAY, True),
        (3611 * DAY, True),
        (3612 * DAY, False),
        (3650 * DAY, False),
        (4000 * DAY, False),
    ],
)
def test_an_authority_is_good_until_sixty_days_are_left(
    after: timedelta, good: bool, authority: Authority
) -> None:
    assert authority_is_good(authority, now=NOW + after) is good


def test_names_of_another_order_are_good_and_other_names_are_not(authority: Authority) -> None:
    assert authority_is_good(authority, now=NOW, names=LOCAL_NAMES[::-1])
    assert authority_is_good(authority, now=NOW, names=("localhost",))
    for names in ((*LOCAL_NAMES, "127.0.0.2"), (*LOCAL_NAMES, "apns.test"), (), (APPLE,), ("*",)):
        assert not authority_is_good(authority, now=NOW, names=names)


def test_parts_of_two_families_are_not_good(authority: Authority) -> None:
    other = new_authority(now=NOW)
    for field in fields(authority):
        mixture = replace(authority, **{field.name: getattr(other, field.name)})
        assert not authority_is_good(mixture, now=NOW)
    for leaf_pems in (authority.leaf_pems + other.leaf_pems, other.leaf_pems + authority.leaf_pems):
        assert not authority_is_good(replace(authority, leaf_pems=leaf_pems), now=NOW)
    for root_pem in (2 * authority.root_pem, authority.root_pem + other.root_pem):
        assert not authority_is_good(replace(authority, root_pem=root_pem), now=NOW)


def test_a_root_without_our_constraints_is_not_good() -> None:
    owner = throwaway()
    issuer, key = owner.as_issuer(owner.root), new_key()
    leaf_pems = pem_of(issuer.sign(named("x"), key, LOCAL_NAMED))
    for permitted, good in (
        (LOCAL, True),
        ([*LOCAL, x509.DNSName(APPLE)], False),
        (LOCAL[:1], False),
        ([], False),
    ):
        limits = [x509.NameConstraints(permitted, None)] if permitted else []
        root = issuer.sign(issuer.name, owner.key, *limits, ca=True)
        made = Authority(root_pem=pem_of(root), leaf_pems=leaf_pems, leaf_key_pem=pem_of(key))
        assert authority_is_good(made, now=NOW) is good


def _first_of(authority: Authority) -> bytes:
    return pem_of(_leaves(authority)[0])


def _torn(pem: bytes) -> Iterator[bytes]:
    yield from (b"", b"\n", b"garbage", b"\xff\xfe\x00", new_signing_key().private_pem)
    yield from (pem[:end] for end in range(1, len(pem) - 30, 61))


def _spoilt(pem: bytes) -> Iterator[bytes]:
    yield from _torn(pem)
    yield from (pem[:at] + b"B" * 8 + pem[at + 8 :] for at in range(40, len(pem) - 80, 97))


def test_torn_bytes_are_not_good_and_raise_nothing(authority: Authority) -> None:
    one = replace(authority, leaf_pems=_first_of(authority))
    assert authority_is_good(one, now=NOW)
    for field in fields(one):
        for pem in _spoilt(getattr(one, field.name)):
            assert not authority_is_good(replace(one, **{field.name: pem}), now=NOW)


# -- Trust -------------------------------------------------------------------------------------


def test_a_bundle_has_our_root_once_and_whole_lines(authority: Authority) -> None:
    other = new_authority(now=NOW).root_pem
    for roots in (
        other,
        other.strip(),
        other.replace(b"\n", b"\r\n"),
        b"\n# roots\n\n" + other * 2,
    ):
        bundle = trust_bundle(roots, authority)
        assert x509.load_pem_x509_certificates(bundle)[-1] == _root(authority)
        assert b"-----BEGIN" not in bundle.replace(b"\n-----BEGIN", b"")[20:]
        assert bundle.endswith(b"-----\n")
        assert b"\r" not in bundle
        assert trust_bundle(bundle, authority) == bundle
    assert trust_bundle(b"", authority) == authority.root_pem


def test_a_java_truststore_holds_the_root(authority: Authority) -> None:
    store = java_truststore(authority, b"changeit")
    held = pkcs12.load_pkcs12(store, b"changeit")
    assert held.key is None
    assert [it.certificate for it in held.additional_certs] == [_root(authority)]
    with pytest.raises(ValueError, match="password"):
        pkcs12.load_pkcs12(store, b"another")
    with pytest.raises(ValueError, match="Password"):
        java_truststore(authority, b"")
