"""What to do about it, in a sentence: a row a remedy. A remedy that begins with `edit:` is its own sentence."""

from __future__ import annotations

ADVICE = {
    "add_to_optimizer": "Give the optimizer these parameters, too: make it after the last module is made.",
    "causal": "Let the network see the past only: one direction, or a causal mask.",
    "clip": "Clip the gradient's norm between backward and step: nn.utils.clip_grad_norm_(parameters, 1.0).",
    "clip_in_time": "Move the call that clips between backward and step.",
    "detach_once": "Detach the state once a window, not at every step.",
    "detach_window": "Detach the state between windows: state = state.detach().",
    "filter_rows": "Leave these rows out of the data, or fill what is missing in them.",
    "flip_sign": "Take the minus away from the loss (or maximize=True from the optimizer).",
    "forget_bias": "Start the forget gate open: a bias of 1, or for long lags log(uniform(1, T)) (chrono start).",
    "gated_cell": "A gated cell (LSTM, GRU) in the place of the plain one.",
    "initialisation": "A start whose scale fits the width: kaiming_normal_ before rectifiers, else xavier_normal_.",
    "leaky": "A leaky rectifier: nn.LeakyReLU(0.01).",
    "logits": "Give the loss what stands before the softmax (or sigmoid).",
    "longer_window": "A window of truncated backpropagation at least as long as the needed lag.",
    "lower_rate": "A learning rate of a tenth, or of a hundredth.",
    "norm": "Normalisation between the layers: nn.LayerNorm or nn.BatchNorm.",
    "normalise_inputs": "Inputs with mean 0 and standard deviation 1, by the statistics of the training part.",
    "orthogonal": "An orthogonal start of the recurrent weights: nn.init.orthogonal_(weight).",
    "raise_clip": "A limit of the size of the usual gradient.",
    "raise_rate": "A learning rate ten to a thousand times as large.",
    "rectifier": "Rectifiers in the place of sigmoids, with He's start (nn.init.kaiming_normal_).",
    "recurrent_rate": "A lower learning rate for the recurrent weights, or the logarithm of the decay as parameter.",
    "reset_state": "Begin every batch with fresh state.",
    "residual": "A way past the layers: x + f(x).",
    "transpose": "batch_first=True, or x.transpose(0, 1), so that the network walks along time.",
    "unfreeze": "requires_grad_(True) on what is to be trained, before the optimizer is made.",
    "zero_grad": "optimizer.zero_grad() before backward, once a step.",
}


def sentence(remedy: str) -> str:
    """What a person should do."""
    if remedy.startswith("edit:"):
        told = remedy.removeprefix("edit:").strip()
        return f"{told[0].upper()}{told[1:]}."
    return ADVICE[remedy]
