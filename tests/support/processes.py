"""The processes that a test started: who descends from whom, what they listen on, whether they are gone. Linux."""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
LISTEN = "0A"


@dataclass(frozen=True, slots=True)
class Process:
    """``started`` tells a process from a later one with the same id."""

    pid: int
    parent: int
    started: int
    state: str

    @property
    def alive(self) -> bool:
        now = look(self.pid)
        return now is not None and now.started == self.started and now.state != "Z"

    @property
    def command(self) -> str:
        try:
            return (PROC / str(self.pid) / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            return ""


def look(pid: int) -> Process | None:
    try:
        text = (PROC / str(pid) / "stat").read_text(errors="replace")
    except OSError:
        return None
    state, parent, *more = text.rpartition(")")[2].split()  # the name before it may hold anything
    return Process(pid, int(parent), int(more[17]), state)


def family(pid: int) -> list[Process]:
    """The process and all that descend from it now."""
    everyone = [found for entry in PROC.iterdir() if entry.name.isdecimal() and (found := look(int(entry.name)))]
    members = {pid}
    while more := {p.pid for p in everyone if p.parent in members} - members:
        members |= more
    return [process for process in everyone if process.pid in members]


def survivors(processes: Collection[Process], within: float) -> list[str]:
    """The commands of those that are alive after ``within`` seconds, at the latest."""
    deadline = time.monotonic() + within
    while (left := [p for p in processes if p.alive]) and time.monotonic() < deadline:
        time.sleep(0.1)
    return [f"{process.pid} {process.command}" for process in left]


def listening(processes: Collection[Process]) -> list[str]:
    """The local addresses (as in /proc/net/tcp, hexadecimal) on which they accept connections."""
    inodes = {inode for process in processes for inode in _sockets(process.pid)}
    return [address for address, inode in _listeners() if inode in inodes]


def _sockets(pid: int) -> list[str]:
    try:
        links = [str(entry.readlink()) for entry in (PROC / str(pid) / "fd").iterdir()]
    except OSError:
        return []
    return [link[8:-1] for link in links if link.startswith("socket:[")]


def _listeners() -> list[tuple[str, str]]:
    rows = [line.split() for name in ("tcp", "tcp6") for line in (PROC / "net" / name).read_text().splitlines()[1:]]
    return [(row[1], row[9]) for row in rows if row[3] == LISTEN]
