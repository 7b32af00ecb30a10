"""The embedded servers, started, killed and found again for real. Each test has a data folder of its own."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from uuid import uuid4

import psutil
import psycopg
import pytest
import redis

from segmenthub import embedded
from segmenthub.embedded.place import RENAMED, Place
from segmenthub.embedded.postgres import Postgres
from segmenthub.embedded.valkey import Valkey

AS_ROOT = os.geteuid() == 0
HOLD = """
import sys
from pathlib import Path
from segmenthub import embedded
with embedded.servers(Path(sys.argv[1]), durable=False):
    print("up", flush=True)
    sys.stdin.read()
"""


@pytest.fixture(scope="module")
def initialised() -> Iterator[Path]:
    """A data folder that was used once: initdb takes a second, a copy takes none."""
    with temporary_dir() as folder:
        with embedded.servers(folder / "data", durable=False):
            pass
        yield folder / "data"


@pytest.fixture
def new_dir() -> Iterator[Callable[[str], Path]]:
    """Names data folders below a temporary folder; what still runs in them at the end is killed."""
    with temporary_dir() as folder, ExitStack() as stack:

        def make(name: str) -> Path:
            path = folder / name
            stack.callback(kill_servers, path)
            return path

        yield make


@pytest.fixture
def data_dir(new_dir: Callable[[str], Path], initialised: Path) -> Path:
    return shutil.copytree(initialised, new_dir("data"))


@contextmanager
def temporary_dir() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="segmenthub-embedded-"))
    folder.chmod(0o755)  # under pytest's own, which are 0700, root would always have to rename itself
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def holder(data_dir: Path) -> Iterator["subprocess.Popen[str]"]:
    """Another command that uses the servers; it leaves at the end of the block."""
    command = [sys.executable, "-c", HOLD, str(data_dir)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        yield process


def server_processes(data_dir: Path) -> list[psutil.Process]:
    place = Place.of(data_dir)
    return Postgres(place).processes() + Valkey(place).processes()


def postmaster(data_dir: Path) -> int:
    process = Postgres(Place.of(data_dir)).main_process()
    assert process is not None
    return process.pid


def kill(*processes: psutil.Process) -> None:
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(processes, timeout=2)


def kill_servers(data_dir: Path) -> None:
    if data_dir.exists():
        kill(*server_processes(data_dir))
        shutil.rmtree(embedded.socket_dir(data_dir))


def connect(data_dir: Path) -> "psycopg.Connection[tuple[object, ...]]":
    sockets = str(embedded.socket_dir(data_dir))
    return psycopg.connect(host=sockets, port=5432, user="postgres", dbname="segmenthub", autocommit=True)


def valkey(data_dir: Path) -> "closing[redis.Redis]":
    return closing(redis.Redis.from_url(embedded.redis_url(data_dir)))


def counted(data_dir: Path) -> tuple[int, int]:
    """Adds one to a counter in each server; answers both."""
    with connect(data_dir) as database, valkey(data_dir) as cache:
        database.execute("CREATE TABLE IF NOT EXISTS counter (n int)")
        database.execute("INSERT INTO counter VALUES (1)")
        rows = database.execute("SELECT count(*)::int FROM counter").fetchone()
        assert rows is not None
        return int(str(rows[0])), int(str(cache.incr("counter")))


def test_both_servers_answer_and_stop_at_the_end_of_the_block(data_dir: Path) -> None:
    with embedded.servers(data_dir):
        sockets = embedded.socket_dir(data_dir)
        assert counted(data_dir) == (1, 1)
    assert (server_processes(data_dir), list(sockets.glob("*"))) == ([], [])


def test_what_was_written_is_there_after_a_restart(data_dir: Path) -> None:
    for expected in (1, 2):
        with embedded.servers(data_dir):
            assert counted(data_dir) == (expected, expected)


def test_nothing_is_weakened_unless_asked_for(data_dir: Path) -> None:
    with embedded.servers(data_dir), connect(data_dir) as database:
        names = ("fsync", "synchronous_commit", "full_page_writes", "listen_addresses")
        assert [database.execute(f"SHOW {name}").fetchone() for name in names] == [("on",)] * 3 + [("",)]


def test_they_start_at_once_after_kill_9_of_every_process(data_dir: Path) -> None:
    with embedded.servers(data_dir):
        counted(data_dir)
        with connect(data_dir):
            kill(*server_processes(data_dir))
            began = time.monotonic()
            assert embedded.ensure(data_dir) == ["postgres", "valkey"]
            assert time.monotonic() - began < 5
        assert counted(data_dir)[0] == 2


def test_an_orphan_that_is_busy_does_not_hold_up_the_start(data_dir: Path) -> None:
    with embedded.servers(data_dir), closing(connect(data_dir)) as database:
        pid = database.info.backend_pid
        database.pgconn.send_query(b"SELECT count(*) FROM generate_series(1, 1000000000)")
        kill(psutil.Process(postmaster(data_dir)))
        assert embedded.ensure(data_dir) == ["postgres"]
        assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_ensure_leaves_alone_what_lives(data_dir: Path) -> None:
    with embedded.servers(data_dir):
        before = postmaster(data_dir)
        kill(*Valkey(Place.of(data_dir)).processes())
        assert embedded.ensure(data_dir) == ["valkey"]
        assert embedded.ensure(data_dir) == []
        assert postmaster(data_dir) == before


def test_a_pid_file_that_names_a_stranger_does_not_hinder(data_dir: Path) -> None:
    (data_dir / "postgres" / "postmaster.pid").write_text(f"{os.getpid()}\n{data_dir}\n")
    with embedded.servers(data_dir):
        counted(data_dir)


def test_a_socket_folder_that_was_cleaned_away_comes_back(data_dir: Path) -> None:
    with embedded.servers(data_dir):
        counted(data_dir)
        shutil.rmtree(embedded.socket_dir(data_dir))
        assert embedded.ensure(data_dir) == ["postgres", "valkey"]
        assert counted(data_dir) == (2, 2)


def test_a_first_start_works_in_a_long_path_with_spaces(new_dir: Callable[[str], Path]) -> None:
    data_dir = new_dir("/".join(["a folder", "x" * 120, "another one", ".data"]))
    (data_dir / "postgres.new-killed").mkdir(parents=True)
    with embedded.servers(data_dir, durable=False):
        assert counted(data_dir) == (1, 1)
    assert list(data_dir.glob("postgres.new-*")) == []


def test_two_folders_run_side_by_side(new_dir: Callable[[str], Path], initialised: Path) -> None:
    one, other = (shutil.copytree(initialised, new_dir(name)) for name in ("one", "other"))
    with embedded.servers(one), embedded.servers(other):
        counted(one)
        assert (counted(one), counted(other)) == ((2, 2), (1, 1))


def test_two_first_starts_at_once_share_the_servers(new_dir: Callable[[str], Path]) -> None:
    data_dir = new_dir("fresh")
    with ExitStack() as stack:
        commands = [[sys.executable, "-c", HOLD, str(data_dir)]] * 2
        both = [subprocess.Popen(c, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for c in commands]
        for process in both:
            stack.enter_context(process)
        assert [process.stdout.readline() for process in both if process.stdout] == ["up\n"] * 2
        counted(data_dir)
    assert server_processes(data_dir) == []


def test_the_last_one_out_stops_them(data_dir: Path) -> None:
    with holder(data_dir):
        with embedded.servers(data_dir):
            counted(data_dir)
        assert not embedded.stop_unused(data_dir)
        assert counted(data_dir) == (2, 2)
    assert server_processes(data_dir) == []


def test_servers_of_a_killed_command_are_taken_over(data_dir: Path) -> None:
    with holder(data_dir) as process:
        before = postmaster(data_dir)
        process.kill()
    with embedded.servers(data_dir):
        assert postmaster(data_dir) == before
    assert server_processes(data_dir) == []


def test_a_terminated_command_stops_them(data_dir: Path) -> None:
    with holder(data_dir) as process:
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 128 + signal.SIGTERM
    assert server_processes(data_dir) == []


def test_keep_leaves_them_running(data_dir: Path) -> None:
    with embedded.servers(data_dir, keep=True):
        pass
    assert counted(data_dir) == (1, 1)
    assert embedded.stop_unused(data_dir)


def test_a_folder_in_the_way_is_named(new_dir: Callable[[str], Path]) -> None:
    data_dir = new_dir("data")
    (data_dir / "postgres" / "thesis").mkdir(parents=True)
    with pytest.raises(embedded.EmbeddedError, match="move it away"), embedded.servers(data_dir, durable=False):
        pass


def test_data_of_another_version_are_refused(data_dir: Path) -> None:
    (data_dir / "postgres" / "PG_VERSION").write_text("17\n")
    with pytest.raises(embedded.EmbeddedError, match="made by PostgreSQL 17"), embedded.servers(data_dir):
        pass


@pytest.mark.skipif(not AS_ROOT, reason="only root can leave data to others")
def test_data_of_root_are_refused_to_others(data_dir: Path) -> None:
    embedded.socket_dir(data_dir)
    os.setresuid(65534, 65534, 0)
    try:
        with pytest.raises(embedded.EmbeddedError, match="belong to root: work as that user"):
            embedded.database_url(data_dir)
    finally:
        os.setresuid(0, 0, 0)


@pytest.mark.skipif(not AS_ROOT, reason="a matter of root")
def test_root_works_where_nobody_may_go(new_dir: Callable[[str], Path]) -> None:
    if subprocess.run([*RENAMED, "true"], capture_output=True, check=False).returncode:
        pytest.skip("user namespaces are forbidden here")
    data_dir = new_dir("private/data")
    data_dir.mkdir(parents=True)
    data_dir.parent.chmod(0o700)
    with embedded.servers(data_dir, durable=False):
        assert counted(data_dir) == (1, 1)
    assert {path.stat().st_uid for path in data_dir.rglob("*")} == {0}


def test_only_what_is_not_named_outside_is_needed() -> None:
    assert embedded.needed({}) == ["postgres", "valkey"]
    assert embedded.needed({"DATABASE_URL": "postgres://db/x", "REDIS_URL": ""}) == ["valkey"]


def test_a_command_finds_no_tables_and_makes_them_first(new_dir: Callable[[str], Path]) -> None:
    data_dir = new_dir("fresh")
    file = data_dir.parent / "shop.json"
    file.write_text(json.dumps({"account": {"id": str(uuid4()), "name": "Shop"}}))
    ours = ("DATABASE_URL", "REDIS_URL")
    environment = {name: value for name, value in os.environ.items() if name not in ours}
    environment |= {"SEGMENTHUB_DATA_DIR": str(data_dir), "DEBUG": "true"}
    command = [sys.executable, "manage.py", "provision", str(file)]
    root = Path(__file__).parents[2]
    done = subprocess.run(command, capture_output=True, text=True, cwd=root, env=environment, check=True)  # noqa: S603
    assert json.loads(done.stdout)["created"] == {"account": ["Shop"]}
    assert "The tables of the database are made first." in done.stderr
