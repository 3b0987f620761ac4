"""How the training stack is imported, by a training and by worker.forkserver. Light.

Measured for torch, transformers, peft and TRL on a CPU: 6.7 s of processor time as they come, 5.4 without the extras, 4.0 with
neither extras nor garbage collections.
"""

import gc
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

# Of optional extras. TRL and peft import them wherever they are installed, and bitsandbytes opens every GPU then.
EXTRAS = frozenset({"bitsandbytes", "liger_kernel", "vllm"})


@contextmanager
def importing(hidden: Iterable[str]) -> Iterator[None]:
    """Import inside this. Nothing in this process finds the packages `hidden` from then on.

    No garbage is collected meanwhile: modules make a million objects that stay, and a collection looks through all of them.
    Later ones leave them out.
    """
    for name in set(hidden).difference(sys.modules):
        sys.modules[name] = None  # type: ignore[assignment]  # an import of it fails as if it were not installed
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
