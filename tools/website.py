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
from PIL import Image

TEMPLATES = Path(__file__).resolve().parent / "templates"
SUMMARY = "How neural networks work: you build every part yourself, in NumPy, and every result on the page was run."
PREVIEW = "Three panels in which a network learns to tell two spirals apart."


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
    """Give a page its first paragraph as description, for search engines and for whoever is sent a link (OpenGraph)."""
    if not doctree:
        return
    if pagename == app.config.root_doc:
        context["docstitle"] = ""  # else its title would read "Course — Course"
    for paragraph in doctree.findall(nodes.paragraph):
        lead = paragraph.next_node(nodes.strong)  # "What you will learn." says nothing about the page
        text = paragraph.astext().removeprefix(lead.astext() if lead else "")
        text = " ".join(text.split())
        if len(text) >= 60 and isinstance(paragraph.parent, nodes.section):
            description = textwrap.shorten(text, 180, placeholder=" …")
            context["metatags"] += description_tags(app.config, html.unescape(context["title"]), description, pagename)
            break


def description_tags(config, title, text, pagename):
    """The tags of a description. Those that need the site's address are there if `baseurl` in _config.yml is."""
    tags = {"og:type": "website", "og:site_name": config.html_title, "og:title": title, "og:description": text}
    if config.html_baseurl:
        tags["og:url"] = f"{config.html_baseurl}{pagename}.html"
        tags["og:image"] = f"{config.html_baseurl}_static/preview.png"
        tags["og:image:alt"] = PREVIEW
    lines = [f'<meta name="description" content="{html.escape(text)}">']
    lines += [f'<meta property="{name}" content="{html.escape(value)}">' for name, value in tags.items()]
    return "\n".join(lines) + "\n"


def mend_body(app, pagename, templatename, context, doctree):
    """What docutils writes, and accessibility, small screens or speed want otherwise."""
    if "body" not in context:
        return
    body, up = context["body"], "../" * pagename.count("/")
    # A picture has its size, so that the text does not jump; those below the first wait until they are near.
    body = re.sub(r'style="width: (\d+)(?:\.0)?px; height: (\d+)(?:\.0)?px;"', r'width="\1" height="\2"', body)
    body = re.sub(r'<img\b(?![^>]*\bwidth=)[^>]*\bsrc="([^"]+\.svg)"', lambda tag: tag[0] + _size(app, tag[1]), body)
    first, image, rest = body.partition("<img ")
    body = first + image + rest.replace("<img ", '<img loading="lazy" decoding="async" ')
    # Figures are sent as WebP, without loss and two fifths of the size (write_small_pictures).
    body = re.sub(rf'(src="{up}_images/[^"]+)\.png"', r'\1.webp"', body)
    # The parameters of a long signature are terms without a definition: lines, not a list.
    parameters = r'<dl>\s*((?:<dd><em class="sig-param">(?:(?!</dd>).)*</dd>\s*)+)</dl>'
    lines = lambda found: re.sub(r"<(/?)dd>", lambda tag: f"<{tag[1]}span>", found[1]).replace("<span><em", _LINE)  # noqa: E731
    body = re.sub(parameters, lines, body, flags=re.DOTALL)
    # The role of an entry of the bibliography is deprecated: it is an item of its list.
    context["body"] = body.replace('role="doc-biblioentry"', 'role="listitem"')


_LINE = '<span class="sig-line"><em'


def _size(app, source):
    """The size of an SVG of lessons/images, as attributes; nothing if it has none."""
    file = next(Path(app.srcdir).glob(f"*/images/{Path(source).name}"), None)
    root = re.search(r"<svg\b[^>]*>", file.read_text(encoding="utf-8"))[0] if file else ""
    sizes = [re.search(rf'\b{name}="([\d.]+)(px|pt)?"', root) for name in ("width", "height")]
    if not all(sizes):
        return ""
    width, height = (round(float(size[1]) * (4 / 3 if size[2] == "pt" else 1)) for size in sizes)
    return f' width="{width}" height="{height}"'


def offer_slider(app, pagename, templatename, context, doctree):
    """Pages with a cell tagged slider-4x3 get the script that shows its figure one panel at a time."""
    if doctree and any(
        name.startswith("tag_slider-") for cell in doctree.findall(nodes.container) for name in cell["classes"]
    ):
        app.add_js_file("slider.js", loading_method="defer")


def write_other_pages(app, exception):
    """The page at the site's address, which leads to the first one; the page in the place of a missing one; the sitemap."""
    if exception is not None or app.builder.name != "html":
        return
    out, config = Path(app.outdir), app.config
    title, first = html.escape(config.html_title), f"{config.root_doc}.html"
    tags = description_tags(config, config.html_title, SUMMARY, "index")
    head = f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{title}</title>\n'
    page = f'{head}{tags}<meta http-equiv="refresh" content="0; url={first}">\n</head>\n'
    page += f'<body><main><h1><a href="{first}">{title}</a></h1></main></body>\n</html>\n'
    (out / "index.html").write_text(page, encoding="utf-8")

    missing = (TEMPLATES / "404.html").read_text(encoding="utf-8")
    for name, value in {"{title}": title, "{first}": first, "{base}": config.html_baseurl}.items():
        missing = missing.replace(name, value)
    (out / "404.html").write_text(missing, encoding="utf-8")

    if config.html_baseurl:
        pages = sorted(app.env.found_docs)
        lines = [f"<url><loc>{html.escape(config.html_baseurl + page)}.html</loc></url>" for page in pages]
        sitemap = (
            '<?xml version="1.0" encoding="UTF-8"?>\n<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n'
        )
        (out / "sitemap.xml").write_text(sitemap + "\n".join(lines) + "\n</urlset>\n", encoding="utf-8")


def write_small_pictures(app, exception):
    """Figures as WebP, the same pixels in two fifths of the bytes; and without the theme's files that no page loads."""
    if exception is not None or app.builder.name != "html":
        return
    out = Path(app.outdir)
    for picture in (out / "_images").glob("*.png"):
        with Image.open(picture) as image:
            image.save(picture.with_suffix(".webp"), lossless=True, method=2, quality=40)
        picture.unlink()
    for unused in {*out.glob("_static/**/*.map"), *out.glob("_static/**/fontawesome.*")}:
        unused.unlink()


def _parts(node):
    """The children of `node`, without the empty texts that the Markdown parser puts between them."""
    return [part for part in node.children if part.astext().strip() or not isinstance(part, nodes.Text)]


def setup(app):
    app.connect("config-inited", switch_repository_buttons)
    for mark in (mark_callouts, mark_captions, mark_cards, keep_formulas_whole, keep_short_code_whole):
        app.connect("doctree-read", mark)
    app.connect("html-page-context", describe_page)
    app.connect("html-page-context", mend_body)
    app.connect("html-page-context", offer_slider)
    app.connect("build-finished", write_other_pages)
    app.connect("build-finished", write_small_pictures)
    app.add_js_file("scrollable.js", loading_method="defer")
    # Pages that were read by another version of this file are read again.
    version = zlib.crc32(Path(__file__).read_bytes())
    return {"env_version": version, "parallel_read_safe": True, "parallel_write_safe": True}
