"""TLS before a server that speaks plain HTTP, by a certificate of its own, and TLS that breaks off in a reply.

Every store in production is behind TLS. What breaks there reaches the SDK as errors of another family than what breaks
in plain HTTP, so the same questions are asked of it: was the request applied, and what is told?
"""

from __future__ import annotations

import datetime
import os
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from ipaddress import IPv4Address
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

HOST = "127.0.0.1"
NO_TLS = b"nobody encrypted this\r\n"

Spoil = Callable[[str], int | None]
"""Of a request line: after how many bytes of its reply something comes that is no TLS; None lets it through."""


class TlsFront:
    """Forwards connections; ``certificate`` is what a client must trust, ``spoil`` decides on the replies."""

    def __init__(self, upstream: str, folder: Path) -> None:
        self.certificate = folder / "certificate.pem"
        self.spoil: Spoil = lambda _: None
        self.spoiled: list[str] = []
        address = urlsplit(upstream)
        self._upstream = (address.hostname or HOST, address.port or 80)
        self._context = _context(self.certificate, folder / "key.pem")
        self._listening = socket.create_server((HOST, 0))
        self.endpoint = f"https://{HOST}:{self._listening.getsockname()[1]}"

    def serve(self) -> None:
        """Take connections until ``close``."""
        with suppress(OSError):
            while True:
                taken, _ = self._listening.accept()
                threading.Thread(target=self._carry, args=(taken,), daemon=True).start()

    def close(self) -> None:
        """Take no more connections."""
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def _carry(self, taken: socket.socket) -> None:
        with (
            taken,
            suppress(OSError),
            self._context.wrap_socket(taken, server_side=True) as client,
            socket.create_connection(self._upstream) as upstream,
        ):
            asked: list[str] = []
            back = threading.Thread(target=self._back, args=(upstream, client, asked), daemon=True)
            back.start()
            with suppress(OSError):
                _forth(client, upstream, asked)
            back.join()

    def _back(self, upstream: socket.socket, client: ssl.SSLSocket, asked: list[str]) -> None:
        passed, replied = 0, 0
        with suppress(OSError):
            while reply := upstream.recv(65536):
                passed, replied = (0, len(asked)) if replied != len(asked) else (passed, replied)
                limit = self.spoil(asked[-1])
                if limit is None or passed + len(reply) <= limit:
                    client.sendall(reply)
                    passed += len(reply)
                    continue
                client.sendall(reply[: limit - passed])
                self.spoiled.append(asked[-1])
                os.write(client.fileno(), NO_TLS)
                break
            client.shutdown(socket.SHUT_RDWR)


def _forth(client: ssl.SSLSocket, upstream: socket.socket, asked: list[str]) -> None:
    while sent := client.recv(65536):
        if sent.split(b" ", 1)[0] in (b"GET", b"HEAD", b"PUT", b"POST", b"DELETE"):
            asked.append(sent.split(b"\r\n", 1)[0].decode())
        upstream.sendall(sent)
    upstream.shutdown(socket.SHUT_WR)


@contextmanager
def tls_before(upstream: str, folder: Path) -> Iterator[TlsFront]:
    """A front that ends with the block."""
    front = TlsFront(upstream, folder)
    serving = threading.Thread(target=front.serve, daemon=True)
    serving.start()
    try:
        yield front
    finally:
        front.close()
        serving.join()


def _context(certificate: Path, key: Path) -> ssl.SSLContext:
    """A server's context, with a certificate for the loopback address that nobody else vouches for."""
    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, HOST)])
    now = datetime.datetime.now(datetime.UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address(HOST))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(private, hashes.SHA256())
    )
    certificate.write_bytes(built.public_bytes(serialization.Encoding.PEM))
    key.write_bytes(
        private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context
