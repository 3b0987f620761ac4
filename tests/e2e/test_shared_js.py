"""What the elements' script shares writes numbers as Python does: the same number must not stand there in
two ways."""

import struct

import pytest
from playwright.sync_api import Route

import app.elements.runs  # noqa: F401  defines more elements
from app.elements import BUILT, HERE, STATIC
from tests.conftest import wait_for
from tests.support.browser import browser, chromium

pytestmark = pytest.mark.skipif(chromium() is None, reason="no Chromium on PATH: install Debian's `chromium`")
NUMBERS = (0.125, 0.375, 0.135, 2.675, -0.125, 1e-9, 0.005, 0.995, 1.625, 2.5, 3.5, 12.345, 0.0)


def test_halves_are_rounded_as_python_rounds_them() -> None:
    asked = [(x, digits) for x in NUMBERS for digits in (0, 1, 2, 3)]
    with browser() as made:
        page = made.new_page()
        page.add_script_tag(content=(HERE / "shared.js").read_text())
        fixed, signed = (
            page.evaluate(f"asked => asked.map(([x, d]) => {f}(x, d))", asked) for f in ("fixed", "signed")
        )
    assert fixed == [f"{x:.{d}f}".replace("-", "\u2212") for x, d in asked]
    assert signed == [f"{x:+.{d}f}".replace("-", "\u2212") for x, d in asked]


def test_an_element_ends_when_it_has_left_the_page_and_not_before() -> None:
    """Streamlit calls what a call that was overtaken returned after the next one has drawn."""
    calls = """async () => {
      const parent = document.createElement("div"), ended = [], wait = () => new Promise((done) => setTimeout(done, 20));
      const draw = (k) => {
        const ui = remember(parent, () => ({ made: k }));
        return [ui.made, whenGone(parent, () => ended.push(k))];
      };
      document.body.append(parent);
      const [first, end] = draw(1), [second, endSecond] = draw(2);
      end();
      await wait();
      const [third] = draw(3), before = [...ended];
      parent.remove();
      endSecond(); end();
      await wait();
      return { made: [first, second, third], before, ended };
    }"""
    with browser() as made:
        page = made.new_page()
        page.add_script_tag(content=(HERE / "shared.js").read_text())
        assert page.evaluate(calls) == {"made": [1, 1, 1], "before": [], "ended": [2]}


def test_plotly_remembers_where_the_arrays_of_a_trace_stand_and_is_right() -> None:
    """Asked again for each drawn trace, without what is remembered: the same, and it walked once for each
    make of trace."""
    calls = """async () => {
      const schema = Plotly.PlotSchema, walk = schema.findArrayAttributes, x = Float32Array.of(1, 2, 3), found = [];
      let walks = 0;
      schema.findArrayAttributes = (trace) => { walks++; return walk(trace); };
      withMemory(Plotly);
      const line = (more = {}) => ({ x, y: x, mode: "lines", line: { color: "red" }, ...more });
      const charts = [
        [line(), line(), line({ y: [3, 2, 1] })],
        [line({ marker: { color: [1, 2, 3] } }), line({ mode: "markers", marker: { color: [1, 2, 3] } })],
        [line({ mode: "markers", marker: { color: "red" } }), line({ customdata: [1, 2, 3], text: ["a", "b", "c"] })],
        [{ type: "bar", x, y: x, error_y: { array: [1, 1, 1] } }, { type: "heatmap", z: [[1, 2], [3, 4]] }],
        [line(), line({ fill: "tonexty", stackgroup: "one" })],
      ];
      for (const traces of charts) {
        const plot = document.createElement("div");
        document.body.append(plot);
        await Plotly.newPlot(plot, traces);
        await Plotly.react(plot, traces.map((trace) => ({ ...trace })));
        found.push(...plot._fullData.map((trace) => [trace._arrayAttrs, walk(trace)]));
      }
      return { found, walks };
    }"""
    with browser() as made:
        page = made.new_page()
        page.add_script_tag(path=STATIC / "plotly.min.js")
        page.add_script_tag(content=(HERE / "plotly.js").read_text())
        got = page.evaluate(calls)
    assert all(remembered == walked for remembered, walked in got["found"]) and len(got["found"]) == 11
    assert {len(walked) for _, walked in got["found"]} >= {2, 3, 4}
    assert got["walks"] == 8, "of eleven traces, each drawn twice"


def test_every_element_is_a_script_that_a_browser_can_read() -> None:
    """Each is put together from several files: two of the same name would be a page without that element,
    and no error here."""
    built = sorted(BUILT.glob("*.js"))
    assert len(built) > 12
    load = (
        "src => import(URL.createObjectURL(new Blob([src], { type: 'text/javascript' })))"
        ".then((m) => typeof m.default, String)"
    )
    with browser() as made:
        page = made.new_page()
        found = {path.name.rpartition("-")[0]: page.evaluate(load, path.read_text()) for path in built}
    assert set(found.values()) == {"function"}, found


def test_the_feed_asks_again_and_a_fault_of_one_chart_is_no_others() -> None:
    """The first answer never comes; at the second the first watcher fails: the other has its bytes all the
    same."""
    begin = """() => {
      window.heard = [];
      const watcher = (name, took) => ({ asks: () => [name], took, failed: ({ message }) => heard.push([name, message]) });
      feed().add(watcher("one", () => { throw new Error("a fault"); }));
      feed().add(watcher("two", (bytes) => heard.push(["two", [...bytes]])));
    }"""
    with browser() as made:
        page, requests, faults = made.new_page(), list[Route](), list[str]()
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.route(
            "http://dashboard/",
            lambda route: route.fulfill(body="<title>Empty</title>", content_type="text/html"),
        )
        page.route("http://dashboard/showdown/feed", lambda route: requests.append(route))
        page.clock.install()
        page.goto("http://dashboard/")
        page.add_script_tag(content=(HERE / "feed.js").read_text())
        page.evaluate(begin)
        page.clock.run_for(1_000)
        wait_for("the first request", lambda: page.evaluate("1") and requests)
        page.clock.run_for(60_000)
        wait_for("no answer", lambda: len(page.evaluate("heard")) == 2)
        page.clock.run_for(15_000)
        wait_for("the second request", lambda: page.evaluate("1") and len(requests) == 2)
        requests[1].fulfill(body=struct.pack("<IBIB", 1, 7, 1, 8), content_type="application/octet-stream")
        wait_for("an answer", lambda: len(page.evaluate("heard")) == 4)
        lost = "the server does not answer"
        assert page.evaluate("heard") == [["one", lost], ["two", lost], ["one", "a fault"], ["two", [8]]]
        assert faults == ["a fault"]
