"""Restore many pictures with one method, several at a time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

from refocal.types import Image

Runs: TypeAlias = Callable[[Image, Any], Any]
"""A method, or whatever else makes something of a picture and its blur; processes must be able to receive it."""

MIN_PARALLEL_SECONDS = 5.0  # work that is worth the two seconds in which the processes start


def restore_each(method: Runs, inputs: Sequence[tuple[Image, Any]], jobs: int = 1) -> Iterator[tuple[Image, float]]:
    """Restore pictures in their order.

    Args:
        method: Called with each picture and its blur.
        inputs: Pictures (C, H, W) and their blurs.
        jobs: Processes that work side by side, each on one core; with 1, and where little is left to do, it is done
            here.

    Yields:
        The restored picture and the seconds it took.
    """
    for place, (image, blur) in enumerate(inputs):
        restored, seconds = _restore(method, image, blur)
        yield restored, seconds
        if jobs > 1 and seconds * (len(inputs) - place - 1) > MIN_PARALLEL_SECONDS:
            yield from _restore_side_by_side(method, inputs[place + 1 :], jobs)
            return


def _restore_side_by_side(
    method: Runs, inputs: Sequence[tuple[Image, Any]], jobs: int
) -> Iterator[tuple[Image, float]]:
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor
    from itertools import repeat

    context = multiprocessing.get_context("spawn")  # a fork would inherit the locks of torch's threads
    cores = context.Queue()
    for core in _cores(jobs):
        cores.put(core)
    crew = ProcessPoolExecutor(jobs, context, _pin_to_core, (cores,))
    try:
        images, blurs = zip(*inputs, strict=True)
        yield from crew.map(_restore, repeat(method), images, blurs)
    finally:
        crew.shutdown(wait=True, cancel_futures=True)


def _restore(method: Runs, image: Image, blur: Any) -> tuple[Image, float]:
    start = time.perf_counter()
    restored = method(image, blur)
    return restored, time.perf_counter() - start


def _cores(jobs: int) -> list[int | None]:
    """A core for each process, where the system lets processes choose."""
    import os

    if not hasattr(os, "sched_getaffinity"):
        return [None] * jobs
    mine = sorted(os.sched_getaffinity(0))
    return [mine[place % len(mine)] for place in range(jobs)]


def _pin_to_core(cores: Any) -> None:
    """Begin work in a process: stay on one core, so that Fourier transforms don't spread over all of them as well."""
    import os
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that gives the orders
    core = cores.get()
    if core is not None:
        os.sched_setaffinity(0, {core})
