"""Restore many images with one method, several at a time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

from refocal.types import Image

Runs: TypeAlias = Callable[[Image, Any], Any]
"""A method, or another function of an image and its blur, such as an estimator; it must be picklable."""

MIN_PARALLEL_SECONDS = 5.0  # run in parallel only above this: starting the processes takes two seconds


def restore_each(method: Runs, inputs: Sequence[tuple[Image, Any]], jobs: int = 1) -> Iterator[tuple[Image, float]]:
    """Restore images in their order.

    Args:
        method: Called with each image and its blur.
        inputs: Images (C, H, W) and their blurs.
        jobs: Number of parallel processes, each on one core; with 1, or little work left, images are restored in this
            process.

    Yields:
        The restored image and the seconds it took.
    """
    for place, (image, blur) in enumerate(inputs):
        restored, seconds = _restore(method, image, blur)
        yield restored, seconds
        if jobs > 1 and seconds * (len(inputs) - place - 1) > MIN_PARALLEL_SECONDS:
            yield from _restore_in_parallel(method, inputs[place + 1 :], jobs)
            return


def _restore_in_parallel(method: Runs, inputs: Sequence[tuple[Image, Any]], jobs: int) -> Iterator[tuple[Image, float]]:
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor
    from itertools import repeat

    context = multiprocessing.get_context("spawn")  # a fork would inherit the locks of torch's threads
    cores = context.Queue()
    for core in _cores(jobs):
        cores.put(core)
    pool = ProcessPoolExecutor(jobs, context, _pin_to_core, (cores,))
    try:
        images, blurs = zip(*inputs, strict=True)
        yield from pool.map(_restore, repeat(method), images, blurs)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _restore(method: Runs, image: Image, blur: Any) -> tuple[Image, float]:
    start = time.perf_counter()
    restored = method(image, blur)
    return restored, time.perf_counter() - start


def _cores(jobs: int) -> list[int | None]:
    """A core for each process; None where the system has no CPU affinity."""
    import os

    if not hasattr(os, "sched_getaffinity"):
        return [None] * jobs
    mine = sorted(os.sched_getaffinity(0))
    return [mine[place % len(mine)] for place in range(jobs)]


def _pin_to_core(cores: Any) -> None:
    """Pin a worker process to one core, so that its Fourier transforms don't use all of them."""
    import os
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is handled by the parent process
    core = cores.get()
    if core is not None:
        os.sched_setaffinity(0, {core})
