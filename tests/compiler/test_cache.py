"""The folder of compiled kernels: never stale, never trusted blindly, never in the way.

Small functions stand in for kernels: each new `Stored` is to the folder what a new process is. Where a process must be
new indeed, a child runs a few lines of Python.
"""

import ast
import ctypes
import errno
import importlib.metadata
import importlib.util
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from llvmlite.binding import get_host_cpu_name

import undertow as ut
from undertow.compiler import cache, emit_numba, engine, machine_code, processor, source
from undertow.compiler.atomic import integers
from undertow.compiler.cache import MARK, CacheWarning, cache_folder
from undertow.compiler.machine_code import Stored
from undertow.errors import MissingExtraError

PACKAGE = Path(ut.__file__).parent


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """An empty cache, and a warning that was given before may be given again."""
    monkeypatch.setenv("UNDERTOW_CACHE", str(tmp_path / "cache"))
    cache._warn_once.cache_clear()
    return cache_folder()


@pytest.fixture
def compiled(monkeypatch):
    """The names of what was compiled, not loaded."""
    names = []
    compile = Stored._compile
    monkeypatch.setattr(Stored, "_compile", lambda self: (names.append(self.name), compile(self))[1])
    return names


def triple(name="triple"):
    """As a process finds it that has not asked for it yet."""

    def share(address):
        call = integers(address)
        call[0] = 3 * call[0]

    return Stored.of(share, name)


def assert_triples(stored):
    number = np.array([14], np.int64)
    ctypes.CFUNCTYPE(None, ctypes.c_void_p)(stored.address)(number.ctypes.data)
    assert number[0] == 42


def assert_silent(stored):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert_triples(stored)


def assert_warns_once(match, *stored):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for one in stored:
            assert_triples(one)
    assert [w.category for w in caught] == [CacheWarning]
    for part in match:
        assert part in str(caught[0].message)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def only_file(folder):
    (path,) = folder.iterdir()
    return path


# ---- kept and found


def test_a_second_process_loads_what_the_first_compiled(folder, compiled):
    assert_silent(triple())
    assert_silent(triple())
    assert compiled == ["triple"]
    assert names(folder) == [only_file(folder).name]


def test_folder_and_files_are_the_users_alone(folder):
    mask = os.umask(0)
    try:
        assert_silent(triple())
    finally:
        os.umask(mask)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert only_file(folder).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("given", "folder"),
    [
        ({"UNDERTOW_CACHE": "/a"}, "/a"),
        ({"XDG_CACHE_HOME": "/b"}, "/b/undertow"),
        ({"XDG_CACHE_HOME": "not/absolute", "HOME": "/c"}, "/c/.cache/undertow"),
        ({"HOME": "/c"}, "/c/.cache/undertow"),
    ],
)
def test_where_the_folder_is(monkeypatch, given, folder):
    for name in ("UNDERTOW_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    assert cache_folder() == Path(folder) / f"kernels-{cache.VERSION}"


def test_what_is_known_of_numba_without_it_is_what_it_says():
    script = """
from undertow.compiler import machine_code, processor
before = processor.identity(), machine_code.built_with()
machine_code.built_with.cache_clear()
import numba
from numba.core.registry import cpu_target
print(before == (processor.identity(), machine_code.built_with()))
print(processor.identity() == cpu_target.target_context.codegen().magic_tuple())
"""
    assert child(script) == ["True", "True"]


# ---- the name holds all that the code depends on


def version(monkeypatch, of, number):
    known = importlib.metadata.version
    monkeypatch.setattr(importlib.metadata, "version", lambda name: number if name == of else known(name))


def other_version(monkeypatch):
    version(monkeypatch, "numba", "0.1")


def other_llvmlite(monkeypatch):
    version(monkeypatch, "llvmlite", "0.1")


def other_level(monkeypatch):
    monkeypatch.setattr(processor, "level", lambda: "1")


def other_helper(monkeypatch):
    monkeypatch.setattr(machine_code.pkgutil, "get_data", lambda _package, name: name.encode())


def other_machine(monkeypatch):
    monkeypatch.setattr(processor, "identity", lambda: ("x86_64", "haswell", "+avx2"))


def other_layout(monkeypatch):
    monkeypatch.setattr(cache, "VERSION", 99)


@pytest.mark.parametrize(
    "change", [other_version, other_llvmlite, other_level, other_helper, other_machine, other_layout]
)
def test_the_name_changes_with(change, monkeypatch):
    before = triple().path
    machine_code.built_with.cache_clear()
    try:
        change(monkeypatch)
        assert triple().path != before
    finally:
        monkeypatch.undo()
        machine_code.built_with.cache_clear()


def test_the_name_changes_with_source_and_tiles(monkeypatch):
    """Two machines of one name and the same features may cut their matrices differently (NUMBA_CPU_NAME)."""
    text = "def share(address):\n    pass\n"
    paths = [source.of_source(text, "infer").path, source.of_source(text + "# other\n", "infer").path]
    source.of_source.cache_clear()
    monkeypatch.setattr(source, "ROWS", (5, 4, 2, 1))
    paths.append(source.of_source(text, "infer").path)
    source.of_source.cache_clear()
    assert len(set(paths)) == 3


def imports(source):
    """The modules of the compiler that a text imports from."""
    found = [n.module for n in ast.walk(ast.parse(source)) if isinstance(n, ast.ImportFrom) and n.module]
    return {name.removeprefix("undertow.compiler.") + ".py" for name in found if name.startswith("undertow.")}


def test_every_module_whose_functions_are_inlined_counts():
    """From what kernels import, and from what is stored once for all of them, through all that these import."""
    heads = [emit_numba.HEAD.replace("{products}", made) for made in (emit_numba.PLAIN, emit_numba.ROUNDED)]
    wanted, seen = set(), set()
    for head in heads:
        wanted |= imports(re.sub(r"{\w+}", "x", head) + "    pass\n")
    for file in (PACKAGE / "compiler").glob("*.py"):
        if re.search(r"(?m) = Stored\.of\(_|^SHARES = ", file.read_text(encoding="utf-8")):
            wanted.add(file.name)
    while wanted - seen:
        name = (wanted - seen).pop()
        seen.add(name)
        wanted |= imports((PACKAGE / "compiler" / name).read_text(encoding="utf-8"))
        wanted -= {
            "buffers.py",
            "machine_code.py",
            "panels.py",
            "processor.py",
            "shards.py",
        }  # Python around the code, and in none
    assert seen == set(machine_code.HELPERS)


# ---- damage


def nothing(path):
    path.write_bytes(b"")


def half(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def head(path):
    path.write_bytes(MARK[:5])


def garbage(path):
    path.write_bytes(b"\x80\x04garbage" * 1000)


def one_bit(path):
    """In the middle, where the machine code is."""
    text = bytearray(path.read_bytes())
    text[len(text) // 2] ^= 1
    path.write_bytes(text)


def a_folder(path):
    path.unlink()
    path.mkdir()
    (path / "something").write_text("")


def a_link_to_a_folder(path):
    path.unlink()
    path.symlink_to(path.parent.parent)


@pytest.mark.parametrize("damage", [nothing, head, half, garbage, one_bit, a_folder, a_link_to_a_folder])
def test_a_damaged_file_is_built_anew_with_a_word(folder, compiled, damage):
    assert_silent(triple())
    path = only_file(folder)
    damage(path)
    assert_warns_once([str(path), "was damaged", "built anew"], triple())
    assert only_file(folder) == path
    assert_silent(triple())
    assert compiled == ["triple", "triple"]


def test_no_pickle_is_read(folder, monkeypatch):
    assert_silent(triple())

    def refuse(*_args, **_settings):
        raise AssertionError("a pickle was read")

    for name in ("load", "loads", "Unpickler"):
        monkeypatch.setattr(f"pickle.{name}", refuse)
    assert_silent(triple())


# ---- a folder that cannot be written, or trusted


def test_where_nothing_can_be_kept_everything_runs(tmp_path, monkeypatch, compiled):
    """UNDERTOW_CACHE is a file."""
    (tmp_path / "file").write_text("mine")
    monkeypatch.setenv("UNDERTOW_CACHE", str(tmp_path / "file"))
    assert_warns_once(
        [f"cannot be kept in {cache_folder()} (Not a directory)", "Set UNDERTOW_CACHE"],
        triple("one"),
        triple("two"),
        triple("one"),
    )
    assert compiled == ["one", "two", "one"]
    assert (tmp_path / "file").read_text() == "mine"


def test_a_file_in_the_folders_place(folder):
    folder.parent.mkdir()
    folder.write_text("mine")
    assert_warns_once([f"cannot be kept in {folder}"], triple())
    assert folder.read_text() == "mine"


def test_a_home_that_is_not_there(monkeypatch):
    monkeypatch.delenv("UNDERTOW_CACHE")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", "/proc/nowhere")  # not even root can make it
    assert_warns_once(["cannot be kept in /proc/nowhere/.cache/undertow", "Set UNDERTOW_CACHE"], triple())


def test_a_home_that_is_read_only(tmp_path, monkeypatch):
    assert_triples(triple())  # Numba has loaded all it needs
    monkeypatch.setenv("UNDERTOW_CACHE", str(tmp_path / "home" / "cache"))
    (tmp_path / "home").mkdir(mode=0o555)
    user = os.geteuid()
    if not user:  # nothing is read-only for root: be nobody for a moment
        os.seteuid(65534)
    try:
        assert_warns_once([f"cannot be kept in {cache_folder()} (Permission denied)"], triple())
    finally:
        os.seteuid(user)


@pytest.mark.parametrize("call", ["tempfile.mkstemp", "os.fsync", "os.fdopen", "pathlib.Path.replace"])
def test_a_disk_that_is_full(folder, monkeypatch, call):
    def refuse(*_args, **_settings):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(call, refuse)
        assert_warns_once(
            [f"cannot be kept in {folder} (No space left on device)"], triple("one"), triple("two")
        )
    assert names(folder) == []
    assert_silent(triple())


def test_a_full_cache_that_is_read_only_serves(folder, monkeypatch, compiled):
    assert_silent(triple())

    def refuse(*_args, **_settings):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    for call in ("tempfile.mkstemp", "pathlib.Path.mkdir"):
        monkeypatch.setattr(call, refuse)
    assert_silent(triple())
    assert compiled == ["triple"]


@pytest.mark.parametrize("mode", [0o720, 0o702, 0o777])
def test_a_folder_that_others_can_write_is_not_used(folder, compiled, mode):
    assert_silent(triple())
    folder.chmod(mode)
    assert_warns_once(
        [f"{folder} is not used", "others can write to it", "UNDERTOW_CACHE"], triple(), triple("two")
    )
    assert compiled == ["triple", "triple", "two"]
    assert len(names(folder)) == 1


def test_a_folder_of_another_user_is_not_used(folder, monkeypatch, compiled):
    assert_silent(triple())
    monkeypatch.setattr(os, "geteuid", lambda: folder.stat().st_uid + 1)
    assert_warns_once([f"{folder} is not used", "belongs to another user"], triple(), triple("two"))
    assert compiled == ["triple", "triple", "two"]
    assert len(names(folder)) == 1


# ---- kills


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.parametrize("call", ["os.fsync", "pathlib.Path.replace", "undertow.files.sync_folder"])
def test_a_process_killed_while_it_writes(folder, monkeypatch, call):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # fork beside threads
        child = os.fork()
    if child == 0:
        try:
            monkeypatch.setattr(call, lambda *_args: os.kill(os.getpid(), signal.SIGKILL))
            assert_triples(triple())
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    assert_silent(triple())
    assert_silent(triple())
    for left in folder.glob(".*.part"):
        os.utime(left, (time.time() - 7200,) * 2)
    assert_silent(triple("another"))  # whoever writes next sweeps
    assert [name.split("_")[0] for name in names(folder)] == ["another", "triple"]


def test_what_another_process_is_writing_is_left_alone(folder):
    assert_silent(triple())
    (folder / ".other.code.abc.part").write_text("half")
    (folder / ".gone.code.abc.part").symlink_to("nowhere")  # as one that was renamed while we looked
    assert_silent(triple("another"))
    assert ".other.code.abc.part" in names(folder)


# ---- processes that are new indeed

KERNELS = '''
import ctypes, os, sys, traceback
import numpy as np
from numba import njit
from undertow.compiler import atomic, cache, machine_code, panels, source, tile

HEAD = """
from numba import njit
from undertow.compiler.atomic import integers
from undertow.compiler.tile import gemm
from undertow.compiler.vector import at, load_part, pointer32, sigmoid, store_part
"""
SIGMOID = HEAD + """
def share(address):
    call = integers(address)
    store_part(pointer32(call[1]), sigmoid(load_part(pointer32(call[0]), 5)), 5)
"""
GEMM = HEAD + """
def share(address):
    call = integers(address)
    a, b, c = pointer32(call[0]), pointer32(call[1]), pointer32(call[2])
    gemm(a, {depth}, 1, b, c, {n}, {m}, {n}, {depth}, 0, 16)
"""
built = []
compile = machine_code.Stored._compile
machine_code.Stored._compile = lambda self: (built.append(self.name), compile(self))[1]

def call(text, half, *arrays):
    numbers = np.array([a.ctypes.data for a in arrays], np.int64)
    ctypes.CFUNCTYPE(None, ctypes.c_void_p)(source.of_source(text, half).address)(numbers.ctypes.data)

def sigmoids(number=0):
    """Of -2 to 2; with another number, by another kernel."""
    out = np.zeros(5, np.float32)
    call(SIGMOID + f"    {number}", f"sigmoid{number}", np.linspace(-2, 2, 5, dtype=np.float32), out)
    return out

def product_is_right(half, m, n, depth):
    """Every height of a tile and every width of a panel."""
    random = np.random.default_rng(0)
    a, b = (random.standard_normal(s).astype(np.float32) for s in ((m, depth), (depth, n)))
    width = panels.panel_width(32)
    count = -(-n // width)
    padded = np.pad(b, ((0, 0), (0, count * width - n)))
    packed = np.ascontiguousarray(padded.reshape(depth, count, width).transpose(1, 0, 2))
    room = np.full((m + 2, n), np.nan, np.float32)
    call(GEMM.format(m=m, n=n, depth=depth), half, a, packed, room[1:-1])
    assert np.isnan(room[[0, -1]]).all()
    return np.allclose(room[1:-1], a @ b, rtol=1e-4, atol=1e-4)

def in_a_child(work):
    """As a new process that has imported everything and built nothing."""
    child = os.fork()
    if child == 0:
        try:
            work()
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            sys.stderr.flush()
            os._exit(1)
    return child

def all_end_well(children):
    return [os.waitpid(child, 0)[1] for child in children] == [0] * len(children)
'''


def child(script, *, source=PACKAGE.parent, prefix=(), **environment):
    """The words a new Python prints; it must end well and say nothing of the cache."""
    given = {k: v for k, v in os.environ.items() if not k.startswith("NUMBA_")}
    given |= {"PYTHONPATH": str(source), "OMP_WAIT_POLICY": "passive", **environment}
    done = subprocess.run(
        [*prefix, sys.executable, "-c", script], env=given, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert "CacheWarning" not in done.stderr
    return done.stdout.split()


def test_a_kernel_is_built_anew_when_what_it_inlines_changed(tmp_path):
    """Numba does not see this: the function that changed is in another file."""
    copy = tmp_path / "copy"
    shutil.copytree(PACKAGE, copy / "undertow", ignore=shutil.ignore_patterns("__pycache__"))
    script = KERNELS + "print(len(built), sigmoids()[2], len(built))"
    assert child(script, source=copy) == ["0", "0.5", "1"]
    vector = copy / "undertow" / "compiler" / "vector_exp.py"
    text = vector.read_text(encoding="utf-8")
    old = "_reciprocal32(builder, kind, builder.fadd(constant(kind, 1.0), e))"
    assert text.count(old) == 1
    vector.write_text(text.replace(old, old.replace("1.0", "3.0")), encoding="utf-8")
    assert child(script, source=copy) == ["0", "0.25", "1"]


@pytest.mark.skipif(platform.machine() != "x86_64", reason="another processor")
def test_two_kinds_of_processor_share_a_folder(folder):
    """Tiles differ in size, so code that was taken for the other's would be wrong."""
    script = KERNELS + 'print(product_is_right("wide", 13, 150, 7), built)'
    other = "haswell" if get_host_cpu_name() != "haswell" else "broadwell"
    assert child(script, NUMBA_CPU_NAME=other) == ["True", "['wide']"]
    assert child(script) == ["True", "['wide']"]
    assert child(script, NUMBA_CPU_NAME=other) == ["True", "[]"]
    assert len(names(folder)) == 2


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_code_of_two_processes_meets_in_a_third():
    """What they compiled before differs, and so do the numbers that Numba puts into the names of functions."""
    script = (
        KERNELS
        + """
def times(name, factor):
    def share(address):
        numbers = atomic.integers(address)
        numbers[0] = factor * numbers[0]
    number = np.array([7], np.int64)
    stored = machine_code.Stored.of(share, name)  # its code goes when it goes
    ctypes.CFUNCTYPE(None, ctypes.c_void_p)(stored.address)(number.ctypes.data)
    return number[0]

def first():
    assert times("double", 2) == 14
    assert product_is_right("one", 13, 150, 7)

def second():
    assert times("triple", 3) == 21
    for _ in range(2):
        njit(lambda x: x + 1)(1)
    assert product_is_right("two", 13, 200, 7)

def third():
    assert product_is_right("two", 13, 200, 7)
    assert product_is_right("one", 13, 150, 7)
    assert [times("double", 2), times("triple", 3)] == [14, 21]
    assert built == []

print(all(all_end_well([in_a_child(work)]) for work in (first, second, third)))
"""
    )
    assert child(script) == ["True"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_six_processes_fill_an_empty_folder_at_once(folder):
    """Every one wants the same four kernels, in an order of its own."""
    script = (
        KERNELS
        + """
def work(first):
    def run():
        found = [sigmoids(n % 4) for n in range(first, first + 4)]
        assert all(abs(f[2] - 0.5) < 1e-7 and (f == found[0]).all() for f in found), found
    return run

print(all_end_well([in_a_child(work(n)) for n in range(6)]))
machine_code.Stored._compile = None
print(all_end_well([in_a_child(work(0))]))
"""
    )
    assert child(script) == ["True", "True"]
    assert [name.split("_")[0] for name in names(folder)] == ["sigmoid0", "sigmoid1", "sigmoid2", "sigmoid3"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_cell_is_built_by_one_process_and_loaded_by_the_next(folder):
    script = (
        KERNELS
        + """
import torch
import undertow as ut

def work():
    torch.manual_seed(0)
    layers = [ut.Recurrent(ut.cells.LSTM(3, 20), engine=engine) for engine in ("numba", "eager")]
    layers[1].load_state_dict(layers[0].state_dict())
    x = torch.randn(4, 7, 3)
    with torch.no_grad():
        results = [[layer(x)[0]] for layer in layers]
    for layer, result in zip(layers, results):
        y, _ = layer(x)
        y.square().sum().backward()
        result += [y, *(p.grad for p in layer.parameters())]
    torch.testing.assert_close(*results, rtol=1e-4, atol=1e-5)

print(all_end_well([in_a_child(work)]))
machine_code.Stored._compile = None
print(all_end_well([in_a_child(work)]))
"""
    )
    assert child(script) == ["True", "True"]
    assert [name.split("_")[0] for name in names(folder)] == [
        "backward",
        "forward",
        "infer",
        "pack32",
        "plan",
        "product32",
    ]


def test_a_filled_cache_needs_no_numba(folder):
    """Nor does it load torch's tracer."""
    script = """
import sys, torch, undertow as ut
torch.manual_seed(0)
layer = ut.Recurrent(ut.cells.LSTM(3, 20))
y, _ = layer(torch.randn(5, 4, 3))
y.sum().backward()
with torch.no_grad():
    layer(torch.randn(5, 4, 3))
print(*("numba" in sys.modules, "undertow.compiler.trace" in sys.modules, repr(float(layer.h_l0.grad.sum()))))
"""
    first, second = (child(script, UNDERTOW_CACHE=str(folder)) for _ in range(2))
    assert (first[:2], second[:2]) == (["True", "True"], ["False", "False"])
    assert first[2] == second[2]


def test_numba_may_come_after_what_was_loaded_without_it(folder):
    script = """
import torch, undertow as ut
layer = ut.Recurrent(ut.cells.LSTM(3, 20))
print(layer(torch.ones(5, 4, 3))[0].shape[0])
other = ut.Recurrent(ut.cells.GRU(3, HIDDEN))
other(torch.ones(5, 4, 3))[0].sum().backward()
layer(torch.ones(5, 4, 3))[0].sum().backward()
print("numba" in __import__("sys").modules)
"""
    for hidden in ("20", "21"):
        assert child(script.replace("HIDDEN", hidden), UNDERTOW_CACHE=str(folder)) == ["5", "True"]


def test_numba_that_cannot_be_loaded(folder):
    """It is there, but what it stands on is not."""
    script = """
import sys, warnings, torch, undertow as ut
sys.modules["numba"] = None
import importlib.util
known = importlib.util.find_spec
importlib.util.find_spec = lambda name, *more: name if name == "numba" else known(name, *more)
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    ut.Recurrent(ut.cells.LSTM(3, 20))(torch.ones(5, 4, 3))
try:
    ut.Recurrent(ut.cells.LSTM(3, 20), engine="numba")(torch.ones(5, 4, 3))
except ut.errors.MissingExtraError as error:
    print(str(caught[0].message) == str(error), error)
"""
    words = child(script, UNDERTOW_CACHE=str(folder))
    assert words[0] == "True"
    assert " ".join(words[1:]).startswith("Kernels need Numba, which cannot be loaded (")


def test_numbas_own_cache_is_never_asked():
    """It fails at import where neither the package nor the home can be written."""
    script = """
from numba.core import caching
def refuse(self, function):
    raise RuntimeError(f"cannot cache function {function}: no locator available")
caching.CacheImpl.__init__ = refuse
import undertow.compiler.kernel
"""
    assert child(script + KERNELS + "print(sigmoids()[2])") == ["0.5"]


READ_ONLY = ("unshare", "--mount", "sh", "-c", 'mount -o remount,ro,bind / && exec "$0" "$@"')


def can_make_read_only():
    if shutil.which("unshare") is None:
        return False
    return subprocess.run([*READ_ONLY, "true"], capture_output=True).returncode == 0


@pytest.mark.skipif(not can_make_read_only(), reason="may not mount here")
def test_a_machine_that_is_read_only():
    """Package, home and cache alike."""
    script = (
        KERNELS
        + """
import warnings
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    print(sigmoids(0)[2], sigmoids(1)[2])
print(*(w.message for w in caught if w.category is cache.CacheWarning))
"""
    )
    words = child(script, prefix=READ_ONLY, UNDERTOW_CACHE="", XDG_CACHE_HOME="", HOME="/nowhere")
    assert words[:2] == ["0.5", "0.5"]
    assert " ".join(words[2:]).startswith(
        "Compiled kernels cannot be kept in /nowhere/.cache/undertow/kernels-3 ("
    )
    assert words.count("kept") == 1


# ---- Numba missing


@pytest.fixture
def ask_again():
    """What is known of Numba, and what was said of it, is asked and said anew, before and after."""
    known = [value for value in vars(engine).values() if hasattr(value, "cache_clear")]
    for one in known:
        one.cache_clear()
    yield
    for one in known:
        one.cache_clear()


def without(monkeypatch):
    known = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "numba" else known(name))
    return r"^Kernels need Numba, which is not installed\. Install it with: pip install 'numba>=0\.60'$"


def too_old(monkeypatch):
    version(monkeypatch, "numba", "0.59.1")
    return r"^Kernels need Numba 0\.60 or newer, found 0\.59\.1\. Upgrade: pip install --upgrade numba$"


def told_not_to(monkeypatch):
    monkeypatch.setenv("NUMBA_DISABLE_JIT", "1")
    return r"^Kernels need Numba to compile, and NUMBA_DISABLE_JIT tells it not to\. Unset it\.$"


@pytest.mark.parametrize("lack", [without, too_old, told_not_to])
def test_numba_missing(lack, monkeypatch, ask_again):
    sentence = lack(monkeypatch)
    cell, x = ut.cells.LSTM(3, 5), torch.randn(4, 2, 3)
    layers = {name: ut.Recurrent(cell, engine=name) for name in ("numba", "auto", "eager")}
    for layer in layers.values():
        layer.load_state_dict(layers["eager"].state_dict())
    with pytest.raises(MissingExtraError, match=sentence):
        layers["numba"](x)
    with pytest.raises(MissingExtraError, match=sentence):
        ut.compile(cell)
    with pytest.warns(engine.EagerWarning, match=sentence):
        y, _ = layers["auto"](x)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # it was said once
        layers["auto"](x)
    torch.testing.assert_close(y, layers["eager"](x)[0], rtol=0, atol=0)
