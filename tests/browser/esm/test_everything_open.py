"""The explorer with all its parts open at once, in every look: nothing is clipped, nothing covers anything, every control is reached by keyboard and by touch."""

import pytest
from axe import violations
from looks import CONTRAST
from playwright.sync_api import expect
from watched import RECEIVE, Watched

import nbgrad as torch
from nbgrad.notebook import watch as watch_module

LATIN, OTHERS = ("weights", "bias"), ("الأوزان_الأولى", "重み行列の名前")
STEP = """
h = torch.ones(4, 24)
for t in range(8):
    h = torch.tanh(h @ {0} + {1})
loss = (h * h).mean()
loss.backward()
"""


# What cannot be seen or reached. `boxes` are what a reader reads or touches: words and controls, without what scrolls out of sight in a part that scrolls.
SEEN = """() => {
    const root = document.querySelector(".nbx"), edge = root.getBoundingClientRect(), wrong = [];
    const shown = (e) => e.checkVisibility({ visibilityProperty: true, opacityProperty: true }) && !e.closest(".nbx-hidden");
    const say = (e) => `${e.localName}.${e.className?.baseVal ?? e.className} ${(e.getAttribute("aria-label") ?? e.textContent).trim().slice(0, 40)}`;
    const clip = (e, box, from) => {  // what is left of a box inside everything around it that clips
        let [left, top, right, bottom] = [box.left, box.top, box.right, box.bottom];
        for (let p = from; p && root.contains(p); p = p.parentElement) {
            if (getComputedStyle(p).overflow === "visible") continue;
            const b = p.getBoundingClientRect();
            [left, top, right, bottom] = [Math.max(left, b.left), Math.max(top, b.top), Math.min(right, b.right), Math.min(bottom, b.bottom)];
        }
        return right - left > 1 && bottom - top > 1 ? { left, top, right, bottom } : null;
    };
    if (document.documentElement.scrollWidth > innerWidth) wrong.push("the page scrolls sideways");
    const things = [];
    for (const e of root.querySelectorAll("*")) {
        if (e.closest("svg") || !shown(e)) continue;
        const control = e.matches("button, input, select, summary, canvas");
        const words = [...e.childNodes].filter((n) => n.nodeType === 3 && n.data.trim());
        if (!control && !words.length) continue;
        const scrolls = e.closest(".nbx-table, .nbx-source, .nbx-strips-rows, [role=grid]");
        const style = getComputedStyle(e);
        if (style.overflow === "hidden" && e.scrollWidth > e.clientWidth + 1 && !e.title && !e.closest("[title]"))
            wrong.push(`cut off: ${say(e)}`);
        let box = e.getBoundingClientRect();
        if (!control) { const range = document.createRange(); range.selectNodeContents(words[0]); box = range.getBoundingClientRect(); }
        const seen = clip(e, box, control ? e.parentElement : e);
        if (!seen) continue;
        if (!scrolls && (seen.left < edge.left - 1 || seen.right > edge.right + 1)) wrong.push(`outside: ${say(e)}`);
        things.push({ e, box: seen });
    }
    for (let i = 0; i < things.length; i += 1)
        for (let j = i + 1; j < things.length; j += 1) {
            const [a, b] = [things[i], things[j]];
            if (a.e.contains(b.e) || b.e.contains(a.e)) continue;
            const wide = Math.min(a.box.right, b.box.right) - Math.max(a.box.left, b.box.left);
            const high = Math.min(a.box.bottom, b.box.bottom) - Math.max(a.box.top, b.box.top);
            if (wide > 1.5 && high > 3) wrong.push(`${say(a.e)} and ${say(b.e)} overlap by ${wide.toFixed(1)} x ${high.toFixed(1)}`);
        }
    return wrong;
}"""
# Words of one line must stand from left to right as they are written, whatever their script.
ORDER = r"""() => {
    const wrong = [];
    const walker = document.createTreeWalker(document.querySelector(".nbx"), NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
        const node = walker.currentNode, line = node.parentElement.closest("text, code, .nbx-whatif-said") ?? node.parentElement;
        if (!/[\u0590-\u08ff]/.test(line.textContent) || !node.parentElement.checkVisibility() || node.parentElement.closest("title, desc, style, .nbx-hidden")) continue;
        let last = null;
        for (const word of node.data.matchAll(/[\p{L}\p{N}_.]+/gu)) {
            const range = document.createRange();
            range.setStart(node, word.index);
            range.setEnd(node, word.index + word[0].length);
            const box = range.getBoundingClientRect();
            if (last && Math.abs(last.top - box.top) < 3 && box.left < last.left) wrong.push(line.textContent.trim().slice(0, 80));
            last = box;
        }
    }
    return [...new Set(wrong)];
}"""
CONTROLS = "button, input, select, summary, [tabindex='0'], canvas[tabindex]"


def record(names):
    """A recurrent net under `--watch`: a loop that folds, and a dozen steps of training."""
    torch.manual_seed(0)
    made = {"torch": torch, names[0]: (torch.randn(24, 24) * 0.2).requires_grad_(), names[1]: torch.zeros(24, requires_grad=True)}
    leaves = [made[name] for name in names]
    watched = Watched(made, 12)
    watched.source = STEP.format(*names)
    code = compile(watched.source, "<cell everything>", "exec")
    for _ in range(12):
        for leaf in leaves:
            leaf.grad = None
        exec(code, made)
        with torch.no_grad():
            for leaf in leaves:
                leaf -= 0.05 * leaf.grad
    return watched.finish()


@pytest.fixture(scope="module")
def loops():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(watch_module, "SHARE", 1e9)  # every step
        return {names: record(names) for names in (LATIN, OTHERS)}


@pytest.fixture
def open_all(explore, kernel, loops):
    """Mount the explorer on a watched loop and open everything that can be open at once."""
    before = kernel.drawing

    def mount(names=LATIN, width=1200, **looks):
        watched = loops[names]
        drawing, arrays = watched.drawing, {}
        for value in drawing.shown.values:
            tensor = drawing.tensors[value.id]() if value.id in drawing.tensors else None
            if tensor is not None:
                arrays[value.id] = {"data": tensor._array, "grad": None if tensor._grad is None else tensor._grad._array}
        folding = {"actions": [], "focus": [], "level": "", "folds": drawing.first_look.plain(), "whole": drawing.whole}
        kernel.drawing, kernel.folding = drawing, folding
        graph = drawing.shown.replace(source=watched.source)
        page = explore(
            graph, svg=drawing.svg, arrays=arrays, whole=drawing.graph, width=width, folding=folding, step=-1, what_if=[],
            watched=[], strips={}, progress={}, marks={}, selected=drawing.graph.named(names[0]).id, **looks,
        )  # fmt: skip
        for name, value in watched.sent.items():
            page.evaluate(RECEIVE, [name, value])
        expect(page.locator("[data-strip]")).to_have_count(2)
        page.get_by_test_id("pane-data").locator("summary", has_text="table of values").click()
        expect(page.get_by_test_id("pane-data").get_by_role("gridcell").first).not_to_have_text("…")
        page.get_by_test_id("pin-data").click()
        expect(page.get_by_test_id("difference")).to_be_visible()
        page.get_by_test_id("source").locator("summary").click()
        number = page.get_by_test_id("whatif").locator("input[type=text]")
        number.fill("1.5")
        number.press("Enter")
        expect(page.get_by_test_id("whatif-banner")).to_contain_text("1.5")
        page.mouse.move(0, 0)
        return page

    yield mount
    kernel.drawing = before


def step(page):
    """Steps and what-if cannot be shown together: steps are told as they were recorded."""
    page.get_by_test_id("whatif-banner").get_by_role("button", name="Reset").click()
    for _ in range(2):
        page.get_by_test_id("player-next").click()
    expect(page.get_by_test_id("player")).to_contain_text("step 2 of")
    expect(page.locator(".nbx-player-formulas code").first).to_be_visible()
    page.mouse.move(0, 0)


@pytest.mark.parametrize(("theme", "width", "names"), [("light", 1200, LATIN), ("dark", 600, OTHERS), ("dark", 1200, OTHERS), ("light", 600, LATIN)])
def test_everything_open_can_be_read(open_all, theme, width, names):
    page = open_all(names, width, theme=theme)
    for then in (None, step):
        if then:
            then(page)
        assert page.evaluate(SEEN) == []
        assert page.evaluate(ORDER) == []
        assert page.evaluate(CONTRAST) == []
        assert violations(page) == []


def test_every_control_is_reached_by_tab_and_in_the_order_in_which_it_stands(open_all):
    page = open_all(OTHERS, 600)
    step(page)
    # in a group of things that arrow keys go through, one is reached by tab
    want = page.evaluate(
        "wanted => [...document.querySelectorAll('.nbx')].flatMap((root) => [...root.querySelectorAll(wanted)])"
        ".filter((e) => e.checkVisibility() && !e.disabled && e.tabIndex >= 0 && !e.closest('.nbx-minimap')).map((e) => (e.dataset.walked = 'no')).length",
        CONTROLS,
    )
    page.evaluate("() => { document.activeElement.blur(); document.querySelector('.nbx').scrollIntoView(); }")
    tops = []
    for _ in range(want + 12):
        page.keyboard.press("Tab")
        found = page.evaluate("() => { const e = document.activeElement; if (e.dataset) e.dataset.walked = 'yes'; return e.closest('.nbx') && getComputedStyle(e).outlineStyle + ' ' + e.outerHTML.slice(0, 80); }")
        if found is None and tops:
            break
        tops.append(found)
    assert [outline for outline in tops if outline and outline.startswith("none") and "nbx-cells" not in outline] == []  # where one is can be seen; the table marks a cell
    missed = page.locator("[data-walked=no]").evaluate_all("all => all.map((e) => e.outerHTML.slice(0, 120))")
    assert missed == []


def test_colours_that_the_system_forces_leave_everything_to_be_seen(open_all):
    page = open_all(OTHERS, 600)
    colour = "(e, name) => getComputedStyle(e)[name]"
    page.emulate_media(forced_colors="active")
    try:
        step(page)
        assert page.evaluate(SEEN) == []
        assert violations(page) == []
        backward = page.get_by_test_id("backward")
        pressed = backward.evaluate(colour, "backgroundColor")
        backward.click()
        assert backward.evaluate(colour, "backgroundColor") != pressed
        paper = page.get_by_test_id("progress").evaluate(colour, "backgroundColor")
        assert page.locator(".nbx-progress-bar span").evaluate(colour, "backgroundColor") != paper
        lines = page.locator(".nbx-source > div")
        page.locator(".nb-root").hover()
        marks = lines.evaluate_all("rows => rows.map((row) => getComputedStyle(row).borderLeftColor)")
        assert sorted(map(marks.count, set(marks))) == [1, len(marks) - 1]  # one line is lit, not all
        assert page.locator(".nbx-bar").first.evaluate(colour, "backgroundImage") != "none"
    finally:
        page.emulate_media(forced_colors="none")


@pytest.fixture(scope="module")
def touch_page(browser):
    context = browser.new_context(has_touch=True, is_mobile=True, viewport={"width": 600, "height": 900})
    yield context.new_page()
    context.close()


def test_every_control_can_be_tapped(touch_page, loops, tmp_path):
    """The exported file on a touch screen, without a mouse or a keyboard."""
    watched = loops[OTHERS]
    drawing = watched.drawing
    file = drawing.with_options(max_nodes=30).save(tmp_path / "graph.html")
    page, errors = touch_page, []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(file.as_uri())
    page.locator(".nb-parameter").first.tap()
    expect(page.get_by_test_id("inspector").locator("h2")).to_contain_text(OTHERS[0][:4])
    page.get_by_test_id("player-next").tap()
    expect(page.get_by_test_id("player")).to_contain_text("step 1 of")
    page.get_by_test_id("show").locator("summary").tap()
    page.get_by_label("memory of each tensor").tap()
    assert page.locator(".nbx-bytes").count() > 2
    page.locator(".nbx-picture").tap(position={"x": 5, "y": 5})
    expect(page.locator(".nbx-options")).to_be_hidden()
    page.get_by_test_id("search").tap()
    page.locator(".nbx-hits li", has_text="parameter").tap()
    expect(page.locator(".nbx-found-count")).to_contain_text("match")
    page.get_by_role("button", name="Zoom in (+)").tap()
    expect(page.locator(".nbx-hits")).to_be_hidden()
    small = page.evaluate(
        """(wanted) => [...document.querySelectorAll(".nbx")].flatMap((root) => [...root.querySelectorAll(wanted)])
            .filter((e) => e.checkVisibility() && !e.closest("svg") && e.matches("button, select, summary, input:not([type=checkbox], [type=radio])"))
            .map((e) => [e.getAttribute("aria-label") ?? e.textContent, e.getBoundingClientRect()])
            .filter(([, box]) => box.height < 24 || box.width < 24).map(([name, box]) => `${name} ${box.width} x ${box.height}`)""",
        CONTROLS,
    )
    assert small == []
    assert page.evaluate(SEEN) == [] and errors == []
