"""The HTTP server of the demo; a slow or faulty client does not block the others."""

from __future__ import annotations

import io
import socket
from contextlib import suppress
from threading import BoundedSemaphore
from time import monotonic

from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler

__all__ = ["MAX_CONNECTIONS", "DemoServer"]

MAX_CONNECTIONS = 64
"""Connections at a time, one thread each; a browser opens about six."""

SECONDS = 30.0
"""Time limit for receiving a request, and for sending its answer."""

_BUSY = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class DemoServer(ThreadedWSGIServer):
    """One thread for each connection, up to `MAX_CONNECTIONS`; without a log.

    Parameters
    ----------
    host : str
    listener : socket.socket
        Already listening.
    app : WSGI application
    """

    def __init__(self, host: str, listener: socket.socket, app):
        super().__init__(host, 0, app, _Handler, fd=listener.fileno())
        self._free = BoundedSemaphore(MAX_CONNECTIONS)
        self._server_version = "icdbase"

    def process_request(self, request, client_address):
        """Start a thread for a connection; refuse it with status 503 if there are too many."""
        if not self._free.acquire(blocking=False):
            request.setblocking(False)
            with suppress(OSError):
                request.send(_BUSY)
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except RuntimeError:  # no thread is available
            self._free.release()
            self.shutdown_request(request)

    def process_request_thread(self, request, client_address):
        """Answer a connection and release its place."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request, client_address):
        """Do not print a request that is no HTTP: it may contain text of a record."""


class _Handler(WSGIRequestHandler):
    def setup(self):
        super().setup()
        self.rfile.close()
        self.rfile = io.BufferedReader(_InTime(self.connection))

    def send_response(self, *arguments):
        self.connection.settimeout(SECONDS)  # for the whole answer
        super().send_response(*arguments)

    def log(self, *_):
        pass

    def version_string(self) -> str:
        return self.server_version


class _InTime(io.RawIOBase):
    """The bytes that a connection sends within `SECONDS` in total."""

    def __init__(self, connection: socket.socket):
        self._connection, self._end = connection, monotonic() + SECONDS

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:
        left = self._end - monotonic()
        if left <= 0:
            raise TimeoutError
        self._connection.settimeout(left)
        return self._connection.recv_into(buffer)
