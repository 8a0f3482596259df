"""What a process takes away from itself before a learner's code runs in it: Linux only, through ctypes.

seccomp   no new namespaces, no sockets, no tracing, no kernel keys, no mounts: they fail with "not permitted"
landlock  no file can be opened but those below the given folders, and none can be written
"""

import ctypes
import os
import platform
import resource
import struct

CLONE_NEWNS, CLONE_NEWIPC, CLONE_NEWUSER, CLONE_NEWPID = 0x20000, 0x8000000, 0x10000000, 0x20000000
_NO_NEW_PRIVS, _SET_SECCOMP, _SET_DUMPABLE, _CAPBSET_DROP, _CAP_AMBIENT, _CHILD_SUBREAPER = 38, 22, 4, 24, 47, 36
_PDEATHSIG = 1
_EPERM, _ENOSYS = 1, 38

# audit architecture, and the numbers of the calls that are refused
_CALLS = {
    "x86_64": (0xC000003E, {
        "socket": 41, "ptrace": 101, "mount": 165, "umount2": 166, "pivot_root": 155, "chroot": 161, "unshare": 272,
        "setns": 308, "keyctl": 250, "add_key": 248, "request_key": 249, "bpf": 321, "perf_event_open": 298,
        "userfaultfd": 323, "io_uring_setup": 425, "process_vm_readv": 310, "process_vm_writev": 311,
        "pidfd_getfd": 438, "kexec_load": 246, "init_module": 175, "finit_module": 313, "setsid": 112,
        "open_by_handle_at": 304, "mount_setattr": 442, "fsopen": 430, "move_mount": 429, "open_tree": 428,
        "shmget": 29, "msgget": 68, "semget": 64, "mq_open": 240, "swapon": 167, "acct": 163,
    }, 56, 435),
    "aarch64": (0xC00000B7, {
        "socket": 198, "ptrace": 117, "mount": 40, "umount2": 39, "pivot_root": 41, "chroot": 51, "unshare": 97,
        "setns": 268, "keyctl": 219, "add_key": 217, "request_key": 218, "bpf": 280, "perf_event_open": 241,
        "userfaultfd": 282, "io_uring_setup": 425, "process_vm_readv": 270, "process_vm_writev": 271,
        "pidfd_getfd": 438, "kexec_load": 104, "init_module": 105, "finit_module": 273, "setsid": 157,
        "open_by_handle_at": 265, "mount_setattr": 442, "fsopen": 430, "move_mount": 429, "open_tree": 428,
        "shmget": 194, "msgget": 186, "semget": 190, "mq_open": 180, "swapon": 224, "acct": 89,
    }, 220, 435),
}  # fmt: skip

_libc = ctypes.CDLL(None, use_errno=True) if os.name == "posix" else None


def _call(function, *arguments):
    if getattr(_libc, function)(*arguments) == -1:
        number = ctypes.get_errno()
        raise OSError(number, f"{function}: {os.strerror(number)}")


def unshare(flags):
    _call("unshare", ctypes.c_int(flags))


def setns(fd, flags):
    _call("setns", ctypes.c_int(fd), ctypes.c_int(flags))


def mount(source, target, kind, options=""):
    flags = 2 | 4 | 8  # nosuid, nodev, noexec
    _call("mount", source.encode(), target.encode(), kind.encode(), ctypes.c_ulong(flags), options.encode())


def private_mounts():
    """Mounts made from now on are seen in this mount namespace only."""
    _call("mount", None, b"/", None, ctypes.c_ulong(0x4000 | 0x40000), None)  # recursive, private


def set_dumpable(on):
    """Whether processes of the same user may look into this one."""
    _call("prctl", _SET_DUMPABLE, ctypes.c_ulong(on), 0, 0, 0)


def die_with_parent():
    _call("prctl", _PDEATHSIG, ctypes.c_ulong(9), 0, 0, 0)


def adopt_orphans():
    """From now on the orphans among this process's descendants become its own children."""
    _call("prctl", _CHILD_SUBREAPER, ctypes.c_ulong(1), 0, 0, 0)


def limit(name, most):
    """Sets a resource limit, soft and hard, never above the one in force."""
    kind = getattr(resource, f"RLIMIT_{name}")
    hard = resource.getrlimit(kind)[1]
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(kind, (most, most))


def drop_privileges(uid=None):
    """No capability, and none to be had; another user if `uid` is given (then it must be root who calls)."""
    for capability in range(64):
        if _libc.prctl(_CAPBSET_DROP, ctypes.c_ulong(capability), 0, 0, 0) == -1:
            break
    _libc.prctl(_CAP_AMBIENT, ctypes.c_ulong(4), 0, 0, 0)  # clear all
    if uid is not None:
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
    header = struct.pack("<Ii", 0x20080522, 0)  # version 3, this process
    _call("capset", ctypes.c_char_p(header), ctypes.c_char_p(bytes(24)))
    _call("prctl", _NO_NEW_PRIVS, ctypes.c_ulong(1), 0, 0, 0)


def has_seccomp():
    return platform.machine() in _CALLS and platform.system() == "Linux"


def seccomp():
    """Refuses the calls above to this process and its descendants. Raises OSError where the system cannot."""
    architecture, calls, clone, clone3 = _CALLS[platform.machine()]
    code = []

    def op(kind, value, yes=0, no=0):
        code.append(struct.pack("<HBBI", kind, yes, no, value))

    load, equal, any_bit, give = 0x20, 0x15, 0x45, 0x06
    allow, kill = 0x7FFF0000, 0x80000000
    deny = 0x00050000  # an error number
    op(load, 4)  # the architecture
    op(equal, architecture, 1, 0)
    op(give, kill)
    op(load, 0)  # the number of the call
    op(0x35, 0x40000000, 0, 1)  # x32 numbers of x86-64
    op(give, deny | _EPERM)
    for number in sorted(calls.values()):
        op(equal, number, 0, 1)
        op(give, deny | _EPERM)
    op(equal, clone3, 0, 1)  # its flags lie in memory, out of sight; the C library then takes clone
    op(give, deny | _ENOSYS)
    op(equal, clone, 0, 3)
    op(load, 16)  # its flags
    op(any_bit, 0x7E020000, 0, 1)  # any new namespace
    op(give, deny | _EPERM)
    op(give, allow)
    program = b"".join(code)
    buffer = ctypes.create_string_buffer(program)

    class Filter(ctypes.Structure):
        _fields_ = [("length", ctypes.c_ushort), ("code", ctypes.c_void_p)]

    given = Filter(len(code), ctypes.addressof(buffer))
    _call("prctl", _NO_NEW_PRIVS, ctypes.c_ulong(1), 0, 0, 0)
    _call("prctl", _SET_SECCOMP, ctypes.c_ulong(2), ctypes.byref(given), 0, 0)


_CREATE, _ADD, _RESTRICT = 444, 445, 446
_READ = 0b1101  # execute, read a file, read a folder


def landlock_version():
    """The version of Landlock that this system has; 0 where there is none."""
    if platform.system() != "Linux" or platform.machine() not in _CALLS:
        return 0
    return max(0, _libc.syscall(_CREATE, None, ctypes.c_size_t(0), 1))


def landlock(readable):
    """From now on only files below the given folders can be read, and none written. Raises OSError."""
    version = landlock_version()
    rights = (1 << 13) - 1 if version < 2 else (1 << 14) - 1 if version < 3 else (1 << 15) - 1
    attributes = struct.pack("<QQQ", rights, 3 if version >= 4 else 0, 3 if version >= 6 else 0)
    size = 8 if version < 4 else 16 if version < 6 else 24
    rules = _libc.syscall(_CREATE, ctypes.c_char_p(attributes), ctypes.c_size_t(size), 0)
    if rules == -1:
        raise OSError(ctypes.get_errno(), "landlock_create_ruleset")
    for path in readable:
        try:
            fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except OSError:
            continue
        try:
            allowed = _READ if os.path.isdir(path) else _READ & ~0b1000
            rule = struct.pack("<Qi", allowed, fd)
            if _libc.syscall(_ADD, rules, 1, ctypes.c_char_p(rule), 0) == -1:
                raise OSError(ctypes.get_errno(), f"landlock_add_rule: {path}")
        finally:
            os.close(fd)
    _call("prctl", _NO_NEW_PRIVS, ctypes.c_ulong(1), 0, 0, 0)
    if _libc.syscall(_RESTRICT, rules, 0) == -1:
        raise OSError(ctypes.get_errno(), "landlock_restrict_self")
    os.close(rules)
