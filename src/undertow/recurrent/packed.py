"""torch's PackedSequence, in and out, keeping the order of the rows that it came with."""

from __future__ import annotations

from torch import Tensor
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence


def unpack(packed: PackedSequence) -> tuple[Tensor, Tensor]:
    """[T, B, I] in the caller's order of rows, and the length of each."""
    x, lengths = pad_packed_sequence(packed)
    return x, lengths.to(x.device)


def pack_like(y: Tensor, lengths: Tensor, packed: PackedSequence) -> PackedSequence:
    """Pack y with the very row order of `packed`."""
    order = packed.sorted_indices
    if order is not None:
        y, lengths = y.index_select(1, order), lengths[order]
    data = pack_padded_sequence(y, lengths.cpu(), enforce_sorted=True)
    return PackedSequence(data.data, data.batch_sizes, packed.sorted_indices, packed.unsorted_indices)
