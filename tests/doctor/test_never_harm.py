"""Listening changes nothing, and leaves nothing behind."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from torch.nn.modules import module
from torch.optim import optimizer

from undertow.doctor.script import run
from undertow.doctor.seen.bedside import Bedside

SCRIPTS = {
    "a classifier with dropout and normalisation": """
        model = nn.Sequential(nn.Linear(5, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.3), nn.Linear(8, 3))
        optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
        for _ in range(30):
            loss = F.cross_entropy(model(torch.randn(16, 5)), torch.randint(3, (16,)))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    """,
    "two players": """
        model = nn.ModuleDict({"g": nn.Linear(2, 2), "d": nn.Linear(2, 1)})
        ones = [torch.optim.RMSprop(m.parameters(), lr=0.01) for m in model.values()]
        for n in range(40):
            fake = model["g"](torch.randn(8, 2))
            score = model["d"](fake.detach() if n % 2 else fake).mean()
            ones[n % 2].zero_grad()
            (score if n % 2 else -score).backward()
            ones[n % 2].step()
    """,
    "a loop over raw tensors, stepped by hand": """
        w, u = torch.randn(4, 4, requires_grad=True), torch.randn(4, 1, requires_grad=True)
        for _ in range(30):
            h = torch.zeros(6, 4)
            for t in range(9):
                h = torch.tanh(h @ w + torch.randn(6, 4))
            ((h @ u)[:, 0] - torch.randn(6)).square().mean().backward()
            with torch.no_grad():
                for p in (w, u):
                    p -= 0.05 * p.grad
                    p.grad = None
        model = nn.ParameterList([w, u])
    """,
    "a torch layer, accumulated and clipped": """
        model = nn.ModuleList([nn.LSTM(3, 6, batch_first=True), nn.Linear(6, 1)])
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
        for n in range(44):
            y, _ = model[0](torch.randn(4, 7, 3))
            F.mse_loss(model[1](y[:, -1]), torch.randn(4, 1)).backward()
            if n % 2:
                nn.utils.clip_grad_norm_(model.parameters(), 0.5)
                optimizer.step()
                optimizer.zero_grad()
    """,
    "a loss scaler": """
        model = nn.Linear(4, 1)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        scaler = torch.amp.GradScaler("cpu", init_scale=2.0**100)
        for _ in range(30):
            with torch.autocast("cpu", dtype=torch.bfloat16):
                loss = F.mse_loss(model(torch.randn(8, 4)).float(), torch.randn(8, 1))
            optimizer.zero_grad()
            scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()
    """,
    "workers": """
        data = torch.utils.data.TensorDataset(torch.randn(64, 4), torch.randn(64, 1))
        model = nn.Linear(4, 1)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for _ in range(3):
            for x, y in torch.utils.data.DataLoader(data, 8, shuffle=True, num_workers=2):
                optimizer.zero_grad()
                F.mse_loss(model(x), y).backward()
                optimizer.step()
    """,
    "a loop of Lightning's": """
        import pytorch_lightning as pl

        class Net(pl.LightningModule):
            def __init__(self):
                super().__init__()
                self.rnn, self.out = nn.GRU(3, 8, batch_first=True), nn.Linear(8, 1)

            def training_step(self, batch, _):
                return F.mse_loss(self.out(self.rnn(batch[0])[0][:, -1]), batch[1])

            def configure_optimizers(self):
                return torch.optim.Adam(self.parameters(), lr=0.01)

        data = torch.utils.data.TensorDataset(torch.randn(96, 7, 3), torch.randn(96, 1))
        model = Net()
        quiet = dict(logger=False, enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False)
        trainer = pl.Trainer(max_epochs=2, accelerator="cpu", gradient_clip_val=0.5, **quiet)
        trainer.fit(model, torch.utils.data.DataLoader(data, 16, shuffle=True))
    """,
    "a network in a process group": """
        import os
        import socket

        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port), RANK="0", WORLD_SIZE="1")
        torch.distributed.init_process_group("gloo")
        model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
        shared = nn.parallel.DistributedDataParallel(model)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for _ in range(30):
            optimizer.zero_grad()
            F.mse_loss(shared(torch.randn(8, 4)), torch.randn(8, 1)).backward()
            optimizer.step()
        torch.distributed.destroy_process_group()
    """,
    "steps that ask for the loss again": """
        model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))
        optimizer = torch.optim.LBFGS(model.parameters(), lr=0.5, max_iter=4)
        for _ in range(12):
            x, y = torch.randn(16, 4), torch.randn(16, 1)

            def closure():
                optimizer.zero_grad()
                loss = F.mse_loss(model(x), y)
                loss.backward()
                return loss

            optimizer.step(closure)
    """,
    "a chance of Python's own in the forward pass": """
        import random

        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.rnn, self.out = nn.GRUCell(3, 8), nn.Linear(8, 3)

            def forward(self, x):
                h, y = torch.zeros(x.shape[1], 8), x[0]
                for step in x:
                    h = self.rnn(step if random.random() < 0.5 else y, h)
                    y = self.out(h)
                return y

        random.seed(1)
        model = Net()
        optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
        for _ in range(305):
            x = torch.randn(6, 8, 3)
            optimizer.zero_grad()
            F.mse_loss(model(x), x.sum(0)).backward()
            optimizer.step()
    """,
    "hooks of its own on the way back": """
        model = nn.ModuleList([nn.RNNCell(4, 8), nn.Linear(8, 1)])
        optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
        lengths = []

        def clip(gradient):
            lengths.append(float(gradient.norm()))
            return gradient.clamp(-sum(lengths) / len(lengths), sum(lengths) / len(lengths))

        for _ in range(30):
            x, h = torch.randn(9, 6, 4), torch.zeros(6, 8)
            for step in x:
                h = model[0](step, h)
                h.register_hook(clip)
            optimizer.zero_grad()
            F.mse_loss(model[1](h), x.sum((0, 2))[:, None]).backward()
            optimizer.step()
    """,
    "activations that are worked out again": """
        from torch.utils.checkpoint import checkpoint

        model = nn.ModuleList([nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU()), nn.Linear(8, 1)])
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for _ in range(30):
            x = torch.randn(8, 4)
            optimizer.zero_grad()
            F.mse_loss(model[1](checkpoint(model[0], x, use_reentrant=False)), x.sum(1, keepdim=True)).backward()
            optimizer.step()
    """,
    "a loss in TorchScript": """
        def loss_of(a, b):
            return torch.nn.functional.mse_loss(a, b)

        scripted = torch.jit.script(loss_of)
        model = nn.Linear(4, 1)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for _ in range(30):
            x = torch.randn(8, 4)
            optimizer.zero_grad()
            scripted(model(x), x.sum(1, keepdim=True)).backward()
            optimizer.step()
    """,
    "a compiled model, whole": """
        inner = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
        model = torch.compile(inner, backend="aot_eager", fullgraph=True)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for _ in range(12):
            optimizer.zero_grad()
            F.mse_loss(model(torch.randn(8, 4)), torch.randn(8, 1)).backward()
            optimizer.step()
    """,
    "a compiled model": """
        inner = nn.Linear(4, 1)
        model = torch.compile(inner, backend="aot_eager")
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for _ in range(12):
            optimizer.zero_grad()
            F.mse_loss(model(torch.randn(8, 4)), torch.randn(8, 1)).backward()
            optimizer.step()
    """,
}
HEAD = """import sys
import torch
from torch import nn
from torch.nn import functional as F


def main():
    torch.manual_seed(3)
"""
TAIL = """
    torch.save({k: v.detach().clone() for k, v in model.state_dict().items()}, sys.argv[1])


if __name__ == '__main__':
    main()
"""
LISTENED = """
import sys
from pathlib import Path
from pathlib import Path
from undertow.doctor.script import run
case = run(Path(sys.argv[1]), sys.argv[2:])
assert case.crash is None, case.crash
assert not case.seen.failures, case.seen.failures
assert len(case.steps) > 9
"""


def written(folder, body):
    path = folder / "script.py"
    lines = [line[4:] for line in body.strip("\n").splitlines()]
    path.write_text(HEAD + "\n".join(lines).rstrip() + TAIL)
    return path


@pytest.mark.parametrize("name", SCRIPTS)
def test_weights_are_the_same_with_and_without(name, tmp_path):
    script = written(tmp_path, SCRIPTS[name])
    alone, listened = tmp_path / "alone.pt", tmp_path / "listened.pt"
    subprocess.run([sys.executable, script, alone], check=True, timeout=120)
    subprocess.run([sys.executable, "-c", LISTENED, script, listened], check=True, timeout=120)
    one, other = torch.load(alone, weights_only=True), torch.load(listened, weights_only=True)
    assert list(one) == list(other)
    assert all(torch.equal(one[k], other[k]) for k in one)


def hooks():
    return (
        module._has_any_global_hook(),
        len(module._global_forward_hooks),
        len(module._global_forward_pre_hooks),
        len(optimizer._global_optimizer_pre_hooks),
        len(optimizer._global_optimizer_post_hooks),
        torch.autograd.backward,
        torch.optim.Optimizer.__init__,
        torch.Tensor.__dict__.get("detach"),
        torch.Tensor.__eq__,
        torch.nn.functional.cross_entropy,
        torch.nn.utils.clip_grad_norm_,
        torch.utils.data.DataLoader.__iter__,
        torch.is_anomaly_enabled(),
    )


@pytest.mark.parametrize("ends", [None, ValueError, KeyboardInterrupt])
def test_nothing_is_left_behind(ends):
    before = hooks()
    net = torch.nn.Linear(2, 1)

    def train():
        with Bedside():
            assert hooks() != before
            net(torch.randn(4, 2)).sum().backward()
            if ends is not None:
                raise ends

    if ends is None:
        train()
    else:
        with pytest.raises(ends):
            train()
    assert hooks() == before
    assert not net._forward_hooks
    assert not net._forward_pre_hooks


def trained_with_broken(monkeypatch, listener, net):
    """Three steps while something of ours raises."""

    def broken(*_):
        raise RuntimeError("broken")

    monkeypatch.setattr(listener, broken)
    step = torch.optim.SGD(net.parameters(), lr=0.1)

    def train():
        with Bedside() as seen:
            for _ in range(3):
                net(torch.randn(4, 2)).sum().backward()
                step.step()
        return seen

    with pytest.warns(UserWarning, match="could not be listened to: RuntimeError: broken"):
        seen = train()
    assert len(seen.steps) == 3
    assert seen.failures


def test_what_goes_wrong_in_listening_is_not_felt(monkeypatch):
    trained_with_broken(monkeypatch, "undertow.doctor.seen.bedside.Graph", torch.nn.Linear(2, 1))


def test_a_module_that_raises_is_forgotten():
    class Refuses(torch.nn.Module):
        def forward(self, x, known=None):
            raise RuntimeError

    with Bedside() as seen:
        with pytest.raises(RuntimeError):
            Refuses()(torch.ones(1), known=1)
        assert not seen._running
    assert not seen.failures


def test_what_a_script_asks_of_anomaly_mode_it_gets(tmp_path, capfd):
    script = tmp_path / "asks.py"
    script.write_text(
        "import torch\n"
        "w = torch.zeros(3, requires_grad=True)\n"
        "opt = torch.optim.SGD([w], lr=0.1)\n"
        "assert not torch.is_anomaly_enabled()\n"
        "torch.autograd.set_detect_anomaly(True)\n"
        "for step in range(40):\n"
        "    loss = (w * (step < 30)).square().sum().sqrt() if step > 20 else w.sum()\n"
        "    opt.zero_grad()\n"
        "    loss.backward()\n"
        "    opt.step()\n"
    )
    case = run(script, [])
    assert case.crash.kind == "RuntimeError"
    assert "returned nan values" in case.crash.message
    assert not torch.is_anomaly_enabled()
    told = capfd.readouterr().err
    assert "returned nan values" in told
    assert "undertow" not in told.partition('Traceback (most recent call last):\n  File "' + str(script))[2]


def test_a_model_that_is_saved_whole_needs_no_undertow(tmp_path):
    net = torch.nn.Linear(2, 1)
    with Bedside():
        net(torch.randn(4, 2)).sum().backward()
        torch.save(net, tmp_path / "net.pt")
    assert b"undertow" not in (tmp_path / "net.pt").read_bytes()
    loaded = torch.load(tmp_path / "net.pt", weights_only=False)
    assert torch.equal(loaded(torch.ones(1, 2)), net(torch.ones(1, 2)))


def test_where_a_script_goes_and_prints_ends_with_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    script = tmp_path / "goes.py"
    script.write_text("import os, sys\nos.chdir('/')\nsys.stdout = sys.stderr\n")
    out = sys.stdout
    run(script, [])
    assert Path.cwd() == tmp_path
    assert sys.stdout is out


def test_two_scripts_of_two_folders_have_modules_of_their_own(tmp_path, capfd):
    for name in ("a", "b"):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "own_part.py").write_text(f"NAME = {name!r}\n")
        (folder / "train.py").write_text("import own_part\nprint('part', own_part.NAME)\n")
        run(folder / "train.py", [])
    assert "part a\npart b\n" in capfd.readouterr().out
    assert "own_part" not in sys.modules


def test_a_watch_that_fails_is_not_felt(monkeypatch):
    net = torch.nn.Sequential(torch.nn.Linear(2, 1))
    trained_with_broken(monkeypatch, "undertow.flow.depth.Depth._came_out", net)
    assert not net._forward_hooks
    assert not net[0]._forward_hooks


def test_a_crash_keeps_its_own_traceback(tmp_path, capfd):
    script = tmp_path / "crashes.py"
    script.write_text("import torch\n\n\ndef f():\n    return torch.ones(2) @ torch.ones(3)\n\n\nf()\n")
    case = run(script, [])
    told = capfd.readouterr().err
    assert case.crash.kind == "RuntimeError"
    assert case.crash.line == (str(script), 5)
    assert "undertow" not in told
    assert "in f\n" in told


def test_a_fused_layer_walked_twice_crashes_as_it_does_alone(tmp_path):
    """Its hooks are then called without a gradient."""
    script = tmp_path / "carries.py"
    script.write_text(
        """import torch
lstm = torch.nn.LSTM(4, 5)
optimizer = torch.optim.SGD(lstm.parameters(), lr=0.1)
state = None
for step in range(5):
    y, state = lstm(torch.randn(6, 3, 4), state)
    loss = y.square().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""
    )
    case = run(script, [])
    assert case.crash.kind == "RuntimeError"
    assert "a second time" in case.crash.message


def test_the_command_line_is_put_back(tmp_path):
    script = tmp_path / "looks.py"
    script.write_text(
        "import sys\nassert sys.argv[1:] == ['--a', 'b'], sys.argv\nassert __name__ == '__main__'\n"
    )
    words, path, main = list(sys.argv), list(sys.path), sys.modules["__main__"]
    assert run(script, ["--a", "b"]).crash is None
    assert (sys.argv, sys.path, sys.modules["__main__"]) == (words, path, main)


def test_ctrl_c_ends_it_with_130_and_what_was_seen(tmp_path):
    endless = SCRIPTS["a classifier with dropout and normalisation"].replace("range(30)", "range(10**9)")
    script = written(
        tmp_path, endless.replace("optimizer.step()", "optimizer.step(); open('stepped', 'a').close()")
    )
    command = [
        sys.executable,
        "-m",
        "undertow",
        "diagnose",
        "--steps",
        "0",
        str(script),
        str(tmp_path / "no.pt"),
    ]
    started = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path
    )
    try:
        until = time.monotonic() + 90
        while not (tmp_path / "stepped").exists() and time.monotonic() < until:
            time.sleep(0.2)
        time.sleep(1)
        assert started.poll() is None
        started.send_signal(signal.SIGINT)
        out, told = started.communicate(timeout=60)
    finally:
        started.kill()
    assert started.returncode == 130, told
    assert "script.py: " in out
    assert "Traceback" not in told
