// What is wider than its place scrolls, and whoever has no mouse must be able to.
function letTheKeyboardScroll() {
  for (const box of document.querySelectorAll("pre, div.math, .table-wrapper, .gradient-flow")) {
    if (box.scrollWidth > box.clientWidth || box.scrollHeight > box.clientHeight + 1) {
      box.tabIndex = 0;
    } else {
      box.removeAttribute("tabindex");
    }
  }
}

letTheKeyboardScroll();
window.addEventListener("load", letTheKeyboardScroll);
window.addEventListener("resize", letTheKeyboardScroll);

// The first cell of an example stands for its file: its button copies the docstring, too.
window.addEventListener("load", () => {
  const button = document.querySelector(".highlight-Python .copybtn");
  if (button && document.getElementById("loss-alone")) {
    button.dataset.clipboardTarget = "#loss-alone";
  }
});
