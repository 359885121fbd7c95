"""Runs one command that must not outlive whoever started it, and without root's rights: ``python FILE COMMAND...``.

While standard input stays open and its parent lives the command runs; then it gets SIGINT, which PostgreSQL takes
as a fast shutdown. A ``k`` on standard input kills it at once, for failure tests. The exit code is the command's.
PostgreSQL refuses to run as root: root becomes nobody, in a user namespace of its own where Linux allows that, else
for real, taking the working directory along.

A process of its own rather than a thread: Linux sends the parent-death signal when the forking *thread* ends, and
this one's only thread lives as long as the command. It imports nothing but the standard library.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import pwd
import select
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

NOBODY = 65534
PR_SET_PDEATHSIG = 1
PARENT_CHECK_SECONDS = 1.0
SHUTDOWN_SECONDS = 10.0

_prctl = ctypes.CDLL(None, use_errno=True).prctl if sys.platform == "linux" else None


def die_with_parent() -> None:
    """For the forked child, after its last change of user: that clears the signal."""
    if _prctl is not None and _prctl(PR_SET_PDEATHSIG, signal.SIGINT, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")


def become_nobody_in_a_namespace() -> None:
    """Map nobody to our own user: files that root made stay readable, rights over the machine are gone."""
    os.unshare(os.CLONE_NEWUSER)
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{NOBODY} 0 1")
    Path("/proc/self/gid_map").write_text(f"{NOBODY} 0 1")
    die_with_parent()


def spawn(command: list[str], prepare: Callable[[], None], user: str | None = None) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        preexec_fn=prepare,  # noqa: PLW1509 (this process has one thread)
        user=user,
        group=pwd.getpwnam(user).pw_gid if user else None,
        extra_groups=[] if user else None,
    )


def start(command: list[str]) -> subprocess.Popen[bytes]:
    if os.geteuid() != 0:
        return spawn(command, die_with_parent)
    if sys.platform == "linux":
        with contextlib.suppress(subprocess.SubprocessError, PermissionError):
            return spawn(command, become_nobody_in_a_namespace)
    _give_away(Path.cwd())
    return spawn(command, die_with_parent, user="nobody")


def _give_away(directory: Path) -> None:
    owner = pwd.getpwnam("nobody")
    for path in (directory, *directory.rglob("*")):
        os.chown(path, owner.pw_uid, owner.pw_gid, follow_symlinks=False)


def watch(child: subprocess.Popen[bytes], parent: int) -> None:
    """Return once the child has ended by itself or is to be stopped."""
    ended, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    while child.poll() is None and os.getppid() == parent:
        ready, _, _ = select.select([0, ended], [], [], PARENT_CHECK_SECONDS)
        if ended in ready:
            os.read(ended, 64)
        if 0 in ready:
            if os.read(0, 1) != b"k":
                return
            child.kill()
            child.wait()


def main(command: list[str]) -> int:
    for deaf in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(deaf, lambda *_: None)  # not SIG_IGN, which the command would inherit
    parent = os.getppid()
    child = start(command)
    watch(child, parent)
    if child.poll() is None:
        child.send_signal(signal.SIGINT)
        try:
            child.wait(SHUTDOWN_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
    return child.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]) & 0xFF)
