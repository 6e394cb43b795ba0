"""Completion, asked for as bash does."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from refocal.cli import main

ROOT = Path(__file__).resolve().parents[2]
LINES = {
    "refocal d": ["deblur"],
    "refocal deblur --method wiener --no": ["--noise-to-signal"],  # the method's own flag
    "refocal deblur --method svbr": ["svbr-net", "svbr-net-gtb"],
    "refocal deblur 'my": ["my photo.png"],  # readline puts the quotation mark back
    "refocal evaluate --metrics psnr,lp": ["psnr,lpips"],
    "refocal evaluate --data py": ["pyramids/"],
    "refocal deblur --method no-such --no": [],
}
SCRIPT = """
eval "$(refocal completion bash)"
while IFS= read -r line; do
  COMP_LINE=$line COMP_POINT=${#line} COMP_TYPE=9 COMPREPLY=()
  COMP_WORDBREAKS=$' \\t\\n"\\'><=;|&(:'
  _python_argcomplete refocal 2> errors
  (IFS='|'; printf '%s\\n' "${COMPREPLY[*]}")
done
complete -p refocal
"""


def test_bash_completes_verbs_flags_names_and_files(tmp_path):
    if not (bash := shutil.which("bash")):
        pytest.skip("needs bash")
    (tmp_path / "my photo.png").touch()
    (tmp_path / "pyramids").mkdir()
    command = tmp_path / "bin/refocal"
    command.parent.mkdir()
    command.write_text(
        f'#!/bin/sh\nexec {sys.executable} -c "import sys; from refocal.cli import main; sys.exit(main())" "$@"\n'
    )
    command.chmod(0o755)
    path = f"{command.parent}{os.pathsep}{os.environ['PATH']}"
    settings = os.environ | {"PATH": path, "PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(
        [bash, "-c", SCRIPT], cwd=tmp_path, env=settings, input="\n".join([*LINES, ""]), capture_output=True, text=True
    )
    *offered, registered = done.stdout.splitlines()
    assert registered.endswith("-F _python_argcomplete refocal"), done.stderr
    found = [[word.strip() for word in line.split("|") if word] for line in offered]
    assert dict(zip(LINES, found, strict=True)) == LINES


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_shell_has_a_script(shell, capsys):
    assert main(["completion", shell]) == 0
    captured = capsys.readouterr()
    assert "_ARGCOMPLETE" in captured.out and captured.err == ""
    if shutil.which(shell):
        checked = subprocess.run([shell, "-n"], input=captured.out, text=True, capture_output=True)
        assert checked.returncode == 0, checked.stderr


def test_another_shell_is_refused_in_one_sentence(capsys):
    assert main(["completion", "tcl"]) == 2
    assert capsys.readouterr().err.count("\n") == 1
