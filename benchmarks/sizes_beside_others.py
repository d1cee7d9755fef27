"""Sizes of every cell and of ten torch.nn networks: undertow's, torch's own counters, torchinfo, fvcore, ptflops.

Needs `pip install torchinfo fvcore ptflops`. Multiply-adds of the forward pass, and bytes that are kept for backward.
The oracles: torch's FlopCounterMode on the device meta, and saved_tensors_hooks in a real run.
"""

from __future__ import annotations

import copy
import logging
import sys
import warnings
from collections.abc import Callable

import torch
from _record import keep
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

import undertow as ut
from undertow.bench.sized_networks import B, CellLoop, F, H, RawLoop, T, Tagger, images, kept_by_hooks
from undertow.cells.catalog import built_in
from undertow.errors import SettingError
from undertow.report.table import print_table
from undertow.sizing.size import size


def networks() -> dict[str, tuple[nn.Module, Tensor]]:
    """Name, network, input."""
    x = torch.randn(T, B, F)
    found: dict[str, tuple[nn.Module, Tensor]] = {
        "nn.RNN, 2 layers": (nn.RNN(F, H, 2), x),
        "nn.LSTM": (nn.LSTM(F, H), x),
        "nn.LSTM, 3 layers, both ways": (nn.LSTM(F, H, 3, bidirectional=True), x),
        "nn.LSTM, projected": (nn.LSTM(F, H, proj_size=8), x),
        "nn.GRU, 2 layers, both ways": (nn.GRU(F, H, 2, bidirectional=True), x),
        "embedding, nn.LSTM, readout": (Tagger(), torch.randint(0, 100, (T, B))),
        "a loop over nn.GRUCell": (CellLoop(), x),
        "a loop over parameters": (RawLoop(), x),
        "convolutions": (images(), torch.randn(2, 3, 32, 32)),
        "transformer layer": (nn.TransformerEncoderLayer(F, 4, 64), x),
    }
    for name, kind in built_in().items():
        for engine in ("eager", "numba"):
            found[f"{name}, {'loop' if engine == 'eager' else 'kernel'}"] = (
                ut.Recurrent(kind(F, F if name.startswith("min") else H), engine=engine),
                x,
            )
    return found


def by_torch(network: nn.Module, x: Tensor) -> int:
    """Multiply-adds on the device meta; of a kernel, those of the loop that it stands for."""
    if isinstance(network, ut.Recurrent):
        network.set_engine("eager")
    with FlopCounterMode(display=False) as counter:
        network.to("meta")(x.to("meta"))
    return int(counter.get_total_flops()) // 2


def by_torchinfo(network: nn.Module, x: Tensor) -> int:
    """Its mult_adds."""
    from torchinfo import summary

    return int(summary(network, input_data=x, verbose=0).total_mult_adds)


def by_fvcore(network: nn.Module, x: Tensor) -> int:
    """Its flops, which are multiply-adds."""
    from fvcore.nn import FlopCountAnalysis

    return int(
        FlopCountAnalysis(network, x).unsupported_ops_warnings(False).uncalled_modules_warnings(False).total()
    )


def by_ptflops(network: nn.Module, x: Tensor) -> int:
    """Its macs."""
    from ptflops import get_model_complexity_info

    macs, _ = get_model_complexity_info(
        network,
        (1,),
        input_constructor=lambda _: x,
        as_strings=False,
        print_per_layer_stat=False,
        verbose=False,
    )
    if macs is None:
        raise RuntimeError("None")
    return int(macs)


FAILURES = (
    SettingError,
    RuntimeError,
    TypeError,
    ValueError,
    AttributeError,
    AssertionError,
    KeyError,
    IndexError,
)
PEERS: dict[str, Callable[[nn.Module, Tensor], int]] = {
    "torchinfo": by_torchinfo,
    "fvcore": by_fvcore,
    "ptflops": by_ptflops,
}


def asked(peer: Callable[[nn.Module, Tensor], int], network: nn.Module, x: Tensor) -> int | str:
    """Its answer, or the error it leaves with."""
    try:
        own = copy.deepcopy(network)
        if isinstance(own, ut.Recurrent):
            own.set_engine("auto")  # where a peer traces, that is the loop
        return peer(own, x)
    except FAILURES as error:  # which is its answer
        return type(error).__name__


def main() -> None:
    """Ask all, print, keep."""
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    rows = []
    for name, (network, x) in networks().items():
        found = size(network, x)
        total = found.total
        hooks = kept_by_hooks(copy.deepcopy(network), x)
        torchs = asked(by_torch, network, x)
        rows.append(
            {
                "network": name,
                "parameters": total.parameters,
                "parameters_exact": total.parameters == sum(p.numel() for p in network.parameters()),
                "multiply_adds": total.multiply_adds,
                "torch": torchs,
                **{peer: asked(ask, network, x) for peer, ask in PEERS.items()},
                "kept_bytes": total.kept_bytes,
                "hooks_bytes": hooks,
                "exact": total.multiply_adds == torchs,
                "kept_off": total.kept_bytes / hooks - 1 if hooks else 0.0,
            }
        )
        print(name, file=sys.stderr)
    shown = [
        {k: f"{v:,}" if isinstance(v, int) and not isinstance(v, bool) else v for k, v in r.items()}
        for r in rows
    ]
    for row in shown:
        row["kept_off"] = f"{row['kept_off']:+.2%}"
    print_table(
        shown, [k for k in shown[0] if k != "parameters_exact"], "Multiply-adds, and bytes kept", sys.stdout
    )
    wrong = [
        r["network"]
        for r in rows
        if not (r["exact"] and r["parameters_exact"] and abs(r["kept_off"]) <= 0.02)
    ]
    print(f"not exact: {', '.join(wrong) or 'none'}")
    keep("How do sizes compare with torch's own counters and with other tools?", rows)


if __name__ == "__main__":
    main()
