// A wide formula or table scrolls in its own box. Such a box can be reached and moved by the keyboard; the others are not in
// the way of the Tab key. (The theme does it for code.)

function markScrollable() {
  for (const box of document.querySelectorAll(".bd-article :is(div.math, .pst-scrollable-table-container)")) {
    if (box.scrollWidth > box.clientWidth) {
      box.tabIndex = 0;
      box.setAttribute("role", "group");
      box.setAttribute("aria-label", box.matches(".math") ? "Wide formula" : "Wide table");
    } else {
      for (const name of ["tabindex", "role", "aria-label"]) box.removeAttribute(name);
    }
  }
}

// Once the formulas are drawn, and whenever the width or what is unfolded changes.
window.addEventListener("load", () => {
  Promise.resolve(window.MathJax?.startup?.promise).then(markScrollable);
  window.addEventListener("resize", markScrollable);
  document.addEventListener("toggle", markScrollable, true);
});
