"""One request of a webhook: within its time, to a server that proves its name, and only to a public address that was
checked just before."""

import shutil
import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ValidationError

from accounts.models import Account
from dmp.webhooks import addresses, post
from dmp.webhooks.models import Webhook
from tests.dmp.webhooks.receiver import Receiver, free_port, serving


@pytest.mark.parametrize("how", ["delay", "drip"])
def test_a_slow_server_holds_no_longer_than_the_limit(
    server: Receiver, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.setattr(post, "SECONDS", 0.5)
    setattr(server, how, 2.0 if how == "delay" else 0.1)
    start = time.monotonic()
    answer = post.post(server.url, b"{}", {})
    assert answer.status is None
    assert time.monotonic() - start < 1


def test_little_of_an_answer_is_kept(server: Receiver) -> None:
    server.statuses = [400]
    assert post.post(server.url, b"{}", {}) == (400, "x" * 200)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of `localhost` alone, with its key in the same file."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("There is no openssl to make a certificate with.")
    path = tmp_path_factory.mktemp("tls") / "localhost.pem"
    kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc", "-days", "2"]
    name = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    command = [openssl, "req", "-x509", *kind, *name, "-keyout", str(path), "-out", f"{path}.public"]
    subprocess.run(command, check=True, capture_output=True)
    with path.open("a") as file:
        file.write(Path(f"{path}.public").read_text())
    return path


class TestTls:
    @pytest.fixture
    def secure(self, certificate: Path) -> Iterator[Receiver]:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        with serving(context) as receiver:
            yield receiver

    @pytest.fixture
    def _trusted(self, certificate: Path) -> Iterator[None]:
        """As if an authority of the machine had signed it."""
        post.tls.cache_clear()
        post.tls().load_verify_locations(f"{certificate}.public")
        yield
        post.tls.cache_clear()

    @pytest.mark.usefixtures("_trusted")
    def test_a_server_that_proves_its_name_is_told(self, secure: Receiver) -> None:
        assert post.post(secure.url.replace("127.0.0.1", "localhost"), b"{}", {}).taken
        assert secure.messages == [{}]

    @pytest.mark.usefixtures("_trusted")
    def test_a_certificate_of_another_name_is_refused(self, secure: Receiver) -> None:
        answer = post.post(secure.url, b"{}", {})
        assert (answer.status, secure.requests) == (None, [])
        assert "not valid for '127.0.0.1'" in answer.error

    def test_a_certificate_that_nobody_signed_is_refused(self, secure: Receiver) -> None:
        answer = post.post(secure.url.replace("127.0.0.1", "localhost"), b"{}", {})
        assert (answer.status, secure.requests) == (None, [])
        assert answer.error.startswith("TLS: self-signed certificate")

    def test_a_server_that_never_shakes_hands_holds_no_longer_than_the_limit(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(post, "SECONDS", 0.5)
        with free_port() as listener:  # it takes the connection and says nothing
            start = time.monotonic()
            answer = post.post(f"https://127.0.0.1:{listener.getsockname()[1]}/", b"{}", {})
        assert answer.status is None
        assert time.monotonic() - start < 1.5


class TestAddresses:
    @pytest.mark.parametrize(
        "address",
        [
            *("127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0", "100.64.0.1"),
            *("224.0.0.1", "240.0.0.1", "255.255.255.255", "192.0.2.1", "198.18.0.1", "::", "::1", "fe80::1"),
            *("fe80::1%eth0", "fc00::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "64:ff9b::7f00:1"),
            *("2002:7f00:1::", "2001::1", "2001:db8::1", "::127.0.0.1", "168.63.129.16", "fd00:ec2::254"),
        ],
    )
    def test_it_is_not_public(self, address: str) -> None:
        assert not addresses.is_public(address)

    @pytest.mark.parametrize("address", ["8.8.8.8", "93.184.215.14", "2606:4700:4700::1111"])
    def test_it_is_public(self, address: str) -> None:
        assert addresses.is_public(address)

    @pytest.mark.parametrize(
        "url",
        [
            *("ftp://example.com", "example.com", "https://", "https://user:pass@8.8.8.8/", "https://8.8.8.8:22/"),
            *("https://8.8.8.8:99999/", "https://8.8.8.8/a b", "https://8.8.8.8/\r\nX: y", "http://[::1", "//8.8.8.8"),
            *("http://127.0.0.1:8000/", "http://2130706433/", "http://0x7f.1/", "http://[::ffff:127.0.0.1]/"),
            *("http://localhost/", "https://8.8.8.8:0/"),
        ],
    )
    def test_it_is_refused_when_saved(self, account: Account, settings: Any, url: str) -> None:
        settings.WEBHOOK_ALLOW_PRIVATE = False
        with pytest.raises(ValidationError) as refused:
            Webhook(account=account, url=url).full_clean(exclude=["since", "created_at"])
        assert list(refused.value.message_dict) == ["url"]

    def test_a_public_address_is_taken(self, account: Account, settings: Any) -> None:
        settings.WEBHOOK_ALLOW_PRIVATE = False
        Webhook(account=account, url="https://8.8.8.8/hook?a=1").full_clean(exclude=["since", "created_at"])

    def test_it_is_refused_when_sent(self, server: Receiver, settings: Any) -> None:
        settings.WEBHOOK_ALLOW_PRIVATE = False
        answer = post.post(server.url, b"{}", {})
        assert (answer.status, server.requests) == (None, [])
        assert "no public address" in answer.error

    def test_one_private_address_among_public_ones_refuses_them_all(
        self, settings: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        settings.WEBHOOK_ALLOW_PRIVATE = False
        monkeypatch.setattr(addresses, "lookup", lambda host, port: infos("8.8.8.8", "10.0.0.1"))
        with pytest.raises(addresses.Refused):
            addresses.check_url("https://example.com/")

    def test_a_resolver_that_answers_otherwise_the_second_time_does_not_help(
        self, settings: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The address that was checked is the one that is connected to."""
        settings.WEBHOOK_ALLOW_PRIVATE = False
        answers = iter([infos("8.8.8.8"), infos("127.0.0.1")])
        reached: list[Any] = []

        def connect(address: Any, *args: Any) -> None:
            reached.append(address)
            raise ConnectionRefusedError(111, "Connection refused")

        monkeypatch.setattr(addresses, "lookup", lambda host, port: next(answers))
        monkeypatch.setattr("socket.create_connection", connect)
        assert post.post("http://rebound.example/", b"{}", {}).status is None
        assert post.post("http://rebound.example/", b"{}", {}).error.endswith("no public address.")
        assert reached == [("8.8.8.8", 80)]

    def test_a_slow_resolver_is_not_waited_for(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(addresses, "lookup", lambda host, port: time.sleep(1) or [])
        with pytest.raises(addresses.Refused, match="in time"):
            addresses.resolve("example.com", 443, 0.05)

    def test_host_and_path_are_those_of_the_url(self, server: Receiver) -> None:
        post.post(server.url + "?a=1", b"{}", {})
        path, headers, _ = server.requests[0]
        assert (path, headers["host"]) == ("/hook?a=1", f"127.0.0.1:{server.port}")


def infos(*found: str) -> list[Any]:
    return [(2, 1, 6, "", (address, 80)) for address in found]
