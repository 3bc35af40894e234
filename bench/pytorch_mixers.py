"""The operators and mixers of mixer_case in eager PyTorch, from their published equations, vectorised over time.

Each is a function of the inputs and weights by name (as mixer_case saves them) and of the length of the chunks that it
works in; it gives one tensor or several. FORMS lists the chunk lengths to try; the fastest counts. No loop takes single steps
of the whole sequence, but in the sLSTM, which has no other form: loops go over chunks, or over the steps inside all chunks at
once.
"""

from pytorch_attention import ATTENTION_FORMS
from pytorch_convolutions import CONVOLUTION_FORMS
from pytorch_listops import LISTOPS_FORMS
from pytorch_operators import OPERATOR_FORMS
from pytorch_recurrent import RECURRENT_FORMS
from pytorch_step_cases import STEP_FORMS


FORMS = {
    **ATTENTION_FORMS,
    **CONVOLUTION_FORMS,
    **LISTOPS_FORMS,
    **OPERATOR_FORMS,
    **RECURRENT_FORMS,
    **STEP_FORMS,
}
