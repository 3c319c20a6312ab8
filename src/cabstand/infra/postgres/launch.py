"""Become the user that the server runs as, die with the parent, then turn into the program named.

Run as a program of its own by `python -I -S`, so it imports nothing of ours. A separate program and not a function
between fork and exec, because a new user namespace and a clean change of user need a process with one thread.

Arguments: way (same, namespace or nobody), user id, group id, process id of the parent, program, its arguments.
"""

import ctypes
import os
import signal
import sys

CLONE_NEWUSER = 0x10000000
PR_SET_PDEATHSIG = 1


def become_ordinary_in_namespace(uid: int, gid: int) -> None:
    """Enter a new user namespace in which our own id is `uid`. Outside of it nothing changes, files stay ours."""
    outside_uid, outside_gid = os.geteuid(), os.getegid()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWUSER) != 0:
        raise OSError(ctypes.get_errno(), "a user namespace was refused")
    # The kernel wants setgroups denied before an unprivileged process may write its group map.
    maps = {"setgroups": "deny", "uid_map": f"{uid} {outside_uid} 1", "gid_map": f"{gid} {outside_gid} 1"}
    for name, text in maps.items():
        with open(f"/proc/self/{name}", "w") as file:
            file.write(text)


def drop_to(uid: int, gid: int) -> None:
    """Give up root for good."""
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)


def die_with(parent: int) -> None:
    """Ask the kernel for SIGINT (a fast shutdown) when the thread that started us ends. Only Linux can."""
    if not sys.platform.startswith("linux"):
        return
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, int(signal.SIGINT), 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "the parent's death cannot be watched")
    if os.getppid() != parent:  # it died before we asked
        sys.exit(1)


def main(arguments: list[str]) -> None:
    """Never returns: ends as the program, or with status 126 and a line on standard error."""
    way, uid, gid, parent, *command = arguments
    try:
        if way == "namespace":
            become_ordinary_in_namespace(int(uid), int(gid))
        elif way == "nobody":
            drop_to(int(uid), int(gid))
        die_with(int(parent))  # after the change of user, which clears it
        os.execv(command[0], command)
    except OSError as error:
        print(f"cabstand: {error.strerror}: {error.filename or command[0]}", file=sys.stderr)
        sys.exit(126)


if __name__ == "__main__":
    main(sys.argv[1:])
