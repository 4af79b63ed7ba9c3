"""A large graph in a real JupyterLab: groups open and close in place, hidden operators are found, two views and two cells of work stay in step."""

from labkit import eventually
from playwright.sync_api import expect

LOAD = "%load_ext nbgrad\nimport nbgrad as torch"
LOOP = """%%autograd --name g
x = torch.ones(4)
w = torch.full((4,), 0.5, requires_grad=True)
for t in range(1000):
    x = torch.tanh(x * w)
loss = x.sum()
loss.backward()"""
VIEW = "from nbgrad.notebook import magic\n[(source, view)] = magic._state.open_views()"


def operators(notebook):
    return notebook.output(1).locator(".nb-op, .nb-group")


def test_a_group_opens_and_closes_in_place_and_the_kernel_knows(notebook):
    notebook.reset(LOAD, LOOP, VIEW).run()
    page = notebook.output(1)
    page.locator(".nbx-sign[aria-label='Open 998 more']").click()
    expect(page.locator(".nbx-loop")).to_have_count(2)
    expect(page.locator(".nb-group[aria-label^='996 more']")).to_have_count(1)
    eventually(lambda: notebook.server.evaluate("len(view.folding['actions'])"), "1")
    page.get_by_role("button", name="Undo").click()
    expect(page.locator(".nbx-loop")).to_have_count(1)
    expect(page.locator(".nb-group[aria-label^='998 more']")).to_have_count(1)
    assert notebook.errors == []


def test_a_slider_goes_through_the_iterations_by_keyboard(notebook):
    notebook.reset(LOAD, LOOP, VIEW).run()
    page = notebook.output(1)
    slider = page.locator(".nbx-loop input[type=range]")
    slider.focus()
    slider.press("ArrowRight")
    expect(page.locator(".nbx-loop output")).to_have_text("2 of 1,000")
    expect(page.locator(".nb-group[aria-label^='998 more']")).to_have_count(1)
    expect(slider).to_be_focused()
    slider.press("End")
    expect(page.locator(".nb-group[aria-label^='999 more']")).to_have_count(1)


def test_search_finds_what_is_folded_and_opens_the_way_to_it(notebook):
    notebook.reset(LOAD, LOOP, VIEW).run()
    page = notebook.output(1)
    page.get_by_test_id("search").fill("tanh")
    expect(page.locator(".nbx-found-count")).to_have_text("1,000 matches")
    page.locator(".nbx-hits li", has_text="folded").first.click()
    expect(page.get_by_test_id("inspector").locator("h2")).to_have_text("tanh")
    expect(page.locator(".nbx-loop output")).to_have_text("2 of 1,000")


def test_two_views_of_one_graph_stay_in_step(notebook):
    notebook.reset(LOAD, LOOP, VIEW, "view").run()
    expect(notebook.output(3).get_by_test_id("explorer")).to_be_visible()
    notebook.output(3).locator(".nbx-sign[aria-label='Open 998 more']").click()
    expect(notebook.output(1).locator(".nbx-loop")).to_have_count(2)


def test_groups_open_while_a_cell_runs(notebook):
    notebook.reset(LOAD, LOOP, VIEW).run()
    page = notebook.output(1)
    expect(page.locator("[data-nbgrad-requests=ready]")).to_be_visible()
    notebook.page.evaluate(
        """() => { const { kernel } = window.jupyterapp.shell.currentWidget.sessionContext.session;
                   window.running = kernel.requestExecute({ code: "import time; time.sleep(5)" }).done; }"""
    )
    page.locator(".nbx-sign[aria-label='Open 998 more']").click()
    expect(page.locator(".nbx-loop")).to_have_count(2, timeout=3000)
    notebook.page.evaluate("() => window.running")


def test_focus_shows_what_leads_to_a_tensor(notebook):
    notebook.reset(LOAD, "%%autograd\na = torch.ones(2, requires_grad=True)\nb = a.exp()\nc = b.sin()\nd = c.sum()", VIEW).run()
    page = notebook.output(1)
    page.locator(".nb-node[aria-label^='b,']").click()
    page.get_by_role("button", name="what leads here").click()
    expect(operators(notebook)).to_have_count(1)
    page.get_by_role("button", name="Show all").click()
    expect(operators(notebook)).to_have_count(3)


def test_a_line_of_the_source_lights_its_nodes_and_a_node_its_line(notebook):
    notebook.reset(LOAD, "%%autograd\na = torch.ones(2, requires_grad=True)\nb = a.exp()\nc = b.sin()", VIEW).run()
    page = notebook.output(1)
    page.get_by_test_id("source").locator("summary").click()
    page.locator(".nbx-source > div", has_text="a.exp()").hover()
    expect(page.locator(".nb-node.nbx-lit")).to_have_count(2)
    page.locator(".nb-op[aria-label^='sin']").hover()
    expect(page.locator(".nbx-source > .nbx-lit")).to_contain_text("b.sin()")
