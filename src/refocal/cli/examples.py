"""Three examples for each verb, which its help shows; standard library only."""

from __future__ import annotations

EXAMPLES: dict[str, tuple[tuple[str, str], ...]] = {
    "": (
        ("deblur photo.jpg -o restored.jpg", "restore a photo"),
        ("deblur photos -o sharper --report page.html", "a folder, with a page of before and after"),
        ("map photo.jpg -o radius.tif", "how blurred each pixel is"),
    ),
    "deblur": (
        ("deblur photo.jpg -o restored.jpg", "one photo"),
        ("deblur photos -o sharper --report page.html", "a folder, with a page of before and after"),
        (
            "deblur photo.jpg -o subject.jpg --target subject --strength 0.5",
            "only what is nearest to focus, and half of the change",
        ),
    ),
    "map": (
        ("map photo.jpg -o radius.tif", "the radius of the blur at each pixel, as numbers"),
        ("map photo.jpg -o edges.npy --estimator zhuo-sim", "by another estimator"),
        ("map --left left.png --right right.png -o views.tif", "from the two views of a dual-pixel photo"),
    ),
    "blur": (
        ("blur sharp.jpg -o blurred.jpg --radius-px 3", "the same blur everywhere"),
        (
            "blur sharp.jpg -o noisy.png --radius-px 2 --family gaussian --noise-std 0.01",
            "another shape of the blur, with noise",
        ),
        (
            "blur sharp.jpg -o deep.png --depth depth.png --focal-length-mm 50 --f-number 1.8 "
            "--focus-distance-m 1.5 --pixel-pitch-um 36",
            "by depth, through a thin lens",
        ),
    ),
    "methods": (
        ("methods", "a table"),
        ("methods --json", "for another program"),
        ("deblur --method wiener --help", "the options of one method"),
    ),
    "list": (
        ("list datasets", "the data sets, where to get them, and which are found"),
        ("list estimators", "the blur-map estimators"),
        ("list recipes --json", "the recipes of trainings, for another program"),
    ),
    "evaluate": (
        ("evaluate --method default --data pairs", "your own pairs: pairs/blurred and pairs/sharp"),
        ("evaluate --method default --data lytro_pairs --limit 5", "five photos of a public data set"),
        (
            "evaluate --method wiener --data pairs --estimator zhuo-sim --metrics psnr,mae --csv scores.csv",
            "another estimator and other metrics, appended to a file",
        ),
    ),
    "reproduce": (
        ("reproduce sharpness_loss:I", "table I of the paper"),
        ("reproduce sharpness_loss:II --limit 4 -o quick", "quickly, on four images per line"),
        ("reproduce svbr_net:1 --data-root data --jobs 2", "data sets in another folder, two images at a time"),
    ),
    "crops": (
        ("crops photos -o crops.npy", "all photos of a folder, at full and half size"),
        ("crops photos -o small.npy --side-px 96 --drop-smooth 0.3", "smaller crops, without the smoothest third"),
        ("crops lytro_pairs --pairs -o pairs.npy", "the blurred and sharp photos of a data set"),
    ),
    "train": (
        ("train default", "show a recipe, with the source of every number"),
        ("train default --data crops.npy -o run", "train"),
        ("train default --data crops.npy -o run --resume --minutes 30", "resume, for half an hour"),
    ),
    "bundle": (
        ("bundle default --data crops.npy -o travel", "all of a training in one folder"),
        ("bundle default --data crops.npy -o small --most-mb 20", "with as many crops as 20 MB hold"),
        ("bundle default --data crops.npy -o offline --wheels wheels", "packages from a folder, without a download"),
    ),
    "export": (
        ("export run/checkpoint.safetensors -o mine.onnx", "a network that refocal deblur runs"),
        ("export run/checkpoint.safetensors -o half.onnx --bits 8", "half the size"),
        ("export run/checkpoint.safetensors -o kernels.npz", "its learned blur kernels"),
    ),
    "completion": (
        (
            "completion bash > ~/.local/share/bash-completion/completions/refocal",
            "bash: for every new shell (make the folder first)",
        ),
        ('completion zsh > "${fpath[1]}/_refocal"', "zsh: into a folder of functions that you may write to"),
        ("completion fish > ~/.config/fish/completions/refocal.fish", "fish"),
    ),
}
"""Verb -> command without the program's name, and what it does; "" is ``refocal`` itself."""


def examples_of(verb: str, width: int) -> str:
    """The examples of a verb as the end of its help, in lines of that width; empty for a verb without any."""
    lines = [f"  # {about}\n{_folded(command, width)}" for command, about in EXAMPLES.get(verb, ())]
    return "\n".join(["examples:", *lines]) if lines else ""


def _folded(command: str, width: int) -> str:
    """A command that can be copied: where it goes on in the next line, the line ends in a backslash."""
    lines, line = [], "  refocal"
    for word in command.split():
        if len(line) + len(word) + 3 > width:
            lines.append(line + " \\")
            line = "   "
        line += f" {word}"
    return "\n".join([*lines, line])
