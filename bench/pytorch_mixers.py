"""The operators and mixers of mixer_case in eager PyTorch, from their published equations, vectorised over time.

Each is a function of the inputs and weights by name (as mixer_case saves them) and of the length of the chunks that it
works in; it gives one tensor or several. FORMS lists the chunk lengths to try; the fastest counts. No loop takes single steps
of the whole sequence, but in the sLSTM, which has no other form: loops go over chunks, or over the steps inside all chunks at
once.
"""

import functools

from torch.nn import functional as F

from pytorch_attention import ATTENTION_FORMS, full_attention
from pytorch_convolutions import CONVOLUTION_FORMS, both_ways_block
from pytorch_operators import OPERATOR_FORMS
from pytorch_parts import layer_norm, linear, part
from pytorch_recurrent import RECURRENT_FORMS


def stack(mixer, p, n):
    """Blocks of a mixer and, where there is one, an MLP, each behind a layer norm and around it the sum."""
    x = p["x"]
    for layer in range(1 + max(int(key.split(".")[1]) for key in p if key.startswith("layers."))):
        own = part(p, f"layers.{layer}.")
        x = x + mixer({**part(own, "mixer."), "x": layer_norm(x, own, "mixer_norm")}, n)
        if "channel.up.weight" in own:
            hidden = F.gelu(linear(own, "channel.up", layer_norm(x, own, "channel_norm")))
            x = x + linear(own, "channel.down", hidden)
    return layer_norm(x, p, "norm")


FORMS = {
    **ATTENTION_FORMS,
    **CONVOLUTION_FORMS,
    **OPERATOR_FORMS,
    **RECURRENT_FORMS,
    "s4d_stack": (functools.partial(stack, both_ways_block), (125, 2000)),
    "transformer_stack": (functools.partial(stack, full_attention), (0,)),
}
