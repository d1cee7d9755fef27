"""A forest walked level by level, against one tree at a time and against the papers' equations written out."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from undertow.errors import ShapeError
from undertow.unroll.trees.child_sum import ChildSumTreeLSTM
from undertow.unroll.trees.forest import forest
from undertow.unroll.trees.nary import NaryTreeLSTM
from undertow.unroll.trees.recursive import Recursive
from undertow.unroll.trees.walk import walk_forest, walk_tree

CELLS = [Recursive(3, 5), ChildSumTreeLSTM(3, 5), NaryTreeLSTM(3, 5), NaryTreeLSTM(3, 5, arity=3)]
CHAIN = ((), (), (0, 1), (), (2, 3), (), (4, 5))
BUSHY = ((), (), (0, 1), (), (), (3, 4), (2, 5))


@st.composite
def shapes(draw, most=2, nodes=18):
    """Children a node, children first, every node but the last with one parent."""
    tree, free = [()], [0]
    while len(tree) < draw(st.integers(1, nodes)) or len(free) > 1:
        take = draw(st.integers(0, min(most, len(free)))) if len(tree) < nodes else min(most, len(free))
        if take == 1 and len(free) > 1 and len(tree) >= nodes:
            take = 2
        own = tuple(sorted(free[-take:])) if take else ()
        free = [*free[: len(free) - take], len(tree)]
        tree.append(own)
    return tuple(tree)


def weights(cell):
    torch.manual_seed(1)
    return cell.Weights(*((w + 0.1 * torch.randn_like(w)).double().requires_grad_() for w in cell.init()))


def both(cell, trees, every_node):
    """States and gradients of both walks."""
    counts = [len(t) if every_node else sum(not own for own in t) for t in trees]
    w = weights(cell)
    torch.manual_seed(2)
    x = torch.randn(sum(counts), cell.input_size, dtype=torch.double, requires_grad=True)
    pull = torch.randn(sum(map(len, trees)), cell.hidden_size, dtype=torch.double)

    def gradients(state):
        loss = sum((field.tanh() * pull).sum() for field in state)
        return torch.autograd.grad(loss, [x, *w], allow_unused=True)

    fast = walk_forest(cell, w, forest(trees), x)
    alone = [walk_tree(cell, w, t, part) for t, part in zip(trees, x.split(counts), strict=True)]
    plain = cell.State(*(torch.cat(fields) for fields in zip(*alone, strict=True)))
    return (fast, gradients(fast)), (plain, gradients(plain))


@pytest.mark.parametrize("every_node", [False, True], ids=["words at leaves", "words at every node"])
@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: f"{type(cell).__name__} {cell.most}")
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_a_forest_is_its_trees_one_at_a_time(cell, every_node, data):
    trees = data.draw(st.lists(shapes(cell.most or 4), min_size=1, max_size=5))
    (fast, pulled), (plain, slowly) = both(cell, trees, every_node)
    torch.testing.assert_close(fast, plain)
    for one, other in zip(pulled, slowly, strict=True):
        assert (one is None) == (other is None)
        if one is not None:
            torch.testing.assert_close(one, other)


def sigmoid(x):
    return 1 / (1 + (-x).exp())


@pytest.mark.parametrize("shape", [CHAIN, BUSHY])
def test_child_sum_by_its_equations(shape):
    """Tai, Socher & Manning 2015, equations 2 to 8, a node at a time."""
    cell, (H, leaves) = ChildSumTreeLSTM(3, 5), (5, [n for n, own in enumerate(shape) if not own])
    w = weights(cell)
    x = torch.randn(len(leaves), 3, dtype=torch.double)
    (Ui, Uo, Uu, Uf), (Wi, Wo, Wu), (bi, bo, bu, bf) = w.x.split(H), w.h.split(H), w.b.split(H)
    h, c = {}, {}
    for n, own in enumerate(shape):
        pulled = x[leaves.index(n)] if n in leaves else torch.zeros(3, dtype=torch.double)
        total = sum((h[k] for k in own), torch.zeros(H, dtype=torch.double))
        i, o = sigmoid(Ui @ pulled + Wi @ total + bi), sigmoid(Uo @ pulled + Wo @ total + bo)
        u = torch.tanh(Uu @ pulled + Wu @ total + bu)
        kept = [sigmoid(Uf @ pulled + w.f @ h[k] + bf) * c[k] for k in own]
        c[n] = i * u + sum(kept, torch.zeros(H, dtype=torch.double))
        h[n] = o * torch.tanh(c[n])
    state = walk_forest(cell, w, forest([shape]), x)
    torch.testing.assert_close(state.h, torch.stack([h[n] for n in range(len(shape))]))
    torch.testing.assert_close(state.c, torch.stack([c[n] for n in range(len(shape))]))


@pytest.mark.parametrize("shape", [CHAIN, BUSHY])
def test_two_places_by_their_equations(shape):
    """Tai, Socher & Manning 2015, equations 9 to 14, a node at a time."""
    cell, (H, leaves) = NaryTreeLSTM(3, 5), (5, [n for n, own in enumerate(shape) if not own])
    w = weights(cell)
    x = torch.randn(len(leaves), 3, dtype=torch.double)
    Ui, Uo, Uu, _ = w.x.split(H)
    bi, bo, bu, bf = w.b.split(H)
    Wi, Wo, Wu, Wl, Wr = w.h.split(H)
    h, c = {}, {}
    for n, own in enumerate(shape):
        pulled = x[leaves.index(n)] if n in leaves else torch.zeros(3, dtype=torch.double)
        pair = torch.cat([h[k] for k in own]) if own else torch.zeros(2 * H, dtype=torch.double)
        i, o = sigmoid(Ui @ pulled + Wi @ pair + bi), sigmoid(Uo @ pulled + Wo @ pair + bo)
        u = torch.tanh(Uu @ pulled + Wu @ pair + bu)
        c[n] = i * u
        for k, W in zip(own, (Wl, Wr), strict=False):
            c[n] = c[n] + sigmoid(W @ pair + bf) * c[k]
        h[n] = o * torch.tanh(c[n])
    state = walk_forest(cell, w, forest([shape]), x)
    torch.testing.assert_close(state.h, torch.stack([h[n] for n in range(len(shape))]))


@pytest.mark.parametrize(
    ("trees", "told"),
    [
        ([], "at least one tree"),
        ([()], "at least one node"),
        ([((), (1,))], "must be a node before it"),
        ([((), (0,), (0, 1))], "with one parent"),
        ([((), ())], "have no parent"),
    ],
)
def test_what_is_no_tree_is_refused(trees, told):
    with pytest.raises(ShapeError, match=told):
        forest(trees)


def test_inputs_that_fit_neither_nodes_nor_leaves_are_refused():
    cell = Recursive(3, 5)
    with pytest.raises(ShapeError, match="7 rows, one a node, or 4, one a leaf, got 5"):
        walk_forest(cell, cell.init(), forest([CHAIN]), torch.randn(5, 3))


def test_more_children_than_places_are_refused():
    cell = NaryTreeLSTM(3, 5)
    with pytest.raises(ShapeError, match=r"3 children, and the cell has places for 2\. Binarise"):
        walk_forest(cell, cell.init(), forest([((), (), (), (0, 1, 2))]), torch.randn(3, 3))
