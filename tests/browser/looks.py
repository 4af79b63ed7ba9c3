"""What tests of the explorer's looks and behaviour share: where its sides are, news from the kernel, and the contrast of all that is written."""


def inspector(page):
    return page.get_by_test_id("inspector")


def pane(page, which):
    return page.get_by_test_id(f"pane-{which}")


def push(page, live):
    page.evaluate("live => H.model.receive('live', live)", live)


# Every visible text against the nearest painted background behind it.
CONTRAST = """() => {
    const parse = (c) => (c.match(/[\\d.]+/g) ?? []).map(Number);
    const light = (c) => { const f = c.slice(0, 3).map((v) => { v /= 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; });
        return 0.2126 * f[0] + 0.7152 * f[1] + 0.0722 * f[2]; };
    const ratio = (a, b) => { const [x, y] = [light(a), light(b)].sort((p, q) => q - p); return (x + 0.05) / (y + 0.05); };
    const behind = (e) => { for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor);
        if (c.length && c[3] !== 0) return c; } return [255, 255, 255]; };
    const low = [];
    for (const e of document.querySelectorAll(".nbx *")) {
        if (![...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim()) || !e.getClientRects().length) continue;
        const style = getComputedStyle(e);
        const group = e.closest?.(".nb-node");
        const shape = group?.querySelector(".nb-shape");
        if (e.localName === "style" || style.visibility === "hidden") continue;
        const ink = parse(e.closest("svg.nbgrad") ? style.fill : style.color);
        const paper = shape ? parse(getComputedStyle(shape).fill) : behind(e);
        if (e.localName !== "title" && ratio(ink, paper) < 4.5) low.push([e.textContent, ink, paper, ratio(ink, paper)]);
    }
    return low;
}"""
