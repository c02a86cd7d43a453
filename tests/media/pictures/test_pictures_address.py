"""A picture on the web is named to Atlas Cloud as it is, if that can read it and its URL holds nothing secret."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from atlascloud_video_mcp.errors import InvalidPicture
from atlascloud_video_mcp.media.pictures.source import web_address
from atlascloud_video_mcp.network import is_public_host
from kit import REMOTE, animate, service_at

if TYPE_CHECKING:
    from scripted_sandbox import Sandbox

PRIVATE = [
    *("localhost", "LOCALHOST", "localhost.", "foo.localhost", "printer.local", "nas.lan", "a.internal", "x.home.arpa"),
    *("intranet", "127.0.0.1", "127.1", "127.0.1", "2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "127.0.0.1."),
    *("0.0.0.1", "0", "10.1.2.3", "172.16.0.1", "192.168.0.1", "169.254.169.254", "100.64.0.1", "224.0.0.1", "a.1"),
    *("[::1]", "[::]", "[fe80::1]", "[fc00::1]", "[::ffff:127.0.0.1]", "[::ffff:10.0.0.1]", "[64:ff9b::7f00:1]"),
    *("[2002:7f00:1::]", "\uff11\uff12\uff17.\uff10.\uff10.\uff11", "\u24d5oo.localhost", "198.18.0.1", "192.88.99.1"),
]


@pytest.mark.parametrize("host", PRIVATE)
def test_a_place_that_only_this_machine_or_its_network_can_reach_is_refused(host: str) -> None:
    for port in ("", ":8443"):
        with pytest.raises(InvalidPicture, match=r"cannot reach: it is not a public host\. Instead save"):
            web_address(f"https://{host}{port}/a.png")


@pytest.mark.parametrize(
    "host", ["example.com", "8.8.8.8", "2606:4700::1111", "64:ff9b::808:808", "localhost.example", "a-b.co.uk."]
)
def test_a_public_place_is_one(host: str) -> None:
    assert is_public_host(host)


@pytest.mark.parametrize(
    ("url", "sent"),
    [
        ("HTTPS://Example.COM/A.png", "https://example.com/A.png"),
        ("https://example.com:443/a.png", "https://example.com/a.png"),
        ("https://example.com:8443/a.png", "https://example.com:8443/a.png"),
        ("https://example.com", "https://example.com"),
        ("https://example.com?x=1", "https://example.com?x=1"),
        ("https://example.com/my cat.png?n=a b", "https://example.com/my%20cat.png?n=a%20b"),
        ("https://example.com/été%20猫.png", "https://example.com/%C3%A9t%C3%A9%20%E7%8C%AB.png"),
        ("https://例え.jp/a.png", "https://xn--r8jz45g.jp/a.png"),
        ("https://example.com/a/@me/b.png?mail=a@b.c", "https://example.com/a/@me/b.png?mail=a@b.c"),
        ("https://[2606:4700::1111]/a.png", "https://[2606:4700::1111]/a.png"),
        (
            "https://b.s3.amazonaws.com/a.png?X-Amz-Signature=0a%2F+b",
            "https://b.s3.amazonaws.com/a.png?X-Amz-Signature=0a%2F+b",
        ),
    ],
)
def test_a_url_is_sent_in_one_form(url: str, sent: str) -> None:
    assert web_address(url) == sent


@pytest.mark.parametrize(
    "url", ["https://me:s3cret@example.com/a.png", "https://token@example.com/a.png", "https://me:s3cret@x:99999/"]
)
def test_a_url_with_a_password_is_refused_without_telling_it(url: str) -> None:
    with pytest.raises(InvalidPicture, match="holds a user name or a password") as caught:
        web_address(url)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        *("https://", "https:///a.png", "https:a.png", "https:/example.com/a.png", "https://exa mple.com/a.png"),
        *(
            "https://example.com:0/a.png",
            "https://example.com:99999/a",
            "https://example.com:x/a",
            "https://[::1/a.png",
        ),
        *(
            "https://example.com\\a.png",
            "https://example.com/a\nb.png",
            "https://%31%32%37.0.0.1/",
            "https://[fe80::1%25e0]/",
        ),
        *("https://example.com/\ud800.png", f"https://{'ä' * 80}.com/"),
    ],
)
def test_what_is_no_whole_url_is_refused(url: str) -> None:
    with pytest.raises(InvalidPicture, match="is not a complete https URL"):
        web_address(url)


async def test_the_same_picture_in_another_spelling_of_its_url_is_sent_as_the_same(
    sandbox: Sandbox, base_url: str
) -> None:
    async with service_at(base_url) as service:
        for url in (REMOTE, f"<{REMOTE.replace('https', 'HTTPS')}>", f"![x]({REMOTE})"):
            await animate(service, url, deadline=0.0)
        with pytest.raises(InvalidPicture, match="not a public host"):
            await animate(service, "https://127.0.0.1/a.png", deadline=0.0)

    assert {body["image"] for body in sandbox.submissions} == {REMOTE}
