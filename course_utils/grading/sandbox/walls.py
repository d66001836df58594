"""Linux's walls, called directly: namespaces, mounts, capabilities, a filter of system calls.

Sources: the manual pages namespaces(7), user_namespaces(7), mount(2), capabilities(7), prctl(2),
seccomp(2). Everything here raises OSError with the name of the call that was refused.
"""

from __future__ import annotations

import ctypes
import os
import platform
import re
import resource
import struct
from pathlib import Path

_libc = ctypes.CDLL(None, use_errno=True)

NEWNS, NEWUTS, NEWIPC, NEWUSER = 0x00020000, 0x04000000, 0x08000000, 0x10000000
NEWPID, NEWNET = 0x20000000, 0x40000000
_NOSUID, _NODEV, _NOEXEC, _READ_ONLY = 2, 4, 8, 1
_REMOUNT, _BIND, _RECURSIVE, _PRIVATE = 32, 4096, 16384, 1 << 18
_NO_NEW_PRIVILEGES, _SECCOMP, _PARENT_DEATH, _DROP_BOUND = 38, 22, 1, 24


def _checked(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def _mount(source: str, target: str, kind: str, flags: int, options: str = "") -> None:
    _checked(
        _libc.mount(source.encode(), target.encode(), kind.encode(), flags, options.encode()),
        f"mount of {kind or 'nothing'} on {target}",
    )


def mount_tmpfs(target: str, size: int, files: int, mode: str = "0700") -> None:
    """Put an empty folder in memory over `target`: at most `size` bytes in `files` files."""
    options = f"size={size},nr_inodes={files},mode={mode}"
    _mount("tmpfs", target, "tmpfs", _NOSUID | _NODEV, options)


def mount_proc(target: str = "/proc") -> None:
    """Show the processes of this PID namespace, and no others, under /proc."""
    _mount("proc", target, "proc", _NOSUID | _NODEV | _NOEXEC)


def bind(source: str, target: str) -> None:
    """Make a folder or file appear at another place too."""
    _mount(source, target, "", _BIND | _RECURSIVE)


def detach(target: str) -> None:
    """Take a mount away."""
    _checked(_libc.umount2(target.encode(), 2), f"umount of {target}")


def mount_points() -> list[str]:
    """Return the places where something is mounted in this namespace."""
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    return [re.sub(r"\\(\d{3})", lambda m: chr(int(m[1], 8)), line.split()[4]) for line in lines]


def keep_mounts_private() -> None:
    """Keep the mounts of this namespace from appearing in another one."""
    _mount("none", "/", "", _RECURSIVE | _PRIVATE)


def unshare(flags: int) -> None:
    """Leave the named namespaces for new ones."""
    _checked(_libc.unshare(flags), "unshare")


def become(user: int, was: tuple[int, int]) -> None:
    """Say that user and group `was` of the outside are `user` in this new user namespace."""
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{user} {was[0]} 1")
    Path("/proc/self/gid_map").write_text(f"{user} {was[1]} 1")


def forbid_user_namespaces() -> None:
    """Forbid more user namespaces inside this one: less of the kernel can be reached."""
    Path("/proc/sys/user/max_user_namespaces").write_text("0")


def die_with_parent(signal: int = 9) -> None:
    """Have the kernel kill this process when its parent ends."""
    _checked(_libc.prctl(_PARENT_DEATH, signal, 0, 0, 0), "prctl(PR_SET_PDEATHSIG)")


def drop_capabilities() -> None:
    """Give up every capability, for this process and all that it starts."""
    for number in range(64):
        if _libc.prctl(_DROP_BOUND, number, 0, 0, 0) != 0:
            break
    _checked(_libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0), "prctl(PR_SET_NO_NEW_PRIVS)")
    header = struct.pack("<Ii", 0x20080522, 0)
    _checked(_libc.capset(header, bytes(24)), "capset")


def limit(kind: int, value: int) -> None:
    """Set a resource limit, soft and hard, to `value` or to what is allowed if that is less."""
    hard = resource.getrlimit(kind)[1]
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(kind, (value, value))


# --- system calls --------------------------------------------------------------------------------

_MACHINES = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}
# What nobody needs for learning, with its number on x86-64 and on arm64.
_FORBIDDEN = {
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "setns": (308, 268),
    "unshare": (272, 97),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "kexec_load": (246, 104),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "vmsplice": (278, 75),  # hides memory in pipes
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsmount": (432, 432),
    "pidfd_getfd": (438, 438),
    "mount_setattr": (442, 442),
    "shmget": (29, 194),
    "msgget": (68, 186),
    "semget": (64, 190),
}
_SOCKET = (41, 198)
_UNIX_SOCKETS = 1
_ALLOW, _DENY, _KILL = 0x7FFF0000, 0x00050000 | 1, 0x80000000  # EPERM
_LOAD, _EQUAL, _RETURN, _ABOVE = 0x20, 0x15, 0x06, 0x35


def _filter(architecture: int, column: int) -> bytes:
    """The filter as a classic BPF program: forbidden calls, and sockets that are not local."""
    numbers = sorted(pair[column] for pair in _FORBIDDEN.values())
    program: list[tuple[int, int, int, int]] = [
        (_LOAD, 0, 0, 4),  # the architecture of the call
        (_EQUAL, 1, 0, architecture),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, 0),  # its number
        (_ABOVE, 0, 1, 0x40000000),  # the x32 calls of x86-64
        (_RETURN, 0, 0, _DENY),
    ]
    for number in numbers:
        program += [(_EQUAL, 0, 1, number), (_RETURN, 0, 0, _DENY)]
    program += [
        (_EQUAL, 0, 3, _SOCKET[column]),
        (_LOAD, 0, 0, 16),  # the family of the socket
        (_EQUAL, 1, 0, _UNIX_SOCKETS),
        (_RETURN, 0, 0, _DENY),
        (_RETURN, 0, 0, _ALLOW),
    ]
    return b"".join(struct.pack("<HBBI", *line) for line in program)


def filter_system_calls() -> bool:
    """Refuse the calls that a course never needs; False where no filter is known for the machine.

    Sockets other than local ones are refused as well: some kinds (vsock) know no namespaces.
    """
    known = _MACHINES.get(platform.machine())
    if known is None:
        return False
    code = _filter(*known)
    buffer = ctypes.create_string_buffer(code, len(code))
    program = struct.pack("<HxxxxxxQ", len(code) // 8, ctypes.addressof(buffer))
    _checked(_libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0), "prctl(PR_SET_NO_NEW_PRIVS)")
    _checked(_libc.prctl(_SECCOMP, 2, program, 0, 0), "prctl(PR_SET_SECCOMP)")
    return True
