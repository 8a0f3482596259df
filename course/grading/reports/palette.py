"""Colors of the pages: those of the course's figures, and shades of them in which text can be read.

The fills are course/plots.py's, the heat map's are cividis, as in the course's style sheet. They stand here as
text, since importing plots starts Matplotlib; a test holds them equal, and every pair of text and ground at a
contrast of 4.5 or more.
"""

from course.grading.model import CRASHED, FAILED, MEMORY, PASSED, RAISED, TIMEOUT, UNREAD, UNWRITTEN

# status: (fill, text on the fill, text on a light page, text on a dark page)
STATUS = {
    PASSED: ("#009E73", "#000000", "#006B4E", "#3DCFA4"),
    FAILED: ("#D55E00", "#000000", "#A84800", "#FF9C57"),
    UNWRITTEN: ("#B5BFBD", "#000000", "#55605E", "#C3CDCB"),
    RAISED: ("#E69F00", "#000000", "#805800", "#F2BC4A"),
    CRASHED: ("#A96B59", "#000000", "#8A4F3E", "#DDA795"),
    TIMEOUT: ("#CC79A7", "#000000", "#99396F", "#EBA5CB"),
    MEMORY: ("#832DB6", "#FFFFFF", "#832DB6", "#CF9DF0"),
    UNREAD: ("#717581", "#FFFFFF", "#5C606C", "#B9BDC8"),
}
# (page, panel, ink, quiet ink, line, link) of the two schemes
LIGHT = ("#FFFFFF", "#F6F7F8", "#222222", "#555555", "#DADDE0", "#005A8F")
DARK = ("#16181B", "#202428", "#E8E8E8", "#B4B8BD", "#3B4147", "#7CC4F2")
# Few to many, of cividis: on a light page from pale to dark, on a dark page from dark to pale.
HEAT = ("#00224E", "#2A3F6D", "#575C6D", "#7D7C78", "#A59C74", "#D2C060", "#FEE838")


def text_on(ground):
    """Black or white, whichever is easier to read on the color."""
    return "#000000" if contrast("#000000", ground) >= contrast("#FFFFFF", ground) else "#FFFFFF"


def contrast(a, b):
    """WCAG's contrast of two colors, 1 to 21."""
    low, high = sorted((_luminance(a), _luminance(b)))
    return (high + 0.05) / (low + 0.05)


def _luminance(color):
    channels = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def variables():
    """The colors as CSS: custom properties for the light scheme, and those that differ in the dark one."""
    names = ("page", "panel", "ink", "quiet", "line", "link")
    light = dict(zip(names, LIGHT, strict=True))
    dark = dict(zip(names, DARK, strict=True))
    for status, (fill, on_fill, on_light, on_dark) in STATUS.items():
        light |= {f"{status}-fill": fill, f"{status}-on": on_fill, status: on_light}
        dark[status] = on_dark
    for k, (few, many) in enumerate(zip(HEAT, reversed(HEAT), strict=True), 1):
        light |= {f"heat{k}": many, f"heat{k}-on": text_on(many)}
        dark |= {f"heat{k}": few, f"heat{k}-on": text_on(few)}
    both = [";".join(f"--{name}:{value}" for name, value in scheme.items()) for scheme in (light, dark)]
    return f":root{{color-scheme:light dark;{both[0]}}}\n@media screen and (prefers-color-scheme:dark){{:root{{{both[1]}}}}}\n"
