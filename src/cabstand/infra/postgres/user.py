"""As whom the server runs. PostgreSQL refuses to run as root; if we are root, another identity is found for it.

We never make a user and never open up the permissions of a folder that is not ours.
"""

import os
import pwd
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from cabstand.infra.postgres import launch
from cabstand.infra.postgres.binaries import Binaries, copied
from cabstand.infra.postgres.errors import PostgresError

# PATH for initdb's shell, the library paths in case our Python needs them to run the launcher.
_KEPT = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "TMPDIR")
# Asked by a real program, because only exec takes root's capabilities away in a namespace.
_MAY_ENTER = 'cd "$1" && test "$(id -u)" != 0'


class Way(StrEnum):
    """How the server comes to its user, in the order in which root tries them."""

    SAME = "same"
    NAMESPACE = "namespace"
    NOBODY = "nobody"
    COPY = "copy"
    """Like NOBODY, with a copy of the programs where nobody can read them."""


ROOT_WAYS = (*((Way.NAMESPACE,) if sys.platform.startswith("linux") else ()), Way.NOBODY, Way.COPY)


@dataclass(frozen=True, kw_only=True)
class ServerUser:
    """An identity that works for the server, and the programs it can run."""

    way: Way
    uid: int
    gid: int
    """What the program sees as its ids."""
    binaries: Binaries

    def command(self, *program: str | Path) -> list[str]:
        """The command line that runs the program as this user and lets it die with us."""
        way = Way.NOBODY if self.way is Way.COPY else self.way
        ids = (str(self.uid), str(self.gid), str(os.getpid()))
        return [sys.executable, "-I", "-S", launch.__file__, way, *ids, *map(str, program)]

    def own(self, root: Path) -> None:
        """Make `root` and all below belong to this user. Does nothing unless we are root and it does not yet."""
        uid, gid = (self.uid, self.gid) if self.way in (Way.NOBODY, Way.COPY) else (os.geteuid(), os.getegid())
        if os.geteuid() != 0 or root.lstat().st_uid == uid:
            return
        for folder, folders, files in os.walk(root, topdown=False):
            for name in (*files, *folders):
                os.lchown(Path(folder, name), uid, gid)
        os.lchown(root, uid, gid)  # last, so that an interrupted change is done again


def environment() -> dict[str, str]:
    """The little that PostgreSQL's programs need; their messages are in English, nothing of ours is handed on."""
    return {name: os.environ[name] for name in _KEPT if name in os.environ} | {"LC_ALL": "C", "TZ": "UTC"}


def find(binaries: Binaries, home: Path, ways: Sequence[Way] | None = None, *, may_copy: bool = True) -> ServerUser:
    """The first way that truly works for programs and data under `home`, tried with a small child each.

    `ways` narrows the choice (for tests). With `may_copy` false nothing is written: the way COPY counts as working
    as soon as nobody can enter `home`. Raises PostgresError with the reason of each refusal.
    """
    if ways is None:
        ways = ROOT_WAYS if os.geteuid() == 0 else (Way.SAME,)
    refusals: list[str] = []
    for way in ways:
        user = _candidate(way, binaries)
        refusal = "there is no user called nobody"
        if user is not None:
            refusal = _refusal(user, home, None if way is Way.COPY else binaries.postgres)
            if not refusal and way is Way.COPY and may_copy:
                user = replace(user, binaries=copied(binaries, home))
                refusal = _refusal(user, home, user.binaries.postgres)
            if not refusal:
                return user
        refusals.append(f"{way}: {refusal}")
    reasons = "; ".join(refusals)
    if os.geteuid() != 0:
        raise PostgresError(f"The programs in {binaries.folder} do not run here for data in {home} ({reasons}).")
    raise PostgresError(
        f"PostgreSQL does not run as root, and no other identity works here ({reasons}). Start Cabstand as an "
        "ordinary user, or choose a data directory that every user may enter, for example --data /var/lib/cabstand."
    )


def _candidate(way: Way, binaries: Binaries) -> ServerUser | None:
    if way is Way.SAME:
        return ServerUser(way=way, uid=os.geteuid(), gid=os.getegid(), binaries=binaries)
    try:
        # In the namespace any id but 0 would do, if initdb did not look up its name.
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        return None
    return ServerUser(way=way, uid=nobody.pw_uid, gid=nobody.pw_gid, binaries=binaries)


def _refusal(user: ServerUser, home: Path, program: Path | None) -> str:
    """Why this user cannot enter `home` and run the program (or just enter, with None); empty if it can."""
    script = _MAY_ENTER if program is None else f'{_MAY_ENTER} && exec "$2" --version'
    answer = subprocess.run(
        user.command("/bin/sh", "-c", script, "probe", home, program or ""),
        capture_output=True,
        text=True,
        cwd="/",
        env=environment(),
        timeout=30,
    )
    if answer.returncode == 0:
        return ""
    return answer.stderr.strip() or f"it ended with status {answer.returncode}"
