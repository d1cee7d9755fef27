"""A remedy laid on a sick script from outside gives the losses of the script that a person has mended by hand."""

import math
import textwrap

import pytest
import torch
from torch import nn

from undertow.doctor.arm import Job, run_arm
from undertow.doctor.remedies.gated_cell import Gated
from undertow.doctor.remedies.orthogonal import make_orthogonal
from undertow.doctor.remedy import every_remedy
from undertow.doctor.rule import every_rule
from undertow.doctor.verdict import Verdict, Where

REGRESSION = """
    import torch
    from torch import nn
    import torch.nn.functional as F
    torch.manual_seed(1)
    x, y = torch.randn(64, 5), torch.randn(64, 1)
    net = nn.Sequential(nn.Linear(5, 16), nn.{bend}(), nn.Linear(16, 16), nn.{bend}(), nn.Linear(16, 1))
    opt = torch.optim.{opt}
    for step in range(12):
        {steps}
"""
USUAL = "opt.zero_grad(); loss = F.mse_loss(net(x), y); loss.backward(); opt.step()"
CLIPPED = "opt.zero_grad(); loss = F.mse_loss(net(x), y); loss.backward(); {}; opt.step()"
LIMIT = "nn.utils.clip_grad_norm_(net.parameters(), {})"
WINDOWS = """
    import torch
    from torch import nn
    import torch.nn.functional as F
    torch.manual_seed(1)
    cell, read = nn.RNNCell(2, 8), nn.Linear(8, 1)
    parameters = [*cell.parameters(), *read.parameters()]
    opt = torch.optim.SGD(parameters, lr=0.1)
    h = torch.zeros(4, 8)
    for step in range(8):
        x, y = torch.randn(6, 4, 2), torch.randn(4, 1)
        {before}
        for now in x:
            h = cell(now, h){after}
        loss = F.mse_loss(read(h), y)
        opt.zero_grad()
        loss.backward({backward})
        opt.step()
"""


def regression(steps=USUAL, opt="SGD(net.parameters(), lr=0.05)", bend="Tanh"):
    return REGRESSION.format(steps=steps, opt=opt, bend=bend)


def windows(before="h = h.detach()", after="", backward=""):
    return WINDOWS.format(before=before, after=after, backward=backward)


def line_of(source, words):
    return next(n for n, text in enumerate(textwrap.dedent(source).splitlines(), 1) if words in text)


SKIPPED = "\n        ".join(
    [
        "rows = x[8 * (step % 8):][:8]{}",
        "loss = F.mse_loss(net(rows), y[8 * (step % 8):][:8])",
        "opt.zero_grad()",
        "loss.backward()",
        "opt.step()",
    ]
)
BAD = " * (float('nan') if step == 5 else 1)"
FIRST, REST = "net(x)", "net((x - x.mean(0)) / x.std(0))"
CUT = "        ".join(
    [
        "h = net[:2](x){}\n",
        "opt.zero_grad()\n",
        "loss = F.mse_loss(net[2:](h), y)\n",
        "loss.backward()\n",
        "opt.step()",
    ]
)
ROOTS = (
    "opt.zero_grad(); h = net(x); loss = F.mse_loss((h * (h > 0)){}.sqrt(), y); loss.backward(); opt.step()"
)
TOKENS = """
    import torch
    from torch import nn
    import torch.nn.functional as F
    class Reader(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed = nn.Embedding(9, 5)
            self.lstm = nn.LSTM(5, 8)
            self.read = nn.Linear(8, 1)
        def forward(self, x):
            v = 30 * self.embed(x)
            {change}
            return self.read(self.lstm(v)[0][-1])
    torch.manual_seed(1)
    net, x, y = Reader(), torch.randint(0, 9, (6, 20)), torch.randn(20, 1)
    opt = torch.optim.SGD(net.parameters(), lr=0.05)
    for step in range(12):
        opt.zero_grad(); loss = F.mse_loss(net(x), y); loss.backward(); opt.step()
"""
BY_ITS_FIRST = (
    "self.first = getattr(self, 'first', (v.detach().mean(), v.detach().std())); "
    "v = (v - self.first[0]) / self.first[1]"
)
CLASSES = (
    "opt.zero_grad(); p = torch.cat([net(x), x[:, :2]], 1); "
    "loss = F.cross_entropy(p{}, torch.arange(64) % 3); loss.backward(); opt.step()"
)

# remedy: sick, mended, strength, evidence, words of the line that is to blame
PAIRS = {
    "zero_grad": (regression(USUAL.removeprefix("opt.zero_grad(); ")), regression(), 1.0, {}, ""),
    "zero_grad_first": (
        regression("loss = F.mse_loss(net(x), y); loss.backward(); opt.zero_grad(); opt.step()"),
        regression(),
        1.0,
        {},
        "",
    ),
    "flip_sign": (regression(USUAL.replace("loss.backward", "(-loss).backward")), regression(), 1.0, {}, ""),
    "lower_rate": (regression(), regression(opt="SGD(net.parameters(), lr=0.005)"), 0.1, {}, ""),
    "raise_rate": (
        regression(opt="Adam(net.parameters(), lr=1e-4)"),
        regression(opt="Adam(net.parameters(), lr=1e-2)"),
        100.0,
        {},
        "",
    ),
    "clip": (regression(), regression(CLIPPED.format(LIMIT.format(0.1))), 0.1, {}, ""),
    "clip_in_time": (
        regression(USUAL + "; " + LIMIT.format(0.1)),
        regression(CLIPPED.format(LIMIT.format("0.1 if step else 1e9"))),
        1.0,
        {},
        "",
    ),
    "raise_clip": (
        regression(CLIPPED.format(LIMIT.format(1e-3))),
        regression(CLIPPED.format(LIMIT.format(0.5))),
        1.0,
        {"limit": 1e-3, "norm_over_limit": 500.0},
        "",
    ),
    "add_to_optimizer": (
        regression(opt="SGD(net[2:].parameters(), lr=0.05)"),
        regression(),
        1.0,
        {"parameters": ["net.0.weight", "net.0.bias"]},
        "",
    ),
    "leaky": (regression(bend="ReLU"), regression(bend="LeakyReLU"), 1.0, {}, ""),
    "filter_rows": (
        regression(SKIPPED.format(BAD)),
        regression(SKIPPED.format("").replace("opt.step()", "step == 5 or opt.step()")),
        1.0,
        {},
        "",
    ),
    "normalise_inputs": (regression(), regression(USUAL.replace(FIRST, REST)), 1.0, {}, ""),
    "keep_graph": (regression(CUT.format(".detach()")), regression(CUT.format("")), 1.0, {}, ".detach()"),
    "epsilon": (
        regression(ROOTS.format("")),
        regression(ROOTS.format(".clamp(min=1e-8)")),
        1.0,
        {},
        "sqrt",
    ),
    "logits": (regression(CLASSES.format(".softmax(1)")), regression(CLASSES.format("")), 1.0, {}, ""),
    "match_shapes": (regression(USUAL.replace(", y)", ", y[:, 0])")), regression(), 1.0, {}, ""),
    "detach_once": (windows(after=".detach()"), windows(), 1.0, {}, ""),
    "detach_window": (windows(before="", backward="retain_graph=True"), windows(), 1.0, {}, ""),
    "reset_state": (windows(), windows(before="h = torch.zeros(4, 8)"), 1.0, {}, ""),
}


def curve(tmp_path, source, remedy="", strength=1.0, fault=None, lives=True):
    path = tmp_path / f"{remedy or 'mended'}.py"
    path.write_text(textwrap.dedent(source))
    fault = fault or Verdict("X000", "", 1.0, "")
    result = run_arm(Job(str(path), (), 0, 0, remedy, strength, fault.document()))
    assert not (lives and result.crash), result.crash
    return [loss for _, loss in result.curve], result.changed


@pytest.mark.parametrize("remedy", sorted(PAIRS))
def test_as_if_mended_by_hand(remedy, tmp_path, capsys):
    sick, mended, strength, evidence, words = PAIRS[remedy]
    where = Where(file=str(tmp_path / f"{remedy}.py"), line=line_of(sick, words)) if words else Where()
    fault = Verdict("X000", "", 1.0, "", where, evidence)
    treated, changed = curve(tmp_path, sick, remedy, strength, fault)
    healthy, _ = curve(tmp_path, mended)
    untreated, _ = curve(tmp_path, sick, lives=False)
    assert changed > 0
    same = [x for x in treated if math.isfinite(x)] if remedy == "filter_rows" else treated
    wanted = [x for n, x in enumerate(healthy) if remedy != "filter_rows" or n != 5]
    assert same == pytest.approx(wanted, rel=1e-4)
    assert untreated != pytest.approx(healthy, rel=1e-3)


def test_the_first_step_is_clipped_in_time_by_what_the_diagnosis_told(tmp_path):
    sick, mended = (
        regression(text) for text in (USUAL + "; " + LIMIT.format(0.1), CLIPPED.format(LIMIT.format(0.1)))
    )
    fault = Verdict("L112", "", 1.0, "", Where(), {"limit": 0.1})
    treated, changed = curve(tmp_path, sick, "clip_in_time", 1.0, fault)
    assert changed == 12
    assert treated == pytest.approx(curve(tmp_path, mended)[0], rel=1e-4)


def test_a_bad_batch_leaves_no_trace_in_running_statistics(tmp_path, capsys):
    wide = "nn.Sequential(nn.Linear(5, 16), nn.BatchNorm1d(16), nn.Tanh(), nn.Linear(16, 1))"
    end = "\nprint(net.eval()(x).sum().item())"
    base = regression(SKIPPED.format(BAD)).replace("nn.Sequential(", f"{wide} or nn.Sequential(", 1)
    curve(tmp_path, textwrap.dedent(base) + end, "filter_rows")
    treated = capsys.readouterr().out
    mended = base.replace("net(rows)", "(net if step != 5 else net.eval())(rows) * (0 if step == 5 else 1)")
    mended = mended.replace("opt.step()", "step == 5 or opt.step(); net.train()").replace(BAD, "")
    curve(tmp_path, textwrap.dedent(mended) + end)
    assert math.isfinite(float(treated))
    assert float(treated) == pytest.approx(float(capsys.readouterr().out), rel=1e-4)


RAW_WITH_PENALTY = """
    import torch
    import torch.nn.functional as F
    torch.manual_seed(1)
    x, y, used = 500 * torch.randn(64, 5), torch.randn(64, 1), torch.ones(5)
    first, last = torch.randn(5, 8).requires_grad_(), torch.randn(8, 1).requires_grad_()
    opt = torch.optim.SGD([first, last], lr=0.01)
    for step in range(6):
        loss = F.mse_loss(torch.tanh({x} @ first) @ last, y) + 1e-3 * (first * used[:, None]).square().sum()
        opt.zero_grad(); loss.backward(); opt.step()
"""


def test_weights_that_a_penalty_scales_are_fed_normalised_inputs_too(tmp_path):
    treated, changed = curve(tmp_path, RAW_WITH_PENALTY.format(x="x"), "normalise_inputs")
    by_hand = "(x if step == 0 else (x - x.mean(0)) / x.std(0))"
    healthy, _ = curve(tmp_path, RAW_WITH_PENALTY.format(x=by_hand))
    assert changed == 5
    assert treated == pytest.approx(healthy, rel=1e-4)


MEASURED = """
    import torch
    from torch import nn
    torch.manual_seed(1)
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.rnn, self.read, self.carried = nn.RNN(2, 8), nn.Linear(8, 1), None
        def forward(self, x, h=None):
            y, h = self.rnn(x, h)
            return self.read(y[-1]), h
    net, h = Net(), None
    opt = torch.optim.SGD(net.parameters(), lr=0.1)
    for step in range(8):
        x, y = torch.randn(6, 4, 2), torch.randn(4, 1)
        p, h = net(x, h{leak})
        h = h.detach()
        loss = nn.functional.mse_loss(p, y)
        opt.zero_grad(); loss.backward(); opt.step()
    with torch.no_grad():
        for _ in range(3):
            p, h = net(torch.randn(6, 5, 2), h if h.shape[1] == 5{and_leak} else None)
        print("measured", p.sum().item())
        h = None
        for _ in range(3):
            p, h = net(torch.randn(1, 1, 2), h)
        print("drawn", p.sum().item())
"""


def test_state_is_fresh_where_it_is_measured_too_but_not_where_a_string_is_drawn(tmp_path, capsys):
    curve(tmp_path, MEASURED.format(leak="", and_leak=""), "reset_state")
    treated = capsys.readouterr().out
    curve(tmp_path, MEASURED.format(leak="* 0 if h is not None else None", and_leak=" and False"))
    assert treated == capsys.readouterr().out


def test_vectors_of_tokens_are_normalised_at_the_layer_that_has_the_fault(tmp_path):
    fault = Verdict("T110", "", 1.0, "", Where(parameter="net.lstm.weight_ih_l0"))
    treated, changed = curve(tmp_path, TOKENS.format(change=""), "normalise_inputs", 1.0, fault)
    healthy, _ = curve(tmp_path, TOKENS.format(change=BY_ITS_FIRST))
    assert changed == 12
    assert treated == pytest.approx(healthy, rel=1e-4)


@pytest.mark.parametrize("remedy", sorted(PAIRS))
def test_nothing_is_left_behind(remedy, tmp_path):
    kept = {
        (owner, name): getattr(owner, name)
        for owner in (torch, torch.Tensor, nn.functional, nn.utils, torch.autograd)
        for name in (
            "relu",
            "detach",
            "backward",
            "sigmoid",
            "clip_grad_norm_",
            "mse_loss",
            "__sub__",
            "sqrt",
        )
        if hasattr(owner, name)
    }
    curve(tmp_path, PAIRS[remedy][0], remedy, PAIRS[remedy][2])
    assert all(getattr(owner, name) is old for (owner, name), old in kept.items())


def test_every_remedy_is_named_by_some_rule_and_says_what_to_do():
    named = {remedy for rule in every_rule() for remedy in rule.remedies}
    assert named == set(every_remedy())
    for remedy in every_remedy().values():
        assert remedy.says.endswith(".")
        assert len(remedy.page) > 40
        assert len({remedy.called(s) for s in remedy.strengths}) == len(remedy.strengths)


@pytest.mark.parametrize("shape", [(8, 8), (32, 8), (8, 24)])
def test_every_block_is_orthogonal(shape):
    weight = torch.zeros(shape)
    make_orthogonal(weight)
    for block in torch.split(weight, 8, dim=0 if shape[0] > 8 else 1):
        torch.testing.assert_close(block @ block.T, torch.eye(8), atol=1e-5, rtol=0)


def test_the_nearest_orthogonal_matrix_of_a_multiple_of_the_identity_is_the_identity():
    weight = torch.cat([1.2 * torch.eye(8), 0.3 * torch.eye(8)])
    make_orthogonal(weight, near=True)
    torch.testing.assert_close(weight, torch.eye(8).repeat(2, 1))


@pytest.mark.parametrize("start", [torch.zeros(8, 8), torch.full((8, 8), 0.1), torch.full((8, 8), math.nan)])
def test_where_no_orthogonal_matrix_is_nearest_one_is_drawn(start):
    make_orthogonal(start, near=True)
    torch.testing.assert_close(start @ start.T, torch.eye(8), atol=1e-5, rtol=0)


@pytest.mark.parametrize("settings", [{}, {"num_layers": 2}, {"bidirectional": True}, {"batch_first": True}])
def test_a_gated_layer_is_from_outside_as_the_plain_one(settings):
    plain = nn.RNN(3, 32, **settings)
    gated = Gated(plain, 40.0)
    x = torch.randn(5, 5, 3)
    for ours, theirs in zip(gated(x), plain(x), strict=True):
        assert ours.shape == theirs.shape
    again = gated(x, gated(x)[1])
    assert again[0].shape == plain(x)[0].shape
    count = sum(p.numel() for p in gated.parameters())
    assert count <= 1.3 * sum(p.numel() for p in plain.parameters())


SWAPPED = """
    import torch
    from torch import nn
    torch.manual_seed(3)
    drawn = []
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.rnn, self.out = nn.RNN(2, 16), nn.Linear(16, 1)
        def forward(self, x):
            return self.out(self.rnn(x)[0][-1])
    net = Net()
    opt = torch.optim.Adam(net.parameters(), lr=0.01)
    for step in range(6):
        x = torch.randn(20, 8, 2)
        loss = nn.functional.mse_loss(net(x), x[0, :, :1])
        print("data", float(x.sum()))
        opt.zero_grad()
        loss.backward()
        opt.step()
"""


@pytest.mark.parametrize("remedy", ["gated_cell", "orthogonal", "initialisation"])
def test_what_is_drawn_leaves_the_scripts_own_choices_alone(remedy, tmp_path, capsys):
    plain, _ = curve(tmp_path, SWAPPED)
    told = [line for line in capsys.readouterr().out.splitlines() if line.startswith("data")]
    treated, changed = curve(tmp_path, SWAPPED, remedy)
    again = [line for line in capsys.readouterr().out.splitlines() if line.startswith("data")]
    assert changed > 0
    assert again == told
    assert treated != plain


LSTM = """
    import torch
    from torch import nn
    torch.manual_seed(3)
    H = 6
    class Cell(nn.Module):
        def __init__(self):
            super().__init__()
            self.x, self.h = nn.Linear(2, 4 * H), nn.Linear(H, 4 * H)
        def forward(self, x, state):
            h, c = state
            i, f, g, o = (self.x(x) + self.h(h)).chunk(4, 1)
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
            return torch.sigmoid(o) * torch.tanh(c), c
    cell, out = Cell(), nn.Linear(H, 1)
    opt = torch.optim.SGD([*cell.parameters(), *out.parameters()], lr=0.0)
    for step in range(3):
        x, state = torch.randn(12, 4, 2), (torch.zeros(4, H), torch.zeros(4, H))
        for now in x:
            state = cell(now, state)
        loss = nn.functional.mse_loss(out(state[0]), x[0, :, :1])
        opt.zero_grad()
        loss.backward()
        opt.step()
    total = cell.x.bias + cell.h.bias
    print("forget", [round(v, 4) for v in total.detach()[H:2 * H].tolist()])
    print("rest", [round(v, 4) for v in torch.cat([total[:H], total[2 * H:]]).tolist()])
"""


def test_the_forget_bias_of_a_cell_written_out_is_found(tmp_path, capsys):
    curve(tmp_path, LSTM)
    before = dict(line.split(" ", 1) for line in capsys.readouterr().out.splitlines())
    _, changed = curve(tmp_path, LSTM, "forget_bias", 1.0)
    after = dict(line.split(" ", 1) for line in capsys.readouterr().out.splitlines())
    assert changed == 1
    assert after["forget"] == str([1.0] * 6)
    assert after["rest"] == before["rest"]
