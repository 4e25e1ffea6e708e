from copy import deepcopy
from threading import Thread

import torch
from torch import nn

from das_core.common.own_thread import hearing_own_thread


def test_a_hook_hears_its_own_thread_and_is_silent_in_copies_afterwards() -> None:
    module, heard, x = nn.Identity(), list[str](), torch.ones(1)
    with hearing_own_thread(
        module.register_forward_hook, lambda _, inputs, options, output: heard.append("own"), with_kwargs=True
    ):
        other = Thread(target=module, args=(x,))
        other.start()
        other.join()
        assert not heard
        copied = deepcopy(module)
        module(x)
    assert heard == ["own"]
    copied(x)
    module(x)
    assert heard == ["own"]
