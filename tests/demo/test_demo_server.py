"""The demo's server against clients that are slow, many, or speak no HTTP; loopback only."""

import json
import socket
import threading
import time
from contextlib import ExitStack, contextmanager

import pytest

pytest.importorskip("flask")

from flask import Flask, request

import icdbase
from icdbase.demo import server
from icdbase.demo.app import demo_app
from icdbase.demo.server import DemoServer


def small_app():
    app = Flask(__name__)
    app.config["MAX_CONTENT_LENGTH"] = 1000

    @app.route("/", methods=["GET", "POST"])
    def length():
        return str(len(request.get_data()))

    return app


@contextmanager
def serving(app):
    """Serve on a free port of the loopback; yields the address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = DemoServer("127.0.0.1", listener, app)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield listener.getsockname()
        finally:
            server.shutdown()
            thread.join(10)


def connected(address):
    connection = socket.create_connection(address, timeout=10)
    connection.settimeout(10)
    return connection


def answer(connection):
    """All that comes until the server closes."""
    parts = []
    while True:
        try:
            part = connection.recv(65536)
        except ConnectionResetError:
            part = b""
        if not part:
            return b"".join(parts)
        parts.append(part)


def ask(address, text):
    with connected(address) as connection:
        connection.sendall(text.encode("latin-1"))
        return answer(connection).decode("latin-1")


GET = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


def test_who_sends_a_byte_now_and_then_is_cut_off_and_holds_nobody_up(monkeypatch):
    monkeypatch.setattr(server, "SECONDS", 0.4)
    with serving(small_app()) as address, ExitStack() as stack:
        slow = [stack.enter_context(connected(address)) for _ in range(3)]
        starts = (GET[:20], "", "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nx")
        for connection, start in zip(slow, starts, strict=True):
            connection.sendall(start.encode())
        assert ask(address, GET).startswith("HTTP/1.1 200")
        sent = 0
        while sent < 100:  # a byte each 50 ms would go on for ever if each began the time anew
            time.sleep(0.05)
            try:
                for connection in slow:
                    connection.sendall(b"x")
            except OSError:
                break
            sent += 1
        assert sent < 100
        assert [answer(connection).partition(b"\r\n")[0] for connection in slow[:2]] == [b"", b""]
        assert b" 200 " not in answer(slow[2]).partition(b"\r\n")[0]
        assert ask(address, GET).startswith("HTTP/1.1 200")


def test_who_does_not_take_the_answer_is_left(monkeypatch):
    monkeypatch.setattr(server, "SECONDS", 0.3)
    done = threading.Event()

    def endless(environ, start_response):
        start_response("200 OK", [("Content-Length", str(1 << 30))])
        try:
            for _ in range(1 << 10):
                yield bytes(1 << 20)
        finally:
            done.set()

    with serving(endless) as address, connected(address) as connection:
        connection.sendall(GET.encode())
        assert done.wait(5)


def test_more_connections_than_there_are_places(monkeypatch):
    monkeypatch.setattr(server, "MAX_CONNECTIONS", 4)
    with serving(small_app()) as address:
        with ExitStack() as stack:
            idle = [stack.enter_context(connected(address)) for _ in range(12)]
            told = [answer(connection) for connection in idle[4:]]
            assert all(text.startswith(b"HTTP/1.1 503 Service Unavailable") for text in told)
        deadline = time.monotonic() + 5  # the places are free again
        while ask(address, GET)[9:12] != "200":
            assert time.monotonic() < deadline
            time.sleep(0.02)


def test_many_at_once_get_their_own_answers():
    with serving(small_app()) as address:
        told = {}

        def post(size):
            text = f"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: {size}\r\n\r\n" + "x" * size
            told[size] = ask(address, text).rpartition("\r\n")[2]

        threads = [threading.Thread(target=post, args=(size,)) for size in range(1, 25)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)
        assert told == {size: str(size) for size in range(1, 25)}


@pytest.mark.parametrize(("text", "status"), [
    ("GET //[::1 HTTP/1.1\r\nHost: localhost\r\n\r\n", ""),
    ("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", ""),
    ("GET / HTTP/9.9\r\n\r\n", ""),
    ("GET /" + "a" * 70_000 + " HTTP/1.1\r\n\r\n", "414"),
    ("GET / HTTP/1.1\r\n" + "".join(f"X-{n}: 1\r\n" for n in range(200)) + "\r\n", "431"),
    ("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2000\r\n\r\n" + "x" * 2000, "413"),
    ("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9999999999999\r\n\r\n", "413"),
    ("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n", "200"),
    ("POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\nxxx", ""),
], ids=lambda value: ascii(value)[:30])  # fmt: skip
def test_what_is_no_request_of_ours(monkeypatch, capfd, text, status):
    monkeypatch.setattr(server, "SECONDS", 0.5)
    with serving(small_app()) as address:
        told = ask(address, text)
        assert told.partition("\r\n")[0][9:12] == status or not status
        assert ask(address, GET).startswith("HTTP/1.1 200")
    assert capfd.readouterr() == ("", "")


# --- the page behind it ----------------------------------------------------------------


@pytest.fixture(scope="module")
def page(train):
    light = {"n_folds": 2, "main_learner": "trees:2", "blocks": ("concepts",)}
    coder = icdbase.IcdCoder(**icdbase.SETTINGS["plain"] | light).fit(train.iloc[:24])
    with serving(demo_app({"default": coder})) as address:
        yield address


@pytest.mark.parametrize("path", [
    "/../demo.py", "/..%2fdemo.py", "/%2e%2e/demo.py", "/..\\demo.py", "/%2e%2e%5cdemo.py", "//etc/passwd", "/%2fetc/passwd",
    "/C:/windows/win.ini", "/style.css/../../../demo.py", "/....//demo.py", "/%00", "/style.css%00.html", "/.", "/%c0%ae%c0%ae/demo.py",
])  # fmt: skip
def test_no_way_leads_out_of_the_folder(page, path):
    told = ask(page, f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert told[9:12] == "404"
    assert "import" not in told and "root:" not in told


@pytest.mark.parametrize(("lines", "status"), [
    ("GET / HTTP/1.1\r\nHost: rebound.example", 421),
    ("GET / HTTP/1.1\r\nHost: localhost\r\nHost: rebound.example", 421),
    ("GET / HTTP/1.0", 421),
    ("GET http://rebound.example/ HTTP/1.1\r\nHost: localhost", 421),
    ("POST /api/about HTTP/1.1\r\nHost: rebound.example\r\nOrigin: http://rebound.example\r\nContent-Type: application/json", 421),
    ("POST /api/about HTTP/1.1\r\nHost: localhost\r\nOrigin: http://rebound.example\r\nContent-Type: application/json", 403),
    ("POST /api/about HTTP/1.1\r\nHost: localhost\r\nOrigin: null\r\nContent-Type: application/json", 403),
    ("POST /api/about HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded", 415),
    ("POST /api/about HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain; application/json", 415),
    ("TRACE / HTTP/1.1\r\nHost: localhost", 405),
    ("GET /api/about HTTP/1.1\r\nHost: localhost", 404),
    ("GET / HTTP/1.1\r\nHost: localhost", 200),
])
def test_only_the_page_itself_is_answered_and_every_answer_is_closed(page, lines, status):
    told = ask(page, f"{lines}\r\nContent-Length: 2\r\n\r\n{{}}")
    assert int(told[9:12]) == status
    head = told.partition("\r\n\r\n")[0].lower()
    for header in ("content-security-policy: default-src 'none'", "x-content-type-options: nosniff", "cache-control: no-store",
                   "cross-origin-resource-policy: same-origin", "referrer-policy: no-referrer", "x-frame-options: deny"):
        assert f"\n{header}" in head
    assert "access-control-allow-origin" not in head and "python" not in head and "werkzeug" not in head


def test_a_record_that_waits_for_its_turn_does_not_stop_the_page(page):
    body = json.dumps({"model": "default", "record": {"现病史": "胸痛3天。" * 300}})
    post = f"POST /api/predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    with connected(page) as busy:
        busy.sendall(post.encode())
        assert ask(page, GET).startswith("HTTP/1.1 200")
        assert answer(busy).startswith(b"HTTP/1.1 200")
