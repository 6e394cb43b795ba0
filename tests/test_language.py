"""Text uses the standard words of the field: a short list of private ones may not return."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

# Regular expressions, without regard to case; a space also matches a line break inside a comment or a paragraph.
BANNED = (
    r"\btold\b",
    r"\btells?\b",
    r"\bby chance\b",
    r"\bhangs? on\b",
    r"\bso many\b",
    r"(?-i:\b(MOST|LEAST|FARTHEST)_)",
    r"\bbears? out\b",
    r"\bis dealt\b",
    r"\bheld back\b",
    r"\bnobody\b",
    r"\bon trust\b",
    r"\bout of its hands\b",
    r"\brooms?\b",
    r"\bfloors?\b",
    r"\bworlds?\b",
    r'"""What is\b',
    r'(^\s+\w+: |""")(?-i:Of the\b)',  # documentation of an attribute
)
# Lines, after their path, in which a word is the field's.
ALLOWED = {
    # Rounding down, and the smallest value of a divisor or of a ring kernel.
    r"\bfloors?\b": r"\.floor\(|richardson_lucy|(optics|pairs)/(test_)?(kernels|dual_pixel)\.py|nets/kernel_bank",
}
PATTERNS = {text: re.compile(text.replace(" ", r"[\s#]+"), re.IGNORECASE | re.MULTILINE) for text in BANNED}


def text_files():
    """All texts by people: neither measured data nor pages that ``refocal reproduce`` writes, nor the list above."""
    pages = ["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "examples/README.md"]
    found = [ROOT / name for name in (*pages, "pyproject.toml", "Makefile")]
    for pattern in ("src/**/*.py", "src/**/*.html", "tests/**/*.py", "docs/*.md", "docs/*.py", "benchmarks/*.[ps][yh]"):
        found += sorted(ROOT.glob(pattern))
    return [path for path in found if path != Path(__file__)]


def hits(path):
    """Lines of a file that contain a banned word, as ``path:line: text``."""
    text = path.read_text(encoding="utf-8")
    lines, name, found = text.splitlines(), path.relative_to(ROOT), set()
    for word, pattern in PATTERNS.items():
        for match in pattern.finditer(text):
            number = text.count("\n", 0, match.end()) + 1
            line = lines[number - 1].strip()
            if word not in ALLOWED or not re.search(ALLOWED[word], f"{name}: {line}"):
                found.add((number, f"{name}:{number}: {line}"))
    return [hit for _, hit in sorted(found)]


def test_private_words_do_not_return():
    found = [hit for path in text_files() for hit in hits(path)]
    assert not found, "\n".join(["Write it in the standard words of the field:", *found])
