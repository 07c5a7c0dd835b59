# SPDX-License-Identifier: Apache-2.0
"""Charts as SVG, by hand; whiskers reach from the least to the most."""

import math
from xml.sax.saxutils import escape

COLORS = ["#9aa5b1", "#7b8794", "#52606d", "#2680c2", "#0f609b"]
LINES = ["#7b8794", "#2680c2", "#d64545"]
WIDTH, ROW, LABEL, TOP = 900, 22, 190, 46


def bars(rows, title, base):
    """Rows in groups, each with its ratio to `base`."""
    most = max(row["most"] for row in rows)
    scale = (WIDTH - LABEL - 170) / most
    parts, y, group, kind = [], TOP, None, 0
    for row in rows:
        if row["group"] != group:
            group, kind = row["group"], 0
            y += 24
            parts.append(f'<text x="10" y="{y - 6}" font-weight="bold">{escape(group)}</text>')
        length = row["median"] * scale
        left, right = LABEL + row["least"] * scale, LABEL + row["most"] * scale
        middle = y + ROW / 2
        parts += [
            f'<text x="{LABEL - 8}" y="{middle + 4}" text-anchor="end">'
            f'{escape(row["kind"])}</text>',
            f'<rect x="{LABEL}" y="{y + 3}" width="{length:.1f}" height="{ROW - 6}"'
            f' fill="{COLORS[kind % len(COLORS)]}"/>',
            f'<path d="M{left:.1f} {middle}H{right:.1f}" stroke="#d64545" stroke-width="2"/>',
            f'<text x="{right + 8:.1f}" y="{middle + 4}">{row["median"]:,.0f}'
            f' ({row["ratio"]:.2f} × {escape(base)})</text>',
        ]
        kind += 1
        y += ROW
    return document(WIDTH, y + 20, title, parts)


def steps(values, title):
    """One bar a value, in order."""
    width, height, left, top = 900, 320, 90, 46
    most = max(values)
    each = (width - left - 20) / len(values)
    parts = []
    for number, value in enumerate(values):
        tall = value / most * (height - top - 30)
        parts.append(f'<rect x="{left + number * each:.1f}" y="{height - 30 - tall:.1f}"'
                     f' width="{max(each - 2, 1):.1f}" height="{tall:.1f}" fill="#2680c2"/>')
    parts.append(f'<text x="{left - 8}" y="{top + 8}" text-anchor="end">{most:,.0f}</text>')
    parts.append(f'<text x="{left - 8}" y="{height - 30}" text-anchor="end">0</text>')
    return document(width, height, title, parts)


def document(width, height, title, parts):
    head = (f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}"'
            ' font-family="sans-serif" font-size="13"><rect width="100%" height="100%"'
            f' fill="white"/><text x="10" y="26" font-size="15">{escape(title)}</text>')
    return head + "\n" + "\n".join(parts) + "\n</svg>\n"


def histograms(panels, title):
    """{panel: {kind: {nanoseconds: count}}}, one panel below the other, both axes' scales shared:
    time logarithmic, eight bars to a doubling; height is the kind's share."""
    width, each, left, top = 900, 170, 90, 46
    shares = {(panel, kind): by_eighths(buckets)
              for panel, kinds in panels.items() for kind, buckets in kinds.items()}
    first = min(min(share) for share in shares.values())
    last = max(max(share) for share in shares.values()) + 1
    most = max(max(share.values()) for share in shares.values())
    across = (width - left - 20) / (last - first)
    parts, y = [], top
    for panel, kinds in panels.items():
        floor = y + each - 30
        parts.append(f'<text x="10" y="{y + 14}" font-weight="bold">{escape(panel)}</text>')
        for number, kind in enumerate(kinds):
            share = shares[panel, kind]
            points = " ".join(
                f"{left + (at - first) * across:.1f},"
                f"{floor - share.get(at, 0) / most * (each - 60):.1f}" for at in range(first, last))
            color = LINES[number % len(LINES)]
            parts.append(f'<polyline points="{points}" fill="none" stroke="{color}"'
                         ' stroke-width="2"/>')
            parts.append(f'<text x="{width - 110}" y="{y + 14 + 18 * number}" fill="{color}">'
                         f'{escape(kind)}</text>')
        for at in range(first, last):
            if at % 16 == 0:
                parts.append(f'<text x="{left + (at - first) * across:.1f}" y="{floor + 16}"'
                             f' text-anchor="middle">{2 ** (at / 8) / 1e3:,.3g} µs</text>')
        y += each
    return document(width, y + 10, title, parts)


def by_eighths(buckets):
    total = sum(buckets.values())
    shares = {}
    for nanoseconds, count in buckets.items():
        at = int(8 * math.log2(max(nanoseconds, 1)))
        shares[at] = shares.get(at, 0) + count / total
    return shares
