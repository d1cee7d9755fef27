"""ut.RNN, ut.LSTM and ut.GRU against torch.nn's: outputs, last states, all gradients, in every form of call."""

import copy
import pickle
from itertools import product

import pytest
import torch
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence

import undertow as ut
from cases import B, H, I, assert_same, gradients, leaves, needing_gradient, normal, randomised
from undertow.errors import ShapeError

pytestmark = pytest.mark.filterwarnings(
    "ignore:LSTM with projections is not supported with oneDNN"
)  # torch's own

STEPS = 5
KINDS = {
    "rnn_tanh": ("RNN", {"nonlinearity": "tanh"}),
    "rnn_relu": ("RNN", {"nonlinearity": "relu"}),
    "lstm": ("LSTM", {}),
    "lstm_proj": ("LSTM", {"proj_size": 2}),
    "gru": ("GRU", {}),
}
GEOMETRIES = {
    f"{layers}x{'bi' if bidirectional else 'uni'}{'' if bias else '_nobias'}": {
        "num_layers": layers,
        "bidirectional": bidirectional,
        "bias": bias,
    }
    for layers, bidirectional, bias in product((1, 2), (False, True), (True, False))
}
EVERY_KIND = pytest.mark.parametrize("kind", KINDS)
EVERY_GEOMETRY = pytest.mark.parametrize("geometry", GEOMETRIES)


def twins(kind, **settings):
    """torch's module with random weights in float64, and ours with the same."""
    name, own = KINDS[kind]
    theirs = randomised(getattr(torch.nn, name)(I, H, **own, **settings))
    ours = getattr(ut, name)(I, H, **own, **settings).double()
    ours.load_state_dict(theirs.state_dict(), strict=True)
    return ours, theirs


def start_of(module, batch):
    """Random start states in torch's layout; no batch axis where `batch` is None."""
    count = module.num_layers * (2 if module.bidirectional else 1)
    wide = [module.proj_size or H] + ([H] if isinstance(module, torch.nn.LSTM) else [])
    states = [normal(count, *([] if batch is None else [batch]), width) for width in wide]
    return tuple(states) if len(states) == 2 else states[0]


def assert_twins_agree(ours, theirs, x, hx, pack=lambda x: x):
    inputs = needing_gradient(x, hx)
    results = []
    for module in (ours, theirs):
        y, last = module(pack(x), hx)
        outputs = list(leaves(y.data if isinstance(y, PackedSequence) else y, last))
        results.append((y, last, gradients(outputs, [*inputs, *module.parameters()])))
    assert_same(results[0][1:], results[1][1:])
    (y, wanted), packed = (result[0] for result in results), isinstance(results[1][0], PackedSequence)
    assert isinstance(y, PackedSequence) is packed
    for part, other in zip(y, wanted, strict=True) if packed else [(y, wanted)]:
        assert (part is None) is (other is None)
        assert_same(part, other)


@EVERY_KIND
@EVERY_GEOMETRY
@pytest.mark.parametrize("batch_first", [False, True], ids=["time_first", "batch_first"])
def test_batches_agree(kind, geometry, batch_first):
    ours, theirs = twins(kind, batch_first=batch_first, **GEOMETRIES[geometry])
    x = normal(B, STEPS, I) if batch_first else normal(STEPS, B, I)
    assert_twins_agree(ours, theirs, x, start_of(theirs, B))
    assert_twins_agree(ours, theirs, x, None)


@EVERY_KIND
@EVERY_GEOMETRY
@pytest.mark.parametrize("batch_first", [False, True], ids=["time_first", "batch_first"])
def test_a_single_sequence_without_a_batch_axis_agrees(kind, geometry, batch_first):
    ours, theirs = twins(kind, batch_first=batch_first, **GEOMETRIES[geometry])
    assert_twins_agree(ours, theirs, normal(STEPS, I), start_of(theirs, None))
    assert_twins_agree(ours, theirs, normal(STEPS, I), None)


@EVERY_KIND
@EVERY_GEOMETRY
@pytest.mark.parametrize(
    "lengths", [[5, 5, 4, 2, 2, 1, 1], [2, 5, 1, 4, 5, 1, 2]], ids=["sorted", "unsorted"]
)
def test_packed_sequences_agree(kind, geometry, lengths):
    """Data, batch sizes and the order of rows; h_n in the caller's order, for a start in the caller's order."""
    ours, theirs = twins(kind, **GEOMETRIES[geometry])
    in_order = lengths == sorted(lengths, reverse=True)

    def pack(x):
        return pack_padded_sequence(x, torch.tensor(lengths), enforce_sorted=in_order)

    assert_twins_agree(ours, theirs, normal(STEPS, B, I), start_of(theirs, B), pack)
    assert_twins_agree(ours, theirs, normal(STEPS, B, I), None, pack)


@EVERY_KIND
def test_packed_batch_first_sequences_agree(kind):
    ours, theirs = twins(kind, batch_first=True, bidirectional=True)
    lengths = torch.tensor([1, 5, 3, 3, 2, 4, 5])

    def pack(x):
        return pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)

    assert_twins_agree(ours, theirs, normal(B, STEPS, I), start_of(theirs, B), pack)


@EVERY_KIND
def test_float32_agrees(kind):
    ours, theirs = (module.float() for module in twins(kind, num_layers=2, bidirectional=True))
    x = torch.randn(STEPS, B, I)
    got, wanted = ours(x), theirs(x)
    assert {t.dtype for t in leaves(got)} == {torch.float32}
    assert_same(got, wanted, 1e-5)


@EVERY_KIND
@pytest.mark.parametrize("batch", [1, 63])
@pytest.mark.parametrize("steps", [1, 40])
def test_other_sizes_agree(kind, batch, steps):
    ours, theirs = twins(kind, num_layers=2)
    assert_twins_agree(ours, theirs, normal(steps, batch, I), start_of(theirs, batch))


@EVERY_KIND
@EVERY_GEOMETRY
def test_state_dict_goes_both_ways(kind, geometry):
    name, own = KINDS[kind]
    settings = {**own, **GEOMETRIES[geometry]}
    ours, theirs = getattr(ut, name)(I, H, **settings), getattr(torch.nn, name)(I, H, **settings)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    theirs.load_state_dict(ours.state_dict(), strict=True)
    assert_same(theirs.state_dict().values(), ours.state_dict().values(), 0)
    assert_same(ours(x := torch.randn(STEPS, B, I)), theirs(x), 1e-5)


@EVERY_KIND
def test_one_seed_starts_both_alike(kind):
    name, own = KINDS[kind]
    starts = []
    for home in (ut, torch.nn):
        torch.manual_seed(11)
        starts.append(getattr(home, name)(I, H, num_layers=2, **own).state_dict())
    assert_same(starts[0].values(), starts[1].values(), 0)


@EVERY_KIND
def test_ours_is_one_of_torchs_in_name_and_copies_and_travels(kind):
    ours, theirs = twins(kind, num_layers=2, bidirectional=True, batch_first=True)
    assert isinstance(ours, type(theirs))
    assert repr(ours) == repr(theirs)
    x = normal(B, STEPS, I)
    for other in (copy.deepcopy(ours), pickle.loads(pickle.dumps(ours))):  # noqa: S301 - bytes of our own
        assert type(other) is type(ours)
        assert_same(other(x), ours(x), 0)
        assert all(a is not b for a, b in zip(other.parameters(), ours.parameters(), strict=True))


@EVERY_KIND
def test_dropout_acts_between_layers_in_training_only(kind):
    ours, theirs = twins(kind, num_layers=2, dropout=0.5)
    x = normal(STEPS, B, I)
    quiet = twins(kind, num_layers=2)[0]
    quiet.load_state_dict(ours.state_dict())
    assert_same(ours.eval()(x), theirs.eval()(x))
    assert_same(ours(x), quiet(x), 0)
    ours.train()
    (y, last), (again, _) = ours(x), ours(x)
    assert not torch.equal(y, again)
    h_n = next(leaves(last))
    assert_same(h_n[0], next(leaves(quiet(x)[1]))[0], 0)  # nothing is dropped below or inside the first layer
    assert (y != 0).all() or kind == "rnn_relu"  # nor above the last


@EVERY_KIND
def test_dropout_of_zero_is_none(kind):
    ours, theirs = twins(kind, num_layers=2, dropout=0.0)
    assert_twins_agree(ours.train(), theirs.train(), normal(STEPS, B, I), None)


@pytest.mark.parametrize(
    ("name", "x", "hx", "message"),
    [
        (
            "LSTM",
            torch.zeros(STEPS, B, I + 1),
            None,
            "undertow.LSTM: x needs 3 features on its last axis, got shape",
        ),
        ("LSTM", torch.zeros(0, B, I), None, "undertow.LSTM: x has no time step"),
        ("GRU", torch.zeros(B), None, "undertow.GRU: input must have 2 axes [T, I] or 3, got shape (7,)."),
        ("RNN", torch.zeros(STEPS, B, I).long(), None, "undertow.RNN: x must hold floating point numbers"),
        (
            "GRU",
            torch.zeros(STEPS, B, I),
            torch.zeros(1, 6, H),
            "start state h must be (1, 7, 5), got (1, 6, 5).",
        ),
        ("GRU", torch.zeros(STEPS, B, I), torch.zeros(B, H), "start state h must be (1, 7, 5), got (7, 5)."),
        (
            "LSTM",
            torch.zeros(STEPS, B, I),
            (torch.zeros(1, B, H), torch.zeros(1, B, 4)),
            "undertow.LSTM: start state c must be (1, 7, 5), got (1, 7, 4).",
        ),
        ("LSTM", torch.zeros(STEPS, B, I), torch.zeros(1, B, H), "hx must be a pair of tensors, (h_0, c_0)."),
        (
            "LSTM",
            torch.zeros(STEPS, B, I),
            (torch.zeros(1, B, H),),
            "hx must be a pair of tensors, (h_0, c_0).",
        ),
        (
            "GRU",
            torch.zeros(STEPS, B, I),
            (torch.zeros(1, B, H),),
            "undertow.GRU: hx must be one tensor, h_0.",
        ),
    ],
)
def test_what_does_not_fit_is_refused(name, x, hx, message):
    with pytest.raises(ShapeError) as told:
        getattr(ut, name)(I, H)(x, hx)
    assert message in str(told.value)
