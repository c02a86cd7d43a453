"""The way out: where requests may lead, by whatever name, and how much of an answer is read."""

from __future__ import annotations

import gzip
import socket
import ssl
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import anyio
import httpx
import pytest
import trustme

from atlascloud_video_mcp.cloud.documents import CLIP_HOSTS, Hosts, clip_hosts, follow
from atlascloud_video_mcp.cloud.http import Elsewhere, Patience, open_client, read_body
from atlascloud_video_mcp.errors import RequestRefused, SettingsError
from atlascloud_video_mcp.media.clips import CannotSave, ClipSaver
from atlascloud_video_mcp.network import is_public, is_public_host
from clips_kit import HASTY, Files, answer, everything, files, film, saver
from kit import CANARY, cloud_at

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from anyio.abc import SocketStream

API = "https://api.atlascloud.ai/api/v1"
ANYWHERE = Hosts(("*",))
NAME = "clips.aliyuncs.com"
PUBLIC = "47.88.1.2"
CLIP = film(500)


# --- addresses ---


@pytest.mark.parametrize("address", ["8.8.8.8", "47.88.1.2", "2606:4700::1", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8"])
def test_addresses_of_the_public_network_are_asked(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "127.9.9.9", "0.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254"),
        *("100.64.0.1", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255", "198.18.0.1"),
        *("192.0.2.1", "192.88.99.1", "::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "fd12::1", "fec0::1"),
        *("ff02::1", "2001:db8::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.1.1", "::127.0.0.1"),
        *("64:ff9b::127.0.0.1", "64:ff9b:1::1", "2002:7f00:1::1", "2002:808:808::1", "2001::1", "100::1"),
    ],
)  # fmt: skip
def test_no_other_address_is_asked_however_it_is_wrapped(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("spelling", ["127.0.0.1", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "0x7f.1"])
def test_an_address_of_this_machine_is_not_public_in_any_spelling(spelling: str) -> None:
    assert not is_public_host(spelling)


@pytest.mark.parametrize("spelling", ["8.8.8.8", "134744072", "0x08080808", "010.8.8.8", "8.8.2056"])
def test_a_public_address_is_public_in_every_spelling(spelling: str) -> None:
    assert is_public_host(spelling)


# --- hosts ---


@pytest.mark.parametrize(
    "url",
    [
        "https://atlas-media.oss-us-west-1.aliyuncs.com/videos/a.mp4",
        "https://aliyuncs.com/a.mp4",
        "https://ARK-ACG-AP-SOUTHEAST-1.TOS-ap-southeast-1.Volces.COM/a?X-Tos-Expires=86400",
        "https://static.atlascloud.ai./a.mp4",
        "https://static.atlascloud.ai:443/a.mp4",
    ],
)
def test_clips_are_fetched_from_where_atlas_cloud_keeps_them(url: str) -> None:
    CLIP_HOSTS.check(httpx.URL(url))


@pytest.mark.parametrize(
    "url",
    [
        "http://x.aliyuncs.com/a.mp4",
        "ftp://x.aliyuncs.com/a.mp4",
        "https://evilaliyuncs.com/a.mp4",
        "https://aliyuncs.com.evil.example/a.mp4",
        "https://x.aliyuncs.com@evil.example/a.mp4",
        "https://me@x.aliyuncs.com/a.mp4",
        "https://x.aliyuncs.com:8443/a.mp4",
        "https://x.aliyuncs.com:80/a.mp4",
        "https://x.aliyuncs.com../a.mp4",
        "https://xn--alyuncs-rfb.com/a.mp4",
        "https://al\N{LATIN SMALL LETTER DOTLESS I}yuncs.com/a.mp4",
        "https://evil.example/x.aliyuncs.com/a.mp4",
        "//x.aliyuncs.com/a.mp4",
        "a.mp4",
        "",
    ],
)
def test_clips_are_fetched_from_nowhere_else(url: str) -> None:
    with pytest.raises(Elsewhere):
        CLIP_HOSTS.check(httpx.URL(url))


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "127.1", "2130706433", "0x7f.1", "localhost", "localhost.", "intranet"),
        *("10.0.0.1", "169.254.169.254", "[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[fe80::1]", "0"),
        "[64:ff9b::7f00:1]",
    ],
)  # fmt: skip
def test_any_public_host_means_public(host: str) -> None:
    with pytest.raises(Elsewhere, match="not a public host"):
        ANYWHERE.check(httpx.URL(f"https://{host}/a.mp4"))
    ANYWHERE.check(httpx.URL("https://cdn.example/a.mp4"))
    ANYWHERE.check(httpx.URL("https://8.8.8.8/a.mp4"))


def test_further_hosts_stand_beside_the_usual_ones() -> None:
    hosts = clip_hosts(["example.com"], API)

    for url in ("https://a.example.com/", "https://example.com/", "https://a.aliyuncs.com/"):
        hosts.check(httpx.URL(url))
    with pytest.raises(Elsewhere, match="not an allowed host"):
        hosts.check(httpx.URL("https://notexample.com/"))


def test_the_apis_own_origin_is_a_place_for_clips_only_on_this_machine() -> None:
    hosts = clip_hosts([], "http://127.0.0.1:8787/api/v1")

    hosts.check(httpx.URL("http://127.0.0.1:8787/files/a.mp4"))
    hosts.check(httpx.URL("http://localhost:8787/files/a.mp4"))
    for other in ("http://127.0.0.1:8788/", "https://127.0.0.1:8787/", "http://192.168.0.2:8787/"):
        with pytest.raises(Elsewhere):
            hosts.check(httpx.URL(other))
    with pytest.raises(Elsewhere):
        clip_hosts([], "https://gateway.example/api/v1").check(httpx.URL("https://gateway.example/a.mp4"))


@pytest.mark.parametrize("url", ["https://a.example:443/x", "https://a.example/y"])
def test_the_apis_origin_may_be_asked(url: str) -> None:
    Hosts((), own=httpx.URL("https://a.example")).check(httpx.URL(url))


@pytest.mark.parametrize("url", ["https://b.example/", "http://a.example/", "https://a.example:8443/"])
def test_another_scheme_host_or_port_is_another_origin(url: str) -> None:
    with pytest.raises(Elsewhere):
        Hosts((), own=httpx.URL("https://a.example")).check(httpx.URL(url))


# --- connections ---


@dataclass
class World:
    """A network of our own: what names lead to, what answers at public addresses, and which were connected to."""

    names: dict[str, list[list[str]]] = field(default_factory=dict)
    """For each name what it leads to, each time it is asked for; the last one stays."""
    servers: dict[str, int] = field(default_factory=dict)
    """The port of this machine that stands for a public address."""
    connected: list[str] = field(default_factory=list)
    asked: int = 0


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    here, connect_tcp = World(), anyio.connect_tcp

    async def resolve(host: str, port: int, **_: object) -> list[tuple[object, ...]]:
        here.asked += 1
        looks = here.names[host]
        found = looks.pop(0) if len(looks) > 1 else looks[0]
        if not found:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [(None, None, None, "", (address, port)) for address in found]

    async def connect(remote_host: str, remote_port: int, **_: object) -> SocketStream:
        here.connected.append(remote_host)
        if remote_host in here.servers:
            return await connect_tcp("127.0.0.1", here.servers[remote_host])
        raise ConnectionRefusedError(remote_host, remote_port)

    monkeypatch.setattr(anyio, "getaddrinfo", resolve)
    monkeypatch.setattr(anyio, "connect_tcp", connect)
    return here


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> trustme.CA:
    """One whose certificates are believed."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    return authority


@contextmanager
def tls_server(authority: trustme.CA, name: str, *answers: bytes) -> Iterator[tuple[int, list[str], list[bytes]]]:
    """A server for one name: its port, the names that were asked for by SNI, and the heads of the requests."""
    asked: list[str] = []
    heads: list[bytes] = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    context.sni_callback = lambda _, sni, __: asked.append(sni)

    def serve() -> None:
        for reply in answers:
            connection, _ = listener.accept()
            with connection, context.wrap_socket(connection, server_side=True) as secure:
                heads.append(secure.recv(4096))
                secure.sendall(reply)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1], asked, heads
        thread.join(10)


async def not_saved(url: str, directory: Path) -> str:
    async with ClipSaver(patience=HASTY) as clips:
        with pytest.raises(CannotSave) as caught:
            await clips.save(url, str(directory / "clips"), name="rocket")
    assert everything(directory) in ([], ["authority.pem"])
    return str(caught.value)


async def test_the_address_that_was_checked_is_the_one_connected_to_under_the_hosts_own_name(
    world: World, authority: trustme.CA, tmp_path: Path
) -> None:
    world.names[NAME] = [[PUBLIC], ["127.0.0.1"]]  # as one who rebinds it would answer
    with tls_server(authority, NAME, answer(200, CLIP)) as (port, asked, heads):
        world.servers[PUBLIC] = port
        async with ClipSaver(patience=HASTY) as clips:
            clip = await clips.save(f"https://{NAME}/a.mp4", str(tmp_path / "clips"), name="rocket")

    assert clip.path.read_bytes() == CLIP
    assert (world.asked, world.connected, asked) == (1, [PUBLIC], [NAME])
    assert f"Host: {NAME}\r\n".encode() in heads[0]


@pytest.mark.parametrize(
    "addresses", [["127.0.0.1"], ["::1"], ["10.0.0.5"], ["169.254.169.254"], ["::ffff:10.0.0.5"], [PUBLIC, "10.0.0.5"]]
)
async def test_a_listed_name_that_leads_into_the_house_is_not_connected_to(
    world: World, tmp_path: Path, addresses: list[str]
) -> None:
    world.names[NAME] = [addresses]

    assert "whose address is not public" in await not_saved(f"https://{NAME}/a.mp4", tmp_path)
    assert world.connected == []


async def test_a_redirect_into_the_house_is_not_followed(world: World, authority: trustme.CA, tmp_path: Path) -> None:
    world.names = {NAME: [[PUBLIC]], "inner.aliyuncs.com": [["192.168.0.1"]]}
    with tls_server(authority, NAME, answer(302, Location="https://inner.aliyuncs.com/a.mp4")) as (port, _, __):
        world.servers[PUBLIC] = port
        said = await not_saved(f"https://{NAME}/a.mp4", tmp_path)

    assert "whose address is not public" in said
    assert world.connected == [PUBLIC]


async def test_a_dead_address_is_followed_by_the_next(world: World, authority: trustme.CA, tmp_path: Path) -> None:
    world.names[NAME] = [["2606:4700::1", PUBLIC]]
    with tls_server(authority, NAME, answer(200, CLIP)) as (port, _, __):
        world.servers[PUBLIC] = port
        async with ClipSaver(patience=HASTY) as clips:
            await clips.save(f"https://{NAME}/a.mp4", str(tmp_path / "clips"), name="rocket")

    assert world.connected == ["2606:4700::1", PUBLIC]


async def test_a_name_that_is_not_found_is_a_connection_that_fails(world: World, tmp_path: Path) -> None:
    world.names[NAME] = [[]]

    assert "broke off (ConnectError)" in await not_saved(f"https://{NAME}/a.mp4", tmp_path)


async def test_a_name_that_is_not_found_in_time_is_one_too(monkeypatch: pytest.MonkeyPatch) -> None:
    async def slow(*_: object, **__: object) -> None:
        await anyio.sleep_forever()

    monkeypatch.setattr(anyio, "getaddrinfo", slow)
    async with open_client(None, Patience(connect=0.05), accept="*/*") as http:
        with pytest.raises(httpx.ConnectTimeout):
            await http.get(f"https://{NAME}/")


async def test_the_api_itself_is_asked_wherever_it_is(world: World, authority: trustme.CA) -> None:
    body = b'{"available": {"value": "5"}}'
    with tls_server(authority, "gateway.intranet", answer(200, body)) as (port, _, __):
        world.servers["gateway.intranet"] = port
        async with cloud_at("https://gateway.intranet/api/v1") as cloud:
            assert await cloud.balance() == 5


# --- proxies ---


@contextmanager
def proxy() -> Iterator[tuple[str, list[bytes]]]:
    """A proxy that refuses everything: its address, and the first lines of what it was asked."""
    lines: list[bytes] = []

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                lines.append(connection.recv(4096).partition(b"\r\n")[0])
                connection.sendall(b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, daemon=True).start()
        yield f"127.0.0.1:{listener.getsockname()[1]}", lines
        listener.shutdown(socket.SHUT_RDWR)


async def test_behind_a_proxy_it_resolves_the_names_of_listed_hosts_only(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.names[NAME] = [["10.0.0.5"]]
    with proxy() as (address, lines):
        world.servers["127.0.0.1"] = int(address.rpartition(":")[2])
        monkeypatch.setenv("HTTPS_PROXY", address)
        await not_saved(f"https://{NAME}/a.mp4", tmp_path)
        asked = set(lines)
        await not_saved("https://10.0.0.5/a.mp4", tmp_path)

    assert asked == {f"CONNECT {NAME}:443 HTTP/1.1".encode()} == set(lines)
    assert world.asked == 0


@pytest.mark.parametrize("no_proxy", ["[::1],aliyuncs.com", ".aliyuncs.com", "*"])
async def test_hosts_that_need_no_proxy_are_asked_straight(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_proxy: str
) -> None:
    world.names[NAME] = [["10.0.0.5"]]
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", no_proxy)

    assert "whose address is not public" in await not_saved(f"https://{NAME}/a.mp4", tmp_path)


@pytest.mark.parametrize("address", ["socks://127.0.0.1:9", "socks5h://127.0.0.1:9", "127.0.0.1:9"])
async def test_proxies_in_the_spellings_of_other_programs_are_taken(
    monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setenv("ALL_PROXY", address)

    async with open_client(httpx.URL(API), Patience(), accept="*/*") as http:
        with pytest.raises(httpx.TransportError):
            await http.get("/models")


@pytest.mark.parametrize("address", ["foo://127.0.0.1:9", "http://proxy.example:port", "socks4://me:s3cret@127.0.0.1"])
def test_a_proxy_that_cannot_be_used_is_told_by_the_one_variable_that_names_it(
    monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setenv("https_proxy", address)

    with pytest.raises(SettingsError, match=r"^HTTPS_PROXY cannot be used") as caught:
        open_client(httpx.URL(API), Patience(), accept="*/*")
    assert "s3cret" not in str(caught.value)


# --- cookies and keys ---


async def test_no_cookie_is_kept_or_sent_anywhere(tmp_path: Path) -> None:
    cookies = {"Set-Cookie": "session=1; Path=/"}
    body = b'{"code": 200, "data": {"available": {"value": "5"}}}'
    async with files(answer(200, body, **cookies), answer(200, b"[]", **cookies), answer(200, CLIP)) as there:
        async with cloud_at(f"{there.origin}/api/v1") as cloud:
            await cloud.balance()
            await cloud.documents.get(f"{there.origin}/api/v1/models", known=None, largest=1000)
            await cloud.documents.get(f"{there.origin}/api/v1/models", known=None, largest=100_000)
        there.answers = [answer(302, Location="/b", **cookies)] * 4 + [answer(200, CLIP)]
        async with saver() as clips:
            await clips.save(there.url, str(tmp_path), name="rocket")

    assert len(there.requests) == 5
    assert not any("cookie" in request for request in there.requests)
    assert [CANARY in str(request) for request in there.requests] == [True, False, False, False, False]


async def test_the_key_follows_no_redirect_of_the_api() -> None:
    async with (
        files(answer(200)) as elsewhere,
        files(answer(302, Location=elsewhere.url)) as there,
        cloud_at(f"{there.origin}/api/v1") as cloud,
    ):
        with pytest.raises(RequestRefused, match="302"):
            await cloud.balance()

    assert elsewhere.requests == []


# --- bodies ---


async def body_of(reply: bytes, largest: int = 10_000) -> bytes:
    async with files(reply) as there:
        return await body_from(there, largest)


async def body_from(there: Files, largest: int) -> bytes:
    async with open_client(httpx.URL(there.origin), Patience(), accept="*/*") as http:
        response = await follow(http, clip_hosts([], there.origin), there.url, {})
        try:
            return await read_body(response, largest)
        finally:
            await response.aclose()


async def test_a_body_is_asked_for_and_read_in_one_coding() -> None:
    packed = gzip.compress(b"[1]")
    async with files(answer(200, packed, Content_Encoding="GZIP")) as there:
        assert await body_from(there, 100) == b"[1]"
    assert there.requests[0]["accept-encoding"] == "gzip"
    assert await body_of(answer(200, b"[1]")) == b"[1]"
    assert await body_of(answer(200, b"", Content_Encoding="gzip")) == b""


@pytest.mark.parametrize("coding", ["br", "zstd", "deflate", "compress", "gzip, gzip", "gzip, identity", "nonsense"])
async def test_a_coding_that_was_not_asked_for_is_refused(coding: str) -> None:
    with pytest.raises(ValueError, match="coded in a way"):
        await body_of(answer(200, gzip.compress(gzip.compress(b"[1]")), Content_Encoding=coding))


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (answer(200, b" " * 10_001), "larger than 0.01 MB"),
        (answer(200, gzip.compress(b" " * 10_001), Content_Encoding="gzip"), "larger than 0.01 MB"),
        (answer(200, gzip.compress(b"[]") + b"x" * 10_001, Content_Encoding="gzip"), "larger than 0.01 MB"),
        (answer(200, gzip.compress(b"[1]", mtime=0)[:-9], Content_Encoding="gzip"), "cut off"),
        (answer(200, b"[1]", Content_Encoding="gzip"), "damaged"),
        (answer(200, b"[" * 501), "too many values"),
        (answer(200, b"[" + b"1," * 501 + b"1]"), "too many values"),
        (answer(200, b'{"a":{' * 251), "too many values"),
    ],
)
async def test_no_more_is_read_than_the_limit(reply: bytes, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        await body_of(reply)


async def test_a_long_answer_is_made_sense_of_all_the_same() -> None:
    body = b'{"available": {"value": "5"}, "remark": "%s"}' % (b"x" * 900_000)
    async with files(answer(200, body)) as there, cloud_at(f"{there.origin}/api/v1") as cloud:
        assert await cloud.balance() == 5
