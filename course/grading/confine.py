"""What a process takes away from itself before a learner's code runs in it: Linux only, through ctypes.

seccomp   no new namespaces, no sockets, no tracing, no kernel keys, no mounts: they fail with "not permitted"
landlock  no file can be opened but those below the given folders, and none can be written
"""

import ctypes
import functools
import itertools
import os
import platform
import resource
import struct
import sys

SCRATCH = "size=64m,nr_inodes=4096,mode=1777"  # of a child's own folder for files, and of /dev/shm
LARGE = 1 << 21
CLONE_NEWNS, CLONE_NEWIPC, CLONE_NEWUSER, CLONE_NEWPID = 0x20000, 0x8000000, 0x10000000, 0x20000000
_NO_NEW_PRIVS, _SET_SECCOMP, _SET_DUMPABLE, _CAPBSET_DROP, _CAP_AMBIENT, _CHILD_SUBREAPER = 38, 22, 4, 24, 47, 36
_PDEATHSIG = 1
_EPERM, _ENOSYS = 1, 38

# The audit architecture, and the numbers of system calls.
_CALLS = {
    "x86_64": (0xC000003E, {
        "socket": 41, "ptrace": 101, "mount": 165, "umount2": 166, "pivot_root": 155, "chroot": 161, "unshare": 272,
        "setns": 308, "keyctl": 250, "add_key": 248, "request_key": 249, "bpf": 321, "perf_event_open": 298,
        "userfaultfd": 323, "io_uring_setup": 425, "process_vm_readv": 310, "process_vm_writev": 311,
        "pidfd_getfd": 438, "kexec_load": 246, "init_module": 175, "finit_module": 313, "setsid": 112,
        "open_by_handle_at": 304, "mount_setattr": 442, "fsopen": 430, "move_mount": 429, "open_tree": 428,
        "shmget": 29, "msgget": 68, "semget": 64, "mq_open": 240, "swapon": 167, "acct": 163, "setpgid": 109,
        "connect": 42, "bind": 49, "listen": 50, "accept": 43, "accept4": 288, "syslog": 103,
        "memfd_create": 319, "memfd_secret": 447, "setpriority": 141, "ioprio_set": 251,
        "sched_setscheduler": 144, "sched_setparam": 142, "sched_setattr": 314,
    }, {
        "chmod": 90, "fchmod": 91, "fchmodat": 268, "fchmodat2": 452, "chown": 92, "fchown": 93, "lchown": 94,
        "fchownat": 260, "utime": 132, "utimes": 235, "futimesat": 261, "utimensat": 280, "truncate": 76,
        "setxattr": 188, "lsetxattr": 189, "fsetxattr": 190, "removexattr": 197, "lremovexattr": 198,
        "fremovexattr": 199, "setxattrat": 463, "removexattrat": 466, "file_setattr": 469,
    }, {
        "kill": 62, "tkill": 200, "tgkill": 234, "rt_sigqueueinfo": 129, "rt_tgsigqueueinfo": 297,
        "pidfd_send_signal": 424,
    }, {"clone": 56, "clone3": 435, "socketpair": 53, "prlimit64": 302, "sched_setaffinity": 203, "ioctl": 16}),
    "aarch64": (0xC00000B7, {
        "socket": 198, "ptrace": 117, "mount": 40, "umount2": 39, "pivot_root": 41, "chroot": 51, "unshare": 97,
        "setns": 268, "keyctl": 219, "add_key": 217, "request_key": 218, "bpf": 280, "perf_event_open": 241,
        "userfaultfd": 282, "io_uring_setup": 425, "process_vm_readv": 270, "process_vm_writev": 271,
        "pidfd_getfd": 438, "kexec_load": 104, "init_module": 105, "finit_module": 273, "setsid": 157,
        "open_by_handle_at": 265, "mount_setattr": 442, "fsopen": 430, "move_mount": 429, "open_tree": 428,
        "shmget": 194, "msgget": 186, "semget": 190, "mq_open": 180, "swapon": 224, "acct": 89, "setpgid": 154,
        "connect": 203, "bind": 200, "listen": 201, "accept": 202, "accept4": 242, "syslog": 116,
        "memfd_create": 279, "memfd_secret": 447, "setpriority": 140, "ioprio_set": 30,
        "sched_setscheduler": 119, "sched_setparam": 118, "sched_setattr": 274,
    }, {
        "fchmod": 52, "fchmodat": 53, "fchmodat2": 452, "fchownat": 54, "fchown": 55, "utimensat": 88,
        "truncate": 45, "setxattr": 5, "lsetxattr": 6, "fsetxattr": 7, "removexattr": 14, "lremovexattr": 15,
        "fremovexattr": 16, "setxattrat": 463, "removexattrat": 466, "file_setattr": 469,
    }, {
        "kill": 129, "tkill": 130, "tgkill": 131, "rt_sigqueueinfo": 138, "rt_tgsigqueueinfo": 240,
        "pidfd_send_signal": 424,
    }, {"clone": 220, "clone3": 435, "socketpair": 199, "prlimit64": 261, "sched_setaffinity": 122, "ioctl": 29}),
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


def enter_namespace(scratch):
    """In a process that is the first of a new process namespace: its own /proc and empty folders for its files."""
    unshare(CLONE_NEWNS | CLONE_NEWIPC)
    private_mounts()
    mount("proc", "/proc", "proc")
    for folder in {scratch, "/dev/shm"}:
        mount("tmpfs", folder, "tmpfs", SCRATCH)


def own_memory():
    """[(first address, the one behind the last)] of this process's own memory, which no file backs."""
    with open("/proc/self/maps") as file:
        regions = [line.split() for line in file]
    return [
        tuple(int(x, 16) for x in region[0].split("-"))
        for region in regions
        if region[1] == "rw-p" and region[4] == "0" and (len(region) == 5 or region[5] == "[heap]")
    ]


def large_pages(but=()):
    """Puts this process's own memory, but for these regions, into pages of 2 MB where the system can.

    A fork copies a table of pages, and an exit goes through it: with torch 3 ms in place of 8, and 5 in place of 12.
    """
    edges = sorted({edge for region in but for edge in region})
    for begin, end in own_memory():
        cuts = [begin, *(edge for edge in edges if begin < edge < end), end]
        for low, high in itertools.pairwise(cuts):
            low, high = -(-low // LARGE) * LARGE, high // LARGE * LARGE
            if high > low and not any(first <= low < last for first, last in but):
                _libc.madvise(ctypes.c_void_p(low), ctypes.c_size_t(high - low), 25)  # collapse


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


class _Filter(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("code", ctypes.c_char_p)]


def has_seccomp():
    return platform.machine() in _CALLS and platform.system() == "Linux"


def seccomp(*, files=True, signals=True):
    """Refuses the calls above to this process and its descendants. Raises OSError where the system cannot.

    files    whether modes, owners, times and attributes of files may be changed; what guards files must do so
    signals  whether other processes may be sent signals; where they are all in sight, they must not
    """
    given = seccomp_filter(files, signals, None if signals else os.getpid())
    _call("prctl", _NO_NEW_PRIVS, ctypes.c_ulong(1), 0, 0, 0)
    _call("prctl", _SET_SECCOMP, ctypes.c_ulong(2), ctypes.byref(given), 0, 0)


@functools.cache
def seccomp_filter(files=True, signals=True, pid=None):
    """The filter that `seccomp` sets, as the kernel takes it. A zygote makes it once, before there are children.

    pid: the process that may send itself signals where signals are refused.
    """
    architecture, calls, of_files, of_signals, looked_at = _CALLS[platform.machine()]
    refused = {**calls, **({} if files else of_files)}
    code = []

    def op(kind, value, yes=0, no=0):
        code.append(struct.pack("<HBBI", kind, yes, no, value))

    def when(name, *tests):
        """Looks at a call's arguments: each test is one or more steps that end in a refusal or lead on."""
        steps = [step for test in tests for step in test]
        op(equal, looked_at[name], 0, len(steps) + 1)
        for step in steps:
            op(*step)
        op(give, allow)

    load, equal, any_bit, give, low_bits = 0x20, 0x15, 0x45, 0x06, 0x54
    allow, kill = 0x7FFF0000, 0x80000000
    deny = 0x00050000  # an error number
    argument = [16 + 8 * i for i in range(6)]  # the lower half of each; both machines are little-endian
    refuse = (give, deny | _EPERM)
    op(load, 4)  # the architecture
    op(equal, architecture, 1, 0)
    op(give, kill)
    op(load, 0)  # the number of the call
    op(0x35, 0x40000000, 0, 1)  # x32 numbers of x86-64
    op(*refuse)
    for number in sorted(refused.values()):
        op(equal, number, 0, 1)
        op(*refuse)
    op(equal, looked_at["clone3"], 0, 1)  # its flags lie in memory, out of sight; the C library then takes clone
    op(give, deny | _ENOSYS)
    when("clone", [(load, argument[0]), (any_bit, 0x7E020000, 0, 1), refuse])  # any new namespace
    # Datagrams could be sent to any address; a stream has none.
    when("socketpair", [(load, argument[1]), (low_bits, 0xF), (equal, 1, 1, 0), refuse])
    for name in ("prlimit64", "sched_setaffinity"):  # of this process only
        when(name, [(load, argument[0]), (equal, 0, 1, 0), refuse])
    if not files:
        when("ioctl", [(load, argument[1]), (equal, 0x40086602, 1, 0), (equal, 0x401C5820, 0, 1), refuse])
    if not signals:
        for name, number in of_signals.items():
            op(equal, number, 0, 5 if name in ("kill", "tgkill") else 1)
            if name in ("kill", "tgkill"):
                op(load, argument[0])
                op(equal, pid, 2, 0)
                op(equal, 0, 1, 0)  # its own group
                op(*refuse)
                op(give, allow)
            else:
                op(*refuse)
    op(give, allow)
    program = b"".join(code)
    return _Filter(len(code), program)


_CREATE, _ADD, _RESTRICT = 444, 445, 446
_READ = 0b1101  # execute, read a file, read a folder
_WRITE = 0b10


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
            if path == os.devnull:
                allowed |= _WRITE
            rule = struct.pack("<Qi", allowed, fd)
            if _libc.syscall(_ADD, rules, 1, ctypes.c_char_p(rule), 0) == -1:
                raise OSError(ctypes.get_errno(), f"landlock_add_rule: {path}")
        finally:
            os.close(fd)
    _call("prctl", _NO_NEW_PRIVS, ctypes.c_ulong(1), 0, 0, 0)
    if _libc.syscall(_RESTRICT, rules, 0) == -1:
        raise OSError(ctypes.get_errno(), "landlock_restrict_self")
    os.close(rules)


def rehearse(scratch):
    """Does what is needed for one child in namespaces of its own: raises OSError where the system refuses."""
    own = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
    unshare(CLONE_NEWPID)
    pid = os.fork()
    if pid == 0:
        why = 0
        try:
            enter_namespace(scratch)
        except OSError as error:
            why = error.errno
        os._exit(why)
    setns(own, CLONE_NEWPID)
    why = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if why:
        raise OSError(why, f"namespaces of its own: {os.strerror(why)}")


if __name__ == "__main__":
    rehearse(sys.argv[1])
