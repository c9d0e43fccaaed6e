"""The verb ``demo``: loads or trains models, starts the server and opens the browser."""

from __future__ import annotations

import ipaddress
import os
import socket
import sys
import webbrowser
from pathlib import Path

import click

from icdbase.cli.options import FOLDER, echo, examples, load_model
from icdbase.core.language import _

N_TRAIN, N_FOLDS = 400, 2
CACHE = Path("runs") / "demo-models"


@click.command(epilog=examples("icdbase demo", "icdbase demo --model models/first --port 9000 --no-open"))
@click.option("--model", "folders", type=FOLDER, multiple=True,
              help="Model folder; may be repeated for comparison.  Default: two small models, trained once.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=8765, show_default=True, help="0 chooses a free port.")
@click.option("--open/--no-open", "opens", default=True, help="Open the page in a browser, if there is a screen.")
def demo(folders, host, port, opens):
    """Show a record, its codes and their evidence on a local web page.

    Without --model, both named settings are trained on 400 synthetic records,
    with two inner folds, and stored in runs/demo-models.  Pasted records are neither stored nor
    logged.
    """
    from icdbase.core.errors import UsageError

    try:
        from icdbase.demo.app import demo_app
        from icdbase.demo.server import DemoServer
    except ModuleNotFoundError as error:
        if error.name not in ("flask", "werkzeug"):
            raise
        raise UsageError(_("the demo needs Flask: pip install -e '.[demo]' in the folder of icdbase")) from None

    with _listening(host, port) as listener:  # before the training, so that a port in use is reported at once
        coders, about, synthetic = _loaded(folders) if folders else _synthetic_models()
        app = demo_app(coders, about=about, synthetic=synthetic, host=host)
        server = DemoServer(host, listener, app)
        address = _address(host, listener.getsockname()[1])
        if not _is_loopback(host):
            echo(_("warning: everybody who can reach this machine's network address can use the page and read the traffic; "
                   "do not paste text of patients, or leave out --host"), err=True)
        echo(_("{}  (stop with Ctrl-C)", address))
        if opens and _has_screen():
            webbrowser.open(address)
        try:
            server.serve_forever()
        finally:
            server.server_close()


def _listening(host: str, port: int) -> socket.socket:
    """Return a listening socket.

    Raises
    ------
    UsageError
        If the address is not this machine's, or the port is in use.
    """
    from icdbase.core.errors import UsageError

    try:
        place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(place[4][:2], family=place[0])
    except OSError as error:
        remedy = _("--port 0 chooses a free port, --host 127.0.0.1 is this machine")
        raise UsageError(_("cannot listen on {}, port {} ({}); {}", host, port, error.strerror, remedy)) from None


def _address(host: str, port: int) -> str:
    """Return the address for the browser.

    >>> _address("0.0.0.0", 80), _address("::1", 8765)
    ('http://127.0.0.1:80/', 'http://[::1]:8765/')
    """
    host = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


def _is_loopback(host: str) -> bool:
    """Return whether only this machine can reach the address.

    >>> _is_loopback("localhost"), _is_loopback("127.0.0.2"), _is_loopback("0.0.0.0"), _is_loopback("ward-pc")
    (True, True, False, False)
    """
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _has_screen() -> bool:
    return sys.platform in ("win32", "darwin") or any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))


def _loaded(folders) -> tuple[dict, dict, set]:
    """Load models by name, the number of training records of each, and the names of those that saw synthetic ones only."""
    from icdbase.storage.model_card import read_card

    coders, about, synthetic = {}, {}, set()
    for folder in folders:
        name = folder.name if folder.name and folder.name not in coders else str(folder)
        coders[name] = load_model(folder)
        data = read_card(folder).get("training_data")
        about[name] = f"{data['records']:,}" if data else ""
        synthetic |= {name} if data and data.get("synthetic") == "all" else set()
    return coders, about, synthetic


def _synthetic_models() -> tuple[dict, dict, set]:
    """Load the two small models, or train and save them."""
    from icdbase import SETTINGS, IcdCoder, __version__, make_records, save
    from icdbase.core import progress
    from icdbase.core.errors import ModelError

    folders = {setting: CACHE / f"{setting}-{N_TRAIN}-{__version__}" for setting in SETTINGS}
    try:
        coders = {setting: load_model(folder) for setting, folder in folders.items()}
        echo(_("models: {} ({} synthetic records; delete the folder to train again)", CACHE, N_TRAIN), err=True)
    except ModelError:
        echo(_("training {} small models on {} synthetic records, once", len(SETTINGS), N_TRAIN), err=True)
        coders = {setting: IcdCoder(**{**chosen, "n_folds": N_FOLDS}) for setting, chosen in SETTINGS.items()}
        records = make_records(N_TRAIN, random_state=0)
        with progress.bars():
            counts = next(iter(coders.values())).count(records)
            for setting, coder in coders.items():
                save(coder.fit(counts), folders[setting], records=records)
    return coders, dict.fromkeys(coders, f"{N_TRAIN:,}"), set(coders)
