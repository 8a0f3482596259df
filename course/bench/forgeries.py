"""Hostile notebooks that forge what is sent, or patch what sends it. See `trials`."""

from course.bench.attacks import call, cell
from course.grading.model import CRASHED, FAILED, RAISED, TIMEOUT

# The number of the stage that runs now, and the channel, as a learner finds them.
FIND = """
import gc, os, socket, stat, struct, sys
from course.grading import wire
def channel():
    for fd in range(3, 256):
        try:
            if stat.S_ISSOCK(os.fstat(fd).st_mode):
                return fd
        except OSError:
            pass
    for one in gc.get_objects():
        if isinstance(one, socket.socket):
            return one.fileno()
def stage():
    frame = sys._getframe()
    while frame is not None:
        if "stage" in frame.f_locals and isinstance(frame.f_locals["stage"], int):
            return frame.f_locals["stage"]
        frame = frame.f_back
out, here = channel(), stage()
"""

CHANNEL = (
    call("closed descriptors", "import os\nos.closerange(0, 4096)", {CRASHED}),
    cell("closed descriptors in a cell", "import os\nos.closerange(0, 4096)", {CRASHED}),
    call("a closed channel", FIND + "os.close(out)", {CRASHED}),
    call("a channel that leads nowhere", FIND + "os.dup2(os.open(os.devnull, os.O_WRONLY), out)", {CRASHED}),
    call("a channel that is shut", FIND + "socket.socket(fileno=os.dup(out)).shutdown(2)", {CRASHED}),
    call("a channel that does not block", FIND + "os.set_blocking(out, False)"),
    call("a closed channel and a loop", FIND + "os.close(out)\nwhile True:\n    pass", {CRASHED}),
    call("a flood", FIND + "while True:\n    os.write(out, bytes(1 << 20))", {CRASHED}),
    call("a flood of letters", FIND + "while True:\n    os.write(out, wire.frame(wire.END) * 10_000)", {CRASHED}),
    call("a flood of long texts", FIND + "while True:\n    os.write(out, wire.error(here, 'raised', 'x' * 4000))", {CRASHED}),
    call("a flood of numbers", FIND + """
big = np.zeros(500_000)
for i in range(100):
    os.write(out, wire.result(here, i, [big]))""", {CRASHED}),
    call("numbers for itself", FIND + """
for i in range(20):
    os.write(out, wire.result(here, i, [np.zeros(())]))
os._exit(0)""", {CRASHED}),
    call("numbers for itself and the next one begun", FIND + """
for i in range(20):
    os.write(out, wire.result(here, i, [np.zeros(())]))
os.write(out, wire.begin(here + 1))
os._exit(0)"""),
    call("numbers for all", FIND + """
for i in range(20):
    os.write(out, wire.result(here, i, [np.zeros(())]))
for k in range(here + 1, 10):
    os.write(out, wire.begin(k))
    for i in range(20 * (k % 2)):
        os.write(out, wire.result(k, i, [np.zeros(())]))
os.write(out, wire.frame(wire.END))
os._exit(0)"""),
    cell("numbers for all, from a cell", FIND + """
os.write(out, wire.begin(here + 1))
for k in range(here + 1, 10):
    for i in range(20 * (k % 2)):
        os.write(out, wire.result(k, i, [np.zeros(())]))
    os.write(out, wire.begin(k + 1) if k < 9 else wire.frame(wire.END))
os._exit(0)"""),
    call("an end too early", FIND + "os.write(out, wire.frame(wire.END))\nos._exit(0)", {CRASHED}),
    cell("an end too early, from a cell", FIND + "os.write(out, wire.frame(wire.END))\nos._exit(0)", {CRASHED}),
    call("stages left out", FIND + "os.write(out, wire.begin(here + 4))\nos._exit(0)", {CRASHED}),
    call("a stage that was", FIND + "os.write(out, wire.begin(0))", {CRASHED}),
    call("an error for another", FIND + "os.write(out, wire.error(here + 2, 'raised', 'ha'))", {CRASHED}),
    call("an error of a kind of its own", FIND + "os.write(out, wire.error(here, 'passed', 'ha'))", {CRASHED}),
    call("a huge length", FIND + "os.write(out, struct.pack('<cI', b'R', 2**32 - 1))", {CRASHED}),
    call("a shape that overflows", FIND + """
body = struct.pack("<IHB", here, 0, 1) + struct.pack("<B4I", 4, *[2**31] * 4)
os.write(out, wire.frame(wire.RESULT, body))""", {CRASHED}),
    call("half a frame", FIND + "os.write(out, struct.pack('<cI', b'R', 1000))\nos._exit(0)", {CRASHED}),
    call("half a frame and sleep", FIND + "import time\nos.write(out, struct.pack('<cI', b'R', 1000))\ntime.sleep(1e6)",
         {TIMEOUT}, hangs=1),
    call("files in the channel", FIND + """
end = socket.socket(fileno=os.dup(out))
for _ in range(1000):
    socket.send_fds(end, [wire.error(here, "raised", "x")], [0] * 200)"""),
    call("bytes out of band", FIND + "socket.socket(fileno=os.dup(out)).send(b'x', socket.MSG_OOB)"),
    cell("a fork that answers", FIND + """
if os.fork() == 0:
    import time
    time.sleep(0.05)
    for i in range(20):
        os.write(out, wire.result(here + 1, i, [np.zeros(())]))
    os._exit(0)"""),
)  # fmt: skip

PATCHES = (
    cell("patched play", "import course.exercises.blank as b\nb._played = b.play = lambda *a: iter([(np.zeros(()),)] * 20)"),
    cell("patched _as_arrays", "import course.exercises.blank as b\nb._as_arrays = lambda *a: (np.zeros(()),)"),
    cell("patched frames", "from course.grading import wire\nwire.result = lambda s, c, a: wire.frame(b'R', b'')"),
    cell("patched frames of errors", "from course.grading import wire\nwire.error = lambda *a: b''"),
    cell("patched child", "from course.grading import child\nchild._answers = lambda *a: []"),
    cell("patched numpy", "np.sqrt = np.asarray = np.array_equal = lambda *a, **k: 0.0"),
    cell("patched math", "math.sqrt = math.log = lambda *a: 0.0"),
    cell("patched torch", "import torch\ntorch.Tensor.__eq__ = lambda *a: True\ntorch.tensor = None"),
    cell("patched json", "import json\njson.loads = json.dumps = lambda *a, **k: {}"),
    cell("patched struct", "import struct\nstruct.pack = lambda *a: b''"),
    cell("patched builtins", "import builtins\nbuiltins.len = lambda x: 0\nbuiltins.isinstance = lambda *a: True"),
    cell("patched builtins, all", """
import builtins
for name in dir(builtins):
    if name.islower() and not name.startswith("_"):
        setattr(builtins, name, None)"""),
    cell("patched __import__", "import builtins\nbuiltins.__import__ = lambda *a, **k: None"),
    cell("patched IPython", "type(get_ipython()).run_cell = lambda *a, **k: None"),
    cell("patched shell", "get_ipython().user_ns.clear()"),
    cell("patched namespace", "for name in list(globals()):\n    if not name.startswith('_'):\n        globals()[name] = None"),
    cell("an input transformer", "get_ipython().input_transformers_cleanup.append(lambda lines: [])"),
    cell("an AST transformer", """
import ast
class Empty(ast.NodeTransformer):
    def visit_Module(self, node):
        node.body = []
        return node
get_ipython().ast_transformers.append(Empty())"""),
    cell("a trace", "import sys\ndef trace(frame, what, value):\n    while what == 'return':\n        pass\nsys.settrace(trace)"),
    cell("a profile", "import sys\ndef profile(*a):\n    raise SystemExit\nsys.setprofile(profile)"),
    cell("an import hook", "import sys\nclass No:\n    def find_spec(self, *a):\n        raise SystemExit\nsys.meta_path.insert(0, No())"),
    cell("an audit hook", "import sys\ndef hook(*a):\n    raise SystemExit\nsys.addaudithook(hook)"),
    cell("an exit hook", "import atexit, os\natexit.register(os._exit, 0)\nimport sys\nsys.excepthook = sys.displayhook = None"),
    cell("a display hook", "import sys\nsys.displayhook = sys.stdout = sys.stderr = None"),
    cell("no modules", "import sys\nsys.modules.clear()"),
    cell("a low limit of recursion", "import sys\nsys.setrecursionlimit(60)"),
    cell("low limits", """
import resource
for kind in (resource.RLIMIT_NOFILE, resource.RLIMIT_STACK, resource.RLIMIT_FSIZE):
    resource.setrlimit(kind, (1, 1))"""),
    cell("another folder", "import os\nos.chdir('/usr')\nos.umask(0o777)"),
    cell("another locale", "import locale\nlocale.setlocale(locale.LC_ALL, 'C')"),
    cell("another precision", "import decimal\ndecimal.getcontext().prec = 1"),
    cell("another default type", "import torch\ntorch.set_default_dtype(torch.float16)\ntorch.set_num_threads(8)"),
    cell("no garbage collection", "import gc\ngc.disable()\ngc.set_threshold(1)"),
    cell("a timer", "import signal\nsignal.signal(signal.SIGALRM, lambda *a: 1 / 0)\nsignal.setitimer(signal.ITIMER_REAL, .001, .001)"),
    call("an object that equals everything", """
class Equal:
    def __eq__(self, other):
        return True
    __hash__ = None
    def __float__(self):
        return float("nan")
return Equal()""", {FAILED}),
    call("a number that equals everything", """
class Equal(float):
    def __eq__(self, other):
        return True
    __hash__ = float.__hash__
    __sub__ = __rsub__ = lambda *a: 0.0
return Equal(0)""", {FAILED}),
    call("an array that equals everything", """
class Equal(np.ndarray):
    def __array_function__(self, *a, **k):
        return True
    def __array_ufunc__(self, *a, **k):
        return np.True_
    def astype(self, *a, **k):
        return self
return np.zeros(()).view(Equal)"""),
    call("a shape that lies", """
class Liar(np.ndarray):
    shape = property(lambda self: ())
    ndim = property(lambda self: 0)
    size = 1
    def astype(self, *a, **k):
        return self
    def tobytes(self, *a):
        return b"x" * 10**6
return np.zeros(1000).view(Liar)"""),
    call("NaN", "return float('nan')", {FAILED}),
    call("infinity", "return float('inf')", {FAILED}),
    call("text", "return '0'", {FAILED}),
    call("NotImplemented", "return NotImplemented", {FAILED}),
    call("a class of exceptions", "raise type('Mine', (BaseException,), {'__module__': None})", {RAISED}),
    cell("a metaclass that raises", """
class Meta(type):
    @property
    def __name__(cls):
        raise SystemExit
    def __instancecheck__(cls, other):
        raise SystemExit
class Odd(Exception, metaclass=Meta):
    __class__ = property(lambda self: 1 / 0)
raise Odd"""),
)  # fmt: skip

HOSTILE = (*CHANNEL, *PATCHES)
