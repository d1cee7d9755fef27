"""The records that tell the token loop of its sequences: sizes, settings, and the addresses of everything it works on.

They are made by `undertow.compiler.token_shard` and read by `undertow.compiler.token_loop`. All but two settings are
whole numbers; an address is one, too. Where there are two, the first is for even steps and the second for odd ones.
"""

import numpy as np

WHOLE, REAL = np.int64, np.float64

# What the first layer gets of x: a row of a table a token.
FEED = np.dtype(
    [
        ("table", WHOLE),  # [V, width]
        ("width", WHOLE),
        ("to", WHOLE),  # [rows, width], where the rows of this step's tokens are laid
    ]
)

LAYER = np.dtype(
    [
        ("kernel", WHOLE),  # the C function
        ("call", WHOLE, (2,)),  # what it is called with
        ("output", WHOLE, (2,)),  # [rows, depth], where it leaves its output
        ("map", WHOLE),  # a linear map on the output, packed, or 0
        ("depth", WHOLE),
        ("width", WHOLE),
        ("to", WHOLE),  # [rows, width] of the linear map
    ]
)

# One field of one layer's state.
FIELD = np.dtype(
    [
        ("buffer", WHOLE, (2,)),  # [rows, width], read; the other one is written
        ("width", WHOLE),
        ("last", WHOLE),  # [sequences, width], where a sequence that ends leaves it
    ]
)

SHARD = np.dtype(
    [
        # where it stands
        ("begin", WHOLE),  # the first step
        ("step", WHOLE),  # the next one
        ("steps", WHOLE),  # that are left to do now
        ("alive", WHOLE),  # rows whose sequence has not ended; they come first
        ("broken", WHOLE),  # a sequence whose scores are no numbers, or -1
        ("current", WHOLE),  # [rows], the token that each row reads next
        ("numbers", WHOLE),  # [rows], which sequence each row is
        # the network
        ("tile", WHOLE),  # rows are computed in groups of so many
        ("feeds", WHOLE),
        ("feed_table", WHOLE),
        ("layers", WHOLE),
        ("layer_table", WHOLE),
        ("fields", WHOLE),
        ("field_table", WHOLE),
        ("output", WHOLE, (2,)),  # [rows, depth] of the topmost layer
        ("depth", WHOLE),
        ("readout", WHOLE),  # packed
        ("bias", WHOLE),  # [n], -∞ beyond the last token
        ("tokens", WHOLE),  # V
        ("n", WHOLE),  # V rounded up to whole Vecs
        ("scores", WHOLE),  # [rows, n]
        ("weights", WHOLE),  # [n]
        # how tokens are drawn
        ("temperature", REAL),
        ("top_k", WHOLE),
        ("top_p", REAL),
        ("seed", WHOLE),
        ("skip", WHOLE),  # sequences that were drawn before the first of the call
        ("stop", WHOLE),  # the token that ends a sequence, or -1
        # all sequences of the call
        ("sequences", WHOLE),
        ("out", WHOLE),  # [steps, sequences], where tokens go
        (
            "given",
            WHOLE,
        ),  # [given_steps, sequences], tokens that are read and not drawn, -1 where none is given
        ("given_steps", WHOLE),
        ("quiet_steps", WHOLE),  # the first so many, in which none is drawn
    ]
)
