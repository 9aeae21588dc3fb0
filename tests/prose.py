"""Results in the text of a page, and whether the page shows where each comes from.

A result is a decimal, a percentage, a ratio (3×) or an integer of 100 and more. It must stand in an output or in the
code of its chapter, or in a sentence that cites its source, or that links to another chapter which has it. `complaints`
lists those that don't. What counts as text: paragraphs, lists, tables, captions and alternative texts. What doesn't:
code, formulas, links, headings, and a chapter's header, that is all before its first `##` heading.
"""

import ast
import re
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from pathlib import Path

import nbformat
import publish
from faults import texts
from jupytext.myst import parse_directive_options
from markdown_it import MarkdownIt
from mdit_py_plugins.amsmath import amsmath_plugin
from mdit_py_plugins.colon_fence import colon_fence_plugin
from mdit_py_plugins.deflist import deflist_plugin
from mdit_py_plugins.dollarmath import dollarmath_plugin
from mdit_py_plugins.front_matter import front_matter_plugin
from mdit_py_plugins.myst_blocks import myst_block_plugin
from mdit_py_plugins.myst_role import myst_role_plugin

ROOT = Path(__file__).resolve().parent.parent

PARSER = MarkdownIt("commonmark").enable("table").use(front_matter_plugin)
PARSER.use(dollarmath_plugin).use(amsmath_plugin)
PARSER.use(myst_role_plugin).use(myst_block_plugin).use(colon_fence_plugin).use(deflist_plugin)


def complaints(lesson):
    """The results on a page that come from nowhere, as lines with the page, the line and the number."""
    found = []
    for sentence in sentences(lesson.read_text(encoding="utf-8"), publish.is_chapter(lesson)):
        if sentence.cites:
            continue
        chapters = [lesson.stem, *sentence.links]
        known = [number for name in chapters for number in numbers_of_chapter(name)]
        labels = {label for name in chapters for label in labels_of_chapter(name)}
        for result in results(sentence.text, labels):
            if not any(result.comes_from(number) for number in known):
                text = " ".join(sentence.text.replace(GAP, "…").split())
                place = f"lessons/{lesson.name}:{sentence.line_of(result)}"
                found.append(f"{place}: {result} is in no output, in no code, and not cited: {text!r}")
    return list(dict.fromkeys(found))  # the same number twice on one line is one complaint


# ---------------------------------------------------------------- numbers

SPACE = "[ \t\n\u00a0\u2009\u202f]"
NUMBER = re.compile(
    r"(?<![\w.])(?<![A-Za-z]-)"  # not inside a name, such as float64 or ISO-8601
    r"(?>(?P<whole>\d{1,3}(?:[,\u00a0\u2009\u202f]\d{3})+(?!\d)|\d+)?(?P<fraction>\.\d+)?)(?<=\d)"
    r"(?P<exponent>[eE][-+]?\d+)?(?!\.?\d)"  # nor a part of a version, such as 1.2.3
)
PERCENT = re.compile(rf"{SPACE}?(%|per cent\b|percent\b)")
RATIO = re.compile(
    rf"{SPACE}?(×|x\b)(?!{SPACE}?\d)"  # 3×, but not the 28 of 28 × 28
    rf"|{SPACE}times{SPACE}(as|more|less|fewer|faster|slower|larger|smaller|longer|shorter|higher|lower)\b"
)
JOINT = re.compile(rf"{SPACE}*(–|-|to|±){SPACE}*")  # "84–86 %", "96.8 ± 0.2 %"
# What makes a number a name, and those that follow in a list: "exercise 6.1", "Python 3.11, 3.12 or 3.13".
NAMED = re.compile(
    r"\b(Python|NumPy|SciPy|[Mm]atplotlib|scikit-learn|JupyterLab|Jupyter Book|PyTorch|pytest|CC BY(-SA)?|[Vv]ersions?"
    r"|[Cc]hapters?|[Ss]ections?|[Ff]igures?|[Ee]xercises?|[Ee]quations?|[Ff]ormulas?|[Pp]arts?|[Pp]ages?)\s\(?$"
)
LISTED = re.compile(rf"{JOINT.pattern}|,{SPACE}|,?{SPACE}(and|or){SPACE}")


@dataclass
class Number:
    """A number as it is written in a text, an output or the code."""

    words: str
    value: Decimal  # without its sign
    point: bool  # written with a decimal point or an exponent
    places: int = 0  # decimals written
    kind: str = "plain"  # or "percent" or "ratio"
    negative: bool = False
    exact: bool = False  # a literal in code, which is not rounded
    start: int = 0
    end: int = 0

    def __str__(self):
        return self.words + {"percent": " %", "ratio": "×"}.get(self.kind, "")

    @classmethod
    def read(cls, match):
        text, end = match.string, match.end()
        whole = re.sub(r"\D", "", match["whole"] or "0")
        value = Decimal(whole + (match["fraction"] or "") + (match["exponent"] or ""))
        kind = "percent" if PERCENT.match(text, end) else "ratio" if RATIO.match(text, end) else "plain"
        return cls(
            words=match[0],
            value=value,
            # NumPy writes 1.0 as "1."
            point=bool(match["fraction"] or match["exponent"] or re.match(r"\.[\s\],]", text[end : end + 2])),
            places=max(0, -value.as_tuple().exponent),
            kind=kind,
            negative=bool(re.search(r"(?<![\w)\]])[-−]$", text[: match.start()])),
            start=match.start(),
            end=end,
        )

    def comes_from(self, other):
        """Whether this result is the number ``other`` of an output or the code, rounded no further than written."""
        if self.negative and not (other.negative or other.exact):
            return False
        if self.kind == "percent":
            if other.kind == "percent":
                return self._rounds(other)
            # a share, .968, or printed without its sign, 96.8; an integer is in too many outputs to mean anything
            return other.point and (self._rounds(other, shift=2) or (not other.exact and self._rounds(other)))
        if self.kind == "ratio":
            return (other.point or other.kind == "ratio") and self._rounds(other)
        if other.kind == "percent":
            return self.point and self._rounds(other, shift=-2)
        return (other.point or not self.point) and self._rounds(other)

    def _rounds(self, other, shift=0):
        """Whether ``other``, with its decimal point moved by ``shift``, is this number when rounded to its digits."""
        if not other.exact and self.places > max(0, other.places - shift):
            return False  # more digits than there are
        return abs(other.value.scaleb(shift) - self.value) <= Decimal(5).scaleb(-self.places - 1)


def numbers(text):
    return [Number.read(match) for match in NUMBER.finditer(text)]


def results(text, labels=()):
    """The numbers of a text that are results. ``labels`` are those of formulas, which "(6.1)" refers to."""
    found = numbers(text)
    for number, following in reversed(list(zip(found, found[1:]))):
        joint = JOINT.fullmatch(text, number.end, following.start)
        if joint and following.kind == "percent" and number.kind == "plain":
            number.kind = "percent"
    named = None
    for number in found:
        before, after = text[: number.start], text[number.end :]
        if NAMED.search(before) or (named and LISTED.fullmatch(text, named.end, number.start)):
            named = number
            continue
        label = before.endswith("(") and after.startswith(")") and number.words in labels
        year = number.words.isdigit() and 1900 <= number.value < 2100 and number.kind == "plain"
        ordinal = re.match(r"(st|nd|rd|th)\b", after)
        if (number.point or number.kind != "plain" or number.value >= 100) and not (label or year or ordinal):
            yield number


# ---------------------------------------------------------------- chapters


@cache
def numbers_of_chapter(name):
    """All numbers that a chapter's outputs print and that its code contains."""
    notebook = ROOT / "book" / f"{name}.ipynb"
    if not notebook.exists():
        return []
    found = []
    for cell in nbformat.read(notebook, as_version=4).cells:
        if cell.cell_type == "code":
            found += literals(cell.source)
            # the text that stands for a figure, <Figure size 750x320 with 1 Axes>, is no result
            outputs = [output for output in cell.outputs if "image/png" not in output.get("data", {})]
            found += [number for output in outputs for text in texts(output) for number in numbers(text)]
    return found


def literals(code):
    try:
        tree = ast.parse(code)
    except SyntaxError:
        return []
    values = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)]
    return [
        Number(repr(value), Decimal(repr(value)), point=isinstance(value, float), exact=True)
        for value in values
        if type(value) in (int, float)
    ]


@cache
def labels_of_chapter(name):
    lesson = ROOT / "lessons" / f"{name}.md"
    return set(re.findall(r"\\tag\{([\d.]+)\}", lesson.read_text(encoding="utf-8"))) if lesson.exists() else set()


# ---------------------------------------------------------------- text

GAP = "\ufffc"  # stands where something was that is not text, such as code
NOT_TEXT = {"code-cell", "code", "code-block", "literalinclude", "eval-rst", "math", "raw", "toctree"}  # directives
ABBREVIATIONS = ("e.g.", "i.e.", "cf.", "vs.", "al.", "approx.", "resp.", "Fig.", "Eq.")
SENTENCE_END = re.compile(r"[.!?][)\"'”’]*(?=\s+[^a-z\s])")


@dataclass
class Block:
    """A paragraph, a row of a table, an alternative text: what is split into sentences."""

    lines: list  # of the page's source: (number, text)
    is_row: bool = False
    text: str = ""
    cites: list = field(default_factory=list)  # where in the text there is a citation
    links: list = field(default_factory=list)  # where there is a link to a chapter, and its name

    def add(self, parts):
        """Append the text of a parsed line, with gaps for what is not text."""
        linked = False
        for part in parts:
            if part.type == "link_open":
                linked = True
                self.links.append((len(self.text), Path(part.attrs["href"].split("#")[0]).stem))
            elif part.type == "link_close":
                linked = False
                self.text += GAP
            elif part.type in ("softbreak", "hardbreak"):
                self.text += "\n"
            elif part.type in ("text", "image") and not linked:
                self.text += part.content
            elif part.type in ("code_inline", "math_inline", "myst_role") and not linked:
                if part.meta.get("name", "").startswith("cite"):
                    self.cites.append(len(self.text))
                self.text += GAP
        return self

    def sentences(self):
        ends = [] if self.is_row else [match.end() for match in SENTENCE_END.finditer(self.text)]
        ends = [end for end in ends if not self.text[:end].endswith(ABBREVIATIONS)]
        for start, end in zip([0, *ends], [*ends, len(self.text) + 1]):
            yield Sentence(
                text=self.text[start:end],
                lines=self.lines[self.text[:start].count("\n") :] or self.lines[-1:],
                cites=any(start <= place < end for place in self.cites),
                links=[name for place, name in self.links if start <= place < end],
            )


@dataclass
class Sentence:
    text: str
    lines: list
    cites: bool
    links: list

    def line_of(self, number):
        return next((line for line, text in self.lines if number.words in text), self.lines[0][0])


def sentences(source, is_chapter):
    """The sentences of a page's text; those of a chapter without its header."""
    tokens = PARSER.parse(source)
    start = next((token.map[0] for token in tokens if token.type == "heading_open" and token.tag == "h2"), 0)
    for block in blocks(tokens, list(enumerate(source.splitlines(), 1))):
        if not is_chapter or block.lines[0][0] > start:
            yield from block.sentences()


def blocks(tokens, lines):
    row = None
    for before, token in zip([None, *tokens], tokens):
        own = lines[slice(*token.map)] if token.map else []
        if token.type == "tr_open":
            row = Block(own, is_row=True)
        elif token.type == "tr_close":
            yield row
            row = None
        elif token.type == "inline" and row:
            row.add(token.children).text += " | "
        elif token.type == "inline" and before.type != "heading_open":
            yield Block(own).add(token.children)
        elif token.type == "html_block":
            yield Block(own, text=re.sub("<!--.*?-->|<[^>]*>", "", token.content, flags=re.DOTALL))
        elif token.type in ("fence", "colon_fence"):
            yield from _blocks_of_directive(token, own)


def _blocks_of_directive(token, lines):
    directive = re.match(r"\{([\w-]+)\}", token.info)
    if directive and directive[1] == "code-cell":
        _, options = parse_directive_options(token.content, "")
        alt = options.get("mystnb", {}).get("image", {}).get("alt")
        if alt:
            yield Block(lines, text=str(alt))
    elif directive and directive[1] not in NOT_TEXT:
        text = re.sub(r"^:[\w-]+:.*$", "", token.content, flags=re.MULTILINE)  # its options
        yield from blocks(PARSER.parse(text), lines[1:])
