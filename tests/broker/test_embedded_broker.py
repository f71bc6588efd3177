"""The development broker: it starts, keeps its data, listens on loopback, ends when it should, and says what is wrong."""

import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from sluicegate.schemas.errors import AccessError, BrokerError, ConfigurationError
from sluicegate.streams.kafka.admin import Admin
from sluicegate.streams.kafka.broker_folder import BrokerFolder
from sluicegate.streams.kafka.connection import Connection
from sluicegate.streams.kafka.embedded import (
    EmbeddedBroker,
    Lifetime,
    broker_status,
    running_broker,
    stop_broker,
)
from sluicegate.streams.kafka.jars import locked_jars, provide_jars
from sluicegate.streams.kafka.java import Java
from sluicegate.streams.kafka.principals import LOCAL_PRINCIPALS, Naming, Principal
from sluicegate.streams.kafka.process import ProcessMark
from sluicegate.streams.kafka.provision import provision_cluster
from sluicegate.streams.kafka.topics import Layout
from sluicegate.streams.state_folder import StateFolder

pytestmark = pytest.mark.broker
NAMING = Naming("sluicegate.")
LONGEST_SESSION_MS = 15_000
"""What a killed broker leaves behind holds up its successor for as long as its session lasts."""

STARTER = """
import sys, time
from pathlib import Path
from sluicegate.streams.kafka.embedded import EmbeddedBroker, Lifetime
from sluicegate.streams.state_folder import StateFolder
broker = EmbeddedBroker.start(StateFolder(Path(sys.argv[1])), lifetime=Lifetime(sys.argv[2]))
print(broker.mark.pid, flush=True)
time.sleep(60)
"""


@pytest.fixture
def state(tmp_path: Path) -> Iterator[StateFolder]:
    """A state folder whose broker, if a test leaves one, ends with the test."""
    state = StateFolder(tmp_path / "state")
    yield state
    stop_broker(state)


def produce(connection: Connection, topic: str, value: bytes) -> None:
    """Write one record to partition 0 and wait until it is acknowledged."""
    failures: list[object] = []
    producer = Producer(connection.producer_config())
    producer.produce(
        connection.topic(topic), value, partition=0, on_delivery=lambda error, _record: failures.append(error)
    )
    producer.flush(10)
    assert failures == [None]


def first_record(connection: Connection, topic: str) -> bytes | None:
    """The value of the first record of partition 0."""
    consumer = Consumer(connection.reader_config())
    consumer.assign([TopicPartition(connection.topic(topic), 0, 0)])
    record = consumer.poll(10)
    consumer.close()
    return None if record is None or record.error() else record.value()


def test_data_users_and_port_survive_a_restart(state: StateFolder) -> None:
    """After a clean stop, a start on the same folder finds the same port, records, users and rights."""
    first = EmbeddedBroker.start(state)
    provision_cluster(Admin(first.super_user(NAMING)), state, Layout(1), LOCAL_PRINCIPALS)
    produce(_operator(first), "identities", b"a record")
    assert first.stop()

    second = EmbeddedBroker.start(state)

    assert second.bootstrap == first.bootstrap
    assert first_record(_operator(second), "identities") == b"a record"
    again = provision_cluster(Admin(second.super_user(NAMING)), state, Layout(1), LOCAL_PRINCIPALS)
    assert not again.users
    assert again.topics.is_clean
    assert again.rights.is_clean
    assert second.stop()


def test_a_killed_broker_answers_a_transaction_again(state: StateFolder) -> None:
    """After SIGKILL a start on the same folder is ready when the old session is over, and no record is gone."""
    first = EmbeddedBroker.start(state)
    provision_cluster(Admin(first.super_user(NAMING)), state, Layout(1), LOCAL_PRINCIPALS)
    produce(_operator(first), "identities", b"a record")
    os.kill(first.mark.pid, signal.SIGKILL)
    assert first.mark.wait(10)

    second = EmbeddedBroker.start(state)

    settings = BrokerFolder(state.broker).properties.read_text()
    [session_ms] = re.findall(r"^broker\.session\.timeout\.ms=(\d+)$", settings, re.MULTILINE)
    assert int(session_ms) <= LONGEST_SESSION_MS
    assert second.bootstrap == first.bootstrap
    assert first_record(_operator(second), "identities") == b"a record"


def _operator(broker: EmbeddedBroker) -> Connection:
    operator = Principal.parse("operator")
    return Connection(
        broker.bootstrap,
        NAMING,
        operator,
        {
            "security.protocol": "SASL_PLAINTEXT",
            "sasl.mechanism": "SCRAM-SHA-256",
            "sasl.username": operator.user,
            "sasl.password": broker.state.secret(operator.user),
        },
    )


def test_detached_broker_is_found_refuses_a_second_start_and_is_stopped(state: StateFolder) -> None:
    """A detached broker outlives the process that started it; a second start says where the first one runs."""
    started = subprocess.run(
        [sys.executable, "-c", STARTER.replace("time.sleep(60)", ""), str(state.path), "detached"],
        capture_output=True,
        text=True,
        timeout=90,
        check=True,
    )
    status = broker_status(state)
    assert (status.running, str(status.pid)) == (True, started.stdout.strip())

    with pytest.raises(BrokerError, match=r"already runs in .*process \d+"):
        EmbeddedBroker.start(state)

    assert stop_broker(state)
    assert not broker_status(state).running
    assert not stop_broker(state)


@pytest.mark.parametrize("lifetime", [Lifetime.WITH_PARENT, Lifetime.TEMPORARY])
def test_broker_never_outlives_its_parent(state: StateFolder, lifetime: Lifetime) -> None:
    """Kill the parent with SIGKILL: its broker ends within seconds, a temporary one takes its folder along."""
    with _parent(state, lifetime) as parent:
        mark = _mark_of(parent)
        parent.kill()
        parent.wait(10)

    assert mark.wait(15)
    deadline = time.monotonic() + 5
    while lifetime is Lifetime.TEMPORARY and state.path.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert state.path.exists() == (lifetime is Lifetime.WITH_PARENT)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux has a parent-death signal")
def test_broker_ends_when_its_holder_is_killed(state: StateFolder) -> None:
    """SIGKILL of the process that holds the broker's leash ends the broker too."""
    with _parent(state, Lifetime.WITH_PARENT) as parent:
        mark = _mark_of(parent)
        holder = int(Path(f"/proc/{mark.pid}/stat").read_text().rpartition(")")[2].split()[1])
        os.kill(holder, signal.SIGKILL)
        assert mark.wait(10)
        parent.kill()


def _parent(state: StateFolder, lifetime: Lifetime) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", STARTER, str(state.path), lifetime.value]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def _mark_of(parent: "subprocess.Popen[str]") -> ProcessMark:
    assert parent.stdout is not None
    mark = ProcessMark.of(int(parent.stdout.readline()))
    assert mark is not None
    return mark


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc/net")
def test_nothing_listens_beyond_loopback(broker: EmbeddedBroker) -> None:
    """Every socket on which the broker listens is bound to 127.0.0.1, and there are exactly two."""
    descriptors = Path(f"/proc/{broker.mark.pid}/fd").iterdir()
    inodes = {target[8:-1] for link in descriptors if (target := _target(link)).startswith("socket:[")}
    listening = [
        fields[1]
        for table in ("tcp", "tcp6")
        for fields in map(
            str.split, Path(f"/proc/{broker.mark.pid}/net/{table}").read_text().splitlines()[1:]
        )
        if fields[3] == "0A" and fields[9] in inodes
    ]
    assert sorted(listening) == sorted(
        f"0100007F:{port:04X}" for port in (broker.ports.client, broker.ports.controller)
    )


def _target(link: Path) -> str:
    try:
        return str(link.readlink())
    except OSError:
        return ""


def test_a_wrong_password_is_named_without_being_shown(broker: EmbeddedBroker) -> None:
    """A wrong password ends in an error that names the user, and not in a time-out."""
    connection = broker.super_user(NAMING)
    wrong = Connection(
        connection.bootstrap, NAMING, None, {**connection.security, "sasl.password": "not-the-one"}
    )
    with pytest.raises(AccessError, match="does not accept the password of `broker`") as caught:
        Admin(wrong).reachable(5)
    assert "not-the-one" not in str(caught.value) + repr(wrong)


def test_controller_port_closes_a_connection_that_does_not_authenticate(broker: EmbeddedBroker) -> None:
    """One frame to the controller without credentials gets no answer: the connection is closed."""
    create_acls = bytes.fromhex("001e0003000000010004")  # api key 30, version 3: never reached
    with socket.create_connection(("127.0.0.1", broker.ports.controller), timeout=10) as stranger:
        stranger.sendall(len(create_acls).to_bytes(4) + create_acls)
        try:
            answer = stranger.recv(1024)
        except ConnectionResetError:
            answer = b""
    assert answer == b""


def test_private_files_are_for_their_owner_only(broker: EmbeddedBroker) -> None:
    """No file or folder of the state folder gives group or others any right, passwords and data included."""
    whole = [broker.state.path, *broker.state.path.rglob("*")]
    assert len(whole) > 10
    assert [path for path in whole if path.exists() and _open_to_others(path)] == []


def _open_to_others(path: Path) -> bool:
    try:
        return bool(path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO))
    except FileNotFoundError:  # Kafka renames and deletes while we look
        return False


def test_no_secret_is_on_a_command_line(broker: EmbeddedBroker) -> None:
    """What every local user can read of the process holds no password."""
    shown = subprocess.run(
        ["ps", "-ww", "-o", "args=", "-p", str(broker.mark.pid)], capture_output=True, text=True, check=True
    ).stdout
    assert "kafka.Kafka" in shown
    assert broker.state.secret("broker") not in shown


def test_a_taken_port_is_an_error_that_names_it(state: StateFolder) -> None:
    """A port on which something listens is refused before anything is started."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(BrokerError, match=f"port {port} on 127.0.0.1 is taken"):
            EmbeddedBroker.start(state, port=port)
    assert running_broker(state) is None


def test_an_unusable_state_folder_is_an_error_that_names_it(tmp_path: Path) -> None:
    """A state folder that cannot be made says so, and which setting to change."""
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ConfigurationError, match=r"file/state` cannot be used as state folder .*`state_dir`"):
        EmbeddedBroker.start(StateFolder(tmp_path / "file" / "state"))


def test_a_broker_that_cannot_start_names_its_log(state: StateFolder) -> None:
    """Damaged data ends in an error that names the log, where the reason is."""
    java = Java.provide()
    state.create()
    data = BrokerFolder(state.broker).data
    data.mkdir()
    (data / "meta.properties").write_text("version=1\n")
    with pytest.raises(BrokerError, match=r"not usable.*broker\.log") as caught:
        EmbeddedBroker.start(state, java=java)
    log = Path(str(caught.value).rpartition("its log is `")[2].rstrip("`"))
    assert "meta.properties" in log.read_text()


def test_a_damaged_jar_is_named_with_what_to_do(tmp_path: Path) -> None:
    """A jar that is not the locked one is refused, by its name, and never started."""
    cache = _cache_of_links(tmp_path)
    victim = cache / "kafka-4.3.0" / locked_jars()[0].file_name
    content = victim.read_bytes()
    victim.unlink()
    victim.write_bytes(content[:-1] + b"!")
    with pytest.raises(BrokerError, match=rf"{victim.name}` is damaged .* delete that file"):
        provide_jars(cache)


def test_no_network_and_an_empty_cache_is_an_error_that_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without jars and without a way to get them, the message says what would help."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # the discard port: nobody listens
    with pytest.raises(BrokerError, match=r"could not be downloaded .* connect to the network once, or copy"):
        provide_jars(tmp_path)
    assert list(tmp_path.rglob("*.jar")) == []


def _cache_of_links(tmp_path: Path) -> Path:
    for jar in provide_jars():
        target = tmp_path / "kafka-4.3.0" / jar.name
        target.parent.mkdir(exist_ok=True)
        try:
            target.hardlink_to(jar)
        except OSError:  # the cache is on another device
            shutil.copyfile(jar, target)
    return tmp_path
