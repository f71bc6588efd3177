"""The compose file for real: brought up from nothing, used from the host as its operator would, taken down."""

import os
import secrets
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from container_engine import docker
from kafka_container import IMAGE, free_port
from readme_text import TREE

FILE: Final = TREE / "compose" / "compose.yaml"
UP_S: Final = 240.0


@dataclass
class Stack:
    """One project of the compose file, with volumes and a port of its own."""

    image: str
    folder: Path
    """Of the operator, on the host; made by `take_home`."""
    project: str = field(default_factory=lambda: f"sluicegate-test-{secrets.token_hex(3)}")
    port: int = field(default_factory=free_port)
    began: float = field(default_factory=time.monotonic)

    @property
    def environment(self) -> Mapping[str, str]:
        """What `.env` would hold."""
        return {
            **os.environ,
            "KAFKA_IMAGE": IMAGE,
            "KAFKA_HEAP_OPTS": "-Xmx512m",
            "KAFKA_PORT": str(self.port),
            "SLUICEGATE_IMAGE": self.image,
        }

    @property
    def seconds(self) -> float:
        """Since before `up`."""
        return time.monotonic() - self.began

    def up(self) -> None:
        """Return when every container is healthy; what they logged is in the error otherwise."""
        self.began = time.monotonic()
        done = self.compose("up", "--wait", "--pull", "never", "--no-build", check=False)
        assert done.returncode == 0, done.stderr[-2000:] + self.logs()

    def down(self) -> None:
        """Containers, network and volumes go."""
        self.compose("down", "--volumes", "--timeout", "20")

    def logs(self) -> str:
        """The last lines of every container."""
        return self.compose("logs", "--no-color", "--tail", "25", check=False).stdout

    def take_home(self) -> None:
        """The operator's folder, from the volume to the host."""
        self.compose("cp", "setup:/var/lib/sluicegate/operator", str(self.folder))

    def compose(self, *words: str, check: bool = True) -> "subprocess.CompletedProcess[str]":
        """`docker compose` with this project."""
        command = ["docker", "compose", "--project-name", self.project, "--file", str(FILE), *words]
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=UP_S, check=False, env=self.environment
        )
        assert done.returncode == 0 or not check, done.stdout[-2000:] + done.stderr[-2000:]
        return done

    def sluicegate(self, *words: str) -> str:
        """A command on the host, in the operator's folder; what it printed."""
        command = [sys.executable, "-m", "sluicegate", *words]
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=60, check=False, cwd=self.folder
        )
        assert done.returncode == 0, done.stdout + done.stderr + self.logs()
        return done.stdout

    def await_in_inbox(self, action_id: str, limit_s: float = 30.0) -> None:
        """Return once reviewers are asked about an action."""
        deadline = time.monotonic() + limit_s
        while action_id not in self.sluicegate("inbox", "--json"):
            assert time.monotonic() < deadline, f"nobody is asked about {action_id}: {self.logs()}"

    def containers(self) -> list[str]:
        """Ids of all containers, ended ones too."""
        return self._listed("ps", "--all")

    def started(self, service: str) -> str:
        """When the container of a service started."""
        (name,) = self.compose("ps", "--quiet", service).stdout.split()
        return docker("inspect", "--format", "{{.State.StartedAt}}", name).stdout

    def volumes(self) -> list[str]:
        """Names of all volumes."""
        return self._listed("volume", "ls")

    def inside(self, service: str, *words: str) -> str:
        """What a program in a service's container prints."""
        return self.compose("exec", "--no-TTY", service, *words).stdout

    def _listed(self, *words: str) -> list[str]:
        return docker(
            *words, "--quiet", "--filter", f"label=com.docker.compose.project={self.project}"
        ).stdout.split()
