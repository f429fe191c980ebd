// The filters of the gallery: a card stays that has all tags whose buttons are pressed.
// The choice is kept in the address, as Sphinx-Gallery writes it: ?sg-tags=outliers,classes
const buttons = [...document.querySelectorAll(".filters [data-tag]")];
const status = document.querySelector(".filters [role=status]");
const all = status.textContent;
const showAll = document.getElementById("all-losses");
const cards = [...document.querySelectorAll(".sphx-glr-thumbcontainer")].map(
  (card) => ({ card, tags: JSON.parse(card.dataset.sgtags ?? "[]") }),
);
const losses = cards.filter(({ tags }) => tags.length);
// The inner sections first: one is left out with all that is in it.
const sections = [...document.querySelectorAll("article section section")].reverse();

const isPressed = (button) => button.getAttribute("aria-pressed") === "true";
const press = (button, pressed) => button.setAttribute("aria-pressed", pressed);
const chosen = () => buttons.filter(isPressed).map((button) => button.dataset.tag);

function filter() {
  const wanted = chosen();
  for (const { card, tags } of cards) {
    card.hidden = !wanted.every((tag) => tags.includes(tag));
  }
  for (const section of sections) {
    section.hidden = !section.querySelector(".sphx-glr-thumbcontainer:not([hidden])");
    const link = document.querySelector(`.toc-tree a[href="#${section.id}"]`);
    if (link) link.parentElement.hidden = section.hidden;
  }
  const left = losses.filter(({ card }) => !card.hidden);
  for (const button of buttons) {
    const { tag } = button.dataset;
    const count = left.filter(({ tags }) => tags.includes(tag)).length;
    button.lastElementChild.textContent = count;
    button.disabled = count === 0 && !isPressed(button);
  }
  status.textContent = wanted.length ? `${left.length} of ${all}` : all;
  showAll.hidden = wanted.length === 0;
}

function keepInAddress() {
  const address = new URL(location.href);
  address.searchParams.delete("sg-tags");
  // By hand: a comma stays a comma, a space is %20 as in a link.
  const tags = chosen().map(encodeURIComponent).join(",");
  if (tags) address.search += `${address.search ? "&" : "?"}sg-tags=${tags}`;
  try {
    history.replaceState(null, "", address);
  } catch {
    // A page that was opened from a disk may not change its address.
  }
}

for (const button of buttons) {
  button.addEventListener("click", () => {
    press(button, !isPressed(button));
    filter();
    keepInAddress();
  });
}
showAll.addEventListener("click", () => {
  const first = buttons.find(isPressed);
  for (const button of buttons) press(button, false);
  filter();
  keepInAddress();
  first.focus(); // the button that was clicked is gone
});

const named = new URLSearchParams(location.search).get("sg-tags")?.split(",") ?? [];
for (const button of buttons) press(button, named.includes(button.dataset.tag));
filter();
