"""The verb ``deblur``: restore photos."""

from __future__ import annotations

from refocal.cli.deblur_flags import BLUR_FLAGS, deblur_parser
from refocal.cli.flags import check_estimator, flag, say
from refocal.cli.hint import hint_once
from refocal.cli.method_flags import parse_with_method
from refocal.types import InputError


def command(words: list[str]) -> int:
    """Restore files, folders and patterns of photos."""
    from refocal.methods import DEFAULT_WITH_BLUR, METHODS, purpose

    parser = deblur_parser()
    values, name, method = parse_with_method(parser, words, with_blur=(BLUR_FLAGS, DEFAULT_WITH_BLUR))
    if (values.estimator, bool(values.map)) == ("from-file", True):
        values.estimator = None  # the map that --map names
    given = [word for word in ("--radius-px", "--map", "--estimator") if getattr(values, _field(word)) is not None]
    if len(given) > 1:
        raise InputError(f"Give {given[0]} or {given[1]}, not both: one blur is enough.")
    note = say if values.verbosity != "quiet" else (lambda _: None)
    from refocal.inference.network_file import use_device
    from refocal.restore import facts_of

    use_device(values.device)
    check_estimator(values.estimator)
    if not METHODS[name].needs:
        unused = ("radius_px", "estimator", "map", *(() if facts_of(method).restore_and_map else ("save_map",)))
        for field in unused:
            if getattr(values, field):
                note(f"{name} uses no blur, so {flag(field)} changes nothing.")
                setattr(values, field, None)
    elif values.method == "default":
        note(f"default takes no blur: {name} undoes the one of {given[0]}.")

    from refocal.batch.deblur_files import deblur_files
    from refocal.batch.plan import Plan, plan
    from refocal.batch.settings import Settings, read_mask
    from refocal.batch.watch import check_watch, watch
    from refocal.images.map_files import read_map

    def planned() -> Plan:
        return plan(values.inputs, values.out, save_map=values.save_map, overwrite=values.overwrite)

    if values.watch:
        check_watch(values.inputs, values.report)
    else:
        jobs = planned()
    settings = Settings(
        name,
        method,
        radius_px=values.radius_px,
        map_px=None if values.map is None else read_map(values.map),
        estimator=values.estimator,
        strength=values.strength,
        mask=None if values.mask is None else read_mask(values.mask),
        tile_px=values.tile_px,
        overwrite=values.overwrite,
    )
    if made_for := purpose(name, str(getattr(method, "weights", ""))):
        note(made_for)
    if values.watch:
        return watch(values.inputs, planned, settings, log=values.log, verbosity=values.verbosity)
    code = deblur_files(jobs, settings, report=values.report, log=values.log, verbosity=values.verbosity)
    if code == 0 and values.report is None and values.verbosity != "quiet":
        hint_once("report", "A page with every photo before and after: add --report page.html.")
    return code


def _field(word: str) -> str:
    return word.removeprefix("--").replace("-", "_")
