"""How the training stack is imported, by a training and by worker.forkserver. Light.

Measured for torch, transformers, peft and TRL on a CPU: 6.7 s of processor time as they come, 5.4 without the extras, 4.0 with
neither extras nor garbage collections.
"""

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager

# Of optional extras. TRL and peft import them wherever they are installed, and bitsandbytes opens every GPU then.
EXTRAS = frozenset({"bitsandbytes", "liger_kernel", "vllm"})


@contextmanager
def importing(extras: bool) -> Iterator[None]:
    """Import inside this. Nothing finds an extra from then on, in this process, unless `extras`.

    No garbage is collected meanwhile: modules make a million objects that stay, and a collection looks through all of them.
    Later ones leave them out.
    """
    if not extras:
        for name in EXTRAS.difference(sys.modules):
            sys.modules[name] = None  # type: ignore[assignment]  # as Python's own documentation says
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
