"""Under which names the server is reached, and which address a request is said to come from."""

import pytest

from ui.web.addresses import (
    UNKNOWN,
    UnfitAddress,
    client_address,
    served_at,
    trusted_networks,
)

PROXIES = trusted_networks("10.0.0.0/8, fd00::1")


def test_a_public_address_decides_host_origin_and_secure():
    reached = served_at("0.0.0.0", 7860, "https://Ratings.Example.org/")
    assert reached.origin == "https://ratings.example.org"
    assert reached.secure
    assert [host for host in ("ratings.example.org", "RATINGS.example.org:443") if reached.answers_to(host)] != []
    for other in (
        "ratings.example.org:7860",
        "127.0.0.1:7860",
        "10.0.0.1:7860",
        "evil.example",
        "",
        "a.ratings.example.org",
    ):
        assert not reached.answers_to(other), other
    assert reached.origin_of("ratings.example.org:443") == "https://ratings.example.org"


def test_a_public_address_may_have_a_port_and_letters_of_any_script():
    assert served_at("::", 1, "http://lab.example:8080").answers_to("lab.example:8080")
    assert not served_at("::", 1, "http://lab.example:8080").secure
    assert served_at("::", 1, "https://bücher.example").origin == "https://xn--bcher-kva.example"


@pytest.mark.parametrize(
    "url",
    ["", "ratings.example.org", "ftp://a.example", "https://", "https://a.example/study", "https://a.example?x=1",
     "https://me@a.example", "https://a.example:99999", "https://[::1", "https://a.example#x", "javascript:alert(1)"],
)  # fmt: skip
def test_a_public_address_of_another_form_is_refused_with_words(url: str):
    with pytest.raises(UnfitAddress, match=r"--public-url is .*https://ratings\.example\.org"):
        served_at("0.0.0.0", 7860, url)


def test_this_machine_is_answered_by_its_three_names_only():
    reached = served_at("127.0.0.1", 7860)
    assert reached.origin == "http://127.0.0.1:7860"
    for host in ("127.0.0.1:7860", "localhost:7860", "[::1]:7860", "LOCALHOST:7860"):
        assert reached.answers_to(host), host
    for host in ("127.0.0.1", "127.0.0.1:1", "127.0.0.2:7860", "localhost.evil.example:7860", "127.0.0.1:7860.evil"):
        assert not reached.answers_to(host), host
    assert served_at("localhost", 80).answers_to("localhost")


def test_on_every_address_numbers_are_answered_but_no_foreign_name():
    reached = served_at("0.0.0.0", 7860)
    for host in ("192.168.1.4:7860", "[fe80::2]:7860", "localhost:7860"):
        assert reached.answers_to(host), host
    for host in (
        "evil.example:7860",
        "192.168.1.4",
        "192.168.1.4:1",
        "[fe80::2]",
        "[evil]:7860",
        "1.2.3.4.evil:7860",
        "fe80::2:7860",
    ):
        assert not reached.answers_to(host), host


def test_one_address_is_answered_by_that_address():
    reached = served_at("192.168.1.4", 7860)
    assert reached.answers_to("192.168.1.4:7860")
    assert not reached.answers_to("192.168.1.5:7860")


@pytest.mark.parametrize(
    ("peer", "forwarded", "found"),
    [
        ("203.0.113.9", ["1.1.1.1"], "203.0.113.9"),  # nobody we trust says so
        ("10.0.0.7", ["1.1.1.1"], "1.1.1.1"),
        ("10.0.0.7", ["6.6.6.6, 1.1.1.1"], "1.1.1.1"),  # what stands in front was written by the sender
        ("10.0.0.7", ["6.6.6.6, 1.1.1.1, 10.2.2.2"], "1.1.1.1"),  # two proxies of ours
        ("10.0.0.7", ["6.6.6.6", "1.1.1.1"], "1.1.1.1"),  # the header twice
        ("fd00::1", ["[2001:db8::5]:4711"], "2001:db8::5"),
        ("::ffff:10.0.0.7", ["1.1.1.1:99"], "1.1.1.1"),
        ("10.0.0.7", ["nonsense"], "10.0.0.7"),
        ("10.0.0.7", [], "10.0.0.7"),
        ("10.0.0.7", ["10.0.0.1"], "10.0.0.1"),
        ("testclient", ["1.1.1.1"], UNKNOWN),
        (None, [], UNKNOWN),
    ],
)
def test_only_a_trusted_proxy_tells_another_address(peer, forwarded, found):
    assert client_address(peer, forwarded, PROXIES) == found


def test_nothing_is_trusted_where_nothing_is_named():
    assert trusted_networks(" ") == ()
    assert client_address("127.0.0.1", ["1.1.1.1"], ()) == "127.0.0.1"


@pytest.mark.parametrize("text", ["proxy.example", "10.0.0.1/8", "*", "10.0.0"])
def test_trusted_proxies_that_are_no_addresses_are_refused_with_words(text: str):
    with pytest.raises(UnfitAddress, match=r"--trusted-proxy is .*10\.0\.0\.0/8"):
        trusted_networks(text)
