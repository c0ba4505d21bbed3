"""`dianka desk` as a process: where it listens, what it asks for, what it says when it can't."""

import http.client
import re
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from office_kit import MANAGER, PASSWORD, dianka

READY = re.compile(r"desk1 is at (https?)://127\.0\.0\.1:(\d+)/")


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("desk") / "office"
    done = dianka("office", "init", folder, "--manager", MANAGER, given=f"{PASSWORD}\n")
    assert done.returncode == 0, done.stderr
    return folder


@contextmanager
def serving(office: Path, *words: str) -> Iterator[tuple[int, subprocess.Popen[str]]]:
    """Run `dianka desk` at a free port; yield the port and the process."""
    command = [sys.executable, "-m", "dianka", "desk", "--office", str(office), "--port", "0"]
    process = subprocess.Popen(
        [*command, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout
        line = process.stdout.readline()
        ready = READY.match(line)
        assert ready, (line, process.communicate(timeout=30))
        yield int(ready[2]), process
    finally:
        process.terminate()
        process.communicate(timeout=30)


def ask(port: int, address: str, host: str = "127.0.0.1", **headers: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", address, headers={"Host": host, **headers})
    response = connection.getresponse()
    return response.status, response.read().decode()


def refuse(*words: str | Path) -> str:
    """Return the one line with which the command ends."""
    done = dianka("desk", *words)
    assert done.returncode == 1 and not done.stdout, done.stdout
    assert done.stderr.count("\n") == 1, done.stderr
    return done.stderr


@pytest.mark.slow
def test_it_serves_this_pc_alone_and_ends_on_a_signal(office: Path) -> None:
    with serving(office) as (port, process):
        status, page = ask(port, "/sign-in", **{"Accept-Language": "en"})
        assert status == 200 and "<h1>Sign in</h1>" in page
        assert ask(port, "/")[0] == 401
        assert ask(port, "/sign-in", host="evil.example")[0] == 400
        for file in re.findall(r'(?:href|src)="(/static/[^"]+)"', page):
            assert ask(port, file)[0] == 200, file
        assert ask(port, "/static/django_htmx/htmx-4.js")[0] == 404
        assert ask(port, "/static/../settings.py")[0] == 404
        own = socket.gethostbyname(socket.gethostname())
        if not own.startswith("127."):
            with pytest.raises(OSError):
                socket.create_connection((own, port), timeout=5)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=30) in (0, 130, -signal.SIGINT)


def test_without_an_office_it_says_how_to_make_one(tmp_path: Path) -> None:
    line = refuse("--office", tmp_path / "none")
    assert "is no office" in line and "dianka office init" in line


def test_a_founding_that_was_broken_off_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "office"
    assert dianka("office", "init", folder, "--manager", "lin", given="short\n").returncode == 1
    assert "give the same dianka office init again" in refuse("--office", folder)


def test_a_desk_that_is_none_is_told(office: Path) -> None:
    assert "desk9 is no open desk" in refuse("--office", office, "--desk", "desk9")


def test_another_address_wants_tls_or_a_proxy(office: Path, tmp_path: Path) -> None:
    there = ("--office", office, "--address", "0.0.0.0")
    assert "--tls-cert" in refuse(*there) and "--behind-proxy" in refuse(*there)
    assert "--name" in refuse(*there, "--behind-proxy")
    assert "--tls-key" in refuse(*there, "--tls-cert", tmp_path / "cert.pem")
    pair = ("--tls-cert", tmp_path / "cert.pem", "--tls-key", tmp_path / "key.pem")
    assert "cert.pem is no file" in refuse(*there, *pair)


def test_a_port_that_another_program_has_is_told(office: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert f"port {port}" in refuse("--office", office, "--port", port)


def test_behind_a_proxy_only_what_came_encrypted_is_answered(office: Path) -> None:
    words = ("--behind-proxy", "--name", "desk.example")
    with serving(office, *words) as (port, _):
        assert ask(port, "/sign-in", "desk.example")[0] == 301
        came = {"X-Forwarded-Proto": "https"}
        assert ask(port, "/sign-in", "desk.example", **came)[0] == 200
        assert ask(port, "/sign-in", "other.example", **came)[0] == 400


@pytest.mark.slow
def test_with_a_certificate_it_speaks_tls(office: Path, tmp_path: Path) -> None:
    cert, key = make_certificate(tmp_path)
    with serving(office, "--tls-cert", str(cert), "--tls-key", str(key)) as (port, _):
        trust = ssl.create_default_context(cafile=str(cert))
        connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=30, context=trust)
        connection.request("GET", "/sign-in")
        response = connection.getresponse()
        assert response.status == 200
        cookies = response.headers.get_all("Set-Cookie") or []
        assert cookies and all("Secure" in cookie for cookie in cookies)


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """Make a certificate of 127.0.0.1 that signs itself."""
    import ipaddress
    from datetime import UTC, datetime, timedelta

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    own = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(own, critical=False)
        .sign(key, hashes.SHA256())
    )
    cert_file, key_file = folder / "cert.pem", folder / "key.pem"
    cert_file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    pem, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    key_file.write_bytes(key.private_bytes(pem, form, plain))
    return cert_file, key_file
