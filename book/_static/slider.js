// One panel at a time: a figure of small multiples gets a slider that moves through its panels.
//
// A code cell asks for it by a tag, slider-4x3: the figure has 4 columns and 3 rows of equally large cells, in reading order.
// slider-4x3-10 says that only the first 10 of them are panels. Without this script, and in print, all panels stand there.

function addSlider(cell) {
  const tag = cell.className.match(/\btag_slider-(\d+)x(\d+)(?:-(\d+))?(?!\S)/);
  const picture = cell.querySelector(".cell_output img");
  if (!tag || !picture) return;
  const [columns, rows] = [Number(tag[1]), Number(tag[2])];
  const count = Math.min(Number(tag[3] ?? columns * rows), columns * rows);

  const figure = document.createElement("div");
  figure.className = "slider";
  figure.style.setProperty("--columns", columns);
  figure.style.setProperty("--rows", rows);
  figure.style.setProperty("--width", picture.getAttribute("width")); // in full, not as the page shows it
  figure.style.setProperty("--height", picture.getAttribute("height"));

  const pane = document.createElement("div"); // through which one panel is seen
  pane.className = "slider-pane";
  picture.replaceWith(figure);
  pane.append(picture);

  const label = document.createElement("label");
  label.textContent = "Panel";
  const range = document.createElement("input");
  Object.assign(range, { type: "range", min: 1, max: count, step: 1, value: 1, autocomplete: "off" });
  label.append(range);
  const place = document.createElement("span"); // for the eye: a screen reader says aria-valuetext
  place.className = "slider-place";
  place.setAttribute("aria-hidden", "true");
  const all = document.createElement("button");
  all.type = "button";
  const controls = document.createElement("div");
  controls.className = "slider-controls";
  controls.append(label, place, all);
  figure.append(pane, controls);

  function showPanel() {
    const panel = range.valueAsNumber - 1;
    figure.style.setProperty("--column", panel % columns);
    figure.style.setProperty("--row", Math.floor(panel / columns));
    range.setAttribute("aria-valuetext", `panel ${panel + 1} of ${count}`);
    place.textContent = `${panel + 1} of ${count}`;
  }

  function showAll(yes) {
    figure.classList.toggle("slider-all", yes);
    label.hidden = place.hidden = yes;
    all.textContent = yes ? "Show one panel at a time" : "Show all panels";
  }

  range.addEventListener("input", showPanel);
  all.addEventListener("click", () => showAll(!figure.classList.contains("slider-all")));
  showPanel();
  showAll(false);
}

document.querySelectorAll('.cell[class*="tag_slider-"]').forEach(addSlider);
