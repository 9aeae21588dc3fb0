"""Every result in the text of a page stands in its outputs or has a source; and tests of the module that says so."""

import prose
import pytest

LESSONS = sorted((prose.ROOT / "lessons").glob("*.md"))


@pytest.mark.parametrize("lesson", LESSONS, ids=[lesson.stem for lesson in LESSONS])
def test_results_have_a_source(lesson):
    complaints = prose.complaints(lesson)
    assert not complaints, "\n" + "\n".join(complaints)


# A text, an output, and whether the one result in the text comes from that output.
PAIRS = [
    ("96.8 %", "0.968", True),
    ("96.8 %", "accuracy 0.9684", True),
    ("96.8 %", "accuracy: 96.84%", True),
    ("96.8 %", "96.8", True),
    ("96.8 percent", "0.968", True),
    ("97 %", "0.968", True),
    ("97 %", "97 %", True),
    ("100 %", "1.0", True),
    ("100 %", "[0.5 1. ]", True),
    ("50 %", "0.5", True),
    ("96.9 %", "0.968", False),
    ("86.8 %", "0.968", False),
    ("96.80 %", "0.968", False),  # more digits than there are
    ("100.0 %", "1.0", False),
    ("97 %", "97", False),  # 97 of what?
    ("100 %", "1", False),
    ("0.968", "0.9684", True),
    ("0.968", "96.84 %", True),
    (".968", "0.968", True),
    ("0.9684", "0.968", False),
    ("0.97", "97", False),
    ("1.5", "11.53", False),
    ("1.5", "1.53", True),
    ("1.5", "1.55", True),  # one half goes both ways
    ("1.6", "1.55", True),
    ("1.5", "1.56", False),
    ("1.5", "21.5", False),
    ("1.5", "1.5.2", False),
    ("0.25", "x0.25", False),
    ("0.25", "loss=0.25,", True),
    ("0.25", "array([0.25, 0.5 ])", True),
    ("−0.17", "-0.17", True),
    ("-0.17", "0.17", False),
    ("0.17", "-0.17", True),  # "it falls by 0.17"
    ("1e-6", "1e-06", True),
    ("1e-6", "1e-05", False),
    ("60,000", "60000", True),
    ("60,000", "60,000 images", True),
    ("60,000", "(60000, 784)", True),
    ("60,000", "6000", False),
    ("1,234", "1234.4", True),
    ("1,234", "1235", False),
    ("784", "7840", False),
    ("3×", "3.2x faster", True),
    ("3 ×", "2.96", True),
    ("3x", "3", False),  # a 3 stands in any output
    ("3.2×", "3.24", True),
    ("3.2×", "4.24", False),
    ("2.5 times as long", "2.51", True),
]


@pytest.mark.parametrize("text, output, expected", PAIRS)
def test_a_result_comes_from_an_output(text, output, expected):
    (result,) = prose.results(text)
    assert any(result.comes_from(number) for number in prose.numbers(output)) == expected


@pytest.mark.parametrize(
    "text, code, expected",
    [
        ("0.05", "rate = 0.05", True),
        ("5 %", "rate = 0.05", True),
        ("5 %", "n = 5", False),
        ("100 %", "n = 1", False),
        ("60,000", "n = 60_000", True),
        ("0.001", "rate = 1e-3", True),
        ("0.5", "x = -0.5", True),
        ("0.93", "x = 1  # gives 0.93", False),
        ("200", "print('200 steps')", False),
        ("3×", "n = 3", False),
    ],
)
def test_a_result_comes_from_the_code(text, code, expected):
    (result,) = prose.results(text)
    assert any(result.comes_from(number) for number in prose.literals(code)) == expected


@pytest.mark.parametrize(
    "text, expected",
    [
        ("two layers of 32 units, 28 × 28 pixels, a 2-8-1 network, 10 classes", []),
        ("in 1998, the 100th time, float64, CS231n, A1, version 2.4.6", []),
        ("Python 3.11, 3.12 or 3.13, NumPy 2.4, exercise 6.1, equations (6.1) and (6.2)", []),
        ("Python 3.11 gives 0.5", ["0.5"]),
        ("by (6.1) and by (0.5)", ["0.5"]),
        ("2,000 steps and 1998 % of 1998.5", ["2,000", "1998 %", "1998.5"]),
        (
            "84–86 %, 96.8 ± 0.2 %, 5 to 7 percent, .5 or 50 %",
            ["84 %", "86 %", "96.8 %", "0.2 %", "5 %", "7 %", ".5", "50 %"],
        ),
        ("after 784 steps: .5. Then 100.", ["784", ".5", "100"]),
        ("about 10 x 10 and 5x, 5× and 0.5 × 3", ["5×", "5×", "0.5"]),
        ("2.4s, 188MB, 1e-6, −0.5, 0.1-0.3", ["2.4", "188", "1e-6", "0.5", "0.1", "0.3"]),
    ],
)
def test_what_is_a_result(text, expected):
    assert [str(result) for result in prose.results(text, labels={"6.1", "6.2"})] == expected


PAGE = r"""---
kernelspec:
  name: python3
---

# A title with 0.01

The header: 20 minutes, 0.02.

## A heading with 0.03

A paragraph with 0.11, `0.04`, $0.05$, [a link to 0.06](02_activations.ipynb) and
**0.12**. It ends with 0.13 {cite}`someone`. Unlike e.g. 0.14, this is 0.15.

| 0.21 | b |
|---|---|
| 0.22 | 0.23 {cite}`someone` |
| 0.24 | `0.07` |

<details>
<summary>A hint: 0.31</summary>

- An item, 0.32

</details>

> A quote, 0.41

![A picture of 0.42](x.svg)

*A caption, 0.43.*

$$
0.08 \tag{0.44}
$$

```{code-cell}
---
mystnb:
  image:
    alt: |
      Two curves,
      one at 0.51
---
x = 0.09
```

By (0.44), nothing.
"""


def test_what_is_text():
    found = {
        str(result): (sentence.line_of(result), sentence.cites, sentence.links)
        for sentence in prose.sentences(PAGE, is_chapter=True)
        for result in prose.results(sentence.text, labels={"0.44"})
    }
    lines = {number: line for number, (line, _, _) in found.items()}
    words = "0.11 0.12 0.13 0.14 0.15 0.21 0.22 0.23 0.24 0.31 0.32 0.41 0.42 0.43 0.51".split()
    source = PAGE.splitlines()
    assert lines == {word: next(n for n, line in enumerate(source, 1) if word in line) for word in words}
    assert [word for word in words if found[word][1]] == ["0.13", "0.22", "0.23"]  # cited: a sentence, a row
    assert [word for word in words if found[word][2]] == ["0.11", "0.12"]  # linked


def test_a_page_without_code_has_no_header():
    page = "# Title\n\nAbout 600.\n\n```{note}\n:class: wide\nIn all 700.\n```\n\n```{code-block}\n500\n```\n"
    found = {
        str(result): sentence.line_of(result)
        for sentence in prose.sentences(page, is_chapter=False)
        for result in prose.results(sentence.text)
    }
    assert found == {"600": 3, "700": 7}
