"""Writing under bad conditions: no room, no right, two at once; an old file is never lost."""

import errno
import json
import os
import resource
import signal
import stat
import subprocess
import sys
import threading

import pytest

from icdbase.core.atomic_files import atomic_write, only_writer
from icdbase.core.errors import DataError

OLD = "old content\n"


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "a.json"
    path.write_text(OLD, encoding="utf-8")
    return path


def assert_untouched(path):
    assert path.read_text(encoding="utf-8") == OLD
    assert [each.name for each in path.parent.iterdir()] == [path.name]


@pytest.fixture
def small_files():
    """No file of this process may pass 8 KB: what a full disk does, without one."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8192, before[0][1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before[0])
    signal.signal(signal.SIGXFSZ, before[1])


@pytest.mark.parametrize("size", [9000, 10_000_000])  # fails when closed; fails while it is written
def test_no_room(path, small_files, size):
    with pytest.raises(DataError, match="File too large") as caught, atomic_write(path) as file:
        file.write("x" * size)
    assert caught.value.path == str(path)
    assert_untouched(path)


def test_no_room_for_the_last_step(path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DataError, match="No space left") as caught, atomic_write(path) as file:
        file.write("new")
    assert caught.value.path == str(path)
    assert_untouched(path)


def test_no_descriptor_left(path):
    taken = []
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(200, limits[0]), limits[1]))
    try:
        with pytest.raises(OSError, match="Too many open files"):
            while True:
                taken.append(os.open(os.devnull, os.O_RDONLY))
        with pytest.raises(DataError, match="Too many open files") as caught, atomic_write(path) as file:
            file.write("new")
    finally:
        for handle in taken:
            os.close(handle)
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert caught.value.path == str(path)
    assert_untouched(path)


def test_a_file_that_was_private_stays_private(path):
    path.chmod(0o600)
    with atomic_write(path) as file:
        (temporary,) = set(path.parent.iterdir()) - {path}
        assert stat.S_IMODE(temporary.stat().st_mode) == 0o600
        file.write("new")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_link_stays_a_link(path, tmp_path):
    link = tmp_path / "elsewhere" / "link"
    link.parent.mkdir()
    link.symlink_to(path)
    with atomic_write(link) as file:
        file.write("new")
    assert link.is_symlink() and path.read_text(encoding="utf-8") == "new"


def test_a_pipe_is_written_to_and_no_device_replaced(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    told = []
    reader = threading.Thread(target=lambda: told.append((tmp_path / "pipe").read_text(encoding="utf-8")))
    reader.start()
    with atomic_write(tmp_path / "pipe") as file:
        file.write("new")
    reader.join(10)
    assert told == ["new"]
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)
    with pytest.raises(DataError, match="this is a folder"), atomic_write(tmp_path):
        pass


def test_the_longest_name_that_the_folder_takes(tmp_path):
    path = tmp_path / ("病" * 83 + ".json")  # 254 bytes
    with only_writer(path), atomic_write(path) as file:
        file.write("new")
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


def test_a_name_that_is_no_text(tmp_path):
    with atomic_write(tmp_path / os.fsdecode(b"\xff.json")) as file:
        json.dump({"train": os.fsdecode(b"\xff")}, file, ensure_ascii=False)
    (written,) = tmp_path.iterdir()
    assert json.loads(written.read_bytes()) == {"train": os.fsdecode(b"\xff")}


# --- two at once -----------------------------------------------------------------------


def test_one_writer_at_a_time(tmp_path):
    path = tmp_path / "new" / "a.json"
    with only_writer(path):
        with pytest.raises(DataError, match=r"a\.json: another run is writing here; wait until"), only_writer(path):
            pass
        with only_writer(path.with_name("b.json")):
            pass
    with only_writer(path):
        pass
    assert list(path.parent.iterdir()) == []


def test_a_lock_goes_with_its_process(tmp_path):
    code = f"from icdbase.core.atomic_files import only_writer as w\nwith w({str(tmp_path / 'a')!r}):\n print(1, flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout.readline() == b"1\n"
        with pytest.raises(DataError, match="another run is writing here"), only_writer(tmp_path / "a"):
            pass
        holder.kill()
    with only_writer(tmp_path / "a"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_those_who_wait_come_one_after_the_other(tmp_path):
    inside, most, lost = [], [], []

    def write(number):
        try:
            for _ in range(20):
                with only_writer(tmp_path / "a", wait=True):
                    inside.append(number)
                    most.append(len(inside))
                    inside.remove(number)
        except BaseException as error:
            lost.append(error)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert lost == [] and len(most) == 160 and max(most) == 1


def test_without_locks_the_work_goes_on(tmp_path, monkeypatch):
    fcntl = pytest.importorskip("fcntl")

    def unsupported(*_):
        raise OSError(errno.ENOTSUP, "not here")

    monkeypatch.setattr(fcntl, "flock", unsupported)
    with only_writer(tmp_path / "a"), only_writer(tmp_path / "a"):
        pass
