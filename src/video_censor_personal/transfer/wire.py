"""One connection to one server: TCP, proxy and TLS below, bytes above.

Every wait is cut into short ticks, at which the connection looks whether it has been asked to
stop and whether the other side still sends.
"""

from __future__ import annotations

import array
import os
import select
import socket
import ssl
import struct
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from video_censor_personal.transfer.address import Address
from video_censor_personal.transfer.faults import Fault, Halted, PrivateFault
from video_censor_personal.transfer.proxies import proxy_for

__all__ = ["Dialer", "Permit", "Wire"]

Permit = Callable[[str, str], bool]
"""Whether a connection to an origin may use an IP address."""

_TICK_S = 0.1
_HEAD_READ_BYTES = 8 << 10
_LONGEST_HEAD_BYTES = 64 << 10
# Slower than this over the whole stall time is as good as silent (curl calls it --speed-limit).
_SLOWEST_BYTES_PER_S = 16
_AHEAD_BYTES = 48 << 10
_COUNTS_WAITING = sys.platform != "win32"
if sys.platform != "win32":
    import fcntl
    import termios
# With SO_RCVTIMEO and MSG_WAITALL one system call fills a large buffer or returns at the tick.
_FILLS_BUFFERS = sys.platform == "linux"


@dataclass(frozen=True, slots=True)
class Dialer:
    """Opens wires. `stopped` is asked at every tick, `permits` before every connection: of each
    address that it may lead to, as far as that is known on this side of a proxy."""

    tls: Callable[[], ssl.SSLContext]
    connect_s: float
    stall_s: float
    stopped: Callable[[], bool]
    permits: Permit | None = None

    def dial(self, address: Address) -> Wire:
        """Connect to `address`, through a proxy if the environment names one.

        Raises:
            Fault: it cannot be reached, or may not be.
            Halted: asked to stop.
            ConfigError: the proxy or the certificates are misconfigured.
        """
        proxy = proxy_for(address)
        began = time.monotonic()
        if proxy is not None:
            self._judge(address)
        sock = self._connect(proxy or address, None if proxy else self.permits)
        round_trip_s = time.monotonic() - began
        try:
            if address.scheme == "https":
                if proxy is not None:
                    _open_tunnel(Wire(sock, self, None), address, proxy)
                sock = self._secure(sock, address)
        except BaseException:
            sock.close()
            raise
        plain_proxy = proxy if address.scheme == "http" else None
        return Wire(sock, self, plain_proxy, round_trip_s)

    def _judge(self, address: Address) -> None:
        """Refuse what a proxy must not be asked for. A name that only the proxy can resolve is
        the proxy's to judge; of several addresses it chooses, so all must be permitted."""
        if self.permits is None:
            return
        try:
            found = _resolve(address)
        except Fault:
            return
        if not all(self.permits(address.origin, str(each[4][0])) for each in found):
            raise PrivateFault(address.netloc)

    def _connect(self, address: Address, permits: Permit | None) -> socket.socket:
        found = _resolve(address)
        # Judged by the very address that is connected to: a name may resolve differently next time.
        if permits is not None:
            found = [each for each in found if permits(address.origin, str(each[4][0]))]
            if not found:
                raise PrivateFault(address.netloc)
        last = ""
        for family, kind, protocol, _, place in found:
            sock = socket.socket(family, kind, protocol)
            try:
                sock.setblocking(False)
                sock.connect_ex(place)
                self._until_ready(sock, time.monotonic() + self.connect_s)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                return sock
            except OSError as exc:
                last = exc.strerror or str(exc)
                sock.close()
            except BaseException:
                sock.close()
                raise
        raise Fault(f"no connection to {address.netloc} ({last})")

    def _until_ready(self, sock: socket.socket, deadline: float) -> None:
        while True:
            if self.stopped():
                raise Halted
            if _writable(sock, _TICK_S):
                code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                if code:
                    raise OSError(code, os.strerror(code))
                return
            if time.monotonic() > deadline:
                raise TimeoutError(f"no answer within {self.connect_s:g} s")

    def _secure(self, sock: socket.socket, address: Address) -> ssl.SSLSocket:
        secure = self.tls().wrap_socket(
            sock, server_hostname=address.host, do_handshake_on_connect=False
        )
        try:
            self._shake_hands(secure)
            return secure
        except BaseException as exc:
            secure.close()
            if isinstance(exc, ssl.SSLCertVerificationError):
                raise Fault(
                    f"the certificate of {address.host} is not trusted ({exc.verify_message}). "
                    "If your network has its own authority, point SSL_CERT_FILE at its certificate",
                    passing=False,
                ) from exc
            if isinstance(exc, OSError):
                raise Fault(f"no TLS connection to {address.netloc} ({exc})") from exc
            raise

    def _shake_hands(self, secure: ssl.SSLSocket) -> None:
        deadline = time.monotonic() + self.connect_s
        secure.settimeout(_TICK_S)
        while True:
            try:
                secure.do_handshake()
                return
            except TimeoutError:
                if self.stopped():
                    raise Halted from None
                if time.monotonic() > deadline:
                    raise


class Wire:
    """An open connection. `proxy` is set if requests must name the whole URL."""

    def __init__(
        self, sock: socket.socket, dialer: Dialer, proxy: Address | None, round_trip_s: float = 0.0
    ) -> None:
        self.proxy = proxy
        self.round_trip_s = round_trip_s
        self._sock = sock
        self._dialer = dialer
        self._rest = b""  # received with a head, belongs to what follows it
        self._head = memoryview(bytearray(_HEAD_READ_BYTES))
        self._waited_s = 0.0
        self._came_bytes = 0
        self._flags = 0
        if _FILLS_BUFFERS and not isinstance(sock, ssl.SSLSocket):
            sock.setblocking(True)
            tick = struct.pack("ll", 0, int(_TICK_S * 1e6))
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, tick)
            self._flags = socket.MSG_WAITALL
        else:
            sock.settimeout(_TICK_S)

    def close(self) -> None:
        self._sock.close()

    def send(self, data: bytes) -> None:
        """Send a request.

        Raises:
            Fault: the connection is gone.
        """
        try:
            self._sock.sendall(data)
        except OSError as exc:
            raise Fault(f"the connection broke ({exc.strerror or exc})") from exc

    def read_until(self, mark: bytes) -> bytes:
        """What comes before `mark`, which is dropped. Empty at the end of the stream.

        Raises:
            Fault: more than a head may have, a stall, or a broken connection.
            Halted: asked to stop.
        """
        found = self._rest
        start = 0
        while (at := found.find(mark, start)) < 0:
            if len(found) > _LONGEST_HEAD_BYTES:
                raise Fault("the server's answer has no end of its head", passing=False)
            start = max(0, len(found) - len(mark) + 1)
            count = self._receive(self._head, 0)
            if not count:
                self._rest = b""
                if found:
                    raise Fault("the connection ended within the head of an answer")
                return b""
            if self._dialer.stopped():  # what drips faster than the ticks never waits for one
                raise Halted
            found += self._head[:count]
        self._rest = found[at + len(mark) :]
        return found[:at]

    def readinto(self, view: memoryview) -> int:
        """Receive into `view`, returning at the latest a tick after the first byte; 0: the end.

        Raises:
            Fault: a stall, or a broken connection.
            Halted: asked to stop.
        """
        if self._rest:
            count = min(len(self._rest), len(view))
            view[:count] = self._rest[:count]
            self._rest = self._rest[count:]
            return count
        return self._receive(view, self._flags)

    def is_ahead(self) -> bool:
        """Whether many bytes are waiting to be read: then it is not the line that is slow."""
        if not _COUNTS_WAITING:
            return False
        waiting = array.array("i", [0])
        fcntl.ioctl(self._sock.fileno(), termios.FIONREAD, waiting)
        return waiting[0] >= _AHEAD_BYTES

    def begin_answer(self) -> None:
        """Start the stall clock anew, for a new request."""
        self._waited_s, self._came_bytes = 0.0, 0

    def _receive(self, view: memoryview, flags: int) -> int:
        while True:
            began = time.monotonic()
            try:
                # SSL sockets take no flags.
                count = (
                    self._sock.recv_into(view, 0, flags) if flags else self._sock.recv_into(view)
                )
            except (BlockingIOError, TimeoutError):
                count = -1
            except OSError as exc:
                raise Fault(f"the connection broke ({exc.strerror or exc})") from exc
            self._waited_s += time.monotonic() - began
            if count > 0:
                self._came_bytes += count
            if self._waited_s > self._dialer.stall_s:
                if self._came_bytes < _SLOWEST_BYTES_PER_S * self._dialer.stall_s:
                    raise Fault(f"nothing came for {self._dialer.stall_s:g} s")
                self.begin_answer()
            if count >= 0:
                return count
            if self._dialer.stopped():
                raise Halted


def _resolve(address: Address) -> list[Any]:
    """What `getaddrinfo` finds for the host."""
    try:
        return list(socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM))
    except OSError as exc:
        raise Fault(f"the host name {address.host} cannot be resolved ({exc})") from exc


def _open_tunnel(wire: Wire, address: Address, proxy: Address) -> None:
    place = f"{address.host}:{address.port}" if ":" not in address.host else address.netloc
    request = f"CONNECT {place} HTTP/1.1\r\nHost: {place}\r\n"
    if proxy.basic_auth:
        request += f"Proxy-Authorization: {proxy.basic_auth}\r\n"
    wire.send(f"{request}\r\n".encode("latin-1"))
    status = wire.read_until(b"\r\n\r\n").split(b"\r\n")[0].decode("latin-1").split(" ", 2)
    if len(status) < 2 or status[1] != "200":
        raise Fault(
            f"the proxy {proxy.netloc} refused a tunnel to {place} ({' '.join(status[1:])})",
            passing=len(status) < 2 or status[1] in ("502", "503", "504"),
        )


def _writable(sock: socket.socket, seconds: float) -> bool:
    if hasattr(select, "poll"):  # select() cannot watch descriptors above 1023
        poll = select.poll()
        poll.register(sock, select.POLLOUT)
        return bool(poll.poll(seconds * 1000))
    _, ready, failed = select.select([], [sock], [sock], seconds)
    return bool(ready or failed)
