"""A good torch citizen: torch.compile, torch.export, vmap, torch.func and DDP hold the kernels, or pass them by."""

import tempfile
import warnings
from pathlib import Path

import pytest
import torch
from agreement import EVERY, case_named, problem
from torch import nn

import undertow as ut
from undertow import cells
from undertow.compiler import operator
from undertow.compiler.engine import EagerWarning, walk
from undertow.compiler.variation import Variation
from undertow.errors import SettingError
from undertow.unroll.chain import Course, chain

PLAIN = Variation()


@pytest.fixture(autouse=True)
def nothing_compiled_before() -> None:
    torch._dynamo.reset()


class Net(nn.Module):
    """A network around a recurrent layer."""

    def __init__(self, cell: ut.Cell, engine: str = "auto", **settings: object) -> None:
        super().__init__()
        self.layer = ut.Recurrent(cell, engine=engine, **settings)
        self.out = nn.Linear(self.layer.output_size, 2)

    def forward(self, x, lengths=None):
        return self.out(self.layer(x, lengths=lengths)[0]).relu()


def named(made):
    shapes = tuple(tuple(w.shape) for w in made.weights)
    name, why = operator.fit(made.cell, shapes, made.x.dtype, PLAIN)
    assert name, why
    return name


@pytest.mark.parametrize("case", EVERY, ids=lambda c: c.name)
def test_operators_agree_with_the_eager_loop(case):
    made = problem(case, steps=4, batch=3)
    results = operator.walk(named(made), made.cell, made.x, made.start, made.weights, Course())
    found, wanted = [[*r[0], *r[1]] for r in (results, chain(made.cell, made.x, made.start, made.weights))]
    inputs = [t for t in (made.x, *made.start, *made.weights) if t.requires_grad]
    gradients = [torch.randn_like(w) for w in wanted]
    for a, b in zip(found, wanted, strict=True):
        torch.testing.assert_close(a, b)
    for a, b in zip(
        torch.autograd.grad(found, inputs, gradients, allow_unused=True, materialize_grads=True),
        torch.autograd.grad(wanted, inputs, gradients, allow_unused=True, materialize_grads=True),
        strict=True,
    ):
        torch.testing.assert_close(a, b)


@pytest.mark.parametrize("name", ["lstm", "gru", "layer_norm_lstm"])
def test_operators_pass_torchs_own_checks(name):
    made = problem(case_named(name), steps=4, batch=3)
    arguments = (made.x, list(made.start), list(made.weights), [], named(made), False)
    torch.library.opcheck(operator.forward, arguments)
    free = (made.x.detach(), [s.detach() for s in made.start], [w.detach() for w in made.weights])
    torch.library.opcheck(operator.infer, (*free, [], named(made), True))


def calls(program):
    """How often each operator of ours stands in a graph."""
    return [str(n.target) for n in program.graph.nodes if "undertow" in str(n.target)]


@pytest.mark.parametrize("settings", [{}, {"layers": 2, "bidirectional": True}, {"variational": 0.5}])
def test_compiled_whole_and_for_any_number_of_steps(settings):
    """One graph, no break; a longer batch, lengths and inference too."""
    torch.manual_seed(1)
    net = Net(cells.LSTM(5, 7), **settings)
    seen = []

    def look(program, examples):
        seen.append(calls(program))
        return program.forward

    quick = torch.compile(net, fullgraph=True, backend=look)
    for steps in (6, 9, 23):
        x = torch.randn(steps, 3, 5)
        torch.manual_seed(2)
        found = quick(x)
        torch.manual_seed(2)
        torch.testing.assert_close(found, net(x))
    assert all(any("undertow.forward" in c for c in one) for one in seen)
    assert len(seen) <= 2, "compiled anew for every length"
    with torch.no_grad():
        torch.testing.assert_close(quick.eval()(x), net.eval()(x))
        lengths = torch.tensor([23, 4, 1])
        torch.testing.assert_close(quick(x, lengths), net(x, lengths))


def test_compiled_gradients_through_the_whole_stack():
    """AOTAutograd differentiates the operators by their own rule."""
    net = Net(cells.PeepholeLSTM(5, 7))
    x = torch.randn(6, 3, 5, requires_grad=True)
    quick = torch.compile(net, fullgraph=True, backend="aot_eager")
    inputs = [x, *net.parameters()]
    found = torch.autograd.grad(quick(x).square().sum(), inputs)
    wanted = torch.autograd.grad(net(x).square().sum(), inputs)
    for a, b in zip(found, wanted, strict=True):
        torch.testing.assert_close(a, b)


def test_compiled_without_a_kernel_walks_eagerly():
    class Sorted(cells.RNN):
        def step(self, x, state, w):
            return self.State(h=torch.sort(super().step(x, state, w).h, dim=-1).values)

    net = Net(Sorted(5, 7))
    x = torch.randn(4, 3, 5)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        wanted = net(x)
        torch.testing.assert_close(torch.compile(net, backend="aot_eager")(x), wanted)


def test_exported_with_auto_runs_where_undertow_is_not():
    net = Net(cells.LSTM(5, 7))
    x = torch.randn(6, 3, 5)
    program = torch.export.export(net, (x,))
    assert not calls(program)
    torch.testing.assert_close(program.module()(x), net(x))


def test_exported_with_the_kernel_takes_any_length():
    net = Net(cells.LSTM(5, 7), engine="numba").eval()
    steps, batch = torch.export.Dim("T", min=2), torch.export.Dim("B", min=2)
    x = torch.randn(6, 3, 5)
    program = torch.export.export(net, (x,), dynamic_shapes={"x": {0: steps, 1: batch}})
    assert calls(program)
    other = torch.randn(11, 4, 5)
    torch.testing.assert_close(program.module()(other), net(other))


@pytest.mark.filterwarnings("ignore")  # the tracer warns of every shape that Python looks at
def test_traced_by_jit_it_is_the_eager_loop():
    net, x = ut.Recurrent(cells.LSTM(4, 5)), torch.randn(6, 3, 4)
    program = torch.jit.trace(net, x)
    torch.testing.assert_close(program(x)[0], net(x)[0])
    net.set_engine("numba")
    assert net(x)[0].shape == (6, 3, 5)  # nothing of it is remembered as a refusal


def test_a_dtype_without_kernels_gets_one_word():
    net, x = ut.Recurrent(cells.LSTM(4, 5)).bfloat16(), torch.randn(6, 3, 4, dtype=torch.bfloat16)
    with pytest.warns(EagerWarning, match="LSTM.*float32 or float64.*bfloat16"):
        net(x)
    net.set_engine("numba")
    with pytest.raises(SettingError, match="bfloat16"):
        net(x)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        net.set_engine("auto")
        net.to("meta")(x.to("meta"))


def test_a_program_of_a_cell_that_is_not_known_says_so():
    x, h = torch.randn(3, 2, 5), torch.zeros(2, 7)
    with pytest.raises(ut.errors.SettingError, match="does not know"):
        operator.infer(x, [h], [torch.zeros(7, 5)], [], "nobody: Cell()", False)


def test_vmap_over_batches_and_over_weights():
    net = Net(cells.GRU(5, 7))
    many = torch.randn(4, 6, 3, 5)
    torch.testing.assert_close(torch.vmap(net)(many), torch.stack([net(x) for x in many]))
    stacked = {k: torch.stack([v, 2 * v, -v]) for k, v in net.named_parameters()}  # an ensemble of three
    found = torch.vmap(lambda w: torch.func.functional_call(net, w, (many[0],)))(stacked)
    for n in range(3):
        one = {k: v[n] for k, v in stacked.items()}
        torch.testing.assert_close(found[n], torch.func.functional_call(net, one, (many[0],)))


def test_torch_func_gradients():
    """Per-sample gradients: vmap over grad."""
    net = Net(cells.LSTM(5, 7)).double()
    weights = {k: v.detach() for k, v in net.named_parameters()}
    xs = torch.randn(3, 6, 1, 5, dtype=torch.float64)

    def loss(weights, x):
        return torch.func.functional_call(net, weights, (x,)).sum()

    found = torch.vmap(torch.func.grad(loss), (None, 0))(weights, xs)
    for n, x in enumerate(xs):
        wanted = torch.autograd.grad(net(x).sum(), list(net.parameters()))
        for (name, _), w in zip(net.named_parameters(), wanted, strict=True):
            torch.testing.assert_close(found[name][n], w)


def test_the_jacobian_of_a_step():
    """jacrev of the plain step, against the kernel's own gradient of a walk of one step."""
    made = problem(case_named("gru"), steps=1, batch=1)
    cell, w = made.cell, made.weights
    jacobian = torch.func.jacrev(lambda h: cell.step(made.x[0], cell.State(h[None]), w).h[0])(
        made.start.h[0].detach()
    )
    states, _ = walk("numba", cell, made.x, made.start, w, Course())
    for unit in range(states.h.shape[-1]):
        row = torch.autograd.grad(states.h[0, 0, unit], made.start.h, retain_graph=True)[0][0]
        torch.testing.assert_close(jacobian[unit], row)


def train_in_parallel(rank: int, place: str, result: str) -> None:
    torch.distributed.init_process_group("gloo", init_method=f"file://{place}", rank=rank, world_size=2)
    torch.manual_seed(0)
    net = Net(cells.LSTM(5, 7), engine="numba").double()
    shared = nn.parallel.DistributedDataParallel(net)
    torch.manual_seed(10 + rank)
    shared(torch.randn(6, 3, 5, dtype=torch.float64)).square().mean().backward()
    if rank == 0:
        torch.save([p.grad for p in net.parameters()], result)
    torch.distributed.destroy_process_group()


def test_two_processes_share_their_gradients():
    """DistributedDataParallel: what rank 0 holds is the mean over both ranks' batches."""
    with tempfile.TemporaryDirectory() as folder:
        result = str(Path(folder) / "gradients.pt")
        torch.multiprocessing.spawn(
            train_in_parallel,
            (str(Path(folder) / "meeting"), result),
            nprocs=2,
        )
        found = torch.load(result, weights_only=True)
    torch.manual_seed(0)
    net = Net(cells.LSTM(5, 7)).double()
    losses = []
    for rank in range(2):
        torch.manual_seed(10 + rank)
        losses.append(net(torch.randn(6, 3, 5, dtype=torch.float64)).square().mean())
    wanted = torch.autograd.grad(sum(losses) / 2, list(net.parameters()))
    for a, b in zip(found, wanted, strict=True):
        torch.testing.assert_close(a, b)
