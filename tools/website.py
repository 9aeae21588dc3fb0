"""What the website needs beyond settings: a Sphinx extension, named in _config.yml.

Chapters are written in plain Markdown, which has no word for a call-out, a caption or a card. Here they get a class,
and book/_static/course.css gives each its look.
"""

import html
import re
import textwrap
import zlib
from pathlib import Path

from docutils import nodes


def switch_repository_buttons(app, config):
    """Turn every button that needs the public repository on or off by `repository: url` alone."""
    options = config.html_theme_options
    url = options.get("repository_url", "").rstrip("/")
    for button in ("use_repository_button", "use_issues_button", "use_edit_page_button"):
        options[button] = bool(url)
    if not url:
        options["launch_buttons"] = {}
        return
    options["repository_url"] = url
    branch = options.get("repository_branch") or "main"
    edit = "edit" if "github.com" in url else "-/edit"
    # A page is edited where it is written: book/06_backward.ipynb in lessons/06_backward.md.
    page = "{{ file_name | replace('book/', 'lessons/', 1) | replace('.ipynb', '.md') }}"
    config.html_context["edit_page_url_template"] = f"{url}/{edit}/{branch}/{page}"
    config.html_context["edit_page_provider_name"] = "the code host"


def mark_callouts(app, doctree):
    """A block quote that opens with a bold lead becomes a call-out, with the lead as a class: callout-careful."""
    for quote in list(doctree.findall(nodes.block_quote)):
        lead = next(iter(_parts(quote[0])), None) if len(quote) else None
        if isinstance(lead, nodes.strong):
            classes = ["callout", nodes.make_id("callout " + lead.astext())]
            quote.replace_self(nodes.container("", *quote.children, classes=classes))


def mark_captions(app, doctree):
    """A line in italics under a picture is its caption."""
    for line in doctree.findall(nodes.paragraph):
        above = line.previous_sibling()
        if above and any(above.findall(nodes.image)) and [type(part) for part in _parts(line)] == [nodes.emphasis]:
            above["classes"].append("has-caption")
            line["classes"].append("picture-caption")


def mark_cards(app, doctree):
    """The tables of a section called "Card" or "The card" are cards."""
    for section in doctree.findall(nodes.section):
        if re.fullmatch(r"(the )?cards?\b.*", section[0].astext(), re.IGNORECASE):
            for table in section.findall(nodes.table):
                table["classes"].append("card-table")


def keep_formulas_whole(app, doctree):
    r"""A displayed formula goes to MathJax as it is: Sphinx would put one with a line break in `split`, where \tag fails."""
    for formula in doctree.findall(nodes.math_block):
        if not formula.get("nowrap"):
            formula["nowrap"] = True
            formula[:] = [nodes.Text(rf"\[{formula.astext()}\]")]


def keep_short_code_whole(app, doctree):
    """A line never breaks inside a short piece of code such as `(N, H)`."""
    for code in doctree.findall(nodes.literal):
        if len(code.astext()) <= 20:
            code["classes"].append("short")


def describe_page(app, pagename, templatename, context, doctree):
    """Give a page its first paragraph as description, and its pictures their size, so that the text does not jump."""
    if not doctree:
        return
    if pagename == app.config.root_doc:
        context["docstitle"] = ""  # else its title would read "Course — Course"
    for paragraph in doctree.findall(nodes.paragraph):
        lead = paragraph.next_node(nodes.strong)  # "What you will learn." says nothing about the page
        text = paragraph.astext().removeprefix(lead.astext() if lead else "")
        text = " ".join(text.split())
        if len(text) >= 60 and isinstance(paragraph.parent, nodes.section):
            description = html.escape(textwrap.shorten(text, 180, placeholder=" …"), quote=True)
            context["metatags"] += f'<meta name="description" content="{description}">'
            break
    size = r'style="width: (\d+)(?:\.0)?px; height: (\d+)(?:\.0)?px;"'
    context["body"] = re.sub(size, r'width="\1" height="\2"', context["body"])


def offer_slider(app, pagename, templatename, context, doctree):
    """Pages with a cell tagged slider-4x3 get the script that shows its figure one panel at a time."""
    if doctree and any(
        name.startswith("tag_slider-") for cell in doctree.findall(nodes.container) for name in cell["classes"]
    ):
        app.add_js_file("slider.js", loading_method="defer")


def write_start_page(app, exception):
    """The site's address leads to its first page; without this, through a page with no title and no link."""
    if exception is None and app.builder.format == "html":
        title, first = html.escape(app.config.html_title), f"{app.config.root_doc}.html"
        (Path(app.outdir) / "index.html").write_text(
            f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{title}</title>\n'
            f'<meta http-equiv="refresh" content="0; url={first}">\n</head>\n'
            f'<body><main><h1><a href="{first}">{title}</a></h1></main></body>\n</html>\n',
            encoding="utf-8",
        )


def _parts(node):
    """The children of `node`, without the empty texts that the Markdown parser puts between them."""
    return [part for part in node.children if part.astext().strip() or not isinstance(part, nodes.Text)]


def setup(app):
    app.connect("config-inited", switch_repository_buttons)
    for mark in (mark_callouts, mark_captions, mark_cards, keep_formulas_whole, keep_short_code_whole):
        app.connect("doctree-read", mark)
    app.connect("html-page-context", describe_page)
    app.connect("html-page-context", offer_slider)
    app.connect("build-finished", write_start_page)
    # Pages that were read by another version of this file are read again.
    version = zlib.crc32(Path(__file__).read_bytes())
    return {"env_version": version, "parallel_read_safe": True, "parallel_write_safe": True}
