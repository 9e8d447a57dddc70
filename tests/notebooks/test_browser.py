"""In a real Chromium: the page by itself; notebook 04 in JupyterLab, Notebook 7 and Voilà. Run: pytest -m browser.

Views are looked at in windows of 1440 × 900 and 1024 × 900 pixels, light and dark. With CROSSGLG_SCREENSHOTS=FOLDER the
tests leave pictures of them there.
"""

from __future__ import annotations

import io
import json
import re
import xml.etree.ElementTree
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import nbformat
import numpy as np
import pytest
from PIL import Image
from support import small_run
from support.jupyter import all_run, chromium, keep_picture, quiet_page, server, state, wait_until

from crossglg.config import Config
from crossglg.data import synthetic
from crossglg.runs import pipeline
from crossglg.skeletons import get_layout
from crossglg.text.descriptions import find_descriptions
from crossglg.text.embeddings import build_text_bank
from crossglg.training.trainer import fit
from crossglg.viz.common import player_script
from crossglg.viz.player import Maps, Panel, player, player_data, player_html

pytestmark = pytest.mark.browser

LAYOUT = get_layout("ntu25")
V = LAYOUT.num_joints
ORDER = [LAYOUT.joints[j] for joints in LAYOUT.parts.values() for j in joints]  # rows of the heat map
HEIGHTS = {"head": 1.6, "torso": 1.2, "left arm": 1.0, "right arm": 1.0, "left leg": 0.4, "right leg": 0.4}


@pytest.fixture(scope="module")
def browser() -> Iterator:
    with chromium("--disable-gpu") as running:
        yield running


@pytest.fixture
def page(browser) -> Iterator:
    """A page that must neither log an error nor ask for anything but itself."""
    opened, errors, requests = browser.new_page(), [], []
    opened.on("console", lambda message: errors.append(message.text) if message.type in ("error", "warning") else None)
    opened.on("pageerror", lambda error: errors.append(str(error)))
    opened.on("request", lambda request: requests.append(request.url))
    yield opened
    opened.close()
    assert not errors
    assert len(requests) <= 1


def person(frames: int, seed: int = 0) -> np.ndarray:
    """(frames, V, 3): somebody upright who trembles, their left at −x."""
    pose = np.zeros((V, 3))
    for part, joints in LAYOUT.parts.items():
        side = -0.3 if part.startswith("left") else 0.3 if part.startswith("right") else 0.0
        pose[list(joints)] = (side, HEIGHTS[part], 3.0)
    return pose + 0.05 * np.random.default_rng(seed).standard_normal((frames, V, 3))


def frame_of(page, panel: int = 0) -> int:
    return int(page.locator(".view canvas").nth(panel).get_attribute("data-frame"))


def cell(page, joint: str, share: float, panel: int = 0) -> dict[str, float]:
    """Where in the heat map of a panel a joint's row is, at this share of the time."""
    box = page.locator("canvas.heat").nth(panel).bounding_box()
    return {"x": share * box["width"], "y": (ORDER.index(joint) + 0.5) * box["height"] / V}


# --- the page by itself


def test_page_plays_scrubs_and_names_joints(page, tmp_path):
    importance = np.random.default_rng(1).dirichlet(np.ones(V))
    evil = "</script><script>console.error('injected')</script>"
    shown = Panel(person(12), importance, title=evil, joint_texts={"head": "nods"})
    path = tmp_path / "player.html"
    path.write_text(player_html(shown, LAYOUT), encoding="utf-8")
    page.goto(path.as_uri())
    assert frame_of(page) == 0
    assert evil in page.inner_text(".title")
    page.click("button")
    page.wait_for_selector('canvas:not([data-frame="0"]):not([data-frame="1"])')
    page.keyboard.press("Space")  # the button has the focus: space pauses
    assert page.inner_text("button") == "Play"
    page.fill("input[type=range]", "7")
    assert frame_of(page) == 7
    page.focus("canvas")
    for key in ("ArrowRight", "ArrowRight", "ArrowLeft", "+"):
        page.keyboard.press(key)
    assert frame_of(page) == 8
    assert page.input_value("select") == "2"
    page.keyboard.press("-")
    assert page.input_value("select") == "1"
    page.hover('li[data-joint="head"]')
    assert re.fullmatch(r"head\s+joint importance: 0\.\d+. nods", page.inner_text("output"))
    assert page.locator("li.lit").get_attribute("data-joint") == "head"


def test_what_a_player_leaves_without_a_kernel_plays_over_its_picture(page):
    panel = Panel(person(12), np.full(V, 1 / V), title="wave")
    bundle, _ = player(panel, LAYOUT)._repr_mimebundle_()
    page.set_content(f"<h1>above</h1>{bundle['text/html']}<h1>below</h1>")
    frame = page.frame_locator("iframe")
    frame.locator(".skeleton-player").wait_for()
    assert frame.locator("html").evaluate("html => getComputedStyle(html).backgroundColor") == "rgb(255, 255, 255)"
    around, picture = (page.locator(name).bounding_box() for name in ("iframe", "img"))
    assert picture["width"] > 300 and around["y"] <= picture["y"]
    assert around["y"] + around["height"] >= picture["y"] + picture["height"]
    assert page.locator("h1").last.bounding_box()["y"] >= around["y"] + around["height"]


def test_rows_are_one_stop_of_the_tab_key_and_arrows_go_from_joint_to_joint(page):
    page.set_content(player_html(Panel(person(3)), LAYOUT))
    page.focus("select[aria-label='Save picture']")
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowDown")
    assert page.locator("li.lit").get_attribute("data-joint") == ORDER[1]
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.locator("li[aria-selected=true]").get_attribute("data-joint") == ORDER[1]
    assert page.locator("li:focus").count() == 0


def test_pointing_at_a_joint_lights_its_bar_and_a_click_keeps_it(page):
    pose = np.stack([np.zeros(V), np.linspace(0, 2, V), np.full(V, 3.0)], axis=1)
    pose[LAYOUT.index("left hand")] = (-1, 1, 3)  # as far out as the figure is half high: at the edge of the view,
    pose[LAYOUT.index("right hand")] = (1, 1, 3)  # the left on the right side, for the person faces us
    page.set_content(player_html(Panel(pose[None], np.full(V, 1 / V)), LAYOUT))
    box = page.locator("canvas").bounding_box()
    radius = 0.42 * min(box["width"], box["height"])
    page.mouse.move(box["x"] + 0.5 * box["width"] + radius, box["y"] + 0.5 * box["height"])
    assert page.locator("li.lit").get_attribute("data-joint") == "left hand"
    assert page.inner_text("output").startswith("left hand")
    page.mouse.down()
    page.mouse.up()
    page.mouse.move(0, 0)
    assert page.locator("li.lit").get_attribute("data-joint") == "left hand"


def test_two_clips_keep_step_and_the_heat_map_leads(page, tmp_path):
    """The second clip has half the frame rate and lasts longer; its map knows the last ten of its twenty frames."""
    over_time = np.random.default_rng(2).random((2, 5, V))
    first = Panel(person(24), np.full(V, 1 / V), over_time[0], "one", over_time_name="activation")
    second = Panel(person(20, 1), over_time=over_time[1], title="other", fps=15, span=(10, 20), over_time_name="speed")
    path = tmp_path / "two.html"
    path.write_text(player_html([first, second], LAYOUT), encoding="utf-8")
    page.goto(path.as_uri())
    assert page.locator(".title").all_inner_texts() == ["A · one", "B · other"]
    assert page.get_attribute("input[type=range]", "max") == "39"
    page.fill("input[type=range]", "30")
    assert (frame_of(page, 0), frame_of(page, 1)) == (23, 15)  # the shorter one waits at its end
    page.hover("canvas.heat >> nth=1", position=cell(page, "left knee", 0.76, 1))
    assert page.locator("li.lit").get_attribute("data-joint") == "left knee"
    value = over_time[1, 2, LAYOUT.index("left knee")]  # frame 15 of 10 … 19 is in the third fifth
    assert f"B · speed: {value:.3f} at 1.00 s" in page.inner_text("output")
    page.click("canvas.heat >> nth=0", position=cell(page, "right hand", 0.26))
    page.mouse.move(0, 0)
    assert page.locator("li[aria-selected=true]").get_attribute("data-joint") == "right hand"
    assert (frame_of(page, 0), frame_of(page, 1)) == (10, 5)
    assert "B · speed: –" in page.inner_text("output"), "nothing is known of the time before"
    page.select_option("select[aria-label='Color joints by']", "over_time")
    bar = page.locator('li[data-joint="right hand"] > span').nth(1)
    assert float(bar.inner_text()) == pytest.approx(over_time[0, 2, LAYOUT.index("right hand")], abs=0.0006)


def test_drawing_two_clips_of_300_frames_is_fast_enough_for_60_frames_a_second(page, tmp_path):
    over_time = np.random.default_rng(3).random((64, V))
    panels = [Panel(person(300, seed), np.full(V, 1 / V), over_time, fps=60) for seed in range(2)]
    path = tmp_path / "long.html"
    path.write_text(player_html(panels, LAYOUT), encoding="utf-8")
    page.add_init_script("""
        window.cost = [];
        const ask = window.requestAnimationFrame.bind(window);
        window.requestAnimationFrame = (draw) => ask((now) => {
            const start = performance.now();
            draw(now);
            cost.push(performance.now() - start);
        });
    """)
    page.goto(path.as_uri())
    page.select_option("select[aria-label='Color joints by']", "over_time")  # bars move as well
    page.click("button")
    wait_until(lambda: page.evaluate("cost.length > 240"), "240 frames are drawn")
    cost = sorted(page.evaluate("cost.slice(20)"))
    print(
        f"\ndrawing 2 × 300 frames: median {cost[len(cost) // 2]:.1f} ms, 90 % below {cost[len(cost) * 9 // 10]:.1f} ms"
    )
    assert cost[len(cost) // 2] < 1000 / 60


def test_script_keeps_in_step_with_a_widget_model(page):
    """`render` with a model as a notebook gives it: traits that can be set from either side."""
    data = json.dumps([player_data(Panel(person(frames)), LAYOUT) for frames in (12, 4)])
    script = player_script().replace("export default", "window.player =", 1)
    page.set_content("<div id=here></div>")
    page.evaluate(f"""() => {{
        {script}
        window.clips = {data};
        const traits = {{ data: clips[0], frame: 0, hovered_joint: "", selected_joint: "" }}, listeners = {{}};
        window.model = {{
            get: (key) => traits[key],
            set: (key, value) => {{ traits[key] = value; (listeners["change:" + key] || []).forEach((f) => f()); }},
            save_changes: () => {{ window.saved = {{ ...traits }}; }},
            on: (event, f) => {{ (listeners[event] ??= []).push(f); }},
            off: (event, f) => {{ listeners[event] = listeners[event].filter((g) => g !== f); }},
        }};
        window.cleanUp = window.player.render({{ model, el: document.getElementById("here") }});
    }}""")
    page.evaluate("model.set('frame', 5)")
    assert frame_of(page) == 5
    page.evaluate("model.set('selected_joint', 'head')")
    assert page.inner_text("output") == "head"
    page.fill("input[type=range]", "9")
    page.hover('li[data-joint="left foot"]')
    page.click('li[data-joint="left foot"]')
    assert page.evaluate("[saved.frame, saved.hovered_joint, saved.selected_joint]") == [9, "left foot", "left foot"]
    page.evaluate("model.set('frame', 3); model.set('data', clips[1])")
    assert (frame_of(page), page.get_attribute("input[type=range]", "max")) == (3, "3")
    assert page.locator("canvas").count() == 1, "new data takes the place of the old"
    page.evaluate("cleanUp(); model.set('frame', 2)")
    assert frame_of(page) == 3


def attended(seed: int = 0) -> tuple[list[np.ndarray], Panel]:
    """Attention of two blocks, (4, 3, V, V) and (2, 3, V, V), and a panel that has it."""
    rng = np.random.default_rng(seed)
    blocks = [rng.dirichlet(np.full(V, 0.3), (steps, 3, V)) for steps in (4, 2)]
    texts = {joint: f"The {joint} moves." for joint in LAYOUT.joints}
    panel = Panel(
        person(12), rng.dirichlet(np.ones(V)), rng.random((4, V)), "wave", joint_texts=texts,
        target=np.eye(V)[3], attention=Maps(blocks), subtitle="taken for 'wave', cosine 0.91", verdict="right",
    )  # fmt: skip
    return blocks, panel


def test_attention_of_any_block_head_and_pair_of_joints_can_be_read(page):
    blocks, panel = attended()
    page.set_content(player_html(panel, LAYOUT))
    page.select_option("select[aria-label=View]", "attention")
    small = page.locator("canvas.heads")
    box = small.bounding_box()
    small.click(position={"x": box["width"] * 0.9, "y": box["height"] * 0.7})  # second block, third head
    assert page.input_value("select[aria-label=Block]") == "2" and page.input_value("select[aria-label=Head]") == "3"
    page.fill("input[type=range]", "9")  # the second of two steps
    row, column = "left hand", "right knee"
    box = page.locator("canvas.matrix").bounding_box()
    place = {"x": (ORDER.index(column) + 0.5) * box["width"] / V, "y": (ORDER.index(row) + 0.5) * box["height"] / V}
    page.hover("canvas.matrix", position=place)
    about = rf"{row} looks at {column}: ([\d.]+) \(block 2, head 3, 0.30 s\)"
    value = float(re.search(about, page.inner_text("output"))[1])
    i, j = LAYOUT.index(row), LAYOUT.index(column)
    assert value == pytest.approx(blocks[1][1, 2, i, j], abs=blocks[1].max() / 127)
    assert f"The {row} moves." in page.inner_text("output")
    page.click("canvas.matrix", position=place)
    page.mouse.move(0, 0)
    bar = page.locator(f'li[data-joint="{column}"] > span').nth(1)
    assert float(bar.inner_text()) == pytest.approx(blocks[1][1, 2, i, j], abs=blocks[1].max() / 127)
    page.select_option("select[aria-label=Direction]", "to")
    assert float(bar.inner_text()) == pytest.approx(blocks[1][1, 2, j, i], abs=blocks[1].max() / 127)
    page.select_option("select[aria-label=Head]", "0")
    mean = blocks[1][1, :, j, i].mean()
    assert float(bar.inner_text()) == pytest.approx(mean, abs=blocks[1].max() / 127)


def test_arcs_follow_the_attention_of_the_lit_joint(page):
    """All of the attention goes to one joint, so the picture changes with the joint that is looked at."""
    page.set_content(player_html(attended()[1], LAYOUT))
    page.focus(".view canvas")
    page.keyboard.press("a")
    picture = "document.querySelector('.view canvas').toDataURL()"
    page.click('li[data-joint="head"]')
    one = page.evaluate(picture)
    page.select_option("select[aria-label=Block]", "2")
    assert page.evaluate(picture) != one
    page.focus(".view canvas")
    page.keyboard.press("a")
    assert page.locator("canvas.matrix").count() == 0


def test_joints_are_sorted_by_importance_and_back(page):
    panel = attended()[1]
    page.set_content(player_html(panel, LAYOUT))
    joints = "[...document.querySelectorAll('li')].map((row) => row.dataset.joint)"
    assert page.evaluate(joints) == ORDER
    page.click("text=Sort")
    assert page.evaluate(joints) == [LAYOUT.joints[j] for j in np.argsort(-np.asarray(panel.importance), kind="stable")]
    page.focus(".view canvas")
    page.keyboard.press("s")
    assert page.evaluate(joints) == ORDER


def test_dragging_on_the_map_scrubs_and_keys_zoom(page):
    pose = np.stack([np.zeros(V), np.linspace(0, 2, V), np.full(V, 3.0)], axis=1)
    pose[LAYOUT.index("left hand")], pose[LAYOUT.index("right hand")] = (-1, 1, 3), (1, 1, 3)
    page.set_content(player_html(Panel(np.tile(pose, (20, 1, 1)), over_time=np.ones((4, V))), LAYOUT))
    box = page.locator("canvas.heat").bounding_box()
    page.mouse.move(box["x"] + 0.1 * box["width"], box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.76 * box["width"], box["y"] + 60)
    assert frame_of(page) == 15
    page.mouse.up()
    box = page.locator(".view canvas").bounding_box()
    middle, radius = box["x"] + box["width"] / 2, 0.42 * min(box["width"], box["height"])
    page.focus(".view canvas")
    for key, factor in (("i", 1.2), ("o", 1.0), ("o", 1 / 1.2)):
        page.keyboard.press(key)
        page.mouse.move(middle + factor * radius, box["y"] + 0.5 * box["height"])
        assert page.locator("li.lit").get_attribute("data-joint") == "left hand", f"times {factor}"


@pytest.mark.parametrize("view", ["joints and time", "attention"])
def test_pictures_can_be_kept(page, view):
    page.set_content(player_html([attended()[1], attended(1)[1]], LAYOUT))
    page.select_option("select[aria-label=View]", view)
    page.click('li[data-joint="head"]')
    files = {}
    for kind in ("PNG", "SVG", "GIF"):
        with page.expect_download() as waiting:
            page.select_option("select[aria-label='Save picture']", kind)
        assert waiting.value.suggested_filename == f"A_wave.{kind.lower()}"
        files[kind] = Path(waiting.value.path()).read_bytes()
    png, gif = (Image.open(io.BytesIO(files[kind])) for kind in ("PNG", "GIF"))
    assert png.format == "PNG" and png.width == 2 * 720 and png.height > 2 * 384
    assert gif.format == "GIF" and gif.size == (720, 384) and gif.n_frames == 6 and gif.info["duration"] == 70
    frames = []
    for k in range(gif.n_frames):
        gif.seek(k)
        frames.append(np.asarray(gif.convert("RGB"), dtype=int))
    assert all((a != b).any() for a, b in pairwise(frames)), "they move"
    assert (frames[0][28:40, 5:9] > 240).all(), "the background is the paper's"
    drawing = xml.etree.ElementTree.fromstring(files["SVG"])
    words = [node.text for node in drawing.iter() if node.tag.endswith("text")]
    assert set(LAYOUT.joints) <= set(words) and any("cosine 0.91" in word for word in words)
    cells = sum(node.tag.endswith("rect") for node in drawing.iter())
    assert cells == 1 + V * (V if view == "attention" else 4)


def outside(page) -> list[str]:
    """What is cut off at the right or wider than its place, and whether bodies and maps fit into the window."""
    return page.evaluate("""() => {
        const root = document.querySelector(".skeleton-player"), right = root.getBoundingClientRect().right + 1;
        const found = [...root.querySelectorAll("*")].filter((node) => node.getBoundingClientRect().right > right);
        const top = root.querySelector(".views").getBoundingClientRect().top;
        const maps = [...root.querySelectorAll(".table canvas")];
        const bottom = Math.max(...maps.map((map) => map.getBoundingClientRect().bottom));
        const words = found.map((node) => `${node.tagName}.${node.className} ends right of the player`);
        if (root.scrollWidth > root.clientWidth) words.push("the player scrolls sideways");
        if (bottom - top > 780) words.push(`bodies and maps are ${bottom - top} pixels high`);
        return words;
    }""")


@pytest.mark.parametrize("view", ["joints and time", "attention"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 1024, 640])
def test_the_page_fits_and_follows_the_reader_s_colors(browser, tmp_path, width, scheme, view):
    """Bodies and maps of three clips in a window 900 pixels high; the map's most important cell stands out most."""
    path = tmp_path / "three.html"
    path.write_text(player_html([attended(seed)[1] for seed in range(3)], LAYOUT), encoding="utf-8")
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page.goto(path.as_uri())
    page.select_option("select[aria-label=View]", view)
    page.click('li[data-joint="left hand"]')
    page.mouse.move(0, 0)
    keep_picture(page, f"page-{width}-{scheme}-{view.split()[0]}")
    assert outside(page) == []
    light = "(text) => text.match(/\\d+/g).slice(0, 3).map(Number).reduce((a, b) => a + b) / 3"
    ink, paper = (
        page.evaluate(f"({light})(getComputedStyle(document.querySelector('.skeleton-player')).{name})")
        for name in ("color", "backgroundColor")
    )
    assert (paper > 200 and ink < 80) if scheme == "light" else (paper < 60 and ink > 180)
    page.close()


# --- notebooks 04 and 01 in JupyterLab, and 04 in Voilà


@pytest.fixture(scope="module")
def notebook(tmp_path_factory) -> Path:
    """Notebook 04 of a run whose model saw 64 clips once; its last cell prints where the explorer stands."""
    run = tmp_path_factory.mktemp("run")
    config = Config.create(
        "smoke", dataset="synthetic-small", encoder="infogcn-small", epochs=1, streams="joint+motion",
        keep_text_branch=True,
    )  # fmt: skip
    base_actions = [action for action in synthetic.ACTIONS if action not in synthetic.NOVEL_ACTIONS]
    base = synthetic.synthesize(0, clips_per_action=8, actions=base_actions[:8])
    described = find_descriptions(base.class_names, base.layout)
    fit(config, base, build_text_bank(described, base.layout, config.text_encoder), run / "model")
    path = small_run.write_parameterized(
        "04_joint_attention", {"output": str(run)}, run / "notebooks" / "04_joint_attention.ipynb"
    )
    content = nbformat.read(path, 4)
    show = (
        "p = explorer.player\n"
        'print("state", p.frame, p.hovered_joint, p.selected_joint, sep="|", end="|")\n'
        'print(p.view, p.sorted, p.block, p.head, p.direction, sep="|")'
    )
    content.cells.append(nbformat.v4.new_code_cell(show))
    nbformat.write(content, path)
    return path


@pytest.mark.parametrize("application", ["jupyterlab", pytest.param("notebook", marks=pytest.mark.slow)])
def test_notebook_runs_and_the_kernel_knows_what_was_pointed_at(browser, notebook, application):
    """Words are read by `text_content`: JupyterLab hides a cell that is scrolled out of sight."""
    with all_run(browser, notebook, application) as page:
        page.wait_for_selector(".skeleton-player")
        wait_until(lambda: len(state(page)) == 8, "the last cell has run")
        assert state(page) == ["0", "", "", "joints and time", "False", "3", "0", "from"]
        page.fill(".skeleton-player input[type=range]", "7")
        wait_until(lambda: state(page, "notebook:run-cell")[:3] == ["7", "", ""], "the kernel hears of the slider")
        page.click("canvas.heat", position=cell(page, "right hand", 0.5))
        frame = frame_of(page)
        wait_until(
            lambda: state(page, "notebook:run-cell")[:3:2] == [str(frame), "right hand"],
            "the kernel hears of the click",
        )
        page.hover(".skeleton-player li[data-joint='left knee']")
        assert page.locator("li.lit").get_attribute("data-joint") == "left knee"
        assert page.text_content("output").startswith("left knee")
        wait_until(lambda: state(page, "notebook:run-cell")[1] == "left knee", "the kernel hears of the pointer")
        title = page.text_content(".title")
        choose_another(page.get_by_label("action", exact=True).first)
        wait_until(lambda: page.text_content(".title") != title, "another action is shown")
        assert page.locator(".view").count() == 3, "the clip, its nearest exemplar and the runner-up"
        page.get_by_label("beside it", exact=True).select_option(index=1)  # the nearest exemplar
        wait_until(lambda: page.locator(".view").count() == 2, "the runner-up is gone")
        assert re.match(r"[✓✗] taken for '.+', cosine", mark(page) + page.text_content(".subtitle >> nth=0"))


def choose_another(box) -> None:
    box.select_option(index=0 if box.evaluate("box => box.selectedIndex") else 1)


def mark(page) -> str:
    """✓ or ✗ before what the clip was taken for."""
    content = "getComputedStyle(document.querySelector('.subtitle'), '::before').content"
    return page.evaluate(content).strip('"')


@pytest.mark.parametrize(("width", "theme"), [(1440, "JupyterLab Light"), (1024, "JupyterLab Dark")])
def test_the_views_fit_into_jupyterlab_and_the_kernel_knows_what_is_chosen(browser, notebook, width, theme):
    with all_run(browser, notebook, width=width) as page:
        page.evaluate("(theme) => jupyterapp.commands.execute('apputils:change-theme', { theme })", theme)
        page.wait_for_selector(".skeleton-player canvas.heat")
        wait_until(lambda: len(state(page)) == 8, "the last cell has run")
        dark = theme.endswith("Dark")
        color = "getComputedStyle(document.querySelector('.skeleton-player')).backgroundColor"
        background = f"{color}.match(/\\d+/g).map(Number)"
        wait_until(lambda: (max(page.evaluate(background)[:3]) < 60) == dark, "the player has the theme's colors")
        page.locator(".skeleton-player").evaluate("node => node.scrollIntoView({ block: 'start' })")
        keep_picture(page, f"lab-{width}-joints")
        assert outside(page) == []
        assert page.locator(".skeleton-player").bounding_box()["height"] <= 779, "what JupyterLab leaves of 900 pixels"
        page.select_option("select[aria-label=View]", "attention")
        page.wait_for_selector("canvas.heads")
        small = page.locator("canvas.heads")
        box = small.bounding_box()
        small.click(position={"x": box["width"] * 0.5, "y": box["height"] * 0.99})  # last block, second of three heads
        page.select_option("select[aria-label=Direction]", "to")
        page.click("li[data-joint='right hand']")
        page.click(".skeleton-player >> text=Sort")
        page.mouse.move(5, 5)
        wait_until(
            lambda: state(page, "notebook:run-cell")[2:] == ["right hand", "attention", "True", "6", "2", "to"],
            "the kernel hears of view, order, block, head and direction",
        )
        page.locator(".skeleton-player").evaluate("node => node.scrollIntoView({ block: 'start' })")
        keep_picture(page, f"lab-{width}-attention")
        assert outside(page) == []
        page.get_by_label("attention", exact=True).first.select_option(index=2)  # text → joint
        wait_until(lambda: page.text_content(".skeleton-player .legend b") == "text → joint (training branch)", "texts")
        assert page.input_value("select[aria-label=Block]") == "2", "there are two interaction blocks"
        cells = page.evaluate(
            """() => jupyterapp.shell.currentWidget.content.widgets.flatMap((cell, i) => (
                JSON.stringify(cell.model.outputs?.toJSON() ?? "").includes("plotly") ? [i] : []))"""
        )
        assert len(cells) == 3, "heat maps of all heads, of a block, and from texts to joints"
        page.evaluate("(i) => jupyterapp.shell.currentWidget.content.scrollToItem(i, 'center')", cells[1])
        text, row, column, value = pointed_at_the_largest(page)
        words, _, number = text.rpartition(": ")
        assert words == f"{row} looks at {column}" and {row, column} <= set(ORDER)
        assert float(number) == pytest.approx(value, abs=6e-4) and 1 / V < value <= 1
        keep_picture(page, f"lab-{width}-heat-map")


def pointed_at_the_largest(page) -> tuple[str, str, str, float]:
    """What plotly's map in sight says where the mouse points at its largest value: text, row, column, value.

    JupyterLab shows a picture until the mouse comes.
    """
    in_sight = """(selector) => [...document.querySelectorAll(selector)].find((node) => {
        const { top, bottom } = node.getBoundingClientRect();
        return top < 450 && bottom > 450;
    })"""
    box = page.wait_for_function(in_sight, arg="img.plot-img").bounding_box()
    page.mouse.move(box["x"] + 100, box["y"] + box["height"] / 2)
    plot = page.wait_for_function(in_sight, arg=".js-plotly-plot")
    page.wait_for_selector(".js-plotly-plot .heatmaplayer image")
    place = plot.evaluate(
        """(plot) => {
            const { x, y, z } = plot._fullData[0], { xaxis, yaxis } = plot._fullLayout;
            const { left, top } = plot.getBoundingClientRect(), largest = Math.max(...z.flatMap((row) => [...row]));
            const i = z.findIndex((row) => row.includes(largest)), j = z[i].indexOf(largest);
            return [left + xaxis._offset + xaxis.c2p(j), top + yaxis._offset + yaxis.c2p(i), y[i], x[j], largest];
        }"""
    )
    page.mouse.move(place[0] - 2, place[1])
    page.mouse.move(place[0], place[1])
    text = page.wait_for_selector(".js-plotly-plot .hoverlayer .hovertext text")
    return text.text_content(), *place[2:]


def test_an_edited_text_brings_its_own_key_joints(browser, tmp_path):
    """Notebook 01: the text box is filled and left; key joints and picture follow, in the page and in the kernel."""
    few = synthetic.synthesize(0, clips_per_action=4, actions=synthetic.ACTIONS[:6]).save(tmp_path / "mine.npz")
    path = small_run.write_parameterized(
        "01_describe_actions", {"output": str(tmp_path), "dataset": str(few)}, tmp_path / "notebooks" / "01.ipynb"
    )
    content = nbformat.read(path, 4)
    show = 'print("state", *editor.key_joints.value, sep="|")'
    content.cells.append(nbformat.v4.new_code_cell(show))
    nbformat.write(content, path)
    labels = "[...document.querySelector('select[multiple]').selectedOptions].map((option) => option.label)"
    chosen = f"{labels}.map((label) => label.replaceAll('\\u00a0', ' '))"  # ipywidgets writes spaces that do not break
    with all_run(browser, path) as page:
        page.wait_for_selector("textarea")
        wait_until(lambda: len(state(page)) > 0, "the last cell has run")
        named = ["left ankle", "left foot"]
        before, picture = page.evaluate(chosen), page.get_attribute(".widget-image", "src")
        assert before == state(page) and before != named
        page.fill("textarea", "The left foot taps on the floor.")
        page.locator("textarea").blur()
        wait_until(lambda: state(page, "notebook:run-cell") == named, "the kernel hears of the text")
        wait_until(lambda: page.evaluate(chosen) == named, "the key joints follow")
        wait_until(lambda: page.get_attribute(".widget-image", "src") != picture, "the picture follows")


def test_notebook_in_voila_is_an_application(browser, notebook):
    pytest.importorskip("voila", reason="needs pip install 'crossglg[browser]'")
    with server(notebook.parent, "voila", notebook.name) as address, quiet_page(browser, strict=False) as page:
        page.goto(address.format(""))
        page.wait_for_selector(".skeleton-player")
        page.click("canvas.heat", position=cell(page, "left knee", 0.9))
        assert page.locator("li[aria-selected=true]").get_attribute("data-joint") == "left knee"
        title = page.inner_text(".title")
        choose_another(page.get_by_label("action", exact=True).first)
        wait_until(lambda: page.inner_text(".title") != title, "another action is shown")


def test_saved_explorer_opens_without_a_network(page, notebook):
    """The page that notebook 04 left in the tests above; it asks for nothing (fixture `page`)."""
    saved = notebook.parents[1] / "figures" / "explorer.html"
    if not saved.is_file():
        pipeline.execute("04_joint_attention", {"output": str(notebook.parents[1])}, notebook.with_name("run.ipynb"))
    assert saved.stat().st_size < 300_000
    page.goto(saved.as_uri())
    page.click("canvas.heat", position=cell(page, "head", 0.5))
    assert page.locator("li[aria-selected=true]").get_attribute("data-joint") == "head"
    assert re.search(
        r"joint importance: 0\.\d+; k_gt, what the text asks for: 0\.\d+; activation of block \d: \d\.\d+ at",
        page.inner_text("output"),
    )
