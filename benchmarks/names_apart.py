"""Find places for the names of the points in a picture: near their marks, over no other, and all inside."""

from __future__ import annotations

from itertools import product

import numpy as np

from refocal.types import Array

GAPS = (2, 6, 12, 18, 24, 32, 40, 50, 62, 76, 92, 110)  # between a mark and its name
SIXTEENTHS = (0, 8, 4, 12, 2, 14, 6, 10, 1, 15, 7, 9, 3, 13, 5, 11)  # of a turn, 0 to the right, 4 up; the best first
NEAR = 6  # a name further off is tied to its mark by a line
COVER, CROSS = 1000.0, 60.0  # what words over something cost, and a line over something, in units of the gap
SWEEPS = 6


def apart(marks: Array, sizes: Array, fixed: Array, bounds: Array) -> tuple[Array, Array]:
    """Places of the names, each the best while the others stay, settled in a few rounds.

    Args:
        marks: (N, 3): centre and radius.
        sizes: (N, 2): width and height of the names.
        fixed: (M, 4): left, bottom, right, top of what else mustn't be covered.
        bounds: (4,): left, bottom, right, top of the picture.

    Returns:
        (N, 4) left, bottom, right, top of the names, and (N, 2) where their lines end: in the mark, where none is
        needed.
    """
    shapes = np.concatenate([np.c_[marks[:, :2] - marks[:, 2:], marks[:, :2] + marks[:, 2:]], fixed])
    choices = [_candidates(mark, size) for mark, size in zip(marks, sizes, strict=True)]
    costs = [_alone(*choice, mark, shapes, bounds) for choice, mark in zip(choices, marks, strict=True)]
    chosen = np.array([np.argmin(cost) for cost in costs])
    for _ in range(SWEEPS):
        for name, ((boxes, spots), cost) in enumerate(zip(choices, costs, strict=True)):
            total = cost.copy()
            for other, (others, lines) in enumerate(choices):
                if other != name:
                    box, line = others[chosen[other]], lines[chosen[other]]
                    total += COVER * _overlap(boxes, box[None])[:, 0] + CROSS * _inside(spots, box[None])[:, 0]
                    total += CROSS * _inside(line[None], boxes)[0]
            chosen[name] = np.argmin(total)
    taken = [choice[0][place] for choice, place in zip(choices, chosen, strict=True)]
    ends = [choice[1][place][-1] for choice, place in zip(choices, chosen, strict=True)]
    return np.array(taken), np.array(ends)


def _candidates(mark: Array, size: Array) -> tuple[Array, Array]:
    """(K, 4) boxes around a mark, and (K, 25, 2) spots on the lines to them, in the mark's centre for near ones."""
    boxes, spots = [], []
    for gap, turn in product(GAPS, SIXTEENTHS):
        towards = np.array([np.cos(np.pi / 8 * turn), np.sin(np.pi / 8 * turn)])
        end = mark[:2] + (gap + mark[2]) * towards
        low = end + (np.rint(towards) - 1) / 2 * size
        boxes.append([*low, *(low + size)])
        spots.append(np.linspace(mark[:2], end if gap > NEAR else mark[:2], 25))
    return np.array(boxes), np.array(spots)


def _alone(boxes: Array, spots: Array, mark: Array, shapes: Array, bounds: Array) -> Array:
    """(K,): what each place costs before the other names are there."""
    gaps = np.repeat(GAPS, len(SIXTEENTHS)).astype(float)
    outside = ((boxes[:, :2] < bounds[:2]) | (boxes[:, 2:] > bounds[2:])).any(1)
    beside = shapes[~_inside(mark[None, None, :2], shapes)[0]]  # not the marks that overlap its own
    return gaps + COVER * (outside + _overlap(boxes, shapes).sum(1)) + CROSS * _inside(spots, beside).sum(1)


def _overlap(boxes: Array, others: Array) -> Array:
    """(K, M): whether they share some ground."""
    return ((boxes[:, None, :2] < others[:, 2:]) & (boxes[:, None, 2:] > others[:, :2])).all(-1)


def _inside(spots: Array, boxes: Array) -> Array:
    """(K, M): whether a box holds any spot of a line."""
    within = (spots[:, :, None] > boxes[:, :2]) & (spots[:, :, None] < boxes[:, 2:])
    return within.all(-1).any(1)
