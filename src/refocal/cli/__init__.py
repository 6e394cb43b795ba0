"""The command line: each verb parses its words, calls one function and prints.

Nothing heavy is imported before a verb needs it: ``refocal --help`` answers at once.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Sequence

from refocal.cli.verbs import dispatch
from refocal.printable import complaint
from refocal.types import InputError

COMPLETING = "_ARGCOMPLETE"
"""The environment variable that is set while a shell completes a command line."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command.

    Args:
        argv: Its words, without the program's name; by default those of the process.

    Returns:
        The exit code: 0 done, 1 some files failed, 2 the user's mistake (one sentence on stderr), 130 Ctrl-C.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    if "--" in words:  # what follows are names, also where they begin with a dash
        end = words.index("--")
        words[end:] = [f"./{word}" if word.startswith("-") else word for word in words[end + 1 :]]
    if COMPLETING in os.environ:  # a shell asks how the words go on
        from refocal.cli.completion import complete

        return complete()
    try:
        code = dispatch(words)
        sys.stdout.flush()
    except InputError as error:
        return _complain(str(error), 2)
    except KeyboardInterrupt:
        return _complain("Interrupted.", 130)
    except BrokenPipeError:  # `refocal methods | head`: the reader has closed the pipe
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:  # a folder that may not be entered, a name too long, a full disk
        mistake = error.filename is not None and error.errno in (
            errno.EACCES,
            errno.EPERM,
            errno.ENAMETOOLONG,
            errno.EISDIR,
        )
        return _complain(f"{error.filename}: {error.strerror}." if mistake else f"{error}.", 2 if mistake else 1)
    except MemoryError:
        return _complain("There isn't enough memory for this; use a smaller photo or smaller numbers.", 1)
    except SystemExit as error:  # argparse, after --help or --version
        return int(error.code or 0)
    return code


def _complain(sentence: str, code: int) -> int:
    sys.stderr.write(complaint(sentence) + "\n")
    return code
